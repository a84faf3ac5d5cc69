//! What every command is given: the global flags, the environment, the console, the time that is now for the whole run.

use crate::{
    cli::{ColorChoice, Global, LogFormat},
    console::{Console, LogOptions, start_log},
    error::Result,
    settings::{self, Env, Settings},
};
use jiff::Timestamp;
use std::{
    path::{Path, PathBuf},
    sync::Once,
};
use tokio_util::sync::CancellationToken;

/// The surroundings of one command.
pub(super) struct Context {
    pub(super) global: Global,
    pub(super) env: Env,
    pub(super) console: Console,
    /// When the command began; windows end here.
    pub(super) now: Timestamp,
    command_line: Vec<String>,
    cancel: CancellationToken,
    abandon: CancellationToken,
    watched: Once,
}

impl Context {
    pub(super) fn new(global: Global, env: Env, command_line: Vec<String>) -> Self {
        let color = match global.color {
            ColorChoice::Auto => None,
            ColorChoice::Always => Some(true),
            ColorChoice::Never => Some(false),
        };
        // A dumb terminal can neither colour nor go back in a line.
        let dumb = env.text(settings::env::TERM).is_some_and(|value| value == "dumb");
        let no_color = dumb || env.text(settings::env::NO_COLOR).is_some_and(|value| !value.is_empty());
        let verbosity = verbosity(&global);
        let console = Console::new(color, no_color, dumb || global.no_progress, verbosity);
        Self {
            global,
            env,
            console,
            now: Timestamp::now(),
            command_line,
            cancel: CancellationToken::new(),
            abandon: CancellationToken::new(),
            watched: Once::new(),
        }
    }

    /// Returns the surroundings of a command that runs inside this one, against a lab: its own flags, these where it gives none,
    /// the lab's variables over those of the process.
    #[cfg(feature = "lab")]
    pub(super) fn inside(&self, mut global: Global, variables: Vec<(&'static str, String)>) -> Self {
        global.case = global.case.or_else(|| self.global.case.clone());
        global.max_wait = global.max_wait.or_else(|| self.global.max_wait.clone());
        global.json |= self.global.json;
        global.no_progress |= self.global.no_progress;
        let console = self.console;
        let (cancel, abandon) = (self.cancel.clone(), self.abandon.clone());
        self.cancel();
        let watched = Once::new();
        watched.call_once(|| {});
        Self {
            env: self.env.with(variables),
            global,
            console,
            now: self.now,
            command_line: self.command_line.clone(),
            cancel,
            abandon,
            watched,
        }
    }

    /// Returns the same surroundings for these tenants.
    pub(super) fn on_tenants(&self, tenants: Vec<String>) -> Self {
        let mut global = self.global.clone();
        if global.tenant.is_empty() {
            global.tenant = tenants;
        }
        let watched = Once::new();
        self.cancel();
        watched.call_once(|| {});
        Self {
            global,
            env: self.env.clone(),
            console: self.console,
            now: self.now,
            command_line: self.command_line.clone(),
            cancel: self.cancel.clone(),
            abandon: self.abandon.clone(),
            watched,
        }
    }

    pub(super) fn start_log(&self) -> Result<()> {
        let options = LogOptions {
            verbosity: verbosity(&self.global),
            filter: self.env.text(settings::env::LOG),
            file: self.global.log_file.clone(),
            json: self.global.log_format == LogFormat::Json,
        };
        start_log(&options, self.console.color)
    }

    /// Returns the width that tables keep to; none where nobody looks.
    pub(super) fn looked_at(&self) -> Option<usize> {
        crate::console::looked_at(self.columns())
    }

    /// Returns what was typed, word by word.
    pub(super) fn command_line(&self) -> Vec<String> {
        self.command_line.clone()
    }

    /// Returns how many columns a line of standard output may have.
    pub(super) fn width(&self) -> usize {
        crate::console::width(self.columns())
    }

    /// Returns the width of the terminal that words for people go to; none where they go elsewhere, or are not wanted.
    pub(super) fn terminal(&self) -> Option<usize> {
        self.console.width(self.columns())
    }

    fn columns(&self) -> Option<usize> {
        self.env.text(settings::env::COLUMNS).and_then(|columns| columns.trim().parse().ok())
    }

    /// Resolves the settings: which tenants, with what credential, in which cloud; asks for passwords that only a person knows.
    pub(super) fn settings(&self) -> Result<Settings> {
        let mut settings = settings::resolve(&self.global, &self.env, Path::new(""))?;
        super::passwords::ask(&mut settings, &self.env, self.console)?;
        Ok(settings)
    }

    pub(super) fn case_dir(&self) -> Result<PathBuf> {
        settings::case_dir(&self.global, &self.env, Path::new(""))
    }

    /// Returns what is cancelled when the process is asked to end. The signals are caught from the first call on.
    pub(super) fn cancel(&self) -> CancellationToken {
        self.watched.call_once(|| super::signals::watch(self.console, self.cancel.clone(), self.abandon.clone()));
        self.cancel.clone()
    }

    /// Returns when the process is asked to end a second time.
    pub(super) async fn abandoned(&self) {
        self.abandon.cancelled().await;
    }
}

fn verbosity(global: &Global) -> i8 {
    let count = |number: u8| i8::try_from(number).unwrap_or(i8::MAX);
    count(global.verbose).saturating_sub(count(global.quiet))
}
