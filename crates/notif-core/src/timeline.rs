//! The story of an order across services.
//!
//! Most events of payments and users name no order, only a correlation id; the order's own rows tie
//! that id to it. So its story is its own rows, and those that share a correlation id with them: one
//! hop, since a second one would soon reach everything. An id that leads to other orders, or to too
//! many rows, is *ambiguous* and brings nothing (design, section 7). How the rows are found is in
//! `store::timeline`.

use crate::notification::Notification;

/// The most events of a timeline; the newest are kept.
pub const EVENTS_MAX: u32 = 2_000;
/// How many correlation ids are followed at most; the newest are.
pub const CORRELATION_IDS_MAX: u32 = 50;

/// Why an event belongs to the story.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LinkedBy {
    /// It names the order.
    Order,
    /// It names no order, and shares a correlation id with one that names this one.
    Correlation,
}

/// An event of a story.
#[derive(Debug, Clone, PartialEq)]
pub struct TimelineEvent {
    /// The row.
    pub notification: Notification,
    /// Why it is here.
    pub linked_by: LinkedBy,
    /// Milliseconds since the event before it; none for the first one.
    pub since_previous_ms: Option<i64>,
}

/// The story of an order.
#[derive(Debug, Clone, PartialEq)]
pub struct Timeline {
    /// The order.
    pub order_id: String,
    /// The customers that its events name, in the order in which they appear.
    pub customer_ids: Vec<String>,
    /// The runners that its events name, in the order in which they appear.
    pub runner_ids: Vec<String>,
    /// The correlation ids of the order's own rows, newest first; the ambiguous ones are among them.
    pub correlation_ids: Vec<String>,
    /// Those of them that brought nothing.
    pub ambiguous_correlation_ids: Vec<String>,
    /// Whether something was left out: older events, or older correlation ids.
    pub truncated: bool,
    /// Oldest first.
    pub events: Vec<TimelineEvent>,
}

/// What was found of an order.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Found {
    /// The events, newest first.
    pub events: Vec<Notification>,
    /// Whether there are older ones.
    pub more: bool,
    /// The correlation ids of its own rows, newest first; one more than are followed where there
    /// are more.
    pub correlation_ids: Vec<String>,
    /// The ambiguous ones among them.
    pub ambiguous: Vec<String>,
}

impl Timeline {
    /// Tells the story of `order_id` from what was found of it.
    pub fn new(order_id: String, found: Found) -> Self {
        let Found {
            events,
            more,
            mut correlation_ids,
            ambiguous,
        } = found;
        let followed = usize::try_from(CORRELATION_IDS_MAX).unwrap_or(usize::MAX);
        let truncated = more || correlation_ids.len() > followed;
        correlation_ids.truncate(followed);
        let (mut customer_ids, mut runner_ids) = (Vec::new(), Vec::new());
        let mut previous_ms = None;
        let events = events.into_iter().rev().map(|notification| {
            note(&mut customer_ids, notification.customer_id.as_ref());
            note(&mut runner_ids, notification.runner_id.as_ref());
            let ms = notification.occurred_at.timestamp_millis();
            let before = previous_ms.replace(ms);
            TimelineEvent {
                linked_by: if notification.order_id.as_ref() == Some(&order_id) {
                    LinkedBy::Order
                } else {
                    LinkedBy::Correlation
                },
                since_previous_ms: before.map(|before: i64| ms.saturating_sub(before)),
                notification,
            }
        });
        let events = events.collect();
        let is_ambiguous = |id: &&String| ambiguous.contains(id);
        let ambiguous_correlation_ids = correlation_ids.iter().filter(is_ambiguous).cloned();
        Self {
            ambiguous_correlation_ids: ambiguous_correlation_ids.collect(),
            order_id,
            customer_ids,
            runner_ids,
            correlation_ids,
            truncated,
            events,
        }
    }
}

/// Adds what is not there yet. There are few: an order has a customer and a runner.
fn note(ids: &mut Vec<String>, id: Option<&String>) {
    if let Some(id) = id
        && !ids.contains(id)
    {
        ids.push(id.clone());
    }
}
