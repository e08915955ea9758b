//! One question to PostgreSQL, on the HTTP thread: asked, waited for without a thread, answered.

use std::io;
use std::time::Duration;

use actix_web::rt::time::{sleep, timeout};
use notif_core::store::pool::{PooledReader, Progress, Reader, Wait};
use notif_core::store::read::Statement;
use notif_core::store::{Answer, Pool, StoreError};
use tokio::sync::OwnedSemaphorePermit;

use super::READ_LIMIT;
use super::socket::{Socket, looks_in_vain_max};

/// How long to look away while the pool has no connection ready: it is making one.
const PAUSE: Duration = Duration::from_millis(10);
/// How often to look.
const LOOKS: u32 = 200;

/// Asks; once more on another connection where the first turns out to be broken.
///
/// It may be dropped half-way, by a client that goes away. Then the question is heard to its end
/// without it, and the permit kept until then: to close the connection instead would let clients
/// that come and go cost a new one each. Otherwise the permit comes back with the answer: whoever
/// makes something of it still takes the place of another question.
pub(super) async fn ask(
    pool: &Pool,
    statement: &Statement,
    permit: OwnedSemaphorePermit,
) -> Result<(Answer, Option<OwnedSemaphorePermit>), StoreError> {
    let mut permit = Some(permit);
    for last in [false, true] {
        let mut asking = Asking {
            reader: Some(take(pool).await?),
            permit: permit.take(),
        };
        match asking.exchange(statement).await {
            Err(StoreError::Unreachable(_)) if !last => permit = asking.permit.take(),
            outcome => return outcome.map(|answer| (answer, asking.permit.take())),
        }
    }
    Err(pool.reader_missed())
}

/// A connection that may be expected to work.
async fn take(pool: &Pool) -> Result<PooledReader, StoreError> {
    for _ in 0..LOOKS {
        let Some(mut reader) = pool.reader()? else {
            sleep(PAUSE).await;
            continue;
        };
        // a suspect that does not answer is the pool's to replace
        if !reader.is_suspect()
            || exchange(&mut reader, &Statement::sign_of_life())
                .await
                .is_ok()
        {
            return Ok(reader);
        }
    }
    Err(pool.reader_missed())
}

/// A connection with a question under way.
struct Asking {
    reader: Option<PooledReader>,
    permit: Option<OwnedSemaphorePermit>,
}

impl Asking {
    async fn exchange(&mut self, statement: &Statement) -> Result<Answer, StoreError> {
        match &mut self.reader {
            Some(reader) => exchange(reader, statement).await,
            None => Err(StoreError::Internal("no connection to ask".to_owned())),
        }
    }
}

impl Drop for Asking {
    fn drop(&mut self) {
        let Some(mut reader) = self.reader.take().filter(|reader| reader.asking() > 0) else {
            return;
        };
        let permit = self.permit.take();
        drop(actix_web::rt::spawn(async move {
            let hearing = answer(&mut reader, Wait::ReadOrWrite);
            if timeout(READ_LIMIT, hearing).await.is_err() {
                reader.give_up();
            }
            drop(reader);
            drop(permit);
        }));
    }
}

async fn exchange(reader: &mut Reader, statement: &Statement) -> Result<Answer, StoreError> {
    let wait = reader.ask(statement)?;
    answer(reader, wait).await
}

/// Waits for the answer to what was asked.
async fn answer(reader: &mut Reader, mut wait: Wait) -> Result<Answer, StoreError> {
    let socket = Socket::of(reader).map_err(|error| cannot_wait(&error))?;
    loop {
        let changed = socket.changed(wait).await;
        changed.map_err(|error| cannot_wait(&error))?;
        let allowed = looks_in_vain_max(reader);
        let mut looks_in_vain = 0;
        while looks_in_vain < allowed {
            match reader.advance()? {
                Progress::Answered(answer) => {
                    socket.keep(reader);
                    return Ok(answer);
                }
                Progress::Waiting(next) => wait = next,
            }
            looks_in_vain = if socket.holds_more() {
                0
            } else {
                looks_in_vain.saturating_add(1)
            };
        }
    }
}

fn cannot_wait(error: &io::Error) -> StoreError {
    StoreError::Internal(format!("cannot wait for a socket: {error}"))
}
