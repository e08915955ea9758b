//! The campus simulator: what CampusG's services write to Kafka, without CampusG.
//!
//! Pure: a seed gives the same events on every machine. Orders begin at random moments and live
//! their lives (`campus/life.rs`); each step is a message in the manner of the service that sends it
//! (`campus/voice.rs`, `campus/payload.rs`). Simulated time moves with the events. Nothing here
//! knows Kafka but for the shape of a record.

mod json;
mod life;
mod payload;
mod random;
mod voice;

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use self::life::{Order, Step};
use self::payload::{Person, push_person};
pub use self::random::Random;
use self::voice::{Key, Voice};
use crate::kafka::Message;

/// The ten topics of CampusG, old and new naming.
pub const TOPICS: [&str; 10] = [
    "user-events",
    "order-events",
    "payment-events",
    "escrow-events",
    "scheduler-events",
    "saga-events",
    "notification-events",
    "order_events",
    "payment_events",
    "user_events",
];

/// How many partitions each of them has.
pub const PARTITIONS: i32 = 3;

/// Noon of 1 March 2026, UTC; where time begins if nothing else is said.
const DEFAULT_START_MS: i64 = 1_772_366_400_000;

const DEFAULT_ORDERS_PER_MINUTE: u32 = 20;

/// One record as a service of CampusG would produce it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CampusEvent {
    /// One of [`TOPICS`].
    pub topic: &'static str,
    /// Below [`PARTITIONS`]; equal keys of a topic have equal partitions.
    pub partition: i32,
    /// The id of the order, the saga or the user; the scheduler sends none.
    pub key: Option<Vec<u8>>,
    /// JSON in UTF-8, in some topics encoded twice.
    pub value: Vec<u8>,
    /// In order.
    pub headers: Vec<(String, Option<Vec<u8>>)>,
    /// Milliseconds since 1970; never less than that of the event before.
    pub timestamp_ms: i64,
}

impl From<CampusEvent> for Message {
    fn from(event: CampusEvent) -> Self {
        Self {
            key: event.key,
            value: Some(event.value),
            headers: event.headers,
            timestamp_ms: Some(event.timestamp_ms),
        }
    }
}

/// A campus whose time moves as its events are taken; an iterator without end.
#[derive(Debug, Clone)]
pub struct Campus {
    random: Random,
    start_ms: i64,
    /// Mean time between two orders.
    order_gap_ms: u32,
    hurry: u32,
    /// What happens next, the earliest first; the number keeps equal times in order.
    agenda: BinaryHeap<Reverse<Entry>>,
    planned: u64,
}

#[derive(Debug, Clone)]
struct Entry {
    time_ms: i64,
    number: u64,
    step: Step,
    order: Box<Order>,
}

impl Campus {
    /// A campus at noon of 1 March 2026 with 20 orders a minute.
    pub fn new(seed: u64) -> Self {
        let mut campus = Self {
            random: Random::new(seed),
            start_ms: DEFAULT_START_MS,
            order_gap_ms: 60_000 / DEFAULT_ORDERS_PER_MINUTE,
            hurry: 1,
            agenda: BinaryHeap::new(),
            planned: 0,
        };
        campus.open();
        campus
    }

    /// The same campus, its time beginning at `start_ms` (milliseconds since 1970).
    #[must_use]
    pub fn starting_at(mut self, start_ms: i64) -> Self {
        self.start_ms = start_ms;
        self.open();
        self
    }

    /// The same campus with another number of orders a minute, at most 60,000.
    #[must_use]
    pub fn orders_per_minute(mut self, orders: u32) -> Self {
        self.order_gap_ms = 60_000_u32.checked_div(orders).unwrap_or(60_000).max(1);
        self.open();
        self
    }

    /// The same campus with everything within an order going `factor` times as fast: at 60 the half
    /// hour from order to delivery passes in half a minute.
    #[must_use]
    pub fn hurried(mut self, factor: u32) -> Self {
        self.hurry = factor.max(1);
        self.open();
        self
    }

    /// The next `count` events.
    pub fn events(&mut self, count: usize) -> Vec<CampusEvent> {
        self.take(count).collect()
    }

    /// The events up to a time, exclusive; later calls go on from there.
    pub fn events_until(&mut self, end_ms: i64) -> Vec<CampusEvent> {
        let mut events = Vec::new();
        while self
            .agenda
            .peek()
            .is_some_and(|Reverse(entry)| entry.time_ms < end_ms)
        {
            events.extend(self.next());
        }
        events
    }

    /// Puts the first order and the first user on the empty agenda.
    fn open(&mut self) {
        self.agenda.clear();
        for first in [Step::CreateOrder, Step::UserLoggedIn] {
            let order = Box::new(Order::new(&mut self.random));
            self.plan(self.start_ms, first, order);
        }
    }

    fn plan(&mut self, time_ms: i64, step: Step, order: Box<Order>) {
        self.planned = self.planned.saturating_add(1);
        self.agenda.push(Reverse(Entry {
            time_ms,
            number: self.planned,
            step,
            order,
        }));
    }

    /// What an event brings about: the next step of its order, and another order or user.
    fn plan_after(&mut self, entry: Entry) {
        let Entry {
            time_ms,
            step,
            mut order,
            ..
        } = entry;
        let another = match step {
            Step::CreateOrder => Some((Step::CreateOrder, self.order_gap_ms)),
            Step::UserLoggedIn | Step::UserRegistered | Step::ProfileUpdated => {
                let what = match self.random.below(10) {
                    0 => Step::UserRegistered,
                    1 | 2 => Step::ProfileUpdated,
                    _ => Step::UserLoggedIn,
                };
                // users come and go half as often as they order
                Some((what, self.order_gap_ms.saturating_mul(2)))
            }
            _ => None,
        };
        if let Some((another, mean_ms)) = another {
            let gap = self
                .random
                .below(mean_ms.saturating_mul(2).saturating_add(1));
            let newcomer = Box::new(Order::new(&mut self.random));
            self.plan(time_ms.saturating_add(gap.into()), another, newcomer);
        }
        if let Some((next, delay_ms)) = order.advance(step, &mut self.random) {
            let delay_ms = delay_ms.checked_div(self.hurry).unwrap_or(delay_ms).max(1);
            self.plan(time_ms.saturating_add(delay_ms.into()), next, order);
        }
    }

    fn write(&mut self, entry: &Entry) -> CampusEvent {
        let (voice, order) = (Voice::of(entry.step), &entry.order);
        let value = payload::message(entry.step, order, entry.time_ms, &mut self.random);
        let mut id = String::with_capacity(36);
        match voice.key {
            Key::Order => json::push_uuid(&mut id, order.id),
            Key::Correlation => json::push_uuid(&mut id, order.correlation),
            Key::Customer => push_person(&mut id, Person::Customer, order.customer),
            Key::None => {}
        }
        let key = (voice.key != Key::None).then(|| id.into_bytes());
        let hash = key.as_deref().map_or_else(|| self.random.next(), fnv1a);
        let mut headers = Vec::new();
        if voice.headers {
            let mut correlation = String::with_capacity(36);
            json::push_uuid(&mut correlation, order.correlation);
            headers.push((
                "content-type".to_owned(),
                Some(b"application/json".to_vec()),
            ));
            headers.push(("correlation-id".to_owned(), Some(correlation.into_bytes())));
        }
        CampusEvent {
            topic: voice.topic,
            partition: partition_of(hash),
            key,
            value: value.into_bytes(),
            headers,
            timestamp_ms: entry.time_ms,
        }
    }
}

impl Iterator for Campus {
    type Item = CampusEvent;

    fn next(&mut self) -> Option<CampusEvent> {
        let Reverse(entry) = self.agenda.pop()?;
        let event = self.write(&entry);
        self.plan_after(entry);
        Some(event)
    }
}

impl PartialEq for Entry {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for Entry {}

impl PartialOrd for Entry {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Entry {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        (self.time_ms, self.number).cmp(&(other.time_ms, other.number))
    }
}

fn partition_of(hash: u64) -> i32 {
    let remainder = hash
        .checked_rem(PARTITIONS.unsigned_abs().into())
        .unwrap_or(0);
    i32::try_from(remainder).unwrap_or(0)
}

/// A hash that spreads ids over partitions; which one a client uses matters to nobody.
fn fnv1a(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xCBF2_9CE4_8422_2325, |hash, byte| {
        (hash ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01B3)
    })
}

#[cfg(test)]
mod tests;
