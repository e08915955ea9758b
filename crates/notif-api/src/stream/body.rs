//! The body of a stream's response: takes from the client's queue what the connection has room for.

use std::convert::Infallible;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use actix_web::body::{BodySize, MessageBody};
use actix_web::rt::time::{Instant, Sleep, sleep};
use actix_web::web::Bytes;

use super::Slot;
use super::client::{Client, End, Next};
use super::event::{self, Event};
use crate::access::Pass;

/// The pieces that an event is handed over in. The connection copies a piece, and takes the next one
/// only once that is nearly sent: so what waits for many clients is in memory once.
const PIECE_BYTES: usize = 32 * 1024;
const LAST_WORDS: &[u8] = b": the server is shutting down\n\n";
const REVOKED: &[u8] = b": the token is not good any more\n\n";

/// The body of a stream. Its place among the streams is free again when it is dropped.
pub(crate) struct Body {
    slot: Slot,
    client: Arc<Client>,
    pass: Pass,
    admitted_at: Instant,
    beginning: Option<Bytes>,
    /// The event that is being sent, and what is left of its text.
    current: Option<(Arc<Event>, Bytes)>,
    keep_alive: Pin<Box<Sleep>>,
    last_sent: Instant,
    ended: bool,
}

impl Body {
    pub(super) fn new(slot: Slot, client: Arc<Client>, pass: Pass) -> Self {
        let beginning = event::beginning(&client.place());
        let keep_alive = Box::pin(sleep(slot.app.streams.options.keep_alive));
        Self {
            slot,
            client,
            pass,
            admitted_at: Instant::now(),
            beginning: Some(beginning),
            current: None,
            keep_alive,
            last_sent: Instant::now(),
            ended: false,
        }
    }

    /// The next part of the event that is being sent.
    fn part(&mut self) -> Option<Bytes> {
        let (_, rest) = self.current.as_mut().filter(|(_, rest)| !rest.is_empty())?;
        let piece = rest.len().min(PIECE_BYTES);
        Some(rest.split_to(piece))
    }

    /// Whether who opened it may still read. Asked as often as a sign of life is due, so that a token
    /// that is revoked ends a silent stream as soon as a busy one.
    fn may_go_on(&mut self) -> bool {
        let app = &self.slot.app;
        if self.admitted_at.elapsed() < app.streams.options.keep_alive {
            return true;
        }
        self.admitted_at = Instant::now();
        app.access.admit(&self.pass).is_ok()
    }

    fn poll_part(&mut self, cx: &mut Context<'_>) -> Poll<Option<Bytes>> {
        if self.ended {
            return Poll::Ready(None);
        }
        if let Some(beginning) = self.beginning.take() {
            return Poll::Ready(Some(beginning));
        }
        if let Some(part) = self.part() {
            // an event that breaks off is none: a client waits for its empty line
            return Poll::Ready(Some(part).filter(|_| self.client.took_a_part()));
        }
        if !self.may_go_on() {
            self.ended = true;
            return Poll::Ready(Some(Bytes::from_static(REVOKED)));
        }
        let sent = self.current.take().map(|(event, _)| event);
        if sent.is_some() {
            self.slot.app.streams.progress.notify_one();
        }
        match self.client.next(sent, cx.waker()) {
            Next::Event(event) => {
                let text = event.text().clone();
                self.current = Some((event, text));
                Poll::Ready(self.part())
            }
            Next::End(End::Draining) => {
                self.ended = true;
                Poll::Ready(Some(Bytes::from_static(LAST_WORDS)))
            }
            Next::End(End::Gone | End::TooSlow) => Poll::Ready(None),
            Next::Nothing(_) if self.client.connection().is_gone() => Poll::Ready(None),
            Next::Nothing(place) => {
                ready!(self.poll_silence(cx));
                Poll::Ready(Some(event::keep_alive(&place)))
            }
        }
    }

    /// Ready once nothing was sent for so long that a sign of life is due.
    fn poll_silence(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let due = self
            .last_sent
            .checked_add(self.slot.app.streams.options.keep_alive);
        let due = due.unwrap_or(self.last_sent);
        loop {
            ready!(self.keep_alive.as_mut().poll(cx));
            if Instant::now() >= due {
                return Poll::Ready(());
            }
            // something was sent meanwhile
            self.keep_alive.as_mut().reset(due);
        }
    }
}

impl MessageBody for Body {
    type Error = Infallible;

    fn size(&self) -> BodySize {
        BodySize::Stream
    }

    fn poll_next(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Bytes, Infallible>>> {
        let body = self.get_mut();
        let part = ready!(body.poll_part(cx));
        body.ended |= part.is_none();
        body.last_sent = Instant::now();
        Poll::Ready(part.map(Ok))
    }
}
