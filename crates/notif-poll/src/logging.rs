//! The log: to stderr, as text or as one JSON object a line.

use std::io::Write;

use env_logger::{Builder, Env};
use serde_json::json;

/// Starts it. `RUST_LOG` says what is logged, `LOG_FORMAT` how; `Err` names what is wrong with it.
pub fn start(format: Option<&str>) -> Result<(), String> {
    let mut builder = Builder::from_env(Env::default().default_filter_or("warn"));
    match format.map(str::trim) {
        None | Some("" | "text") => {}
        Some("json") => {
            builder.format(|out, record| {
                let line = json!({
                    "ts": out.timestamp_micros().to_string(),
                    "level": record.level().as_str().to_ascii_lowercase(),
                    "target": record.target(),
                    "msg": record.args().to_string(),
                });
                writeln!(out, "{line}")
            });
        }
        Some(other) => {
            return Err(format!(
                "LOG_FORMAT is {other:?}, which is neither text nor json"
            ));
        }
    }
    // a second start (tests in one process) keeps the first
    drop(builder.try_init());
    Ok(())
}
