//! `GET /metrics`: what the process knows of itself, and what the ledgers say of the recorder, in
//! Prometheus' text format.
//!
//! Names begin with `notif_`, units are seconds, bytes and records. Labels are bounded: routes are
//! patterns, topics and partitions are those of the ledger, nothing is named by an id.

mod ledger;
mod process;
mod requests;
mod streams;

use std::time::{Duration, Instant};

use actix_web::rt::time::timeout;
use notif_core::store::ledger as store;
use prometheus_client::encoding::prometheus_text;
use prometheus_client::registry::Registry;
use tokio::sync::Mutex;

use crate::app::App;
use crate::problem::Problem;
use ledger::Ledgers;
use requests::Requests;

/// The format's media type.
pub(crate) const CONTENT_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";
/// How long a look at the ledgers is good for: several scrapers must not be a load.
const AGE_MAX: Duration = Duration::from_secs(1);
/// How long a scrape waits for the ledgers; scrapers wait 10 s.
const LOOK_LIMIT: Duration = Duration::from_secs(4);

/// What is counted, and the last look at the ledgers.
#[derive(Default)]
pub(crate) struct Metrics {
    /// The requests.
    pub(crate) requests: Requests,
    look: Mutex<Option<(Instant, Option<Ledgers>)>>,
}

/// All metrics, as text.
pub(crate) async fn text(app: &App) -> Result<String, Problem> {
    let mut registry = Registry::with_prefix("notif");
    process::register(&mut registry, app);
    streams::register(&mut registry, app);
    app.metrics.requests.register(&mut registry);
    ledger::register(&mut registry, app.metrics.look(app).await.as_ref());
    let mut text = String::new();
    match prometheus_text::encode(&mut text, &registry) {
        Ok(()) => Ok(text),
        Err(error) => Err(Problem::Internal(format!("the metrics: {error}"))),
    }
}

impl Metrics {
    /// What the ledgers say; none where the database does not answer.
    async fn look(&self, app: &App) -> Option<Ledgers> {
        // one scrape asks, the others wait for its answer
        let mut last = self.look.lock().await;
        if let Some((at, ledgers)) = &*last
            && at.elapsed() < AGE_MAX
        {
            return ledgers.clone();
        }
        let asked = timeout(LOOK_LIMIT, ask(app)).await;
        let ledgers = match asked {
            Ok(Ok(ledgers)) => Some(ledgers),
            Ok(Err(problem)) => {
                log::debug!("the ledgers for /metrics: {problem}");
                None
            }
            Err(_elapsed) => None,
        };
        *last = Some((Instant::now(), ledgers.clone()));
        ledgers
    }
}

async fn ask(app: &App) -> Result<Ledgers, Problem> {
    app.database.check().await?;
    Ok(Ledgers {
        vitals: app.database.read(store::vitals_get()).await?,
        partitions: app.database.read(store::partition_list()).await?,
    })
}
