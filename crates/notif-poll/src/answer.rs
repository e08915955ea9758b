//! What a command besides the poll says: text for a person or one JSON object, and an exit code.

use chrono::{DateTime, SecondsFormat, TimeDelta, Utc};
use serde_json::{Value, json};

use crate::cli::Output;
use crate::exit::{Exit, Failure};
use crate::report::{complain, say};

/// What a command found or did.
#[derive(Debug)]
pub(crate) struct Answer {
    /// For a person: lines.
    pub(crate) text: Vec<String>,
    /// For a program.
    pub(crate) json: Value,
    /// How the process ends.
    pub(crate) exit: Exit,
}

/// Says it; the exit code.
pub(crate) fn give(outcome: Result<Answer, Failure>, output: Output) -> Exit {
    match outcome {
        Ok(mut answer) => {
            match output {
                Output::Text => say(&answer.text.join("\n")),
                Output::Json => {
                    if let Some(object) = answer.json.as_object_mut() {
                        object.insert("exitCode".to_owned(), json!(answer.exit));
                    }
                    say(&answer.json.to_string());
                }
            }
            answer.exit
        }
        Err(failure) => {
            let error = format!("{:#}", failure.error);
            if output == Output::Json {
                let json = json!({
                    "outcome": "failed",
                    "exitCode": failure.exit,
                    "error": error,
                    "hint": failure.hint,
                });
                say(&json.to_string());
            }
            complain(&error, failure.hint.as_deref());
            failure.exit
        }
    }
}

/// A time for a program.
pub(crate) fn rfc3339(time: DateTime<Utc>) -> String {
    time.to_rfc3339_opts(SecondsFormat::Micros, true)
}

/// A time for a person.
pub(crate) fn instant(time: DateTime<Utc>) -> String {
    time.format("%Y-%m-%d %H:%M:%S UTC").to_string()
}

/// A length of time for a person, in the largest unit that fits twice.
pub(crate) fn span(length: TimeDelta) -> String {
    let seconds = length.num_seconds().max(0);
    match seconds {
        0..120 => format!("{seconds} s"),
        120..7_200 => format!("{} min", seconds.div_euclid(60)),
        7_200..172_800 => format!("{} h", seconds.div_euclid(3_600)),
        _ => format!("{} d", seconds.div_euclid(86_400)),
    }
}

/// Lays rows out in columns, two spaces apart, numbers to the right; a line for the head and for each.
pub(crate) fn columns(head: &[&str], rows: &[Vec<String>]) -> Vec<String> {
    let all = || {
        std::iter::once(head.iter().map(ToString::to_string).collect::<Vec<_>>())
            .chain(rows.iter().cloned())
    };
    let widths: Vec<usize> = (0..head.len())
        .map(|column| {
            all()
                .filter_map(|row| row.get(column).map(|cell| cell.chars().count()))
                .max()
                .unwrap_or(0)
        })
        .collect();
    let is_number = |column: usize| {
        rows.iter()
            .filter_map(|row| row.get(column))
            .all(|cell| cell == "-" || cell.parse::<i64>().is_ok())
    };
    let numbers: Vec<bool> = (0..head.len()).map(is_number).collect();
    let line = |row: Vec<String>| {
        let cells = row.into_iter().zip(widths.iter().zip(&numbers));
        let cells: Vec<String> = cells
            .map(|(cell, (&width, &right))| {
                if right {
                    format!("{cell:>width$}")
                } else {
                    format!("{cell:width$}")
                }
            })
            .collect();
        cells.join("  ").trim_end().to_owned()
    };
    all().map(line).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_as_wide_as_their_widest_cell_and_numbers_stand_to_the_right() {
        let rows = [
            vec!["order-events".to_owned(), "0".to_owned(), "ok".to_owned()],
            vec!["x".to_owned(), "-".to_owned(), String::new()],
        ];
        let expected = [
            "TOPIC         LAG  STATE",
            "order-events    0  ok",
            "x               -",
        ];
        assert_eq!(columns(&["TOPIC", "LAG", "STATE"], &rows), expected);
    }

    #[test]
    fn spans_are_told_in_the_largest_unit_that_fits_twice() {
        let told = |seconds| span(TimeDelta::seconds(seconds));
        assert_eq!(told(-5), "0 s");
        assert_eq!(told(119), "119 s");
        assert_eq!(told(120), "2 min");
        assert_eq!(told(7_199), "119 min");
        assert_eq!(told(7_200), "2 h");
        assert_eq!(told(172_800), "2 d");
    }
}
