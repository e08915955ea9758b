//! The steps along the tail, read from the database: for the tailer, and for a client that catches up.

use std::collections::HashMap;
use std::sync::Arc;

use notif_core::filter::Filter;
use notif_core::notification::Notification;
use notif_core::store::tail;
use notif_core::tail::{BATCHES_MAX, Lost, Piece, Place, Walk};
use uuid::Uuid;

use super::event::{Event, Memory};
use crate::database::Database;
use crate::problem::Problem;

/// A row that somebody wants to see.
pub(super) struct Row {
    /// The place right behind it.
    pub(super) place: Place,
    /// What it says, without its event.
    pub(super) notification: Notification,
    /// What is sent of it.
    pub(super) event: Arc<Event>,
}

/// Why there is no next step.
#[derive(Debug, thiserror::Error)]
pub(super) enum Stop {
    /// Nothing could be read; later perhaps.
    #[error("{0}")]
    Problem(#[from] Problem),
    /// There is no way on from here.
    #[error("{0}")]
    Lost(#[from] Lost),
}

/// The place behind all that is committed.
pub(super) async fn end(database: &Database) -> Result<Place, Problem> {
    let newest = database.read(tail::newest_commit()).await?;
    let batches = database.read(tail::batches_from(newest, 1)).await?;
    let newest_batch = batches.first().filter(|batch| batch.commit_seq == newest);
    Ok(newest_batch.map_or_else(|| Place::behind_nothing(newest), Place::behind))
}

/// Looks for batches ahead; whether there may be more than were found.
pub(super) async fn look(database: &Database, walk: &mut Walk) -> Result<bool, Stop> {
    let from = walk.place().commit_seq();
    let batches = database.read(tail::batches_from(from, BATCHES_MAX)).await?;
    // the batch of the place itself is gone, or the counter went back behind it
    if batches.is_empty() && database.read(tail::newest_commit()).await? < from {
        return Err(Lost::OtherHistory.into());
    }
    walk.look(&batches)?;
    Ok(i64::try_from(batches.len()).is_ok_and(|found| found >= BATCHES_MAX))
}

/// Opens the next batches that were found; false where there are none.
pub(super) async fn open_next(database: &Database, walk: &mut Walk) -> Result<bool, Problem> {
    let batch_ids = walk.next_batches();
    if batch_ids.is_empty() {
        return Ok(false);
    }
    walk.open(database.read(tail::batch_rows(&batch_ids)).await?);
    Ok(true)
}

/// Reads those rows of a piece that any of `filters` shows, in order. What nobody wants to see is not
/// read whole.
pub(super) async fn piece(
    database: &Database,
    memory: &Memory,
    piece: &Piece,
    filters: &[&Filter],
) -> Result<Vec<Row>, Problem> {
    let all = || piece.rows.iter().map(|row| row.id);
    let shows_all = Filter::default();
    let wanted: Vec<Uuid> = if filters.iter().any(|filter| **filter == shows_all) {
        all().collect()
    } else {
        let ids: Vec<Uuid> = all().collect();
        let rows = database
            .read(tail::notifications_without_events(&ids))
            .await?;
        let shown = |row: &&Notification| filters.iter().any(|filter| filter.matches(row));
        rows.iter()
            .filter(shown)
            .map(|row| row.notification_id)
            .collect()
    };
    if wanted.is_empty() {
        return Ok(Vec::new());
    }
    let places = piece.rows.iter().enumerate();
    let places: HashMap<Uuid, (usize, Place)> = places
        .map(|(number, row)| (row.id, (number, row.place)))
        .collect();
    let memory = memory.clone();
    // made where a large answer is understood: on a thread of its own
    let rows = tail::notifications(&wanted)
        .map(|read| read.and_then(move |rows| Ok(into_rows(rows, &places, &memory))));
    database.read(rows).await
}

fn into_rows(
    notifications: Vec<Notification>,
    places: &HashMap<Uuid, (usize, Place)>,
    memory: &Memory,
) -> Vec<Row> {
    let mut rows = Vec::with_capacity(notifications.len());
    for mut notification in notifications {
        let Some((number, place)) = places.get(&notification.notification_id) else {
            continue;
        };
        let event = Event::notification(memory, place, &notification);
        // its text is in the event now
        notification.event = String::new();
        let row = Row {
            place: *place,
            notification,
            event: Arc::new(event),
        };
        rows.push((number, row));
    }
    rows.sort_unstable_by_key(|(number, _)| **number);
    rows.into_iter().map(|(_, row)| row).collect()
}
