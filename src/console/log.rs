//! The log: standard error, and a file where asked. Third-party targets stay at `warn` unless the filter names them, since
//! they are not written with our rule on secrets in mind.

use crate::error::{Error, Kind, Result};
use std::{path::PathBuf, sync::Arc};
use tracing_subscriber::{EnvFilter, Layer, layer::SubscriberExt, registry::Registry, util::SubscriberInitExt};

/// What is logged, and where to.
#[derive(Clone, Debug, Default)]
pub struct LogOptions {
    /// `-v` count minus `-q` count.
    pub verbosity: i8,
    /// A filter in the form of `tracing`, which wins over the verbosity.
    pub filter: Option<String>,
    /// A file to log to too.
    pub file: Option<PathBuf>,
    /// JSON objects instead of lines.
    pub json: bool,
}

type BoxedLayer = Box<dyn Layer<Registry> + Send + Sync>;

/// Starts logging for the whole process. A second start in one process is ignored.
///
/// # Errors
/// [`Kind::Usage`] where the filter or the file cannot be used.
pub fn start(options: &LogOptions, color: bool) -> Result<()> {
    let mut layers = vec![layer(options, std::io::stderr, color)?];
    if let Some(path) = &options.file {
        let file = std::fs::OpenOptions::new()
            .create(true)
            .append(true)
            .open(path)
            .map_err(|error| Error::new(Kind::Usage, format!("cannot write the log file `{}`", path.display())).caused_by(error))?;
        layers.push(layer(options, Arc::new(file), false)?);
    }
    let _already_started = tracing_subscriber::registry().with(layers).try_init();
    Ok(())
}

fn layer<W>(options: &LogOptions, writer: W, color: bool) -> Result<BoxedLayer>
where
    W: for<'a> tracing_subscriber::fmt::MakeWriter<'a> + Send + Sync + 'static,
{
    let filter = filter(options)?;
    let layer = tracing_subscriber::fmt::layer().with_writer(writer).with_ansi(color);
    Ok(if options.json { layer.json().with_filter(filter).boxed() } else { layer.with_target(true).with_filter(filter).boxed() })
}

fn filter(options: &LogOptions) -> Result<EnvFilter> {
    let level = match options.verbosity {
        ..=-2 => "error",
        -1 | 0 => "warn",
        1 => "warn,ircollect=info",
        2 => "warn,ircollect=debug",
        _ => "warn,ircollect=trace",
    };
    let text = options.filter.as_deref().unwrap_or(level);
    EnvFilter::try_new(text).map_err(|error| {
        Error::new(Kind::Usage, format!("`{text}` is not a log filter"))
            .caused_by(error)
            .hint("write it as `info` or `ircollect=debug,warn`")
    })
}
