//! `GET /events/stream`: everybody who follows the tail, and what is between the tail and them.
//!
//! One reader of the database serves all (`tailer`). It asks only while there is a client; makes an
//! event of each row once; and puts it into the queue of each client whose filter shows it. A client
//! that resumes from behind reads on alone, one piece at a time, until it may follow (`catch_up`); the
//! argument that nothing is lost or seen twice there is in `notif_core::tail::Front`, which is kept here,
//! under the lock of [`State`]. A client's response body (`body`) takes from its queue as fast as its
//! connection does.
//!
//! What is bounded: streams (200), bytes that wait for one client (8 MiB, and the event that passes that
//! bound), bytes that wait for all of them (64 MiB, an event that waits for many counted once), time
//! without progress (30 s). Who passes a bound is cut off (`connection`), and resumes where it was.

mod body;
mod catch_up;
mod client;
mod connection;
mod event;
mod hand_out;
mod options;
mod reading;
mod tailer;

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use actix_web::rt::time::{sleep, timeout};
use actix_web::web::Data;
use notif_core::filter::Filter;
use notif_core::tail::{Front, Place};
use tokio::sync::{Notify, Semaphore};

use self::body::Body;
use self::catch_up::Start;
use self::client::{Client, End};
use self::event::{Memory, ResetReason};
use self::hand_out::Patience;
use crate::access::Pass;
use crate::app::App;
use crate::problem::Problem;

pub(crate) use self::connection::{Connection, remember as remember_connection};
pub use self::options::StreamOptions;
pub(crate) use self::tailer::tail;

/// How long a stream waits for the tail to begin: longer than a read may take.
const BEGIN_LIMIT: Duration = Duration::from_secs(6);
/// How long the last words of streams may take to be sent when the process ends.
const LAST_WORDS: Duration = Duration::from_millis(500);

/// The streams of this process.
pub(crate) struct Streams {
    options: StreamOptions,
    state: Mutex<State>,
    /// Wakes the tailer: there is a client now.
    wanted: Notify,
    /// Wakes clients that wait for the tail to begin.
    begun: Notify,
    /// Wakes who waits for a client to take what it was given.
    progress: Notify,
    /// What is read for clients that resume is read one piece at a time.
    catching_up: Semaphore,
    memory: Memory,
    patience: Mutex<Patience>,
    counters: Counters,
}

#[derive(Default)]
struct State {
    tail: Tail,
    /// Everybody who has a place among the streams; no client yet where that is still being made.
    members: HashMap<u64, Option<Member>>,
    next_id: u64,
    ended: bool,
}

/// Where the tailer is.
#[derive(Default)]
enum Tail {
    /// Nobody follows, or it has not looked yet.
    #[default]
    Unknown,
    /// It cannot begin.
    Failed(Problem),
    /// It follows.
    At(Front),
}

#[derive(Clone)]
struct Member {
    client: Arc<Client>,
    /// Whether it follows; else it catches up.
    follows: bool,
}

/// What `/metrics` tells of streams. All but `open` only grow.
#[derive(Debug, Default)]
struct Counters {
    opened: AtomicU64,
    refused: AtomicU64,
    cut_off: AtomicU64,
    resets: AtomicU64,
    events: AtomicU64,
}

/// How many there were of what.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Counts {
    /// Streams that are open now.
    pub(crate) open: usize,
    /// Bytes of events that wait to be sent now.
    pub(crate) waiting_bytes: usize,
    /// Streams that were opened.
    pub(crate) opened: u64,
    /// Requests that found no free place.
    pub(crate) refused: u64,
    /// Streams that were cut off because they were too slow.
    pub(crate) cut_off: u64,
    /// `reset` events.
    pub(crate) resets: u64,
    /// Notifications that were given to a stream.
    pub(crate) events: u64,
}

/// A place among the streams; free again when it is dropped.
struct Slot {
    app: Data<App>,
    id: u64,
}

impl Drop for Slot {
    fn drop(&mut self) {
        let streams = &self.app.streams;
        let member = streams.state().members.remove(&self.id);
        if let Some(Some(member)) = member {
            member.client.end(End::Gone);
        }
        streams.progress.notify_one();
    }
}

/// Opens a stream of what `filter` shows: from `resume` on, else from now on. It ends soon after `pass`
/// is no longer good.
pub(crate) async fn open(
    app: &Data<App>,
    filter: Filter,
    resume: Option<Place>,
    connection: Connection,
    pass: Pass,
) -> Result<Body, Problem> {
    let streams = &app.streams;
    let slot = streams.slot(app)?;
    streams.tail_begun().await?;
    let start = match resume {
        Some(place) => catch_up::start(app, place).await?,
        None => Start::Now(None),
    };
    let (client, walk) = match start {
        Start::Now(reset) => (
            streams.follow_from_now(&slot, filter, connection, reset),
            None,
        ),
        Start::Behind(walk) => {
            let client = Arc::new(Client::new(filter, connection, walk.place()));
            streams.admit(&slot, &client, false);
            (client, Some(walk))
        }
    };
    Counters::add(&streams.counters.opened, 1);
    if let Some(walk) = walk {
        drop(actix_web::rt::spawn(catch_up::run(
            app.clone(),
            slot.id,
            Arc::clone(&client),
            walk,
        )));
    }
    Ok(Body::new(slot, client, pass))
}

/// Ends all streams, and takes no new ones. Who does not take its last words soon goes without.
pub(crate) async fn end(app: Data<App>) {
    let clients = {
        let mut state = app.streams.state();
        state.ended = true;
        state.clients()
    };
    let mut connections = Vec::with_capacity(clients.len());
    for client in clients {
        connections.push(client.connection().while_open());
        client.end(End::Draining);
    }
    sleep(LAST_WORDS).await;
    // a body that has ended may have left words that its connection is not rid of
    for connection in connections {
        connection.cut();
    }
}

impl Streams {
    /// No streams yet.
    pub(crate) fn new(options: StreamOptions) -> Self {
        Self {
            state: Mutex::default(),
            wanted: Notify::new(),
            begun: Notify::new(),
            progress: Notify::new(),
            catching_up: Semaphore::new(1),
            memory: Memory::default(),
            patience: Mutex::new(Patience::now(options.grace)),
            counters: Counters::default(),
            options,
        }
    }

    /// How many there were of what.
    pub(crate) fn counts(&self) -> Counts {
        let Counters {
            opened,
            refused,
            cut_off,
            resets,
            events,
        } = &self.counters;
        Counts {
            open: self.state().members.len(),
            waiting_bytes: self.memory.bytes(),
            opened: opened.load(Ordering::Relaxed),
            refused: refused.load(Ordering::Relaxed),
            cut_off: cut_off.load(Ordering::Relaxed),
            resets: resets.load(Ordering::Relaxed),
            events: events.load(Ordering::Relaxed),
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn slot(&self, app: &Data<App>) -> Result<Slot, Problem> {
        let mut state = self.state();
        if state.ended {
            return Err(Problem::Draining);
        }
        if state.members.len() >= self.options.streams_max {
            Counters::add(&self.counters.refused, 1);
            return Err(Problem::Busy("as many streams are open as may be"));
        }
        let id = state.next_id;
        state.next_id = id.wrapping_add(1);
        state.members.insert(id, None);
        self.wanted.notify_one();
        Ok(Slot {
            app: app.clone(),
            id,
        })
    }

    /// Waits until the tailer has a place. From then on it keeps it while anybody has a slot.
    async fn tail_begun(&self) -> Result<(), Problem> {
        let begun = async {
            loop {
                let notified = self.begun.notified();
                match &self.state().tail {
                    Tail::At(_) => return Ok(()),
                    Tail::Failed(problem) => return Err(problem.clone()),
                    Tail::Unknown => {}
                }
                notified.await;
            }
        };
        timeout(BEGIN_LIMIT, begun)
            .await
            .unwrap_or_else(|_elapsed| {
                let cause = format!("the tail did not begin within {BEGIN_LIMIT:?}");
                Err(Problem::DatabaseUnavailable(cause))
            })
    }

    /// Lets a client follow from where the tail is now.
    fn follow_from_now(
        &self,
        slot: &Slot,
        filter: Filter,
        connection: Connection,
        reset: Option<ResetReason>,
    ) -> Arc<Client> {
        // one lock: between asking where and following, nothing may be handed out
        let mut state = self.state();
        let here = state.reach();
        let client = Arc::new(Client::new(filter, connection, here));
        if let Some(reason) = reset {
            self.reset(&client, here, reason);
        }
        state.admit(slot, &client, true);
        client
    }

    fn admit(&self, slot: &Slot, client: &Arc<Client>, follows: bool) {
        self.state().admit(slot, client, follows);
    }

    /// Lets a client follow that has read up to its place alone; false where that is not far enough.
    fn follow(&self, id: u64, client: &Client) -> bool {
        let mut state = self.state();
        let serves = match &state.tail {
            Tail::At(front) => front.serves(&client.place()),
            Tail::Unknown | Tail::Failed(_) => false,
        };
        if let Some(Some(member)) = state.members.get_mut(&id) {
            member.follows |= serves;
        }
        serves
    }

    /// Tells a client that it goes on at `here`, whatever was before.
    fn reset(&self, client: &Client, here: Place, reason: ResetReason) {
        Counters::add(&self.counters.resets, 1);
        client.reset(&self.memory, here, reason);
    }

    /// Resets a client that was catching up, which then follows.
    fn reset_one(&self, id: u64, client: &Client, reason: ResetReason) {
        let mut state = self.state();
        let here = state.reach();
        if let Some(Some(member)) = state.members.get_mut(&id) {
            member.follows = true;
        }
        self.reset(client, here, reason);
    }

    /// Cuts a client off.
    fn cut_off(&self, client: &Client, why: &str) {
        if client.end(End::TooSlow) {
            Counters::add(&self.counters.cut_off, 1);
            log::info!("cut off a stream: {why}");
        }
        client.cut();
    }
}

impl State {
    fn admit(&mut self, slot: &Slot, client: &Arc<Client>, follows: bool) {
        if self.ended {
            client.end(End::Draining);
        }
        let client = Arc::clone(client);
        self.members
            .insert(slot.id, Some(Member { client, follows }));
    }

    /// Where who follows from now on begins.
    fn reach(&self) -> Place {
        match &self.tail {
            Tail::At(front) => front.reach(),
            // nobody is admitted before the tail begins, and it does not end before they leave
            Tail::Unknown | Tail::Failed(_) => Place::BEGINNING,
        }
    }

    fn clients(&self) -> Vec<Arc<Client>> {
        let members = self.members.values().flatten();
        members.map(|member| Arc::clone(&member.client)).collect()
    }
}

impl Counters {
    fn add(counter: &AtomicU64, count: u64) {
        counter.fetch_add(count, Ordering::Relaxed);
    }
}
