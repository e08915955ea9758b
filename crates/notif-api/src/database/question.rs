//! One question to PostgreSQL, on the HTTP thread: asked, waited for without a thread, answered.

use std::time::Duration;

use actix_web::rt::time::sleep;
use notif_core::store::pool::{Progress, Reader};
use notif_core::store::read::Statement;
use notif_core::store::{Answer, Pool, StoreError};

use super::socket::Socket;

/// How long to look away while the pool has no connection ready: it is making one.
const PAUSE: Duration = Duration::from_millis(10);
/// How often to look.
const LOOKS: u32 = 200;

/// Asks; once more on another connection where the first turns out to be broken. Whoever drops this
/// half-way costs the connection.
pub(super) async fn ask(pool: &Pool, statement: &Statement) -> Result<Answer, StoreError> {
    match attempt(pool, statement).await {
        Err(StoreError::Unreachable(_)) => attempt(pool, statement).await,
        outcome => outcome,
    }
}

async fn attempt(pool: &Pool, statement: &Statement) -> Result<Answer, StoreError> {
    for _ in 0..LOOKS {
        let Some(mut reader) = pool.reader()? else {
            sleep(PAUSE).await;
            continue;
        };
        // a suspect that does not answer is the pool's to replace
        if reader.is_suspect()
            && exchange(&mut reader, &Statement::sign_of_life())
                .await
                .is_err()
        {
            continue;
        }
        return exchange(&mut reader, statement).await;
    }
    Err(pool.reader_missed())
}

async fn exchange(reader: &mut Reader, statement: &Statement) -> Result<Answer, StoreError> {
    let mut wait = reader.ask(statement)?;
    loop {
        let socket = Socket::register(reader.socket(), wait).map_err(|error| cannot_wait(&error))?;
        loop {
            socket.ready().await.map_err(|error| cannot_wait(&error))?;
            match reader.advance()? {
                Progress::Answered(answer) => return Ok(answer),
                Progress::Waiting(next) if next == wait => {
                    socket.look_again().await.map_err(|error| cannot_wait(&error))?;
                }
                Progress::Waiting(next) => {
                    wait = next;
                    break;
                }
            }
        }
    }
}

fn cannot_wait(error: &std::io::Error) -> StoreError {
    StoreError::Internal(format!("cannot wait for a socket: {error}"))
}
