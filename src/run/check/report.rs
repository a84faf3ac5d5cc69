//! What came of the checks: rows, as a table for people and as data, and the exit code that they amount to. Pure.

use super::permissions::Standing;
use crate::{
    console::{self, visible},
    error::{Error, Kind},
};
use serde::Serialize;

/// How a check came out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Status {
    Ok,
    /// It would work, and there is something to know.
    Note,
    /// What was asked for would not work.
    Failed,
    /// Not checked, since something before it failed or it does not apply.
    Skipped,
}

/// One check.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Row {
    /// `configuration`, `tenant`, `vault`, `credential`, `token`, `permissions`, `call`, `hunting`, `clock`.
    pub(super) check: &'static str,
    /// What it is about: an API, a source.
    pub(super) about: Option<String>,
    pub(super) profile: Option<String>,
    pub(super) tenant: Option<String>,
    pub(super) status: Status,
    /// What was found.
    pub(super) found: String,
    /// What to do about it.
    pub(super) fix: Vec<String>,
    /// The code of what went wrong.
    pub(super) code: Option<String>,
    /// Its exit code, where it fails.
    pub(super) exit: Option<u8>,
    #[serde(flatten)]
    pub(super) facts: Facts,
}

/// What programs may want to know of a row.
#[derive(Clone, Debug, Default, Serialize)]
pub(super) struct Facts {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) kind: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) expires: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) days_left: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) seconds: Option<f64>,
    #[serde(flatten, skip_serializing_if = "Option::is_none")]
    pub(super) permissions: Option<Standing>,
}

/// All checks of a run.
#[derive(Debug, Serialize)]
pub(super) struct Report {
    pub(super) ircollect: &'static str,
    pub(super) schema: u32,
    pub(super) command: &'static str,
    /// What was asked for: `everything`, `hunt`, or sources.
    pub(super) asked: Vec<String>,
    pub(super) ok: bool,
    pub(super) exit: u8,
    pub(super) checks: Vec<Row>,
}

impl Row {
    pub(super) fn new(check: &'static str, status: Status, found: impl Into<String>) -> Self {
        Self {
            check,
            about: None,
            profile: None,
            tenant: None,
            status,
            found: found.into(),
            fix: Vec::new(),
            code: None,
            exit: None,
            facts: Facts::default(),
        }
    }

    pub(super) fn failed(check: &'static str, error: &Error) -> Self {
        let mut row = Self::new(check, Status::Failed, error.message());
        row.fix = error.hints().to_vec();
        row.code = Some(error.code());
        row.exit = Some(error.kind().exit_code());
        row
    }

    pub(super) fn about(mut self, about: impl Into<String>) -> Self {
        self.about = Some(about.into());
        self
    }

    pub(super) fn of_profile(mut self, profile: &str) -> Self {
        self.profile = Some(profile.to_owned());
        self
    }

    pub(super) fn of_tenant(mut self, tenant: &str) -> Self {
        self.tenant = Some(tenant.to_owned());
        self
    }

    pub(super) fn fix(mut self, fix: impl Into<String>) -> Self {
        self.fix.push(fix.into());
        self
    }

    pub(super) fn facts(mut self, facts: Facts) -> Self {
        self.facts = facts;
        self
    }

    /// Turns a failure into something to know, for what is not needed.
    pub(super) fn not_needed(mut self) -> Self {
        if self.status == Status::Failed {
            self.status = Status::Note;
            self.exit = None;
        }
        self
    }
}

/// Exit codes, the one that has to be put right first before those that follow from it.
const WORST_FIRST: [Kind; 8] =
    [Kind::Interrupted, Kind::Usage, Kind::Credential, Kind::Permission, Kind::Query, Kind::Disk, Kind::Failed, Kind::Incomplete];

impl Report {
    pub(super) fn new(asked: Vec<String>, checks: Vec<Row>) -> Self {
        let exit = exit_code(&checks);
        Self { ircollect: env!("CARGO_PKG_VERSION"), schema: 1, command: "check", asked, ok: exit == 0, exit, checks }
    }

    /// Renders the table, no wider than `width`.
    pub(super) fn table(&self, width: u16) -> String {
        let several = self.several();
        let head: &[&str] = if several { &["tenant", "check", "", "found", "what to do"] } else { &["check", "", "found", "what to do"] };
        let mut table = console::table(head);
        table.set_content_arrangement(comfy_table::ContentArrangement::Dynamic).set_width(width);
        if let Some(tenants) = table.column_mut(0).filter(|_| several) {
            tenants.set_constraint(comfy_table::ColumnConstraint::ContentWidth);
        }
        for row in &self.checks {
            let whose = several.then(|| visible(row.tenant.as_deref().or(row.profile.as_deref()).unwrap_or_default()));
            table.add_row(whose.into_iter().chain(cells(row)));
        }
        let lines: Vec<String> = table.lines().map(|line| line.trim_end().to_owned()).collect();
        format!("{}\n", lines.join("\n"))
    }

    fn several(&self) -> bool {
        let mut of: Vec<_> = self.checks.iter().filter_map(|row| Some((row.profile.as_ref()?, row.tenant.as_ref()?))).collect();
        of.sort();
        of.dedup();
        of.len() > 1
    }
}

fn cells(row: &Row) -> [String; 4] {
    let check = row.about.as_ref().map_or_else(|| row.check.to_owned(), |about| format!("{} {about}", row.check));
    let status = match row.status {
        Status::Ok => "ok",
        Status::Note => "note",
        Status::Failed => "FAILED",
        Status::Skipped => "-",
    };
    let fix: Vec<String> = row.fix.iter().map(|fix| visible(fix)).collect();
    [visible(&check), status.to_owned(), visible(&row.found), fix.join("\n")]
}

fn exit_code(rows: &[Row]) -> u8 {
    let failed: Vec<u8> = rows.iter().filter(|row| row.status == Status::Failed).filter_map(|row| row.exit).collect();
    WORST_FIRST.iter().map(|kind| kind.exit_code()).find(|code| failed.contains(code)).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn failed(kind: Kind) -> Row {
        Row::failed("token", &Error::new(kind, "no").with_code("X").hint("do this"))
    }

    #[test]
    fn the_worst_decides() {
        let ok = || Row::new("clock", Status::Ok, "right");
        assert_eq!(exit_code(&[ok()]), 0);
        assert_eq!(exit_code(&[ok(), failed(Kind::Permission), failed(Kind::Credential)]), 3);
        assert_eq!(exit_code(&[failed(Kind::Permission), failed(Kind::Failed)]), 4);
        assert_eq!(exit_code(&[failed(Kind::Permission).not_needed(), ok()]), 0);
        assert_eq!(exit_code(&[failed(Kind::Usage), failed(Kind::Credential)]), 2);
    }

    #[test]
    fn a_row_a_check_and_a_tenant_column_where_there_are_several() {
        let row = |tenant: &str| failed(Kind::Credential).of_profile("p").of_tenant(tenant).about("graph");
        let one = Report::new(vec!["hunt".into()], vec![row("a")]);
        assert_eq!(one.table(120), " check                found  what to do\n token graph  FAILED  no     do this\n");
        let two = Report::new(vec!["hunt".into()], vec![row("a"), row("b\u{1b}[2J")]);
        assert!(two.table(120).contains(" b\\u{1b}[2J  token graph  FAILED"), "{}", two.table(120));
    }

    #[test]
    fn the_same_as_data() {
        let facts = Facts { kind: Some("certificate".into()), days_left: Some(9), ..Facts::default() };
        let report = Report::new(vec!["everything".into()], vec![Row::new("credential", Status::Ok, "x").facts(facts)]);
        let json = serde_json::to_value(&report).unwrap();
        assert_eq!((json["ok"].as_bool(), json["checks"][0]["days_left"].as_i64()), (Some(true), Some(9)));
        assert_eq!(json["checks"][0]["status"], "ok");
    }
}
