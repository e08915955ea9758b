//! A backlog: from Kafka to committed rows, all indexes on, beside one `psql \copy` of the same rows
//! into the same table of another database.
//!
//! Both sides are whole processes on the same durable server. The baseline is given its rows in a
//! file: it has no Kafka to read and nothing to decode, and writes no offsets.

use std::time::Duration;

use anyhow::Result;

use crate::figure::{Bar, Figure, Report, Sample};
use crate::stage::{DRAIN_LIMIT, Format, Stage};
use crate::timed::{self, Timed};
use crate::{heading, tools};

/// Issue 5; later 1.
const RATIO_BAR: Bar = Bar::AtLeast(0.8);

const MEMORY_BAR: Bar = Bar::Below(150.0);

/// The turns of a round.
const TURNS: [Turn; 3] = [
    Turn::Poll,
    Turn::Copy(Format::Text),
    Turn::Copy(Format::Binary),
];

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Turn {
    Poll,
    Copy(Format),
}

/// Measures `rounds` rounds, every second one backwards: what one turn leaves behind for the next
/// must not always hit the same side.
pub(crate) fn measure(stage: &Stage, rounds: u32, report: &mut Report) -> Result<()> {
    heading("drain: a backlog into PostgreSQL");
    let (mut poll, mut text, mut binary) =
        (Sample::default(), Sample::default(), Sample::default());
    let mut memory = Sample::default();
    for round in 0..rounds {
        let mut turns = TURNS;
        if !round.is_multiple_of(2) {
            turns.reverse();
        }
        for turn in turns {
            let database = stage.fresh_database()?;
            match turn {
                Turn::Poll => {
                    let timed = stage.drain(&database)?;
                    poll.push(stage.rows_per_second(&timed));
                    memory.push(timed.peak_mb);
                }
                Turn::Copy(format) => {
                    let timed = copy(stage, &database.url(), format)?;
                    stage.check_rows(&database)?;
                    let side = match format {
                        Format::Text => &mut text,
                        Format::Binary => &mut binary,
                    };
                    side.push(stage.rows_per_second(&timed));
                }
            }
        }
    }
    for (name, baseline) in [("psql \\copy text", text), ("psql \\copy binary", binary)] {
        report.add(Figure::Ratio {
            area: "drain",
            unit: "rows/s",
            ours: ("notif-poll".to_owned(), poll.clone()),
            baseline: (name.to_owned(), baseline),
            bar: Some(RATIO_BAR),
        });
    }
    report.add(Figure::Value {
        area: "drain",
        unit: "MB",
        what: "notif-poll, peak memory".to_owned(),
        sample: memory,
        bar: Some(MEMORY_BAR),
    });
    Ok(())
}

fn copy(stage: &Stage, url: &str, format: Format) -> Result<Timed> {
    let command = format!(
        "\\copy notifications FROM '{}' WITH (FORMAT {})",
        stage.export_file(format).display(),
        format.name()
    );
    let mut psql = tools::psql(&stage.postgres, url)?;
    let limit: Duration = DRAIN_LIMIT;
    let timed = timed::run(psql.args(["-c", &command]), limit)?;
    stage.say(&format!("copied by psql, {}", format.name()), timed.wall);
    Ok(timed)
}
