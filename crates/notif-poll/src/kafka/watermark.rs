//! The three offsets of each partition, in three calls however many partitions there are.

use std::collections::BTreeMap;
use std::thread;
use std::time::{Duration, Instant};

use notif_core::offset::{EndOffset, NextOffset};
use notif_core::plan::Watermarks;
use notif_core::record::PartitionId;
use rdkafka::error::RDKafkaErrorCode;

use super::Client;
use super::ffi::{self, KafkaError, Which};

/// How long one call may take. A broker that is down costs this once a call; the partitions that it
/// leads are unanswered then, and the others go on.
pub(crate) const CALL_TIMEOUT: Duration = Duration::from_secs(3);
/// How long to wait before a partition is asked again that was refused for its leader's epoch.
const AGAIN_AFTER: Duration = Duration::from_millis(100);

/// Asks for high watermark, then stable end, then low offset.
///
/// The order matters. The high watermark comes first: what is above it came later than the run began
/// and no promise of freshness speaks of it. The low offset comes last: if retention moves it while
/// we ask, the plan sees it moved, and never reads from an offset that was gone before the end was
/// known.
pub(crate) fn watermarks_ask(
    client: &Client,
    partitions: &[PartitionId],
    timeout: Duration,
) -> BTreeMap<PartitionId, Result<Watermarks, String>> {
    let ask = |partitions: &[PartitionId], timeout| ask_once(client, partitions, timeout);
    let found = ask_until_known(partitions, timeout.min(CALL_TIMEOUT), ask);
    let in_words = |error: KafkaError| error.message;
    let found = found.into_iter();
    found
        .map(|(id, answer)| (id, answer.map_err(in_words)))
        .collect()
}

type Found = BTreeMap<PartitionId, Result<Watermarks, KafkaError>>;

/// Asks, and again within `timeout` for what is refused because client and broker do not agree yet who
/// leads. So it is for a moment after a leader changed or a broker came back; for a poll to leave the
/// partition to the next one would alarm somebody for nothing.
fn ask_until_known(
    partitions: &[PartitionId],
    timeout: Duration,
    mut ask: impl FnMut(&[PartitionId], Duration) -> Found,
) -> Found {
    let started = Instant::now();
    let mut found = ask(partitions, timeout);
    loop {
        let refused: Vec<PartitionId> = found
            .iter()
            .filter(|(_, answer)| answer.as_ref().is_err_and(is_for_the_epoch))
            .map(|(id, _)| id.clone())
            .collect();
        let left = timeout.saturating_sub(started.elapsed());
        if refused.is_empty() || left <= AGAIN_AFTER {
            return found;
        }
        thread::sleep(AGAIN_AFTER);
        found.extend(ask(&refused, left));
    }
}

fn is_for_the_epoch(refusal: &KafkaError) -> bool {
    matches!(
        refusal.code,
        RDKafkaErrorCode::FencedLeaderEpoch | RDKafkaErrorCode::UnknownLeaderEpoch
    )
}

fn ask_once(client: &Client, partitions: &[PartitionId], timeout: Duration) -> Found {
    let ask = |which| {
        answers(
            ffi::list_offsets(client, partitions, which, timeout),
            partitions,
        )
    };
    let (mut high, mut end, mut low) = (ask(Which::High), ask(Which::StableEnd), ask(Which::Low));
    let no_answer = || KafkaError {
        code: RDKafkaErrorCode::NoOffset,
        message: "no answer".to_owned(),
    };
    partitions
        .iter()
        .map(|id| {
            let take = |from: &mut Answers| from.remove(id).unwrap_or_else(|| Err(no_answer()));
            let watermarks = take(&mut high).and_then(|high| {
                Ok(Watermarks {
                    high: EndOffset::at(high),
                    end: EndOffset::at(take(&mut end)?),
                    low: NextOffset::at(take(&mut low)?),
                })
            });
            (id.clone(), watermarks)
        })
        .collect()
}

type Answers = BTreeMap<PartitionId, Result<i64, KafkaError>>;

/// A call that failed as a whole is no answer for any partition.
fn answers(
    outcome: Result<ffi::Answers<PartitionId, i64>, KafkaError>,
    partitions: &[PartitionId],
) -> Answers {
    match outcome {
        Ok(list) => list.into_iter().collect(),
        Err(error) => partitions
            .iter()
            .map(|id| (id.clone(), Err(error.clone())))
            .collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMIT: Duration = Duration::from_secs(20);

    fn refused(code: RDKafkaErrorCode) -> Result<Watermarks, KafkaError> {
        Err(KafkaError {
            code,
            message: code.to_string(),
        })
    }

    fn known() -> Watermarks {
        Watermarks {
            high: EndOffset::at(3),
            end: EndOffset::at(3),
            low: NextOffset::at(0),
        }
    }

    fn ids(partitions: &[i32]) -> Vec<PartitionId> {
        let id = |partition: &i32| PartitionId::new("t", *partition);
        partitions.iter().map(id).collect()
    }

    /// What is asked for, time after time, of partitions that are refused so often.
    fn asked(refusals: [(RDKafkaErrorCode, usize); 3], limit: Duration) -> (Vec<usize>, Found) {
        let mut asked = Vec::new();
        let found = ask_until_known(&ids(&[0, 1, 2]), limit, |partitions, _| {
            let before = asked.len();
            asked.push(partitions.len());
            let answer = |id: &PartitionId| {
                let (code, times) = refusals[usize::try_from(id.partition).unwrap()];
                let answer = if before < times {
                    refused(code)
                } else {
                    Ok(known())
                };
                (id.clone(), answer)
            };
            partitions.iter().map(answer).collect()
        });
        (asked, found)
    }

    #[test]
    fn who_is_refused_for_the_leaders_epoch_is_asked_until_it_is_known() {
        let (asked, found) = asked(
            [
                (RDKafkaErrorCode::FencedLeaderEpoch, 1),
                (RDKafkaErrorCode::UnknownLeaderEpoch, 3),
                (RDKafkaErrorCode::UnknownLeaderEpoch, 0),
            ],
            LIMIT,
        );
        assert_eq!(asked, [3, 2, 1, 1]);
        assert!(found.values().all(Result::is_ok), "{found:?}");
    }

    #[test]
    fn other_refusals_stand() {
        let code = RDKafkaErrorCode::LeaderNotAvailable;
        let (asked, found) = asked([(code, 1), (code, 0), (code, 9)], LIMIT);
        assert_eq!(asked, [3]);
        let answers: Vec<bool> = found.values().map(Result::is_ok).collect();
        assert_eq!(answers, [false, true, false]);
    }

    #[test]
    fn it_ends_in_time_though_nobody_knows_better() {
        let code = RDKafkaErrorCode::FencedLeaderEpoch;
        let limit = AGAIN_AFTER * 3;
        let (asked, found) = asked([(code, usize::MAX); 3], limit);
        assert!((1..=3).contains(&asked.len()), "{asked:?}");
        assert!(found.values().all(Result::is_err));
    }
}
