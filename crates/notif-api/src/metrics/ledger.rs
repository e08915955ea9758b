//! What the ledgers say of the recorder. The poller runs for a moment and is gone: its row in
//! PostgreSQL is what can be scraped, and it outlives every process.

use std::sync::atomic::AtomicU64;

use chrono::{DateTime, TimeDelta, Utc};
use notif_core::freshness::recorded_through;
use notif_core::ledger::GAP_REASONS;
use notif_core::store::ledger::{Vitals, WatchedPartition};
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;

/// One look.
#[derive(Clone)]
pub(super) struct Ledgers {
    pub(super) vitals: Vitals,
    pub(super) partitions: Vec<WatchedPartition>,
}

type Seconds = Gauge<f64, AtomicU64>;

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct PartitionLabels {
    topic: String,
    partition: i32,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ReasonLabels {
    reason: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct RunLabels {
    outcome: String,
    exit_code: String,
}

/// Whether the database answered, and what it said. What is not known has no series.
pub(super) fn register(registry: &mut Registry, ledgers: Option<&Ledgers>) {
    let up = Gauge::<i64>::default();
    up.set(ledgers.is_some().into());
    registry.register(
        "database_up",
        "1 where the database answers and its schema fits",
        up,
    );
    if let Some(Ledgers { vitals, partitions }) = ledgers {
        polls(registry, vitals);
        gaps(registry, vitals);
        standing(registry, partitions);
        stored(registry, partitions);
    }
}

fn polls(registry: &mut Registry, vitals: &Vitals) {
    if let Some(at) = vitals.good_poll_at {
        seconds(
            registry,
            "poll_last_success_timestamp_seconds",
            "When the newest poll that ended well did (exit code 0, 5 or 6), by the clock of the database",
            timestamp(at),
        );
        seconds(
            registry,
            "poll_last_success_age_seconds",
            "How long ago that was, by the same clock",
            span(vitals.now.signed_duration_since(at)),
        );
    }
    if let Some(code) = vitals.last_exit_code {
        let gauge = Gauge::<i64>::default();
        gauge.set(code.into());
        registry.register(
            "poll_last_exit_code",
            "Exit code of the poll that ended last",
            gauge,
        );
    }
    let runs = Family::<RunLabels, Gauge>::default();
    for (outcome, code, number) in &vitals.recent_runs {
        let labels = RunLabels {
            outcome: outcome.clone(),
            exit_code: code.map_or_else(String::new, |code| code.to_string()),
        };
        runs.get_or_create(&labels).set(*number);
    }
    registry.register(
        "poll_recent_runs",
        "Polls that began within the last hour, by how they ended; those without an exit code are running or abandoned",
        runs,
    );
}

fn gaps(registry: &mut Registry, vitals: &Vitals) {
    let gaps = Family::<ReasonLabels, Counter>::default();
    // a series that began with its first loss would never show it as an increase
    let none = GAP_REASONS.iter().map(|reason| (*reason, 0));
    let some = vitals
        .gaps
        .iter()
        .map(|(reason, number)| (reason.as_str(), *number));
    for (reason, number) in none.chain(some) {
        let reason = reason.to_owned();
        let counter = gaps.get_or_create_owned(&ReasonLabels { reason });
        counter.inc_by(u64::try_from(number).unwrap_or(0));
    }
    registry.register(
        "gaps",
        "Entries in the ledger of losses; before-first-poll is no loss of the recorder",
        gaps,
    );
}

fn standing(registry: &mut Registry, partitions: &[WatchedPartition]) {
    let lag = Family::<PartitionLabels, Gauge>::default();
    let behind = Family::<PartitionLabels, Seconds>::default();
    let margin = Family::<PartitionLabels, Gauge>::default();
    let stopped = Family::<PartitionLabels, Gauge>::default();
    for partition in partitions {
        let labels = labels(partition);
        let is_stopped = partition.partition.stopped_reason.is_some();
        stopped.get_or_create(&labels).set(is_stopped.into());
        let Some(standing) = partition.standing() else {
            continue;
        };
        lag.get_or_create(&labels).set(standing.lag);
        margin.get_or_create(&labels).set(standing.loss_margin);
        if let Some(time) = standing.behind {
            behind.get_or_create(&labels).set(span(time));
        }
    }
    registry.register(
        "partition_lag_records",
        "Offsets that are left to read, as the last poll saw it",
        lag,
    );
    registry.register(
        "partition_lag_seconds",
        "For how long not everything has been stored; 0 where nothing is left to read",
        behind,
    );
    registry.register(
        "partition_loss_margin_records",
        "Offsets that Kafka may delete before it deletes one that is not stored",
        margin,
    );
    registry.register(
        "partition_stopped",
        "1 where reading stopped until an operator decides",
        stopped,
    );
    let watched = partitions.iter();
    if let Some(at) = recorded_through(watched.map(|one| one.partition.drained_through)) {
        seconds(
            registry,
            "recorded_through_timestamp_seconds",
            "Everything that Kafka had at this time is stored",
            timestamp(at),
        );
    }
}

fn stored(registry: &mut Registry, partitions: &[WatchedPartition]) {
    let records = Family::<PartitionLabels, Counter>::default();
    let unparseable = Family::<PartitionLabels, Counter>::default();
    for partition in partitions {
        let labels = labels(partition);
        let count = |family: &Family<PartitionLabels, Counter>, number| {
            let counter = family.get_or_create_owned(&labels);
            counter.inc_by(u64::try_from(number).unwrap_or(0));
        };
        count(&records, partition.partition.records);
        count(&unparseable, partition.partition.unparseable);
    }
    registry.register("partition_records", "Records that are stored", records);
    registry.register(
        "partition_unparseable_records",
        "Records that are stored and could not be opened",
        unparseable,
    );
}

fn labels(partition: &WatchedPartition) -> PartitionLabels {
    PartitionLabels {
        topic: partition.partition.topic.clone(),
        partition: partition.partition.partition,
    }
}

fn seconds(registry: &mut Registry, name: &str, help: &str, value: f64) {
    let gauge = Seconds::default();
    gauge.set(value);
    registry.register(name, help, gauge);
}

fn timestamp(at: DateTime<Utc>) -> f64 {
    span(at.signed_duration_since(DateTime::UNIX_EPOCH))
}

fn span(time: TimeDelta) -> f64 {
    time.as_seconds_f64()
}
