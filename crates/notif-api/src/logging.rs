//! Log lines go to stderr, for a person or as one JSON object each.

use std::io::Write as _;

use env_logger::Target;
use env_logger::fmt::Formatter;
use log::Record;
use serde_json::json;

use crate::cli::LogFormat;

/// Sets the process's log up. A second call does nothing: tests start several servers.
pub fn set_up(filter: &str, format: LogFormat) {
    let mut builder = env_logger::Builder::new();
    builder.parse_filters(filter);
    // as it is: the default looks through each line for colours, of which there are none
    builder.target(Target::Pipe(Box::new(std::io::stderr())));
    match format {
        LogFormat::Text => builder.format(text),
        LogFormat::Json => builder.format(json),
    };
    if builder.try_init().is_err() {
        log::debug!("the log is set up already");
    }
}

fn text(out: &mut Formatter, record: &Record<'_>) -> std::io::Result<()> {
    let (at, level) = (out.timestamp_millis(), record.level());
    writeln!(out, "{at} {level:<5} {}", record.args())
}

fn json(out: &mut Formatter, record: &Record<'_>) -> std::io::Result<()> {
    let line = json!({
        "ts": out.timestamp_millis().to_string(),
        "level": record.level().as_str().to_lowercase(),
        "target": record.target(),
        "msg": record.args().to_string(),
    });
    writeln!(out, "{line}")
}
