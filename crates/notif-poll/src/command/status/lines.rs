//! What `status` shows, computed: a line for each partition, and the signs of health.

use std::collections::BTreeSet;

use chrono::{DateTime, TimeDelta, Utc};
use notif_core::freshness::recorded_through;
use notif_core::health::{Signs, State, judge};
use notif_core::offset::LastConsumed;
use notif_core::plan::Verdict;
use notif_core::record::PartitionId;
use notif_core::stable_end;
use notif_core::standing::Standing;
use notif_core::store::status::{PartitionStatus, Status};

use super::Live;
use crate::facts::observe::problem_of;
use crate::kafka::topic::TopicSelection;

/// Everything that is shown.
pub(super) struct Look {
    /// Was Kafka asked?
    pub(super) live: bool,
    /// The word of health.
    pub(super) state: State,
    /// Its reasons.
    pub(super) reasons: Vec<String>,
    /// Everything that could be read from Kafka then is stored.
    pub(super) recorded_through: Option<DateTime<Utc>>,
    /// The watched partitions.
    pub(super) watched: Vec<Line>,
    /// The retired ones.
    pub(super) retired: Vec<PartitionStatus>,
    /// Topics that are watched, but that `KAFKA_TOPICS` does not select any more.
    pub(super) forgotten: BTreeSet<String>,
    /// Topics that Kafka has and `KAFKA_TOPICS` does not select; `None` where Kafka did not say.
    pub(super) unselected: Option<BTreeSet<String>>,
}

/// One watched partition.
pub(super) struct Line {
    pub(super) stored: PartitionStatus,
    pub(super) low: Option<i64>,
    pub(super) end: Option<i64>,
    pub(super) high: Option<i64>,
    /// How many offsets are left to read.
    pub(super) lag: Option<i64>,
    /// Since when not everything is stored; `None` where nothing is left or it is not known.
    pub(super) behind: Option<TimeDelta>,
    /// How many offsets Kafka's deletion is away.
    pub(super) margin: Option<i64>,
    /// In a word.
    pub(super) state: String,
    /// Why a person must look.
    pub(super) problem: Option<String>,
    hanging: bool,
}

impl Look {
    pub(super) fn new(status: &Status, live: Option<&Live>, selection: &TopicSelection) -> Self {
        let now = status.overview.now;
        let (retired, watched): (Vec<_>, Vec<_>) = status
            .partitions
            .iter()
            .cloned()
            .partition(|stored| stored.retired_at.is_some());
        let forgotten = watched
            .iter()
            .filter(|stored| !selection.selects(&stored.topic))
            .map(|stored| stored.topic.clone())
            .collect();
        let watched: Vec<Line> = watched
            .into_iter()
            .map(|stored| Line::new(stored, now, live))
            .collect();
        let recorded_through =
            recorded_through(watched.iter().map(|line| line.stored.drained_through));
        let (state, reasons) = judge(&signs(status, &watched));
        Self {
            live: live.is_some(),
            state,
            reasons,
            recorded_through,
            watched,
            retired,
            forgotten,
            unselected: live.and_then(|live| live.unselected.clone()),
        }
    }
}

fn signs(status: &Status, watched: &[Line]) -> Signs {
    let count = |is: &dyn Fn(&Line) -> bool| watched.iter().filter(|line| is(line)).count();
    let overview = &status.overview;
    Signs {
        watched: watched.len(),
        stopped: count(&|line| line.stored.stopped_reason.is_some()),
        behind: count(&|line| line.lag.is_some_and(|lag| lag > 0)),
        unreadable: count(&|line| line.problem.is_some() && line.stored.stopped_reason.is_none()),
        hanging: count(&|line| line.hanging),
        untold_losses: status.gaps.iter().filter(|gap| gap.untold).count(),
        last_exit_code: overview.last_exit_code,
        abandoned: status.runs.first().is_some_and(|run| run.abandoned),
        since_good_poll: overview
            .good_poll_at
            .map(|at| overview.now.signed_duration_since(at)),
    }
}

impl Line {
    fn new(stored: PartitionStatus, now: DateTime<Utc>, live: Option<&Live>) -> Self {
        let id = PartitionId::new(stored.topic.as_str(), stored.partition);
        let planned = live.and_then(|live| live.facts.partitions.get(&id));
        let seen = planned
            .and_then(crate::facts::Planned::watermarks)
            .or_else(|| stored.watermarks());
        let last = LastConsumed::new(stored.stored);
        let standing = seen.map(|seen| Standing::new(last, seen, stored.drained_through, now));
        let lag = standing.map(|standing| standing.lag);
        let hanging = seen.zip(stored.end_moved_at).is_some_and(|(seen, moved)| {
            stored.end_offset == Some(seen.end.get()) && stable_end::is_hanging(moved, seen, now)
        });
        let verdict = planned.and_then(|planned| planned.verdict.as_ref());
        let problem = verdict
            .filter(|verdict| !is_taken_up(verdict))
            .and_then(problem_of);
        Self {
            low: seen.map(|seen| seen.low.get()),
            end: seen.map(|seen| seen.end.get()),
            high: seen.map(|seen| seen.high.get()),
            behind: standing
                .filter(|standing| standing.lag > 0)
                .and_then(|standing| standing.behind),
            margin: standing.map(|standing| standing.loss_margin),
            state: state(&stored, verdict, lag, hanging),
            lag,
            problem,
            hanging,
            stored,
        }
    }
}

/// Verdicts that the next poll takes up by itself.
fn is_taken_up(verdict: &Verdict) -> bool {
    matches!(
        verdict,
        Verdict::First { .. } | Verdict::Recreated { .. } | Verdict::OffsetsLost
    )
}

fn state(
    stored: &PartitionStatus,
    verdict: Option<&Verdict>,
    lag: Option<i64>,
    hanging: bool,
) -> String {
    if let Some(reason) = &stored.stopped_reason {
        let at = stored
            .stopped_offset
            .map_or(String::new(), |at| format!(" at {at}"));
        return format!("stopped: {reason}{at}");
    }
    let word = match verdict {
        Some(Verdict::Nothing | Verdict::Read { .. }) | None if hanging => "hanging",
        Some(Verdict::Nothing | Verdict::Read { .. }) | None => match lag {
            Some(0) => "ok",
            Some(_) => "behind",
            None => "not seen yet",
        },
        Some(verdict) => verdict.name(),
    };
    word.to_owned()
}
