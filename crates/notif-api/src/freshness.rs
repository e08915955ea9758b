//! How fresh the record is, as every reply of recorded data says it: `Recorded-Through`, an instant of
//! PostgreSQL's clock through which everything that Kafka then had is stored.
//!
//! It is looked up once a second, in the background and never for a request: an older value stays true.
//! While it cannot be looked up, the last one is told on. A reply says what was known when its request
//! came: what is learned while it is made may speak of rows that came too late for it.

use std::sync::{PoisonError, RwLock};
use std::time::Duration;

use actix_web::http::header::{HeaderName, HeaderValue};
use actix_web::rt::time::sleep;
use actix_web::web::Data;
use chrono::{DateTime, Utc};
use notif_core::store::ledger;

use crate::app::App;
use crate::view;

/// The header.
pub(crate) const RECORDED_THROUGH: HeaderName = HeaderName::from_static("recorded-through");
/// Between two looks.
const PAUSE: Duration = Duration::from_secs(1);

/// What is known of it.
#[derive(Debug, Default)]
pub(crate) struct Freshness(RwLock<Option<HeaderValue>>);

impl Freshness {
    /// The value of the header; none where it is not known.
    pub(crate) fn header(&self) -> Option<HeaderValue> {
        self.0
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    fn set(&self, through: Option<DateTime<Utc>>) {
        let value = through.and_then(|at| HeaderValue::try_from(view::time(at)).ok());
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = value;
    }
}

/// Looks again and again, for as long as the process serves.
pub(crate) async fn keep_up(app: Data<App>) {
    loop {
        match app.database.read(ledger::recorded_through_get()).await {
            Ok(through) => app.freshness.set(through),
            // requests tell what is wrong
            Err(problem) => log::debug!("the freshness of the record: {problem}"),
        }
        sleep(PAUSE).await;
    }
}
