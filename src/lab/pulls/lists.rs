//! The list endpoints there are, read from `lists.toml`. What they answer is elsewhere.

use crate::lab::wire::Service;
use serde::Deserialize;
use std::{collections::BTreeMap, sync::LazyLock};

/// A list endpoint.
#[derive(Debug, Deserialize)]
#[allow(clippy::struct_excessive_bools, reason = "each is one independent habit of a list")]
#[serde(deny_unknown_fields)]
pub(super) struct List {
    pub(super) service: Side,
    pub(super) path: String,
    /// Any of these permits it; the first is the least.
    pub(super) roles: Vec<String>,
    /// What `@odata.context` ends with.
    pub(super) context: String,
    /// Items of a page: usual and most.
    pub(super) page: (usize, usize),
    /// Whether more than the most is refused, not cut down.
    #[serde(default)]
    pub(super) refuses_more: bool,
    /// Most that `$skip` may be.
    #[serde(default = "no_end")]
    pub(super) skip: usize,
    /// Whether a page tells where the next one is.
    #[serde(default)]
    pub(super) linked: bool,
    pub(super) id: String,
    /// Newest first by this property.
    pub(super) time: String,
    /// The property that changes where an item is updated.
    pub(super) updated: Option<String>,
    pub(super) filterable: Vec<String>,
    /// (calls, seconds).
    pub(super) limits: Vec<(u32, u64)>,
    /// Lists of one family share their limits.
    pub(super) family: String,
    /// It answers with its only object.
    #[serde(default)]
    pub(super) single: bool,
    /// 404 where it is empty.
    #[serde(default)]
    pub(super) none: bool,
    /// It is an assessment export.
    #[serde(default)]
    pub(super) export: bool,
    /// Where its files are listed.
    pub(super) files: Option<String>,
    /// What a tenant without a licence is told.
    pub(super) licence: Option<String>,
    pub(super) objects: Option<String>,
    pub(super) table: Option<String>,
    pub(super) once: Option<String>,
    #[serde(default)]
    pub(super) made: usize,
    #[serde(default)]
    pub(super) fields: BTreeMap<String, String>,
}

fn no_end() -> usize {
    usize::MAX
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Side {
    Graph,
    Xdr,
    Mde,
}

impl From<Side> for Service {
    fn from(side: Side) -> Self {
        match side {
            Side::Graph => Self::Graph,
            Side::Xdr => Self::Xdr,
            Side::Mde => Self::Mde,
        }
    }
}

#[derive(Deserialize)]
struct File {
    list: Vec<List>,
}

static LISTS: LazyLock<Vec<List>> =
    LazyLock::new(|| toml::from_str::<File>(include_str!("lists.toml")).map(|file| file.list).unwrap_or_default());

/// All of them.
pub(super) fn all() -> &'static [List] {
    &LISTS
}

impl List {
    pub(super) fn service(&self) -> Service {
        self.service.into()
    }

    pub(super) fn context(&self) -> String {
        let root = match self.service {
            Side::Graph => "https://graph.microsoft.com/v1.0/$metadata#",
            Side::Xdr | Side::Mde => "https://api.security.microsoft.com/api/$metadata#",
        };
        format!("{root}{}", self.context)
    }

    /// What tells it from others: its path, or that of its files.
    pub(super) fn key(&self) -> &str {
        if self.path.is_empty() { self.files.as_deref().unwrap_or_default() } else { &self.path }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_lists_are_sound() {
        let file: File = toml::from_str(include_str!("lists.toml")).unwrap();
        assert!(file.list.len() > 45);
        for list in &file.list {
            let told = list.objects.is_some() || list.table.is_some() || list.made > 0;
            assert!(told && !list.roles.is_empty() && list.page.0 <= list.page.1, "{}", list.key());
            assert!(list.objects.is_some() || !list.fields.is_empty(), "{}", list.key());
        }
    }
}
