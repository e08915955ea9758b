//! From the tailer to those who follow; and who is too slow for that.

use std::sync::{Arc, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use actix_web::rt::time::timeout;
use notif_core::filter::Filter;
use notif_core::tail::{Front, Piece, Place};

use super::client::Client;
use super::event::ResetReason;
use super::{Counters, Streams, Tail, reading};
use crate::database::Database;
use crate::problem::Problem;

/// How long to wait for clients before looking again.
const LOOK: Duration = Duration::from_millis(50);
/// How long the memory of a client that was cut off takes to come back.
const CUT_LIMIT: Duration = Duration::from_millis(200);
/// Clients that hold about as much are told apart by how long they have not moved.
const ABOUT: usize = 1024 * 1024;

/// Patience comes back at this part of the time that passes.
const REFILL: u32 = 10;

/// How long the tail may wait for those who are too slow. All of them have it together: so they hold the
/// others up for a tenth of the time at most, however many they are and however often they come back.
pub(super) struct Patience {
    left: Duration,
    at: Instant,
}

impl Patience {
    /// So much is left now.
    pub(super) fn now(left: Duration) -> Self {
        Self {
            left,
            at: Instant::now(),
        }
    }

    fn refilled(&self, most: Duration) -> Duration {
        let back = self.at.elapsed().checked_div(REFILL).unwrap_or_default();
        self.left.saturating_add(back).min(most)
    }
}

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

    /// Waits for followers that have passed their bound, as long as there is patience left.
    async fn wait_for_room(&self, followers: &[Arc<Client>]) {
        let bytes = self.options.client_bytes;
        let mut left = self.patience().refilled(self.options.grace);
        while !left.is_zero() && followers.iter().any(|client| client.is_behind(bytes)) {
            let started = Instant::now();
            // looked at again whether something has moved or not
            drop(timeout(LOOK.min(left), self.progress.notified()).await);
            left = left.saturating_sub(started.elapsed());
        }
        *self.patience() = Patience::now(left);
    }

    fn patience(&self) -> MutexGuard<'_, Patience> {
        self.patience.lock().unwrap_or_else(PoisonError::into_inner)
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
