//! Asks for a secret at the terminal, without showing what is typed.

use super::Console;
use crate::{
    error::{Error, Kind, Result},
    secret::Secret,
};
use std::io::IsTerminal;

impl Console {
    /// Asks for a secret; none where standard input is no terminal, so that nobody could answer.
    ///
    /// # Errors
    /// [`Kind::Interrupted`] where the answer was Ctrl-C, [`Kind::Failed`] where the terminal cannot be read.
    pub fn ask_secret(self, question: &str) -> Result<Option<Secret>> {
        if !std::io::stdin().is_terminal() {
            return Ok(None);
        }
        match rpassword::prompt_password(format!("{}: ", super::visible(question))) {
            Ok(answer) => Ok(Some(Secret::new(answer))),
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => Err(Error::new(Kind::Interrupted, "interrupted")),
            Err(error) => Err(Error::new(Kind::Failed, "the terminal cannot be read").caused_by(error)),
        }
    }
}
