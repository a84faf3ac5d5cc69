//! `case report`: one HTML file.

use crate::{
    cli::ReportArgs,
    error::{Error, Kind, Result},
    run::Context,
    store::CaseView,
};

pub(super) fn run(_context: &Context, _case: &CaseView, _args: &ReportArgs) -> Result<u8> {
    Err(Error::new(Kind::Failed, "not yet"))
}
