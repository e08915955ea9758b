//! What sends the questions of a line, a few together, and hands out the answers.
//!
//! A packet of its own for each question, and for each answer, costs more than the question: whoever waits
//! for it is woken. So what comes while PostgreSQL has enough to do is held back here, where it would only
//! wait there, and then goes together. Where PostgreSQL is far away, what is held may wait for the way there
//! and back of one parcel before it.

use std::collections::VecDeque;
use std::future::poll_fn;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use actix_web::rt::time::{Interval, interval};
use notif_core::store::StoreError;
use notif_core::store::pool::{PooledReader, Progress, Wait};
use notif_core::store::read::Statement;
use tokio::sync::OwnedSemaphorePermit;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::sync::oneshot::Sender;

use super::Outcome;
use super::load::Load;
use crate::database::READ_LIMIT;
use crate::database::socket::{Socket, looks_in_vain_max};

/// How many questions go together at most. PostgreSQL sends the answers together too, so the first one
/// waits for the last.
const TOGETHER_MAX: usize = 4;
/// How many such parcels are under way at most: the next one is there when PostgreSQL is done with the
/// one before.
const PARCELS_MAX: usize = 2;
/// How often a line looks at the clock. Shorter than anything that a request waits for, so that no
/// timer of a request is the next one and has to wake the event loop for it.
pub(super) const TICK: Duration = Duration::from_millis(100);
/// A line without a question for so long gives its connection back: the pool's way with connections
/// that may have broken meanwhile is a better one.
pub(super) const IDLE: Duration = Duration::from_millis(500);

/// Where a line's driver hears questions.
pub(super) struct Driver {
    questions: UnboundedSender<Question>,
    pub(super) load: Arc<Load>,
}

/// What is to be asked, and who wants to know.
pub(super) struct Question {
    pub(super) statement: Arc<Statement>,
    pub(super) reply: Sender<Outcome>,
}

/// What a line occupies. Dropped in this order: who gets the permit finds the connection.
pub(super) struct Connection {
    pub(super) reader: PooledReader,
    #[expect(dead_code, reason = "held as long as the connection")]
    pub(super) permit: OwnedSemaphorePermit,
}

impl Driver {
    pub(super) fn start(connection: Connection, since: Instant) -> Self {
        let (questions, asked) = unbounded_channel();
        let load = Arc::new(Load::new(since));
        let driving = drive(connection, asked, Arc::clone(&load));
        drop(actix_web::rt::spawn(driving));
        Self { questions, load }
    }

    /// Takes a question; gives it back where the driver is gone.
    pub(super) fn take(&self, question: Question) -> Result<(), Question> {
        self.load.begin();
        self.questions.send(question).map_err(|refused| refused.0)
    }

    /// Is it gone? What it had under way is with nobody then.
    pub(super) fn has_ended(&self) -> bool {
        self.questions.is_closed()
    }
}

/// Drives until the connection is lost, does not answer, or nobody asks any more. Whoever waits then sees
/// that there is no outcome.
async fn drive(mut connection: Connection, asked: UnboundedReceiver<Question>, load: Arc<Load>) {
    let reader = &mut connection.reader;
    let Ok(socket) = Socket::of(reader) else {
        return;
    };
    let mut driving = Driving {
        reader,
        socket: &socket,
        load: &load,
        asked,
        held: VecDeque::new(),
        sent: VecDeque::new(),
        parcels: 0,
        wait: Wait::Read,
    };
    if driving.until_nobody_asks().await.is_some() {
        socket.keep(reader);
    }
}

struct Driving<'a> {
    reader: &'a mut PooledReader,
    socket: &'a Socket,
    load: &'a Load,
    asked: UnboundedReceiver<Question>,
    /// Until there is room for another parcel, the oldest first.
    held: VecDeque<Question>,
    /// What is under way, the oldest first.
    sent: VecDeque<Sent>,
    /// How many parcels that is.
    parcels: usize,
    /// For what its answers are waited for.
    wait: Wait,
}

/// A question that was sent.
struct Sent {
    reply: Sender<Outcome>,
    at: Instant,
    /// Is it the last one of its parcel?
    is_last: bool,
}

/// What a driver waits for.
enum Event {
    Asked(Option<Question>),
    Changed(std::io::Result<()>),
    Tick,
}

impl Driving<'_> {
    /// None where the connection is of no use any more.
    async fn until_nobody_asks(&mut self) -> Option<()> {
        let mut ticks = interval(TICK);
        loop {
            let event = poll_fn(|cx| self.poll_event(cx, &mut ticks)).await;
            match event {
                Event::Asked(Some(first)) => {
                    self.held.push_back(first);
                    while let Ok(next) = self.asked.try_recv() {
                        self.held.push_back(next);
                    }
                }
                Event::Changed(Ok(())) => self.hand_out()?,
                Event::Tick if self.is_overdue() => {
                    self.reader.give_up();
                    return None;
                }
                Event::Tick if !self.sent.is_empty() || self.load.rest() < IDLE => {}
                Event::Tick | Event::Asked(None) | Event::Changed(Err(_)) => return Some(()),
            }
            // so there are held ones only while others are under way
            while !self.held.is_empty() && self.parcels < PARCELS_MAX {
                self.send_together().ok()?;
            }
        }
    }

    fn poll_event(&mut self, cx: &mut Context<'_>, ticks: &mut Interval) -> Poll<Event> {
        if let Poll::Ready(question) = self.asked.poll_recv(cx) {
            return Poll::Ready(Event::Asked(question));
        }
        if !self.sent.is_empty()
            && let Poll::Ready(changed) = self.socket.poll_changed(cx, self.wait)
        {
            return Poll::Ready(Event::Changed(changed));
        }
        ticks.poll_tick(cx).map(|_now| Event::Tick)
    }

    /// Who asked the first of them is long gone then, and those behind it too.
    fn is_overdue(&self) -> bool {
        let first = self.sent.front();
        first.is_some_and(|first| first.at.elapsed() > READ_LIMIT)
    }

    /// Sends the oldest of those that are held, without those for which nobody waits any more.
    fn send_together(&mut self) -> Result<(), StoreError> {
        let mut parcel = Vec::with_capacity(TOGETHER_MAX);
        while parcel.len() < TOGETHER_MAX
            && let Some(question) = self.held.pop_front()
        {
            if question.reply.is_closed() {
                self.load.end();
            } else {
                parcel.push(question);
            }
        }
        if parcel.is_empty() {
            return Ok(());
        }
        let statements = parcel.iter().map(|question| &*question.statement);
        self.wait = self.reader.ask_together(statements)?;
        self.parcels = self.parcels.saturating_add(1);
        let (at, last) = (Instant::now(), parcel.len().saturating_sub(1));
        let sent = parcel
            .into_iter()
            .enumerate()
            .map(|(place, question)| Sent {
                reply: question.reply,
                at,
                is_last: place == last,
            });
        self.sent.extend(sent);
        Ok(())
    }

    /// Hands out what can be answered now; none where the connection is lost.
    fn hand_out(&mut self) -> Option<()> {
        let allowed = looks_in_vain_max(self.reader);
        let mut looks_in_vain = 0_u32;
        while looks_in_vain < allowed && !self.sent.is_empty() {
            self.look()?;
            // once all is answered there is nothing left that could be missed
            looks_in_vain = if !self.sent.is_empty() && self.socket.holds_more() {
                0
            } else {
                looks_in_vain.saturating_add(1)
            };
        }
        Some(())
    }

    /// Takes in what the socket holds, and hands out what is whole then.
    fn look(&mut self) -> Option<()> {
        let mut progress = self.reader.advance();
        let mut answered = 0_u32;
        loop {
            let outcome = match progress {
                Ok(Progress::Waiting(then)) => {
                    self.wait = then;
                    break;
                }
                Ok(Progress::Answered(answer)) => Ok(answer),
                Err(error) => Err(error),
            };
            answered = answered.saturating_add(1);
            if let Some(Sent { reply, is_last, .. }) = self.sent.pop_front() {
                self.load.end();
                self.parcels = self.parcels.saturating_sub(usize::from(is_last));
                // who asked may have gone
                reply.send(outcome).unwrap_or_default();
            }
            if self.reader.is_broken() {
                return None;
            }
            progress = self.reader.taken_in();
        }
        self.load.answered(answered);
        Some(())
    }
}
