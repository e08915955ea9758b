//! Log lines go to stderr, for a person or as one JSON object each.

use std::borrow::Cow;
use std::cell::RefCell;
use std::fmt::Write as _;
use std::io::Write as _;

use env_logger::fmt::Formatter;
use env_logger::{Target, WriteStyle};
use log::Record;
use serde_json::json;

use self::gathered::Out;
use crate::cli::LogFormat;

mod gathered;

pub(crate) use self::gathered::{with_others, write_out};

/// Sets the process's log up. A second call does nothing: tests start several servers.
pub fn set_up(filter: &str, format: LogFormat) {
    let mut builder = env_logger::Builder::new();
    builder.parse_filters(filter);
    // as it is: otherwise each line is parsed for colours, of which there are none
    builder.target(Target::Pipe(Box::new(Out)));
    builder.write_style(WriteStyle::Always);
    match format {
        LogFormat::Text => builder.format(text),
        LogFormat::Json => builder.format(json),
    };
    if builder.try_init().is_err() {
        log::debug!("the log is set up already");
    }
}

thread_local! {
    /// The memory of the last message, for the next one.
    static SPARE: RefCell<String> = const { RefCell::new(String::new()) };
}

fn text(out: &mut Formatter, record: &Record<'_>) -> std::io::Result<()> {
    let (at, level) = (out.timestamp_millis(), record.level());
    let mut message = SPARE.take();
    message.clear();
    write!(message, "{}", record.args()).map_err(std::io::Error::other)?;
    let line = writeln!(out, "{at} {level:<5} {}", without_controls(&message));
    SPARE.set(message);
    line
}

/// A message that does nothing to the terminal that shows it, whoever had a word in it.
fn without_controls(message: &str) -> Cow<'_, str> {
    // 0xC2 is the first byte of U+0080 to U+009F, and of others that do no harm
    let may_be = |byte: u8| byte.is_ascii_control() || byte == 0xC2;
    let is_one = |c: char| c.is_control() && !matches!(c, '\n' | '\t');
    if !message.bytes().any(may_be) {
        return Cow::Borrowed(message);
    }
    Cow::Owned(message.replace(is_one, "\u{FFFD}"))
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_message_steers_a_terminal() {
        for (message, shown) in [
            ("GET /order/o-1 200", "GET /order/o-1 200"),
            (
                "red \u{1b}[31m, bell \u{7}",
                "red \u{FFFD}[31m, bell \u{FFFD}",
            ),
            ("\u{9b}31m \u{7f}", "\u{FFFD}31m \u{FFFD}"),
            (
                "two lines\n\tand \u{a9} \u{e4}",
                "two lines\n\tand \u{a9} \u{e4}",
            ),
        ] {
            assert_eq!(without_controls(message), shown);
        }
    }
}
