//! How fresh the record is, as every reply of recorded data says it: `Recorded-Through`, an instant of
//! PostgreSQL's clock through which everything that Kafka then had is stored.
//!
//! It is asked once a second, beside the requests and never for one of them: an older value stays
//! true. While it cannot be asked, the last one is told on.

use std::sync::{PoisonError, RwLock};
use std::time::Duration;

use actix_web::http::header::{HeaderName, HeaderValue};
use actix_web::rt::time::sleep;
use chrono::{DateTime, Utc};
use notif_core::store::ledger;

use crate::app::App;
use crate::view;

/// The header.
pub(crate) const RECORDED_THROUGH: HeaderName = HeaderName::from_static("recorded-through");
/// The pause between two looks.
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

/// Keeps it up to date, until it is dropped.
pub(crate) async fn keep(app: &App) {
    loop {
        match app.database.read(ledger::recorded_through_get()).await {
            Ok(through) => app.freshness.set(through),
            // requests tell it, or there are none
            Err(problem) => log::debug!("the freshness of the record: {problem}"),
        }
        sleep(PAUSE).await;
    }
}
