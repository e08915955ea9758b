//! A connection that many short questions share: each is sent while those before it are still being
//! answered. PostgreSQL then takes one after the other without going to sleep in between, and going to
//! sleep is a large part of what such a read costs.
//!
//! Here only questions come whose answers are small and soon there: for one row by its key, and on lines
//! of their own for a page or a story, so that none holds up the others for long. Where answers take their
//! time all the same, because rows come from a disk, nobody joins whose turn would be far off; where a lock
//! or the server hangs, those that come later see that nothing moves. They go the other way, to a connection
//! alone, and so do those that are behind already, once they have waited long enough: nobody depends on a
//! line, it only makes things cheaper.

use std::collections::VecDeque;
use std::future::poll_fn;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::Poll;
use std::time::{Duration, Instant};

use actix_web::rt::time::{interval, timeout};
use notif_core::store::pool::{PooledReader, Progress, Wait};
use notif_core::store::read::Statement;
use notif_core::store::{Answer, Pool, StoreError};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::sync::oneshot::{self, Receiver, Sender};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use self::load::{Load, Room};
use super::READ_LIMIT;
use super::socket::{Socket, looks_in_vain_max};

mod load;
#[cfg(test)]
mod tests;

/// How long a question waits for a line, before it is asked again elsewhere. Nobody hears the answer of
/// the first one then.
const PATIENCE: Duration = Duration::from_millis(300);
/// How often a line looks at the clock. Shorter than anything that a request waits for, so that no
/// timer of a request is the next one and has to wake the event loop for it.
const TICK: Duration = Duration::from_millis(100);
/// A line without a question for so long gives its connection back: the pool's way with connections
/// that may have broken meanwhile is a better one.
const IDLE: Duration = Duration::from_millis(500);

/// Lines for questions of one kind.
pub(super) struct Lines {
    all: Vec<Line>,
    room: Room,
    since: Instant,
    patience: Duration,
}

/// One line; without a driver until it is needed, and again once its connection is lost.
#[derive(Default)]
struct Line(Mutex<Option<Driver>>);

/// Where a line's driver hears questions.
struct Driver {
    questions: UnboundedSender<Question>,
    load: Arc<Load>,
}

struct Question {
    statement: Arc<Statement>,
    reply: Sender<Outcome>,
}

type Outcome = Result<Answer, StoreError>;

impl Lines {
    pub(super) fn new(count: usize, depth: usize) -> Self {
        Self {
            all: (0..count).map(|_| Line::default()).collect(),
            room: Room::of(depth),
            since: Instant::now(),
            patience: PATIENCE,
        }
    }

    /// Asks by one of the lines, of which the first `among` are open to it. None where none can be had,
    /// where it was lost, or where it takes too long: then the other way is to be gone. `permits` are those
    /// to use a connection at all.
    pub(super) async fn ask(
        &self,
        among: usize,
        pool: &Pool,
        permits: &Arc<Semaphore>,
        statement: &Arc<Statement>,
    ) -> Option<Outcome> {
        let by = |line: &Line| line.send(self.since, pool, permits, statement);
        let outcome = self.send(among, by)?;
        match timeout(self.patience, outcome).await {
            Ok(Ok(Err(StoreError::Unreachable(_))) | Err(_)) | Err(_) => None,
            Ok(Ok(outcome)) => Some(outcome),
        }
    }

    /// Sends by the first line that can be started and in which the turn is near. Not by the one with the
    /// fewest questions under way: many on one line cost less than a few on each, of which none keeps its
    /// server process from going to sleep. Only where the turn is near in none it is the emptiest of those
    /// that have room.
    fn send<T>(&self, among: usize, by: impl Fn(&Line) -> Option<T>) -> Option<T> {
        let nearby = self.room.nearby();
        let lines = || self.all.iter().take(among);
        let near = lines().filter(|line| line.has(nearby)).find_map(&by);
        near.or_else(|| {
            let far = lines().filter(|line| !line.has(nearby) && line.has(self.room));
            far.min_by_key(|line| line.waiting()).and_then(by)
        })
    }
}

impl Line {
    /// Is it worth joining?
    fn has(&self, room: Room) -> bool {
        let driver = lock(&self.0);
        let running = driver.as_ref().filter(|driver| !driver.has_ended());
        running.is_none_or(|driver| driver.load.leaves(room))
    }

    /// How many questions are under way on it.
    fn waiting(&self) -> usize {
        let driver = lock(&self.0);
        driver.as_ref().map_or(0, |driver| driver.load.waiting())
    }

    /// Hands a question to the driver, which is started where there is none.
    fn send(
        &self,
        since: Instant,
        pool: &Pool,
        permits: &Arc<Semaphore>,
        statement: &Arc<Statement>,
    ) -> Option<Receiver<Outcome>> {
        let (reply, outcome) = oneshot::channel();
        let question = Question {
            statement: Arc::clone(statement),
            reply,
        };
        let mut driver = lock(&self.0);
        let question = match &*driver {
            Some(driver) => match driver.take(question) {
                Ok(()) => return Some(outcome),
                Err(question) => question,
            },
            None => question,
        };
        let permit = Arc::clone(permits).try_acquire_owned().ok()?;
        let reader = pool.reader().ok()??;
        let fresh = Driver::start(Connection { reader, permit }, since);
        fresh.take(question).ok()?;
        *driver = Some(fresh);
        Some(outcome)
    }
}

impl Driver {
    fn start(connection: Connection, since: Instant) -> Self {
        let (questions, asked) = unbounded_channel();
        let load = Arc::new(Load::new(since));
        let driving = drive(connection, asked, Arc::clone(&load));
        drop(actix_web::rt::spawn(driving));
        Self { questions, load }
    }

    /// Takes a question; gives it back where the driver is gone.
    fn take(&self, question: Question) -> Result<(), Question> {
        self.load.begin();
        self.questions.send(question).map_err(|refused| refused.0)
    }

    /// Is it gone? What it had under way is with nobody then.
    fn has_ended(&self) -> bool {
        self.questions.is_closed()
    }
}

/// What a line occupies. Dropped in this order: who gets the permit finds the connection.
struct Connection {
    reader: PooledReader,
    #[expect(dead_code, reason = "held as long as the connection")]
    permit: OwnedSemaphorePermit,
}

/// A question that was sent.
struct Sent {
    reply: Sender<Outcome>,
    at: Instant,
}

/// What a driver waits for.
enum Event {
    Asked(Option<Question>),
    Changed(std::io::Result<()>),
    Tick,
}

/// Sends the questions of a line and hands out the answers, until its connection is lost, does not
/// answer, or nobody asks any more. Whoever waits then sees that there is no outcome.
async fn drive(
    mut connection: Connection,
    mut asked: UnboundedReceiver<Question>,
    load: Arc<Load>,
) {
    let Ok(socket) = Socket::of(&mut connection.reader) else {
        return;
    };
    let mut sent: VecDeque<Sent> = VecDeque::new();
    let mut wait = Wait::Read;
    let mut ticks = interval(TICK);
    loop {
        let event = poll_fn(|cx| {
            if let Poll::Ready(question) = asked.poll_recv(cx) {
                return Poll::Ready(Event::Asked(question));
            }
            if !sent.is_empty()
                && let Poll::Ready(changed) = socket.poll_changed(cx, wait)
            {
                return Poll::Ready(Event::Changed(changed));
            }
            ticks.poll_tick(cx).map(|_now| Event::Tick)
        });
        let reader = &mut connection.reader;
        match event.await {
            Event::Asked(Some(first)) => {
                let mut next = Some(first);
                // the first one sets PostgreSQL to work; the others follow in one packet
                let mut together = None;
                while let Some(question) = next {
                    match send(reader, question, &mut sent, &load) {
                        Ok(then) => wait = then.unwrap_or(wait),
                        Err(_lost) => return,
                    }
                    next = asked.try_recv().ok();
                    if next.is_some() && together.is_none() {
                        together = Some(socket.together());
                    }
                }
            }
            Event::Changed(Ok(())) => match hand_out(reader, &socket, &mut sent, &load) {
                Some(then) => wait = then,
                None => return,
            },
            // who asked it is long gone, and those behind it too
            Event::Tick
                if sent
                    .front()
                    .is_some_and(|first| first.at.elapsed() > READ_LIMIT) =>
            {
                return reader.give_up();
            }
            Event::Tick if !sent.is_empty() || load.rest() < IDLE => {}
            Event::Tick | Event::Asked(None) | Event::Changed(Err(_)) => {
                return socket.keep(reader);
            }
        }
    }
}

/// Sends a question, unless nobody waits for it any more; what to wait for then.
fn send(
    reader: &mut PooledReader,
    question: Question,
    sent: &mut VecDeque<Sent>,
    load: &Load,
) -> Result<Option<Wait>, StoreError> {
    let Question { statement, reply } = question;
    if reply.is_closed() {
        load.end();
        return Ok(None);
    }
    let wait = reader.ask(&statement)?;
    let at = Instant::now();
    sent.push_back(Sent { reply, at });
    Ok(Some(wait))
}

/// Hands out what can be answered now; what to wait for then, none where the connection is lost.
fn hand_out(
    reader: &mut PooledReader,
    socket: &Socket,
    sent: &mut VecDeque<Sent>,
    load: &Load,
) -> Option<Wait> {
    let allowed = looks_in_vain_max(reader);
    let mut wait = Wait::Read;
    let mut looks_in_vain = 0_u32;
    while looks_in_vain < allowed && !sent.is_empty() {
        let mut progress = reader.advance();
        let mut answered = 0_u32;
        loop {
            let outcome = match progress {
                Ok(Progress::Waiting(then)) => {
                    wait = then;
                    break;
                }
                Ok(Progress::Answered(answer)) => Ok(answer),
                Err(error) => Err(error),
            };
            answered = answered.saturating_add(1);
            if let Some(Sent { reply, .. }) = sent.pop_front() {
                load.end();
                // who asked may have gone
                reply.send(outcome).unwrap_or_default();
            }
            if reader.is_broken() {
                return None;
            }
            progress = reader.taken_in();
        }
        load.answered(answered);
        // once all is answered there is nothing left that could be missed
        looks_in_vain = if !sent.is_empty() && socket.holds_more() {
            0
        } else {
            looks_in_vain.saturating_add(1)
        };
    }
    Some(wait)
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
