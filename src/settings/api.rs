//! The APIs by name, as flags, profiles and sources write them.

use crate::error::{Error, Kind, Result};

/// An API that data is collected from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Api {
    /// Microsoft Graph.
    Graph,
    /// Microsoft Defender XDR.
    Xdr,
    /// Microsoft Defender for Endpoint.
    Mde,
}

impl Api {
    /// All of them, the preferred one first.
    pub const ALL: [Self; 3] = [Self::Graph, Self::Xdr, Self::Mde];

    /// Returns the name as it is typed: `graph`, `xdr`, `mde`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Graph => "graph",
            Self::Xdr => "xdr",
            Self::Mde => "mde",
        }
    }

    /// Parses the name.
    ///
    /// # Errors
    /// [`Kind::Usage`] with the names there are.
    pub fn parse(name: &str) -> Result<Self> {
        Self::ALL
            .into_iter()
            .find(|api| api.name() == name)
            .ok_or_else(|| Error::new(Kind::Usage, format!("`{name}` is not an API")).hint("the APIs are graph, xdr and mde"))
    }
}
