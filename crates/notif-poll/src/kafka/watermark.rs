//! The three offsets of each partition, in three calls however many partitions there are.

use std::collections::BTreeMap;
use std::time::Duration;

use notif_core::offset::{EndOffset, NextOffset};
use notif_core::plan::Watermarks;
use notif_core::record::PartitionId;

use super::Client;
use super::ffi::{self, KafkaError, Which};

/// How long one call may take. A broker that is down costs this once a call; the partitions that it
/// leads are unanswered then, and the others go on.
pub(crate) const CALL_TIMEOUT: Duration = Duration::from_secs(3);

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
    let timeout = timeout.min(CALL_TIMEOUT);
    let ask = |which| {
        answers(
            ffi::list_offsets(client, partitions, which, timeout),
            partitions,
        )
    };
    let (mut high, mut end, mut low) = (ask(Which::High), ask(Which::StableEnd), ask(Which::Low));
    partitions
        .iter()
        .map(|id| {
            let take = |from: &mut Answers| {
                from.remove(id)
                    .unwrap_or_else(|| Err("no answer".to_owned()))
            };
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

type Answers = BTreeMap<PartitionId, Result<i64, String>>;

/// A call that failed as a whole is no answer for any partition.
fn answers(
    outcome: Result<ffi::Answers<PartitionId, i64>, KafkaError>,
    partitions: &[PartitionId],
) -> Answers {
    match outcome {
        Ok(list) => list
            .into_iter()
            .map(|(id, answer)| (id, answer.map_err(|error| error.message)))
            .collect(),
        Err(error) => partitions
            .iter()
            .map(|id| (id.clone(), Err(error.message.clone())))
            .collect(),
    }
}
