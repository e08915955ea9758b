//! From the tailer to those who follow; and who is too slow for that.

use std::sync::Arc;
use std::time::{Duration, Instant};

use actix_web::rt::time::timeout;
use notif_core::filter::Filter;
use notif_core::tail::{Front, Piece, Place};

use super::client::Client;
use super::event::ResetReason;
use super::{Counters, Streams, Tail, reading};
use crate::database::Database;
use crate::problem::Problem;

/// How long to wait for a client before looking again.
const PATIENCE: Duration = Duration::from_millis(50);
/// How long the memory of a client that was cut off takes to come back.
const CUT_LIMIT: Duration = Duration::from_millis(200);
/// Clients that hold about as much are told apart by how long they have not moved.
const ABOUT: usize = 1024 * 1024;

impl Streams {
    /// Reads a piece and gives it to everybody who follows.
    pub(super) async fn hand_out(&self, database: &Database, piece: &Piece) -> Result<(), Problem> {
        let followers = self.begin(piece.end);
        if !followers.is_empty() {
            self.wait_for_room(&followers).await;
            let filters: Vec<&Filter> = followers.iter().map(|client| client.filter()).collect();
            let rows = reading::piece(database, &self.memory, piece, &filters).await?;
            let mut given = 0_u64;
            for client in &followers {
                if client.waiting().0 > self.options.client_bytes {
                    self.cut_off(client, "it is too far behind the others");
                }
                given = given.saturating_add(client.give(&rows, piece.end));
            }
            Counters::add(&self.counters.events, given);
            drop(rows);
            self.bound_memory().await;
        }
        self.passed(piece.end);
        Ok(())
    }

    /// Says how far the tail will come next; who follows it there.
    fn begin(&self, end: Place) -> Vec<Arc<Client>> {
        let mut state = self.state();
        if let Tail::At(front) = &mut state.tail {
            front.begin(end);
        }
        let followers = state
            .members
            .values()
            .flatten()
            .filter(|member| member.follows);
        followers.map(|member| Arc::clone(&member.client)).collect()
    }

    /// Everything up to `place` is handed out.
    pub(super) fn passed(&self, place: Place) {
        if let Tail::At(front) = &mut self.state().tail {
            front.begin(place);
            front.finish();
        }
    }

    /// Waits a little for clients that have passed their bound. Each has so much patience and no more
    /// until it has caught up, so that none holds the others up again and again.
    async fn wait_for_room(&self, followers: &[Arc<Client>]) {
        let mut waited = Duration::ZERO;
        loop {
            let (bytes, grace) = (self.options.client_bytes, self.options.grace);
            let awaited = followers
                .iter()
                .filter(|client| client.is_awaited(bytes, grace, waited));
            // each is asked, which tells it that it was waited for
            if awaited.count() == 0 {
                return;
            }
            let started = Instant::now();
            // looked at again whether something has moved or not
            drop(timeout(PATIENCE, self.progress.notified()).await);
            waited = started.elapsed();
        }
    }

    /// While too much waits for all of them together, cuts off the one that holds most.
    pub(super) async fn bound_memory(&self) {
        while self.memory.bytes() > self.options.all_bytes {
            let clients = self.state().clients();
            let held = clients
                .iter()
                .filter(|client| !client.has_ended())
                .map(|client| {
                    let (bytes, since) = client.waiting();
                    ((bytes.div_euclid(ABOUT), since), bytes, client)
                });
            let holding = held.filter(|(_, bytes, _)| *bytes > 0);
            let Some((_, _, client)) = holding.max_by_key(|(key, _, _)| *key) else {
                return;
            };
            self.cut_off(
                client,
                "too much waits for all streams together, most of it for this one",
            );
            drop(clients);
            // what it was just being sent goes with its connection
            drop(timeout(CUT_LIMIT, self.progress.notified()).await);
        }
    }

    /// Cuts off who has not taken anything for too long.
    pub(super) fn cut_off_stalled(&self) {
        let clients = self.state().clients();
        for client in clients {
            let (bytes, since) = client.waiting();
            if bytes > 0 && since > self.options.stall && !client.has_ended() {
                self.cut_off(&client, "it takes nothing");
            }
        }
    }

    /// Tells everybody that they go on at `here`, whatever was before.
    pub(super) fn reset_all(&self, here: Place, reason: ResetReason) {
        let mut state = self.state();
        state.tail = Tail::At(Front::new(here));
        for member in state.members.values_mut().flatten() {
            member.follows = true;
            self.reset(&member.client, here, reason);
        }
    }
}
