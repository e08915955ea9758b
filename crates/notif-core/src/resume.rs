//! How an operator lets a partition go on: facts in, what is written out. No I/O.
//!
//! | what is shown | then |
//! |---|---|
//! | neither stopped nor retired | refused: there is nothing to resume |
//! | stopped, and the topic was created anew since | the stop is taken away; the next poll opens the generation |
//! | `mixed` | a new generation begins with the new log, or later where the operator says so: what was recorded of that log before stands in the old generation, and is recorded again |
//! | `diverged`, and the logs part | a new generation begins where they part, or later where the operator says so |
//! | `diverged`, and the logs are the same again | as any other stop |
//! | `conflict`, `corrupt`, `refused` | the same offset is tried again, or what lies before the one that the operator names is skipped |
//! | retired | a new generation, from the next offset on: the ledger has ended the old one |
//!
//! Whatever is skipped is in the ledger: `operator` where the operator chose to, `retention` where
//! Kafka had deleted it while the partition was stopped, `retired` where it did while nobody watched.
//! Nothing that is proved to be recorded is read again.

use crate::batch::{Gap, GapReason};
use crate::divergence::Parting;
use crate::offset::{LastConsumed, NextOffset};
use crate::plan::Watermarks;
use crate::stop::StopReason;

/// The offset row that the operator was shown: the fence.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Shown {
    /// The last consumed offset.
    pub last: LastConsumed,
    /// The generation.
    pub generation: i32,
    /// Why it stopped, where it did.
    pub stopped: Option<String>,
    /// Did an operator end its watch?
    pub retired: bool,
}

impl Shown {
    /// Must the logs be compared before anything is decided?
    pub fn asks_for_comparison(&self) -> bool {
        self.retired || self.is(StopReason::Diverged)
    }

    /// Must Kafka be asked before anything is decided?
    pub fn asks_kafka(&self) -> bool {
        self.asks_for_comparison() || self.is(StopReason::Mixed)
    }

    fn is(&self, reason: StopReason) -> bool {
        self.stopped.as_deref() == Some(reason.as_str())
    }
}

/// What Kafka has now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogNow {
    /// Another topic under the same name, and where its log begins and ends.
    Recreated(Watermarks),
    /// The same topic, and where its log parts from the recorded one, where that was asked for.
    Same(Watermarks, Option<Parting>),
}

/// What is written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Resumption {
    /// The stop is taken away; the next poll tries the same offset.
    Retry,
    /// In the same generation, behind what is skipped.
    Forward {
        /// Where reading goes on.
        to: NextOffset,
        /// What is skipped.
        skipped: Vec<Gap>,
    },
    /// A new generation.
    NewGeneration {
        /// Where it begins.
        begins: NextOffset,
        /// As what the ledger has to end the old one. A retired one is ended already.
        ends_as: Option<Ending>,
        /// What is missing of the new generation's log.
        skipped: Vec<Gap>,
    },
}

/// As what the ledger ends a generation: from its next offset on, its log is not known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ending {
    /// Its log was cut, and grew again as another.
    Diverged,
    /// Its topic was created anew.
    Recreated,
}

impl Ending {
    /// The text in `capture_gaps.reason`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Diverged => "diverged",
            Self::Recreated => "recreated",
        }
    }
}

/// Why nothing is written.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// It is neither stopped nor retired.
    #[error("it is neither stopped nor retired")]
    NotStopped,
    /// The offset lies before what is recorded.
    #[error("{at} lies before {next}, and what lies before {next} is recorded")]
    Backward {
        /// The offset.
        at: i64,
        /// The first that is not recorded.
        next: i64,
    },
    /// The offset lies behind the end.
    #[error("{at} lies behind the end of the log, {end}")]
    BehindEnd {
        /// The offset.
        at: i64,
        /// The end.
        end: i64,
    },
    /// The topic was created anew, so an offset of the operator means nothing.
    #[error("the topic was created anew since: its log has other offsets")]
    Recreated,
    /// Kafka has no such partition.
    #[error("Kafka has no such partition")]
    Absent,
}

/// What is written for a partition that is shown so, where the operator names offset `at`. `log` is
/// `None` where Kafka has no such partition, or did not have to be asked.
pub fn resume(
    shown: &Shown,
    at: Option<NextOffset>,
    log: Option<LogNow>,
) -> Result<Resumption, Refusal> {
    if shown.stopped.is_none() && !shown.retired {
        return Err(Refusal::NotStopped);
    }
    match log {
        None if shown.asks_kafka() || at.is_some() => Err(Refusal::Absent),
        Some(LogNow::Recreated(watermarks)) if shown.is(StopReason::Mixed) => unmix(at, watermarks),
        Some(LogNow::Recreated(_)) if at.is_some() => Err(Refusal::Recreated),
        Some(LogNow::Recreated(watermarks)) if shown.retired => {
            let first = NextOffset::at(0);
            Ok(Resumption::NewGeneration {
                begins: watermarks.low,
                ends_as: None,
                skipped: skipped(first, watermarks.low, GapReason::Retired),
            })
        }
        None | Some(LogNow::Recreated(_)) => Ok(Resumption::Retry),
        Some(LogNow::Same(watermarks, parting)) => match parting {
            Some(parting)
                if shown.is(StopReason::Diverged) && !is_whole(parting, shown.last.next()) =>
            {
                part(shown, at, watermarks, parting.begins)
            }
            Some(Parting {
                differs_at: Some(_),
                begins,
                ..
            }) => part(shown, at, watermarks, begins),
            _ if shown.retired => watch_again(shown.last.next(), at, watermarks),
            _ => go_on(shown.last.next(), at, watermarks),
        },
    }
}

/// The new log from its beginning, or from where the operator chooses: behind what was recorded of it
/// as of the old one.
fn unmix(at: Option<NextOffset>, watermarks: Watermarks) -> Result<Resumption, Refusal> {
    let chosen = checked(watermarks.low, at, watermarks)?;
    let mut missing = skipped(NextOffset::at(0), watermarks.low, GapReason::Retention);
    missing.extend(skipped(watermarks.low, chosen, GapReason::Operator));
    Ok(Resumption::NewGeneration {
        begins: chosen,
        ends_as: Some(Ending::Recreated),
        skipped: missing,
    })
}

/// Is the log proved to be the recorded one, as far as anything can be? A log of which nothing can be
/// compared proves nothing against a stop that saw another record.
fn is_whole(parting: Parting, next: NextOffset) -> bool {
    parting.differs_at.is_none() && (parting.same_through.is_some() || next == NextOffset::at(0))
}

/// A new generation from where the logs part.
fn part(
    shown: &Shown,
    at: Option<NextOffset>,
    watermarks: Watermarks,
    begins: NextOffset,
) -> Result<Resumption, Refusal> {
    let chosen = checked(begins, at, watermarks)?;
    Ok(Resumption::NewGeneration {
        begins: chosen,
        ends_as: (!shown.retired).then_some(Ending::Diverged),
        skipped: skipped(begins, chosen, GapReason::Operator),
    })
}

/// A new generation after a time without a watch: the same log, from the next offset on.
fn watch_again(
    next: NextOffset,
    at: Option<NextOffset>,
    watermarks: Watermarks,
) -> Result<Resumption, Refusal> {
    let left = next.max(watermarks.low);
    let chosen = checked(left, at, watermarks)?;
    let mut missing = skipped(next, left, GapReason::Retired);
    missing.extend(skipped(left, chosen, GapReason::Operator));
    Ok(Resumption::NewGeneration {
        begins: chosen,
        ends_as: None,
        skipped: missing,
    })
}

/// The same generation: only forward.
fn go_on(
    next: NextOffset,
    at: Option<NextOffset>,
    watermarks: Watermarks,
) -> Result<Resumption, Refusal> {
    let chosen = checked(next, at, watermarks)?;
    if chosen == next {
        return Ok(Resumption::Retry);
    }
    let left = watermarks.low.clamp(next, chosen);
    let mut missing = skipped(next, left, GapReason::Retention);
    missing.extend(skipped(left, chosen, GapReason::Operator));
    Ok(Resumption::Forward {
        to: chosen,
        skipped: missing,
    })
}

/// The offset that the operator names, where it lies between `first` and the end; `first` where none
/// is named.
fn checked(
    first: NextOffset,
    at: Option<NextOffset>,
    watermarks: Watermarks,
) -> Result<NextOffset, Refusal> {
    match at {
        Some(at) if at < first => Err(Refusal::Backward {
            at: at.get(),
            next: first.get(),
        }),
        Some(at) if at.get() > watermarks.end.get() => Err(Refusal::BehindEnd {
            at: at.get(),
            end: watermarks.end.get(),
        }),
        Some(at) => Ok(at),
        None => Ok(first),
    }
}

fn skipped(from: NextOffset, to: NextOffset, reason: GapReason) -> Vec<Gap> {
    if to > from {
        vec![Gap { from, to, reason }]
    } else {
        Vec::new()
    }
}

#[cfg(test)]
mod tests;
