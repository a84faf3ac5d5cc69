//! A look at an endpoint: does it answer, with JSON? What it says is not kept.

use crate::{
    error::Result,
    transport::{Authorize, Broken, Budget, Call, Head, Receive, Transport},
};

/// Most of an answer that is held to be JSON; a longer one is only held to begin as JSON does.
const READ: usize = 256 * 1024;

/// Looks.
///
/// # Errors
/// Those of [`Transport::send`].
pub async fn glance(transport: &Transport, auth: &dyn Authorize, call: &Call, budget: &Budget) -> Result<Head> {
    transport.send(call, auth, budget, &mut Look::default()).await
}

#[derive(Default)]
struct Look(Vec<u8>);

impl Receive for Look {
    fn begin(&mut self, _: &Head) -> Result<(), Broken> {
        self.0.clear();
        Ok(())
    }

    fn chunk(&mut self, bytes: &[u8]) -> Result<(), Broken> {
        let room = READ.saturating_sub(self.0.len()).min(bytes.len());
        self.0.extend_from_slice(bytes.get(..room).unwrap_or_default());
        Ok(())
    }

    fn end(&mut self) -> Result<(), Broken> {
        let text = self.0.trim_ascii_start();
        let whole = self.0.len() < READ;
        match serde_json::from_slice::<serde::de::IgnoredAny>(text) {
            Ok(_) => Ok(()),
            Err(_) if !whole && matches!(text.first(), Some(b'{' | b'[')) => Ok(()),
            Err(error) => Err(Broken::Body(format!("it is not JSON ({error})"))),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn looked(parts: &[&[u8]]) -> bool {
        let mut look = Look::default();
        for part in parts {
            look.chunk(part).unwrap();
        }
        look.end().is_ok()
    }

    #[test]
    fn json_is_told_from_everything_else() {
        assert!(looked(&[b"{\"value\":", b"[]}"]));
        assert!(!looked(&[b"{\"value\":"]) && !looked(&[b"<html>"]) && !looked(&[]));
        let long = format!("[{}]", "1,".repeat(READ));
        assert!(looked(&[long.as_bytes()]));
    }
}
