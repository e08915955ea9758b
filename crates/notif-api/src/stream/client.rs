//! One client: what it wants to see, where it is, and what waits to be sent to it.
//!
//! The queue is filled by the tailer, or while the client catches up by `catch_up`, and emptied by the
//! body of the response.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::Waker;
use std::time::{Duration, Instant};

use notif_core::filter::Filter;
use notif_core::tail::Place;
use tokio::sync::Notify;

use super::connection::Connection;
use super::event::{Event, Memory, ResetReason};
use super::reading::Row;

/// Why a stream ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum End {
    /// The client is gone.
    Gone,
    /// The client is too slow.
    TooSlow,
    /// The process ends.
    Draining,
}

/// A client of the stream.
pub(super) struct Client {
    filter: Filter,
    connection: Connection,
    queue: Mutex<Queue>,
    /// Wakes who catches up for it: there is room, or no need.
    room: Notify,
}

struct Queue {
    events: VecDeque<Arc<Event>>,
    /// Of the events that wait, the one that is being sent included.
    bytes: usize,
    /// Everything up to here that it wants to see was put into the queue.
    place: Place,
    end: Option<End>,
    /// When it last took something, or had nothing to take.
    progress: Instant,
    waker: Option<Waker>,
}

/// What a client is sent next.
pub(super) enum Next {
    /// This event.
    Event(Arc<Event>),
    /// Nothing now; everything up to this place was sent.
    Nothing(Place),
    /// Nothing more.
    End(End),
}

impl Client {
    /// A client that is at `place`.
    pub(super) fn new(filter: Filter, connection: Connection, place: Place) -> Self {
        Self {
            filter,
            connection,
            queue: Mutex::new(Queue {
                events: VecDeque::new(),
                bytes: 0,
                place,
                end: None,
                progress: Instant::now(),
                waker: None,
            }),
            room: Notify::new(),
        }
    }

    fn queue(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What it wants to see.
    pub(super) fn filter(&self) -> &Filter {
        &self.filter
    }

    /// Its socket.
    pub(super) fn connection(&self) -> &Connection {
        &self.connection
    }

    /// Where it is.
    pub(super) fn place(&self) -> Place {
        self.queue().place
    }

    /// Gives it what it wants to see of `rows` beyond its place, and moves it to `end`, unless it is
    /// further already; how many that were.
    pub(super) fn give(&self, rows: &[Row], end: Place) -> u64 {
        self.queue().give(&self.filter, rows, end)
    }

    /// The same for rows that were read for it alone from `start` on. Nothing, and none, where it is not
    /// there any more: it was reset, or has ended.
    pub(super) fn give_own(&self, start: Place, rows: &[Row], end: Place) -> Option<u64> {
        let mut queue = self.queue();
        let expected = queue.place == start && queue.end.is_none();
        expected.then(|| queue.give(&self.filter, rows, end))
    }

    /// Tells it that it goes on at `place`.
    pub(super) fn reset(&self, memory: &Memory, place: Place, reason: ResetReason) {
        let mut queue = self.queue();
        queue.push(&Arc::new(Event::reset(memory, &place, reason)));
        queue.place = place;
        queue.wake(true);
    }

    /// Ends the stream; false where it has ended before.
    pub(super) fn end(&self, end: End) -> bool {
        let mut queue = self.queue();
        let first = queue.end.is_none();
        queue.end.get_or_insert(end);
        // the one that is being sent goes when the body goes
        let waiting: usize = queue.events.drain(..).map(|event| event.cost()).sum();
        queue.bytes = queue.bytes.saturating_sub(waiting);
        queue.wake(true);
        drop(queue);
        self.room.notify_one();
        first
    }

    /// Closes its connection, where that is still open.
    pub(super) fn cut(&self) {
        self.connection.cut();
    }

    /// Whether the stream has ended.
    pub(super) fn has_ended(&self) -> bool {
        self.queue().end.is_some()
    }

    /// Waits until at most `bytes` wait for it, or it has ended.
    pub(super) async fn room(&self, bytes: usize) {
        loop {
            let notified = self.room.notified();
            let (waiting, ended) = {
                let queue = self.queue();
                (queue.bytes, queue.end.is_some())
            };
            if ended || waiting <= bytes {
                return;
            }
            notified.await;
        }
    }

    /// What is sent next, after `sent`; `waker` is woken when there is something where there is nothing.
    pub(super) fn next(&self, sent: Option<Arc<Event>>, waker: &Waker) -> Next {
        let mut queue = self.queue();
        if let Some(sent) = sent {
            queue.bytes = queue.bytes.saturating_sub(sent.cost());
        }
        queue.progress = Instant::now();
        let next = if let Some(end) = queue.end {
            Next::End(end)
        } else if let Some(event) = queue.events.pop_front() {
            Next::Event(event)
        } else {
            queue.waker = Some(waker.clone());
            Next::Nothing(queue.place)
        };
        drop(queue);
        self.room.notify_one();
        next
    }

    /// Notes that it took a part of an event; whether it is to get the rest.
    pub(super) fn took_a_part(&self) -> bool {
        let mut queue = self.queue();
        queue.progress = Instant::now();
        queue.end.is_none()
    }

    /// Bytes that wait for it, and since when it took nothing.
    pub(super) fn waiting(&self) -> (usize, Duration) {
        let queue = self.queue();
        (queue.bytes, queue.progress.elapsed())
    }

    /// Whether more than `bytes` wait for it.
    pub(super) fn is_behind(&self, bytes: usize) -> bool {
        let queue = self.queue();
        queue.end.is_none() && queue.bytes > bytes
    }
}

impl Queue {
    fn give(&mut self, filter: &Filter, rows: &[Row], end: Place) -> u64 {
        let mut given = 0_u64;
        for row in rows {
            if !self.place.reaches(&row.place) && filter.matches(&row.notification) {
                self.push(&row.event);
                given = given.saturating_add(1);
            }
        }
        if !self.place.reaches(&end) {
            self.place = end;
        }
        self.wake(given > 0);
        given
    }

    fn push(&mut self, event: &Arc<Event>) {
        if self.end.is_some() {
            return;
        }
        if self.bytes == 0 {
            // from now on there is something to take
            self.progress = Instant::now();
        }
        self.bytes = self.bytes.saturating_add(event.cost());
        self.events.push_back(Arc::clone(event));
    }

    fn wake(&mut self, worth_it: bool) {
        if worth_it && let Some(waker) = self.waker.take() {
            waker.wake();
        }
    }
}
