//! The one reader that serves all streams.
//!
//! It asks nothing while there is no stream. While there is one it asks for batches beyond its place
//! once a second, which is one step in one index. What it cannot read because the database is gone it
//! reads when that is back, from the same place on: streams stay open meanwhile, and miss nothing.

use std::time::Instant;

use actix_web::rt::time::sleep;
use actix_web::web::Data;
use notif_core::tail::{Front, Lost, Place, Walk};

use super::event::ResetReason;
use super::reading::{self, Stop};
use super::{Streams, Tail};
use crate::app::App;
use crate::problem::Problem;

/// Serves streams for as long as the process lives.
pub(crate) async fn tail(app: Data<App>) {
    loop {
        app.streams.somebody().await;
        let begun = reading::end(&app.database).await;
        app.streams.begin_tail(&begun);
        match begun {
            Ok(place) => follow(&app, place).await,
            Err(_told_to_those_who_wait) => {
                sleep(app.streams.options.look_every).await;
                // who comes now gets an answer of its own
                app.streams.forget_tail(true);
            }
        }
    }
}

/// Follows the tail from a place on until nobody is left who wants to see it.
async fn follow(app: &App, place: Place) {
    let mut walk = Walk::new(place);
    while !app.streams.forget_tail(false) {
        app.streams.cut_off_stalled();
        let more = match go_on(app, &mut walk).await {
            Ok(more) => more,
            Err(stop) => {
                log::debug!("the tail stops at {}: {stop}", walk.place());
                let from = match stop {
                    Stop::Lost(lost) => begin_anew(app, lost).await,
                    Stop::Problem(_) => None,
                };
                walk = Walk::new(from.unwrap_or(walk.place()));
                false
            }
        };
        if !more {
            sleep(app.streams.options.look_every).await;
        }
    }
}

/// Hands out what lies ahead now; whether there may be more.
async fn go_on(app: &App, walk: &mut Walk) -> Result<bool, Stop> {
    let more = reading::look(&app.database, walk).await?;
    while reading::open_next(&app.database, walk).await? {
        while let Some(piece) = walk.piece() {
            let started = Instant::now();
            app.streams.hand_out(&app.database, &piece).await?;
            walk.pass(&piece);
            if walk.piece().is_some() {
                // a backlog is followed with half of the time: recording it comes first
                sleep(started.elapsed().min(app.streams.options.look_every)).await;
            }
        }
        // there was no row left in them, or all were handed out
        app.streams.passed(walk.place());
    }
    Ok(more)
}

/// Where the tail goes on after all streams were told that it does; none where that is not known yet.
async fn begin_anew(app: &App, lost: Lost) -> Option<Place> {
    let end = reading::end(&app.database).await.ok()?;
    log::warn!("all streams are reset: {lost}");
    app.streams.reset_all(end, reason(lost));
    Some(end)
}

/// What a client is told of it.
pub(super) fn reason(lost: Lost) -> ResetReason {
    match lost {
        Lost::OtherHistory => ResetReason::Restored,
        Lost::TooFar => ResetReason::TooFarBehind,
    }
}

impl Streams {
    /// Waits until somebody wants to follow.
    async fn somebody(&self) {
        loop {
            let notified = self.wanted.notified();
            if !self.state().members.is_empty() {
                return;
            }
            notified.await;
        }
    }

    fn begin_tail(&self, begun: &Result<Place, Problem>) {
        self.state().tail = match begun {
            Ok(place) => Tail::At(Front::new(*place)),
            Err(problem) => Tail::Failed(problem.clone()),
        };
        self.begun.notify_waiters();
    }

    /// Forgets the tail's place where nobody is left, or where it has `failed`; whether it is forgotten.
    fn forget_tail(&self, failed: bool) -> bool {
        let mut state = self.state();
        let forget = failed || state.members.is_empty();
        if forget {
            state.tail = Tail::Unknown;
            drop(state);
            log::debug!("the tail is not followed any more: {:?}", self.counts());
        }
        forget
    }
}
