//! How many bytes of replies are in memory at once: clients that ask for much and read slowly must
//! not be able to fill it, nor to keep it filled. (Who reads nothing at all is cut off by the kernel,
//! see `server`.)

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use actix_web::body::{BodySize, MessageBody};
use actix_web::web::Bytes;

use crate::problem::Problem;

/// The most bytes of replies at once.
const BYTES_MAX: usize = 64 * 1024 * 1024;
/// The pieces that a reply is handed over in. The connection copies a piece, and takes the next one
/// only once that is nearly sent: so what is not sent yet is still here, and counted.
const PIECE_BYTES: usize = 32 * 1024;

/// The slowest that a reply may be taken, bytes a second; a page of 8 MiB then takes nine minutes.
const PACE_MIN: u64 = 16 * 1024;
/// How long a client may be slower at first.
const PACE_GRACE: Duration = Duration::from_secs(30);

/// A client takes its reply too slowly: the connection ends.
#[derive(Debug, thiserror::Error)]
#[error("a reply is taken too slowly")]
pub(crate) struct TooSlow;

/// The replies of this process that are not sent yet.
#[derive(Debug, Default)]
pub(crate) struct InFlight(Arc<AtomicUsize>);

impl InFlight {
    /// How many bytes they have.
    pub(crate) fn bytes(&self) -> usize {
        self.0.load(Ordering::Relaxed)
    }

    /// Makes a reply of `text`, where there is room. One alone always has: there would be no way to
    /// ever send it.
    pub(crate) fn reply(&self, text: Vec<u8>) -> Result<Reply, Problem> {
        let (reply, before) = self.count(text);
        if before > 0 && before.saturating_add(reply.bytes) > BYTES_MAX {
            return Err(Problem::Busy(
                "too much is being sent to clients that read slowly",
            ));
        }
        Ok(reply)
    }

    /// Makes a reply whether there is room or not: it tells those who must know that there is none.
    pub(crate) fn urgent_reply(&self, text: Vec<u8>) -> Reply {
        self.count(text).0
    }

    /// A reply that is counted, and how many bytes there were before it.
    fn count(&self, text: Vec<u8>) -> (Reply, usize) {
        let bytes = text.len();
        let before = self.0.fetch_add(bytes, Ordering::Relaxed);
        let reply = Reply {
            rest: Bytes::from(text),
            bytes,
            since: Instant::now(),
            all: Arc::clone(&self.0),
        };
        (reply, before)
    }
}

/// A reply, counted until it is sent or given up.
#[derive(Debug)]
pub(crate) struct Reply {
    rest: Bytes,
    bytes: usize,
    since: Instant,
    all: Arc<AtomicUsize>,
}

impl Reply {
    /// Looked at when the connection has room for the next piece, so a slow client is found out with
    /// the piece after the one that it spins out.
    fn is_too_slow(&self) -> bool {
        let taken = self.bytes.saturating_sub(self.rest.len());
        let seconds = self.since.elapsed().saturating_sub(PACE_GRACE).as_secs();
        u64::try_from(taken).is_ok_and(|taken| taken < seconds.saturating_mul(PACE_MIN))
    }

    /// What is not sent yet.
    pub(crate) fn rest(&self) -> &[u8] {
        &self.rest
    }

    /// The same reply in fewer bytes.
    pub(crate) fn shortened(mut self, text: Vec<u8>) -> Self {
        let saved = self.bytes.saturating_sub(text.len());
        self.all.fetch_sub(saved, Ordering::Relaxed);
        self.bytes = self.bytes.saturating_sub(saved);
        self.rest = Bytes::from(text);
        self
    }
}

impl Drop for Reply {
    fn drop(&mut self) {
        self.all.fetch_sub(self.bytes, Ordering::Relaxed);
    }
}

impl MessageBody for Reply {
    type Error = TooSlow;

    fn size(&self) -> BodySize {
        BodySize::Sized(self.rest.len().try_into().unwrap_or(u64::MAX))
    }

    fn poll_next(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Bytes, TooSlow>>> {
        let piece = self.rest.len().min(PIECE_BYTES);
        if piece > 0 && self.is_too_slow() {
            return Poll::Ready(Some(Err(TooSlow)));
        }
        Poll::Ready((piece > 0).then(|| Ok(self.rest.split_to(piece))))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_does_not_fit_is_refused_until_something_is_sent() {
        let in_flight = InFlight::default();
        let half = || vec![b' '; BYTES_MAX / 2];
        let first = in_flight.reply(half()).unwrap();
        let second = in_flight.reply(half()).unwrap();
        assert!(matches!(in_flight.reply(vec![b' ']), Err(Problem::Busy(_))));
        drop(first);
        assert!(in_flight.reply(half()).is_ok());
        drop(second);
        assert_eq!(in_flight.bytes(), 0);
    }

    #[test]
    fn what_is_shortened_makes_room() {
        let in_flight = InFlight::default();
        let reply = in_flight.reply(vec![b' '; 1000]).unwrap();
        let reply = reply.shortened(vec![b'x'; 10]);
        assert_eq!((reply.rest(), in_flight.bytes()), (&[b'x'; 10][..], 10));
        drop(reply);
        assert_eq!(in_flight.bytes(), 0);
    }

    #[test]
    fn who_takes_it_too_slowly_gets_no_more() {
        let in_flight = InFlight::default();
        let ago = |seconds| {
            Instant::now()
                .checked_sub(Duration::from_secs(seconds))
                .unwrap()
        };
        let next = |reply: &mut Reply| {
            let mut context = Context::from_waker(std::task::Waker::noop());
            match Pin::new(reply).poll_next(&mut context) {
                Poll::Ready(Some(piece)) => piece.map(|piece| piece.len()),
                other => panic!("{other:?}"),
            }
        };
        let mut reply = in_flight.reply(vec![b' '; 10 * PIECE_BYTES]).unwrap();
        assert_eq!(next(&mut reply).unwrap(), PIECE_BYTES);
        // 32 KiB are good for two seconds after the first thirty
        reply.since = ago(31);
        assert_eq!(next(&mut reply).unwrap(), PIECE_BYTES);
        reply.since = ago(33);
        assert_eq!(next(&mut reply).unwrap(), PIECE_BYTES);
        reply.since = ago(60);
        assert!(next(&mut reply).is_err());
    }

    #[test]
    fn one_alone_is_sent_however_large_it_is() {
        let in_flight = InFlight::default();
        assert!(in_flight.reply(vec![b' '; BYTES_MAX + 1]).is_ok());
    }
}
