//! How many bytes of replies are in memory at once: clients that ask for much and read slowly must
//! not be able to fill it.

use std::convert::Infallible;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll};

use actix_web::body::{BodySize, MessageBody};
use actix_web::web::Bytes;

use crate::problem::Problem;

/// The most bytes of replies at once.
const BYTES_MAX: usize = 64 * 1024 * 1024;
/// The pieces that a reply is handed over in. The connection copies a piece, and takes the next one
/// only once that is nearly sent: so what is not sent yet is still here, and counted.
const PIECE_BYTES: usize = 32 * 1024;

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
    all: Arc<AtomicUsize>,
}

impl Reply {
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
    type Error = Infallible;

    fn size(&self) -> BodySize {
        BodySize::Sized(self.rest.len().try_into().unwrap_or(u64::MAX))
    }

    fn poll_next(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Bytes, Infallible>>> {
        let piece = self.rest.len().min(PIECE_BYTES);
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
    fn one_alone_is_sent_however_large_it_is() {
        let in_flight = InFlight::default();
        assert!(in_flight.reply(vec![b' '; BYTES_MAX + 1]).is_ok());
    }
}
