//! Sending with an `Idempotency-Key`: waiting for one that is under way, and removing old ones.
//! What a key promises is kept by `notif_core::store::idempotency`.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use actix_web::rt::time::sleep;
use notif_core::notification::ManualNotification;
use notif_core::store::idempotency::IdempotencyKey;
use notif_core::store::notification::Sent;

use crate::app::App;
use crate::problem::{Problem, Refusal};

/// How long a request waits for another one with the same key.
const WAIT_LIMIT: Duration = Duration::from_secs(2);
/// The first pause between two looks; each is twice as long as the one before, up to the longest.
const PAUSE_FIRST: Duration = Duration::from_millis(20);
const PAUSE_LONGEST: Duration = Duration::from_millis(200);

/// How often expired keys are removed: at most, and only where new ones come in.
const PRUNE_EVERY: Duration = Duration::from_secs(1);
/// How many at once. A process that stores keys faster than it removes them would have to commit
/// more than a thousand transactions a second, all day.
const PRUNE_KEYS: i64 = 1000;

/// When this process last removed keys.
#[derive(Debug, Default)]
pub(crate) struct Pruning(Mutex<Option<Instant>>);

impl Pruning {
    fn is_due(&self) -> bool {
        let mut last = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let is_due = last.is_none_or(|last| last.elapsed() >= PRUNE_EVERY);
        if is_due {
            *last = Some(Instant::now());
        }
        is_due
    }
}

/// Stores a notification once, however often it is sent with this key. The connection goes back
/// between two looks at a key that is in use: whoever waits holds nobody up.
pub(crate) async fn send(
    app: &Arc<App>,
    manual: ManualNotification,
    random: [u8; 10],
    key: IdempotencyKey,
) -> Result<Sent, Problem> {
    let started = Instant::now();
    let mut pause = PAUSE_FIRST;
    loop {
        let (manual, key) = (manual.clone(), key.clone());
        let work = app
            .database
            .write(move |pool| pool.notification_send(manual, random, Some(&key)));
        match work.await {
            Ok(Sent::KeyInUse) if started.elapsed() < WAIT_LIMIT => {
                sleep(pause).await;
                pause = pause.saturating_mul(2).min(PAUSE_LONGEST);
            }
            Ok(Sent::Unknown(_)) | Err(Problem::WriteTimedOut) => {
                return Err(Problem::Refused(Refusal::OutcomeUnknownWithKey));
            }
            Ok(sent) => {
                prune(app);
                return Ok(sent);
            }
            Err(problem) => return Err(problem),
        }
    }
}

/// Removes expired keys, behind the back of the request. A failure costs nothing: an expired key
/// counts as not there, and the next request tries again.
fn prune(app: &Arc<App>) {
    if !app.pruning.is_due() {
        return;
    }
    let app = Arc::clone(app);
    drop(actix_web::rt::spawn(async move {
        match app.database.write(|pool| pool.key_prune(PRUNE_KEYS)).await {
            Ok(removed) => log::debug!("removed expired idempotency keys: {removed}"),
            Err(problem) => log::debug!("expired idempotency keys stay for now: {problem}"),
        }
    }));
}
