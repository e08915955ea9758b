//! Proving the record: `notif-poll verify`, and `verify --deep` beside Kafka.
//!
//! There is no baseline: no other program asks these questions. The bar is on memory, which must not
//! grow with the rows.

use std::time::Duration;

use anyhow::{Result, ensure};
use serde_json::Value;

use crate::figure::{Bar, Figure, Report, Sample};
use crate::heading;
use crate::stage::Stage;
use crate::timed;

const LIMIT: Duration = Duration::from_secs(1_800);

/// That of a poll.
const MEMORY_BAR: Bar = Bar::Below(150.0);

/// What is measured: the arguments, and how the two figures are called.
const SIDES: [(&[&str], &str, &str); 2] = [
    (
        &["verify"],
        "notif-poll verify",
        "notif-poll verify, peak memory",
    ),
    (
        &["verify", "--deep"],
        "notif-poll verify --deep",
        "notif-poll verify --deep, peak memory",
    ),
];

/// Measures `rounds` rounds over the rows of the first drain.
pub(crate) fn measure(stage: &Stage, rounds: u32, report: &mut Report) -> Result<()> {
    heading("verify: proving the record");
    for (arguments, what, what_memory) in SIDES {
        let (mut speed, mut memory) = (Sample::default(), Sample::default());
        for _ in 0..rounds {
            let timed = verify(stage, arguments)?;
            stage.say(what, timed.wall);
            speed.push(stage.rows_per_second(&timed));
            memory.push(timed.peak_mb);
        }
        report.add(Figure::Value {
            area: "verify",
            unit: "rows/s",
            what: what.to_owned(),
            sample: speed,
            bar: None,
        });
        report.add(Figure::Value {
            area: "verify",
            unit: "MB",
            what: what_memory.to_owned(),
            sample: memory,
            bar: Some(MEMORY_BAR),
        });
    }
    Ok(())
}

/// One run, which must have looked at every row, and found nothing.
fn verify(stage: &Stage, arguments: &[&str]) -> Result<timed::Timed> {
    let mut command = stage.program("notif-poll", &stage.recorded);
    command.args(arguments).args(["--output", "json"]);
    let timed = timed::run(&mut command, LIMIT)?;
    let said: Value = serde_json::from_str(&timed.stdout)?;
    let member = |name: &str| said.get(name).cloned().unwrap_or_default();
    let compared = if arguments.contains(&"--deep") {
        stage.events
    } else {
        0
    };
    ensure!(
        member("rows") == stage.events && member("comparedWithKafka") == compared,
        "not every row was looked at: {}",
        timed.stdout
    );
    Ok(timed)
}
