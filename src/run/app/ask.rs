//! Has somebody type the name of what is to be deleted.

use crate::{
    console::Console,
    error::{Error, Kind, Result},
};
use std::io::BufRead as _;

/// Asks for a name at standard input, whoever sits there.
///
/// # Errors
/// [`Kind::Usage`] where something else was typed, or nothing.
pub(super) async fn name(console: Console, name: &str, what: &str) -> Result<()> {
    console.say(&format!("type the name `{name}` to {what}:"));
    let typed = tokio::task::spawn_blocking(|| {
        let mut line = String::new();
        std::io::stdin().lock().read_line(&mut line).map(|_| line)
    });
    let typed = typed.await.ok().and_then(Result::<String, std::io::Error>::ok).unwrap_or_default();
    if typed.trim_end_matches(['\r', '\n']) == name {
        return Ok(());
    }
    Err(Error::new(Kind::Usage, format!("the name `{name}` was not typed, so nothing was deleted")).hint("type it, or say --yes"))
}
