//! Which notifications a reader wants: the filters of lists and of the stream.
//!
//! A filter is data and can judge a row in memory ([`Filter::matches`]), which is what the stream
//! does; how the database finds the rows of a list by their indexes is in `store`. How a filter is
//! written in an address is up to the API.

use std::collections::BTreeSet;

use chrono::{DateTime, Utc};
use uuid::Uuid;

use crate::notification::Notification;
use crate::notification_id;

/// What the column `status` can say.
pub const STATUSES: [&str; 3] = ["captured", "unparseable", "redacted"];
/// The status of nearly every row, for which there is no index.
pub const STATUS_CAPTURED: &str = "captured";
/// The most event types that a filter may come to, its patterns resolved.
pub const EVENT_TYPES_MAX: usize = 100;
/// The most topics that a filter may name.
pub const TOPICS_MAX: usize = 100;

/// What a row must be to be shown: all that is named here at once. The default shows every row.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Filter {
    /// The order that it names.
    pub order_id: Option<String>,
    /// The customer that it names.
    pub customer_id: Option<String>,
    /// The runner that it names.
    pub runner_id: Option<String>,
    /// The saga or request that it belongs to.
    pub correlation_id: Option<String>,
    /// One of [`STATUSES`].
    pub status: Option<String>,
    /// Who sent it.
    pub service: Option<String>,
    /// What happened: one of these.
    pub event_types: EventTypes,
    /// Where it came from: one of these topics; any where there is none.
    pub topics: BTreeSet<String>,
    /// It occurred then or later.
    pub since: Option<DateTime<Utc>>,
    /// It occurred before that.
    pub until: Option<DateTime<Utc>>,
}

impl Filter {
    /// Whether the filter shows this row.
    pub fn matches(&self, row: &Notification) -> bool {
        let is = |wanted: &Option<String>, there: Option<&str>| {
            wanted.as_deref().is_none_or(|wanted| there == Some(wanted))
        };
        is(&self.order_id, row.order_id.as_deref())
            && is(&self.customer_id, row.customer_id.as_deref())
            && is(&self.runner_id, row.runner_id.as_deref())
            && is(&self.correlation_id, row.correlation_id.as_deref())
            && is(&self.status, Some(&row.status))
            && is(&self.service, row.source_service.as_deref())
            && self.event_types.matches(&row.event_type)
            && (self.topics.is_empty() || self.topics.contains(&row.source_topic))
            && self.since.is_none_or(|since| row.occurred_at >= since)
            && self.until.is_none_or(|until| row.occurred_at < until)
    }

    /// The ids of the rows that [`since`](Self::since) and [`until`](Self::until) show: the first
    /// one that is within, and the first one that is not any more. The time of a row is the
    /// beginning of its id, so a time bound is an id bound.
    pub fn id_bounds(&self) -> (Uuid, Uuid) {
        let bound = |at: DateTime<Utc>| notification_id::lower_bound(millis_from(at));
        (
            self.since.map_or(Uuid::nil(), bound),
            // no id is all ones: two of its bits say that it is one
            self.until.map_or(Uuid::max(), bound),
        )
    }

    /// The filter as bytes: the same for two filters that show the same rows by what they name,
    /// however they were written, and different for any others.
    pub fn canonical_bytes(&self) -> Vec<u8> {
        let mut bytes = Vec::new();
        let ids = [
            (1, &self.order_id),
            (2, &self.customer_id),
            (3, &self.runner_id),
            (4, &self.correlation_id),
            (5, &self.status),
            (6, &self.service),
        ];
        for (tag, value) in ids {
            if let Some(value) = value {
                push(&mut bytes, tag, value.as_bytes());
            }
        }
        let sets = [
            (7, &self.event_types.exact),
            (8, &self.event_types.prefixes),
            (9, &self.topics),
        ];
        for (tag, values) in sets {
            for value in values {
                push(&mut bytes, tag, value.as_bytes());
            }
        }
        for (tag, at) in [(10, self.since), (11, self.until)] {
            if let Some(at) = at {
                push(&mut bytes, tag, &millis_from(at).to_be_bytes());
            }
        }
        bytes
    }
}

/// Tag, length, value: no two lists of values give the same bytes.
fn push(bytes: &mut Vec<u8>, tag: u8, value: &[u8]) {
    bytes.push(tag);
    bytes.extend(u32::try_from(value.len()).unwrap_or(u32::MAX).to_be_bytes());
    bytes.extend(value);
}

/// The first whole millisecond that is not before `at`. Rows occur at whole milliseconds, so this
/// bound parts them as `at` itself does.
fn millis_from(at: DateTime<Utc>) -> i64 {
    let whole = at.timestamp_subsec_nanos().is_multiple_of(1_000_000);
    let millis = at.timestamp_millis();
    if whole {
        millis
    } else {
        millis.saturating_add(1)
    }
}

/// The event types that a filter names: some themselves, some by how they begin. None at all means
/// any.
///
/// What another one covers is left out, so that no type is meant twice.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct EventTypes {
    exact: BTreeSet<String>,
    prefixes: BTreeSet<String>,
}

/// A part of [`EventTypes`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum EventTypePattern {
    /// This type.
    Exact(String),
    /// Every type that begins so.
    Prefix(String),
}

impl EventTypePattern {
    /// The pattern that `text` is: `order.created` itself, `order.*` every type that begins with
    /// `order.`, `*` every type.
    pub fn parse(text: &str) -> Self {
        match text.strip_suffix('*') {
            Some(prefix) => Self::Prefix(prefix.to_owned()),
            None => Self::Exact(text.to_owned()),
        }
    }
}

impl FromIterator<EventTypePattern> for EventTypes {
    fn from_iter<I: IntoIterator<Item = EventTypePattern>>(patterns: I) -> Self {
        let (mut exact, mut prefixes) = (BTreeSet::new(), BTreeSet::<String>::new());
        for pattern in patterns {
            match pattern {
                EventTypePattern::Exact(name) => exact.insert(name),
                EventTypePattern::Prefix(prefix) => prefixes.insert(prefix),
            };
        }
        if prefixes.contains("") {
            return Self::default();
        }
        // in order, so a prefix comes before what it covers
        let mut widest: BTreeSet<String> = BTreeSet::new();
        for prefix in prefixes {
            if !begins_with_one(&prefix, &widest) {
                widest.insert(prefix);
            }
        }
        exact.retain(|name| !begins_with_one(name, &widest));
        Self {
            exact,
            prefixes: widest,
        }
    }
}

impl EventTypes {
    /// Whether `event_type` is one of them.
    pub fn matches(&self, event_type: &str) -> bool {
        self.is_any()
            || self.exact.contains(event_type)
            || begins_with_one(event_type, &self.prefixes)
    }

    /// Whether every type is meant.
    pub fn is_any(&self) -> bool {
        self.exact.is_empty() && self.prefixes.is_empty()
    }

    /// Those that are named themselves.
    pub fn exact(&self) -> impl Iterator<Item = &str> {
        self.exact.iter().map(String::as_str)
    }

    /// How those begin that are named by their beginning.
    pub fn prefixes(&self) -> impl Iterator<Item = &str> {
        self.prefixes.iter().map(String::as_str)
    }
}

fn begins_with_one(text: &str, prefixes: &BTreeSet<String>) -> bool {
    prefixes.iter().any(|prefix| text.starts_with(prefix))
}

#[cfg(test)]
mod tests;
