//! Draining, in as many rounds as it takes: partitions with records that PostgreSQL refuses as they are
//! come round again, from where they are stored, with those records as raw bytes.

use std::collections::HashMap;
use std::mem::ManuallyDrop;
use std::sync::Arc;
use std::thread;

use notif_core::record::PartitionId;
use notif_core::store::{Session, StoreError};

use super::Run;
use crate::brokers;
use crate::kafka::{Client, KafkaError};
use crate::pipeline::{self, Outcome, Task};

/// A run refuses to keep more than these records as raw bytes where they are also more than one in
/// a hundred of what there was to read: then it is not the data that is wrong.
const REFUSED_MAX: usize = 100;

/// What is not done after so many rounds is the next run's: each takes a client of its own.
const ROUNDS_MAX: u32 = 5;

/// Drains the tasks. The session is given back, but for a panic of the thread that had it.
pub(super) fn drain(
    run: &Run,
    session: Session,
    tasks: &[Task],
) -> (Option<Session>, Result<Outcome, KafkaError>) {
    let to_read = tasks.iter().map(Task::length).fold(0, i64::saturating_add);
    let first = round(run, &run.client, session, tasks);
    let (Some(mut session), Ok(mut total)) = first else {
        return first;
    };
    let mut refused = Refused::default();
    for _ in 1..ROUNDS_MAX {
        refused.judge(&mut total, to_read);
        if !goes_on(run, &total) {
            break;
        }
        // A fresh client: the old one remembers positions behind those where the reading begins now,
        // and to believe them would be to skip what lies between.
        let client = match brokers::client(&run.kafka) {
            Ok(client) => client,
            Err(error) => {
                total.kafka_lost = Some(format!("no second client could be made: {error}"));
                break;
            }
        };
        let tasks = std::mem::take(&mut total.again);
        let (left, outcome) = round(run, &client, session, &tasks);
        leave(client);
        match outcome {
            Ok(outcome) => total.add(outcome),
            Err(error) => total.kafka_lost = Some(format!("reading again failed: {error}")),
        }
        let Some(left) = left else {
            return (None, Ok(total));
        };
        session = left;
    }
    refused.judge(&mut total, to_read);
    (Some(session), Ok(total))
}

fn round(
    run: &Run,
    client: &Client,
    session: Session,
    tasks: &[Task],
) -> (Option<Session>, Result<Outcome, KafkaError>) {
    pipeline::run(
        client,
        session,
        &run.database,
        tasks,
        run.start.run_id,
        run.clock,
        &run.deadline,
    )
}

fn goes_on(run: &Run, total: &Outcome) -> bool {
    !total.again.is_empty()
        && total.failure.is_none()
        && total.kafka_lost.is_none()
        && !run.deadline.is_over()
}

/// Lets go of a client on a thread of its own: it may take long, and nobody waits for it.
fn leave(client: ManuallyDrop<Arc<Client>>) {
    drop(thread::spawn(move || {
        drop(ManuallyDrop::into_inner(client));
    }));
}

/// How many records were refused, of each partition.
#[derive(Default)]
struct Refused(HashMap<PartitionId, usize>);

impl Refused {
    /// Counts those that come round again; the run fails where there are too many.
    fn judge(&mut self, total: &mut Outcome, to_read: i64) {
        for task in &total.again {
            self.0.insert(task.id.clone(), task.refused.len());
        }
        let refused: usize = self.0.values().sum();
        let to_read = usize::try_from(to_read).unwrap_or(0);
        if refused > REFUSED_MAX && refused.saturating_mul(100) > to_read {
            total.failure.get_or_insert(StoreError::Internal(format!(
                "PostgreSQL refuses {refused} records of {to_read} that there are to read"
            )));
        }
    }
}
