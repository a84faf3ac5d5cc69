//! `init`: a commented starter configuration.

use super::Context;
use crate::{
    cli::InitArgs,
    error::{Error, Kind, Result},
    settings::STARTER,
};
use std::io::Write;

pub(super) fn run(context: &Context, args: &InitArgs) -> Result<u8> {
    let path = args.output.display();
    let mut options = std::fs::OpenOptions::new();
    options.write(true).create(true).truncate(true).create_new(!args.force);
    let written = options.open(&args.output).and_then(|mut file| file.write_all(STARTER.as_bytes()));
    match written {
        Ok(()) => {
            context.console.say(&format!("wrote {path}: uncomment one credential, then try `ircollect hunt --kql 'DeviceInfo | take 5'`"));
            Ok(0)
        }
        Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => {
            Err(Error::new(Kind::Usage, format!("`{path}` is there already")).hint("choose another --output, or overwrite it with --force"))
        }
        Err(error) => Err(Error::new(Kind::Disk, format!("writing `{path}` failed")).caused_by(error)),
    }
}
