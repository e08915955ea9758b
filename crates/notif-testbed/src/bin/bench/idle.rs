//! A poll with nothing to do: how long the whole process takes, over 30 partitions.
//!
//! Beside it, two simple clients: `psql -c 'select 1'`, and one that asks Kafka for its topics as
//! `kcat -L` does (`metadata.rs`), started together, until both are gone. They are no lower bound:
//! librdkafka's defaults wait longer than notif-poll's settings do.

use std::env;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use notif_testbed::{TestDatabase, campus};
use serde_json::Value;

use crate::figure::{Bar, Figure, Report, Sample};
use crate::stage::Stage;
use crate::timed::{self, Running};
use crate::{heading, tools};

/// Issue 5; later 50.
const TIME_BAR: Bar = Bar::Below(100.0);

const RUNS: u32 = 30;

/// Not counted: the first poll makes the consumer group, and files come into the page cache.
const WARM_UP_RUNS: u32 = 3;

const LIMIT: Duration = Duration::from_secs(20);

pub(crate) fn measure(stage: &Stage, report: &mut Report) -> Result<()> {
    heading("idle: a poll with nothing new");
    let program = stage.poll_program();
    for _ in 0..WARM_UP_RUNS {
        poll(stage, &program, &stage.recorded)?;
        simple_clients(stage)?;
    }
    let (mut ours, mut simple, mut memory) =
        (Sample::default(), Sample::default(), Sample::default());
    for _ in 0..RUNS {
        let (millis, mb) = poll(stage, &program, &stage.recorded)?;
        ours.push(millis);
        memory.push(mb);
        simple.push(simple_clients(stage)?);
    }
    say(&ours, &simple);
    report.add(Figure::Value {
        area: "idle",
        unit: "ms",
        what: "notif-poll, whole process".to_owned(),
        sample: ours.clone(),
        bar: Some(TIME_BAR),
    });
    report.add(Figure::Ratio {
        area: "idle",
        unit: "ms",
        ours: ("notif-poll".to_owned(), ours),
        baseline: (
            "psql 'select 1' and a metadata client at once".to_owned(),
            simple,
        ),
        bar: None,
    });
    report.add(Figure::Value {
        area: "idle",
        unit: "MB",
        what: "notif-poll, peak memory".to_owned(),
        sample: memory,
        bar: None,
    });
    Ok(())
}

#[expect(clippy::print_stdout, reason = "the benchmarks are what they print")]
fn say(ours: &Sample, simple: &Sample) {
    println!(
        "{RUNS} runs: notif-poll {:.1} ms, simple clients {:.1} ms",
        ours.median(),
        simple.median()
    );
}

/// Milliseconds and MB of one poll; it fails where there was something new.
pub(crate) fn poll(stage: &Stage, program: &Path, database: &TestDatabase) -> Result<(f64, f64)> {
    let mut poll = stage.run(program, database);
    let timed = timed::run(poll.args(["--output", "json"]), LIMIT)?;
    let report: Value = serde_json::from_str(&timed.stdout)?;
    let partitions = report
        .get("partitions")
        .and_then(Value::as_array)
        .context("the report has no partitions")?;
    let all = campus::TOPICS
        .len()
        .saturating_mul(usize::try_from(campus::PARTITIONS)?);
    ensure!(
        report.get("outcome").is_some_and(|it| it == "nothing") && partitions.len() == all,
        "the poll did not look at {all} partitions with nothing new: {} {}",
        timed.stdout,
        timed.stderr
    );
    Ok((milliseconds(timed.wall), timed.peak_mb))
}

fn simple_clients(stage: &Stage) -> Result<f64> {
    let mut psql = tools::psql(&stage.postgres, &stage.recorded.url())?;
    psql.args(["-c", "select 1"]);
    let mut kafka = Command::new(env::current_exe()?);
    kafka
        .env_clear()
        .args(["kafka-metadata", "--bootstrap", &stage.kafka.bootstrap()]);
    let started = Instant::now();
    let (psql, kafka) = (Running::start(&mut psql)?, Running::start(&mut kafka)?);
    psql.finish(LIMIT)?;
    kafka.finish(LIMIT)?;
    Ok(milliseconds(started.elapsed()))
}

fn milliseconds(time: Duration) -> f64 {
    time.as_secs_f64() * 1000.0
}
