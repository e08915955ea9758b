//! A client that resumes: from where it was up to where it may follow.

use std::sync::Arc;

use actix_web::rt::time::sleep;
use actix_web::web::Data;
use notif_core::store::tail;
use notif_core::tail::{Lost, Place, ROWS_BACK_MAX, Walk};

use super::client::Client;
use super::event::ResetReason;
use super::reading::{self, Stop};
use super::{Counters, tailer};
use crate::app::App;
use crate::problem::Problem;

/// Where a stream begins.
pub(super) enum Start {
    /// Where the tail is now; with a reason where it was asked for something else.
    Now(Option<ResetReason>),
    /// Where it was.
    Behind(Walk),
}

/// Whether it goes on where it was.
pub(super) async fn start(app: &App, place: Place) -> Result<Start, Problem> {
    if !is_there(app, &place).await? {
        return Ok(Start::Now(Some(ResetReason::UnknownPlace)));
    }
    let mut walk = Walk::new(place);
    match look_back(app, &mut walk).await {
        Ok(rows) if rows <= ROWS_BACK_MAX => Ok(Start::Behind(walk)),
        Ok(_) | Err(Stop::Lost(Lost::TooFar)) => Ok(Start::Now(Some(ResetReason::TooFarBehind))),
        Err(Stop::Lost(Lost::OtherHistory)) => Ok(Start::Now(Some(ResetReason::UnknownPlace))),
        Err(Stop::Problem(problem)) => Err(problem),
    }
}

/// Whether what lies at the place is still what it was.
async fn is_there(app: &App, place: &Place) -> Result<bool, Problem> {
    if let Some(row) = place.row() {
        let batch = app.database.read(tail::batch_of(row)).await?;
        return Ok(batch.is_some_and(|batch| place.is_in(&batch)));
    }
    let from = place.commit_seq();
    let batches = app.database.read(tail::batches_from(from, 1)).await?;
    match batches.first().filter(|batch| batch.commit_seq == from) {
        Some(batch) => Ok(place.is_in(batch)),
        // before the first batch, or behind one that wrote no row and is not kept any more
        None if *place == Place::behind_nothing(from) => {
            Ok(app.database.read(tail::newest_commit()).await? >= from)
        }
        None => Ok(false),
    }
}

/// How many rows lie ahead.
async fn look_back(app: &App, walk: &mut Walk) -> Result<i64, Stop> {
    let place = walk.place();
    let beyond = app
        .database
        .read(tail::rows_beyond(place.commit_seq()))
        .await?;
    if beyond > ROWS_BACK_MAX {
        return Err(Lost::TooFar.into());
    }
    reading::look(&app.database, walk).await?;
    if place.row().is_some() {
        reading::open_next(&app.database, walk).await?;
    }
    Ok(beyond.saturating_add(walk.rest_of_batch()))
}

/// Reads on for a client until it may follow, is reset, or is gone.
pub(super) async fn run(app: Data<App>, id: u64, client: Arc<Client>, mut walk: Walk) {
    while !client.has_ended() {
        match read_on(&app, id, &client, walk).await {
            Ok(()) => return,
            Err(Stop::Lost(lost)) => {
                app.streams.reset_one(id, &client, tailer::reason(lost));
                return;
            }
            Err(Stop::Problem(problem)) => {
                log::debug!("a stream cannot catch up yet: {problem}");
                sleep(app.streams.options.look_every).await;
                walk = Walk::new(client.place());
            }
        }
    }
}

async fn read_on(app: &App, id: u64, client: &Client, mut walk: Walk) -> Result<(), Stop> {
    let streams = &app.streams;
    // where the client is, as far as it was brought there by this
    let mut at = client.place();
    loop {
        while let Some(piece) = walk.piece() {
            client
                .room(streams.options.client_bytes.div_euclid(2))
                .await;
            if client.has_ended() {
                return Ok(());
            }
            let rows = {
                let _turn = streams.catching_up.acquire().await;
                let filter = [client.filter()];
                reading::piece(&app.database, &streams.memory, &piece, &filter).await?
            };
            let Some(given) = client.give_own(at, &rows, piece.end) else {
                return Ok(());
            };
            Counters::add(&streams.counters.events, given);
            drop(rows);
            at = piece.end;
            walk.pass(&piece);
            streams.bound_memory().await;
        }
        if client.give_own(at, &[], walk.place()).is_none() {
            return Ok(());
        }
        at = walk.place();
        if reading::open_next(&app.database, &mut walk).await? {
            continue;
        }
        if streams.follow(id, client) {
            return Ok(());
        }
        reading::look(&app.database, &mut walk).await?;
        if walk.next_batches().is_empty() {
            // the tail has seen more than we do: its connection leads to a server that is ahead
            sleep(streams.options.look_every).await;
        }
    }
}
