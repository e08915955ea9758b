//! A connection that many short questions share: each is sent while those before it are still being
//! answered. PostgreSQL then takes one after the other without going to sleep in between, and going to
//! sleep is a large part of what such a read costs.
//!
//! Who asks for a page has a connection alone. Here only questions for one row by its key come, so that
//! none holds up the others for long; and where one does, because a disk or the server hangs, those that
//! come later see that nothing moves, and go the other way.

use std::collections::VecDeque;
use std::future::poll_fn;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::Poll;
use std::time::{Duration, Instant};

use actix_web::rt::time::timeout;
use notif_core::store::pool::{PooledReader, Progress, Wait};
use notif_core::store::read::Statement;
use notif_core::store::{Answer, Pool, StoreError};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::sync::oneshot::{self, Receiver, Sender};

use super::socket::Socket;
use super::{LOOKS_IN_VAIN, READ_LIMIT};

/// How many lines there are at most: with more of them each would sleep more.
const LINES_MAX: usize = 2;
/// How many questions are under way on one line.
const DEPTH_MAX: usize = 16;
/// A line on which nothing has moved for so long is left alone. A hundred times what a read takes.
const SLOW: Duration = Duration::from_millis(20);

/// A line without a question for so long gives its connection back.
const IDLE: Duration = Duration::from_millis(500);

/// The lines of this process.
pub(super) struct Lines(Vec<Line>);

/// One line; without a driver until it is needed, and again once its connection is lost.
#[derive(Default)]
struct Line(Mutex<Option<Driver>>);

/// Where a line's driver hears questions.
struct Driver {
    questions: UnboundedSender<Question>,
    load: Arc<Load>,
}

struct Question {
    statement: Statement,
    reply: Sender<Outcome>,
}

type Outcome = Result<Answer, StoreError>;

/// What is under way on a line.
struct Load {
    waiting: AtomicUsize,
    /// When a question was answered last, or the first one came.
    moved: Mutex<Instant>,
}

impl Lines {
    /// Lines out of so many connections; one at least is left for everything else.
    pub(super) fn new(connections: usize) -> Self {
        let count = LINES_MAX.min(connections.saturating_sub(1));
        Self((0..count).map(|_| Line::default()).collect())
    }

    /// How many connections they take.
    pub(super) fn count(&self) -> usize {
        self.0.len()
    }

    /// Asks; none where no line can be had, or it was lost: then the other way is to be gone.
    pub(super) async fn ask(&self, pool: &Pool, statement: &Statement) -> Option<Outcome> {
        let open = self.0.iter().filter(|line| line.waiting() < DEPTH_MAX);
        let line = open.min_by_key(|line| line.waiting())?;
        match line.send(pool, statement)?.await {
            Ok(Err(StoreError::Unreachable(_))) | Err(_) => None,
            Ok(outcome) => Some(outcome),
        }
    }
}

impl Line {
    /// How many questions are under way; no more can be told apart from too many.
    fn waiting(&self) -> usize {
        let driver = lock(&self.0);
        driver.as_ref().map_or(0, |driver| driver.load.seen())
    }

    /// Hands a question to the driver, which is started where there is none.
    fn send(&self, pool: &Pool, statement: &Statement) -> Option<Receiver<Outcome>> {
        let mut driver = lock(&self.0);
        let (reply, outcome) = oneshot::channel();
        let question = Question {
            statement: statement.clone(),
            reply,
        };
        let question = match &*driver {
            Some(driver) => match driver.take(question) {
                Ok(()) => return Some(outcome),
                Err(question) => question,
            },
            None => question,
        };
        let fresh = Driver::start(pool.reader().ok()??);
        fresh.take(question).ok()?;
        *driver = Some(fresh);
        Some(outcome)
    }
}

impl Driver {
    fn start(reader: PooledReader) -> Self {
        let (questions, asked) = unbounded_channel();
        let load = Arc::new(Load {
            waiting: AtomicUsize::new(0),
            moved: Mutex::new(Instant::now()),
        });
        drop(actix_web::rt::spawn(drive(
            reader,
            asked,
            Arc::clone(&load),
        )));
        Self { questions, load }
    }

    /// Takes a question; gives it back where the driver is gone.
    fn take(&self, question: Question) -> Result<(), Question> {
        self.load.begin();
        self.questions.send(question).map_err(|refused| refused.0)
    }
}

impl Load {
    fn begin(&self) {
        if self.waiting.fetch_add(1, Ordering::Relaxed) == 0 {
            *lock(&self.moved) = Instant::now();
        }
    }

    fn end(&self) {
        self.waiting.fetch_sub(1, Ordering::Relaxed);
        *lock(&self.moved) = Instant::now();
    }

    /// How many wait; as many as can be where nothing moves.
    fn seen(&self) -> usize {
        let waiting = self.waiting.load(Ordering::Relaxed);
        if waiting > 0 && lock(&self.moved).elapsed() > SLOW {
            return DEPTH_MAX;
        }
        waiting
    }
}

/// What a driver waits for.
enum Event {
    Asked(Option<Question>),
    Changed(std::io::Result<()>),
}

/// Sends the questions of a line and hands out the answers, until its connection is lost, does not
/// answer, or nobody can ask any more. Whoever waits then sees that there is no outcome.
async fn drive(mut reader: PooledReader, mut asked: UnboundedReceiver<Question>, load: Arc<Load>) {
    let Ok(socket) = Socket::of(&mut reader) else {
        return;
    };
    let mut waiting: VecDeque<Sender<Outcome>> = VecDeque::new();
    let mut wait = Wait::Read;
    loop {
        let event = poll_fn(|cx| {
            if let Poll::Ready(question) = asked.poll_recv(cx) {
                return Poll::Ready(Event::Asked(question));
            }
            if waiting.is_empty() {
                return Poll::Pending;
            }
            socket.poll_changed(cx, wait).map(Event::Changed)
        });
        let limit = if waiting.is_empty() { IDLE } else { READ_LIMIT };
        let event = match timeout(limit, event).await {
            Ok(event) => event,
            // the pool's way with connections that may have broken meanwhile is a better one
            Err(_idle) if waiting.is_empty() => Event::Asked(None),
            Err(_silent) => return reader.give_up(),
        };
        match event {
            Event::Asked(Some(first)) => {
                let mut next = Some(first);
                while let Some(Question { statement, reply }) = next {
                    let Ok(then) = reader.ask(&statement) else {
                        return;
                    };
                    wait = then;
                    waiting.push_back(reply);
                    next = asked.try_recv().ok();
                }
            }
            Event::Changed(Ok(())) => match hand_out(&mut reader, &socket, &mut waiting, &load) {
                Some(then) => wait = then,
                None => return,
            },
            Event::Asked(None) | Event::Changed(Err(_)) => {
                socket.keep(&mut reader);
                return;
            }
        }
    }
}

/// Hands out what can be answered now; what to wait for then, none where the connection is lost.
fn hand_out(
    reader: &mut PooledReader,
    socket: &Socket,
    waiting: &mut VecDeque<Sender<Outcome>>,
    load: &Load,
) -> Option<Wait> {
    // as in `question.rs`: without encryption the socket tells all
    let allowed = if reader.is_encrypted() {
        LOOKS_IN_VAIN
    } else {
        1
    };
    let mut wait = Wait::Read;
    let mut looks_in_vain = 0_u32;
    while looks_in_vain < allowed && !waiting.is_empty() {
        let mut progress = reader.advance();
        loop {
            let outcome = match progress {
                Ok(Progress::Waiting(then)) => {
                    wait = then;
                    break;
                }
                Ok(Progress::Answered(answer)) => Ok(answer),
                Err(error) => Err(error),
            };
            if let Some(reply) = waiting.pop_front() {
                load.end();
                // who asked may have gone
                reply.send(outcome).unwrap_or_default();
            }
            if reader.is_broken() {
                return None;
            }
            progress = reader.next();
        }
        looks_in_vain = if socket.holds_more() {
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
