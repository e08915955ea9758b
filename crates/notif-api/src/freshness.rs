//! How fresh the record is, as every reply of recorded data says it: `Recorded-Through`, an instant of
//! PostgreSQL's clock through which everything that Kafka then had is stored.
//!
//! It is looked up at most once a second, while requests come, beside them and never for one of them:
//! an older value stays true. While it cannot be looked up, the last one is told on. Where nobody asks,
//! nothing is asked: a database that restarts between two requests is none of their business.

use std::sync::{Mutex, MutexGuard, PoisonError, RwLock};
use std::time::{Duration, Instant};

use actix_web::http::header::{HeaderName, HeaderValue};
use actix_web::web::Data;
use chrono::{DateTime, Utc};
use notif_core::store::ledger;

use crate::app::App;
use crate::view;

/// The header.
pub(crate) const RECORDED_THROUGH: HeaderName = HeaderName::from_static("recorded-through");
/// Between the beginnings of two looks.
const PAUSE: Duration = Duration::from_secs(1);

/// What is known of it.
#[derive(Debug, Default)]
pub(crate) struct Freshness {
    header: RwLock<Option<HeaderValue>>,
    looks: Mutex<Looks>,
}

#[derive(Debug, Default)]
struct Looks {
    last: Option<Instant>,
    /// One that waits for the database must not be joined by others.
    under_way: bool,
}

impl Freshness {
    /// The value of the header; none where it is not known.
    pub(crate) fn header(&self) -> Option<HeaderValue> {
        self.header
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    fn set(&self, through: Option<DateTime<Utc>>) {
        let value = through.and_then(|at| HeaderValue::try_from(view::time(at)).ok());
        *self.header.write().unwrap_or_else(PoisonError::into_inner) = value;
    }

    fn looks(&self) -> MutexGuard<'_, Looks> {
        self.looks.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Is it time for another look? Then the caller takes it.
    fn is_due(&self, now: Instant) -> bool {
        let mut looks = self.looks();
        let is_recent = |last| now.saturating_duration_since(last) < PAUSE;
        if looks.under_way || looks.last.is_some_and(is_recent) {
            return false;
        }
        *looks = Looks {
            last: Some(now),
            under_way: true,
        };
        true
    }
}

/// Looks again where it is time, in the background.
pub(crate) fn keep_up(app: &Data<App>) {
    if app.freshness.is_due(Instant::now()) {
        let look = Look(app.clone());
        drop(actix_web::rt::spawn(async move { look.take().await }));
    }
}

/// A look that is under way, until it is dropped.
struct Look(Data<App>);

impl Look {
    async fn take(&self) {
        match self.0.database.read(ledger::recorded_through_get()).await {
            Ok(through) => self.0.freshness.set(through),
            // the request beside it tells what is wrong
            Err(problem) => log::debug!("the freshness of the record: {problem}"),
        }
    }
}

impl Drop for Look {
    fn drop(&mut self) {
        self.0.freshness.looks().under_way = false;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_look_at_a_time_and_one_a_second() {
        let freshness = Freshness::default();
        let begin = Instant::now();
        assert!(freshness.is_due(begin));
        assert!(!freshness.is_due(begin + PAUSE * 3), "one is under way");
        freshness.looks().under_way = false;
        assert!(!freshness.is_due(begin + PAUSE / 2));
        assert!(freshness.is_due(begin + PAUSE));
    }
}
