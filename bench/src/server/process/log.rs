//! The log of a member: one line for each event, which begins with the member that speaks.

use crate::server::ServeError;
use core::fmt;
use std::io::{self, IsTerminal};
use tracing::{Event, Level, Subscriber};
use tracing_subscriber::EnvFilter;
use tracing_subscriber::filter::LevelFilter;
use tracing_subscriber::fmt::format::Writer;
use tracing_subscriber::fmt::time::{FormatTime, SystemTime};
use tracing_subscriber::fmt::{FmtContext, FormatEvent, FormatFields};
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::registry::LookupSpan;
use tracing_subscriber::util::SubscriberInitExt;

/// Sends the log to the standard error. `name` begins each line: `n0` for a member. Escape codes for colours are for terminals
/// only, and not there if `NO_COLOR` is set.
///
/// # Errors
/// [`ServeError::Log`] if there is no such level.
pub fn init_log(level: &str, name: &str) -> Result<(), ServeError> {
    let wrong = || ServeError::Log(level.into());
    // A word alone would be taken for a module, of which all is logged, and of the others nothing.
    if !level.contains(['=', ',']) && level.parse::<LevelFilter>().is_err() {
        return Err(wrong());
    }
    let filter = EnvFilter::try_new(level).map_err(|_| wrong())?;
    let modules = filter.max_level_hint().is_none_or(|most| most > LevelFilter::INFO);
    let plain = std::env::var_os("NO_COLOR").is_some_and(|set| !set.is_empty());
    let log = tracing_subscriber::fmt::layer()
        .with_ansi(!plain && io::stderr().is_terminal())
        .event_format(Line { name: name.into(), modules })
        // Otherwise a member would panic when the reader of its log has gone.
        .log_internal_errors(false)
        .with_writer(io::stderr);
    // One that is there already goes on.
    drop(tracing_subscriber::registry().with(filter).with(log).try_init());
    Ok(())
}

/// How a line looks: `n0 2026-01-01T00:00:00.000000Z  INFO leads now ballot=1.0`.
struct Line {
    name: String,
    /// Whether the module is named as well, for those who look for faults.
    modules: bool,
}

impl<S, N> FormatEvent<S, N> for Line
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
{
    fn format_event(
        &self,
        context: &FmtContext<'_, S, N>,
        mut out: Writer<'_>,
        event: &Event<'_>,
    ) -> fmt::Result {
        let level = *event.metadata().level();
        write!(out, "{} ", self.name)?;
        SystemTime.format_time(&mut out)?;
        let (colour, end) = if out.has_ansi_escapes() { (colour(level), "\x1b[0m") } else { ("", "") };
        write!(out, " {colour}{level:>5}{end} ")?;
        if self.modules {
            write!(out, "{}: ", event.metadata().target())?;
        }
        context.field_format().format_fields(out.by_ref(), event)?;
        writeln!(out)
    }
}

fn colour(level: Level) -> &'static str {
    match level {
        Level::ERROR => "\x1b[31m",
        Level::WARN => "\x1b[33m",
        Level::INFO => "\x1b[32m",
        _ => "\x1b[2m",
    }
}
