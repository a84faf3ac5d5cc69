//! `case`: what a case holds, whether it is as it was written, its end, and what can be made of it.

mod export;
mod report;
mod seal;
mod status;
mod tables;
mod verify;

use super::Context;
use crate::{cli::CaseAction, error::Result, store::Case};

pub(super) async fn run(context: &Context, action: CaseAction) -> Result<u8> {
    let dir = context.case_dir()?;
    match action {
        CaseAction::Status => status::run(context, &Case::read(&dir)?),
        CaseAction::Verify => verify::run(context, &Case::read(&dir)?),
        CaseAction::Seal(args) => seal::run(context, &dir, &args).await,
        CaseAction::Tables => tables::run(context, &Case::read(&dir)?),
        CaseAction::Export(args) => export::run(context, &Case::read(&dir)?, &args),
        CaseAction::Report(args) => report::run(context, &Case::read(&dir)?, &args),
    }
}
