//! `notif-poll verify`: is everything there, and is it what was written?
//!
//! All of PostgreSQL is read as of one instant, one row at a time; with `--deep` Kafka is read beside it,
//! the same partition at the same pace. What is compared with what is in `notif_core::verify`, what
//! Kafka adds in `deep`, what is said in `report`.

mod deep;
mod report;

use std::time::Instant;

use anyhow::anyhow;
use notif_core::notification_id::PartitionHash;
use notif_core::offset::{LastConsumed, NextOffset};
use notif_core::store::verify::{Life, Scope};
use notif_core::store::{Audit, StoreError};
use notif_core::verify::ledger::Begin;
use notif_core::verify::tally::Tally;
use notif_core::verify::{Findings, Kind, Ledger, Place, Standing, StoredRow};

use crate::cli::{Settings, VerifyArgs};
use crate::config::{Environment, database, kafka_config};
use crate::exit::{Exit, Failure};
use crate::progress::Progress;
use deep::{Kafka, Side};
use report::Reason;

pub(crate) use report::VerifyReport;

const VERSION: &str = env!("CARGO_PKG_VERSION");

pub(crate) fn run(args: &VerifyArgs, settings: &Settings, env: Environment<'_>) -> VerifyReport {
    let started = Instant::now();
    let mut report = VerifyReport::new(args.deep, None);
    let failed = check(args, settings, env, &mut report).err();
    report.took = started.elapsed();
    let report = match failed {
        Some(failure) => report.fail(&failure),
        None => report,
    };
    report.end()
}

fn check(
    args: &VerifyArgs,
    settings: &Settings,
    env: Environment<'_>,
    report: &mut VerifyReport,
) -> Result<(), Failure> {
    let url = database(settings, env)?;
    let kafka = args.deep.then(|| kafka_config(settings, env)).transpose()?;
    let scope = Scope {
        topic: args.topic.clone(),
        partition: args.partition,
    };
    let mut audit = Audit::begin(&url, "notif-poll verify", VERSION)?;
    let lives = audit.life_list(&scope)?;
    report.as_of = Some(audit.at());
    // after the instant, so that Kafka has at least what is stored
    let mut kafka = kafka
        .map(|config| Kafka::open(&config, audit.cluster_id(), &lives))
        .transpose()?;
    let total = lives
        .iter()
        .filter(|life| life.generation == 0)
        .fold(0_i64, |sum, life| sum.saturating_add(life.records));
    let mut progress = Progress::start(total);
    let outcome = check_all(
        &mut audit,
        &scope,
        &lives,
        kafka.as_mut(),
        &mut progress,
        report,
    );
    progress.end();
    outcome?;
    if lives.is_empty() && report.counts.rows == 0 && !scope.is_everything() {
        return Err(Failure::new(
            Exit::Usage,
            anyhow!("nothing is recorded of {}", scope_name(&scope)),
            "topics are named as in Kafka",
        ));
    }
    match kafka.and_then(Kafka::into_failure) {
        Some(failure) => Err(failure),
        None => Ok(()),
    }
}

fn scope_name(scope: &Scope) -> String {
    match (&scope.topic, scope.partition) {
        (Some(topic), Some(partition)) => format!("{topic}/{partition}"),
        (topic, _) => topic.clone().unwrap_or_default(),
    }
}

fn check_all(
    audit: &mut Audit,
    scope: &Scope,
    lives: &[Life],
    mut kafka: Option<&mut Kafka>,
    progress: &mut Progress,
    report: &mut VerifyReport,
) -> Result<(), StoreError> {
    let mut before: Option<(&Life, Begin)> = None;
    for life in lives {
        let begin = before
            .filter(|(before, _)| before.topic == life.topic && before.partition == life.partition)
            .map_or(Begin::FIRST_GENERATION, |(_, begin)| begin);
        let ledger = audit.ledger(life)?;
        check_ledger(life, begin, &ledger, report);
        check_rows(audit, life, &ledger, kafka.as_deref_mut(), progress, report)?;
        before = Some((life, Begin::behind(&ledger)));
    }
    if scope.partition.is_none() {
        check_rows_without_position(audit, scope, progress, report)?;
    }
    if scope.is_everything() {
        check_batches(audit, report)?;
    } else {
        report.cannot_prove(Reason::BatchesLeftOut, Place::default(), None, None);
    }
    if kafka.is_none() {
        report.cannot_prove(Reason::WithoutKafka, Place::default(), None, None);
    }
    Ok(())
}

/// The rows of one partition in one generation.
fn check_rows(
    audit: &mut Audit,
    life: &Life,
    ledger: &Ledger,
    kafka: Option<&mut Kafka>,
    progress: &mut Progress,
    report: &mut VerifyReport,
) -> Result<(), StoreError> {
    let place = Place::partition(&life.topic, life.partition, life.generation);
    let mut side = kafka.and_then(|kafka| Side::of(kafka, life, ledger, &place, report));
    let mut tally = Tally::new(ledger, &place, &mut report.mismatches);
    let hash = PartitionHash::new(&life.topic, life.generation, life.partition);
    let mut redacted = 0_u64;
    for row in audit.row_list(life, side.as_ref().map(Side::from))? {
        let row = row?;
        let findings = &mut report.mismatches;
        row.check(&hash, &mut to(&row, &place, findings));
        if !tally.row(row.source_offset, row.value_bytes.unwrap_or(0).into()) {
            let words = "the row lies in no recorded range".to_owned();
            to(&row, &place, findings)(Kind::RowOutside, words);
        }
        redacted = redacted.saturating_add(row.redacted.into());
        if let Some(side) = &mut side {
            side.row(&row, report);
        }
        count_row(report, progress);
    }
    tally.finish(&place, &mut report.mismatches);
    report.counts.redacted = report.counts.redacted.saturating_add(redacted);
    if let Some(side) = side {
        side.finish(report);
    }
    Ok(())
}

/// Where the mismatches of one row go.
fn to<'f>(
    row: &'f StoredRow,
    place: &'f Place,
    findings: &'f mut Findings,
) -> impl FnMut(Kind, String) + 'f {
    let offset = (row.source_offset >= 0).then_some(row.source_offset);
    move |kind, words| findings.add(kind, || place.row(offset, row.notification_id), words)
}

fn count_row(report: &mut VerifyReport, progress: &mut Progress) {
    report.counts.rows = report.counts.rows.saturating_add(1);
    if report.counts.rows.is_multiple_of(LOOK_EVERY) {
        progress.show_rows(i64::try_from(report.counts.rows).unwrap_or(i64::MAX));
    }
}

/// How many rows pass between two looks at the clock.
const LOOK_EVERY: u64 = 256;

fn check_ledger(life: &Life, begin: Begin, ledger: &Ledger, report: &mut VerifyReport) {
    let place = Place::partition(&life.topic, life.partition, life.generation);
    let findings = &mut report.mismatches;
    let standing = standing(life);
    ledger.check_tiling(begin, standing, &place, findings);
    let whole = || Place {
        generation: None,
        ..place.clone()
    };
    // what holds for the partition is told once, with its first generation
    if life.generation == 0 {
        match life.counter {
            None => findings.add(
                Kind::OffsetRowMissing,
                whole,
                "the partition is recorded, but has no offset row; the next poll rebuilds it",
            ),
            Some(counter) if counter != life.records => {
                let words = format!(
                    "the offset row counts {counter} records, the ranges {}",
                    life.records
                );
                findings.add(Kind::Counter, whole, words);
            }
            Some(_) => {}
        }
    }
    if life.generation == 0 {
        before_first_seen(standing, ledger, &place, report);
    }
    count_ledger(ledger, report);
}

/// Says so where nothing tells what came before the first offset that is known.
fn before_first_seen(
    standing: Standing,
    ledger: &Ledger,
    place: &Place,
    report: &mut VerifyReport,
) {
    let stored = match standing {
        Standing::Current(stored) => Some(stored.next()),
        _ => None,
    };
    let first = ledger.first_offset().map(NextOffset::at).or(stored);
    if let Some(first) = first.filter(|first| first.get() > 0) {
        let place = place.offsets(0, first.last_consumed().get());
        report.cannot_prove(Reason::BeforeFirstSeen, place, None, None);
    }
}

fn count_ledger(ledger: &Ledger, report: &mut VerifyReport) {
    let pruned = ledger.prunes.iter().map(|prune| prune.rows);
    let pruned = pruned.fold(0_i64, i64::saturating_add);
    let count = |count: usize| u64::try_from(count).unwrap_or(u64::MAX);
    let counts = &mut report.counts;
    counts.partitions = counts.partitions.saturating_add(1);
    counts.ranges = counts.ranges.saturating_add(count(ledger.ranges.len()));
    counts.losses = counts.losses.saturating_add(count(ledger.losses.len()));
    counts.pruned = counts
        .pruned
        .saturating_add(u64::try_from(pruned).unwrap_or(0));
}

fn standing(life: &Life) -> Standing {
    match (life.stored, life.current_generation) {
        (Some(stored), Some(current)) if current == life.generation => {
            Standing::Current(LastConsumed::new(stored))
        }
        (Some(_), Some(current)) if current > life.generation => Standing::Ended,
        (Some(_), Some(_)) => Standing::Ahead,
        _ => Standing::NoOffsetRow,
    }
}

fn check_rows_without_position(
    audit: &mut Audit,
    scope: &Scope,
    progress: &mut Progress,
    report: &mut VerifyReport,
) -> Result<(), StoreError> {
    let mut rows = 0_u64;
    for row in audit.row_list_without_position(scope)? {
        let row = row?;
        let place = Place::default();
        row.check_without_position(&mut to(&row, &place, &mut report.mismatches));
        rows = rows.saturating_add(1);
        count_row(report, progress);
    }
    if rows > 0 {
        report.cannot_prove(Reason::WithoutPosition, Place::default(), Some(rows), None);
    }
    Ok(())
}

/// Batches and rows know each other, and commits have an order.
///
/// Retention removes rows from batches without writing down from which; so as many rows may be
/// missing from batches as it removed, and nobody can say from which they should be.
fn check_batches(audit: &mut Audit, report: &mut VerifyReport) -> Result<(), StoreError> {
    let order = audit.commit_order()?;
    report.counts.batches = u64::try_from(order.batches).unwrap_or(0);
    let mut missing = 0_i64;
    for batch in audit.batch_list_miscounted()? {
        let batch = batch?;
        let (id, rows) = (batch.batch_id, batch.rows);
        let findings = &mut report.mismatches;
        match batch.said {
            None => {
                let words = format!("{rows} rows are of batch {id}, which is not there");
                findings.add(Kind::BatchMissing, Place::default, words);
            }
            Some(said) if rows < said && order.pruned > 0 => {
                missing = missing.saturating_add(said.saturating_sub(rows));
            }
            Some(said) => {
                let words = format!("batch {id} says {said} rows, there are {rows}");
                findings.add(Kind::BatchRows, Place::default, words);
            }
        }
    }
    let findings = &mut report.mismatches;
    if missing > order.pruned {
        let words = format!(
            "{missing} rows are missing from batches, {} were pruned",
            order.pruned
        );
        findings.add(Kind::BatchRows, Place::default, words);
    }
    if order.doubled > 0 {
        let words = format!(
            "{} batches share their commit_seq with another",
            order.doubled
        );
        findings.add(Kind::CommitSeq, Place::default, words);
    }
    if order.last > order.counter {
        let words = format!(
            "the last commit_seq of a batch is {}, the counter stands at {}",
            order.last, order.counter
        );
        findings.add(Kind::CommitSeq, Place::default, words);
    }
    if missing > 0 {
        let rows = u64::try_from(missing).ok();
        report.cannot_prove(Reason::PrunedBatches, Place::default(), rows, None);
    }
    Ok(())
}
