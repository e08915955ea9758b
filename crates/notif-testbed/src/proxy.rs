//! A TCP proxy on 127.0.0.1 that keeps its port while what is behind it is cut off, slow or silent.
//!
//! It knows bytes only. For Kafka, start the broker with the proxy's port in
//! [`crate::KafkaOptions::proxy_port`], else its clients learn the broker's own address and go round.

use std::collections::HashMap;
use std::io::{Read, Write};
use std::net::{Ipv4Addr, Shutdown, TcpListener, TcpStream};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use anyhow::{Context, Result};

/// How often a second a slow connection gets its share.
const SHARES_PER_SECOND: usize = 20;

/// What is done with bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Mode {
    Forward,
    /// New connections are closed at once.
    Cut,
    /// In bytes for each share, direction and connection.
    Slow(usize),
    /// Nothing is forwarded and nothing closed.
    HalfOpen,
    /// Requests go through, answers do not.
    NoAnswers,
    /// Each connection is closed behind so many bytes of answers.
    Truncate(usize),
}

#[derive(Debug)]
struct State {
    mode: Mode,
    target: Option<u16>,
    /// What makes it hold answers back, once it has come in requests this many times.
    trigger: Option<(Vec<u8>, usize)>,
    ended: bool,
    next_id: u64,
    /// How many connections were closed in the middle of an answer.
    truncated: usize,
    /// Both sockets of each connection; the one to the target is there once it is made.
    connections: HashMap<u64, Vec<TcpStream>>,
}

#[derive(Debug)]
struct Shared {
    state: Mutex<State>,
    changed: Condvar,
}

/// The proxy; dropping it closes its connections and frees its port.
#[derive(Debug)]
pub struct Proxy {
    port: u16,
    shared: Arc<Shared>,
    accepting: Option<thread::JoinHandle<()>>,
}

/// Which way the bytes of a pump go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Direction {
    Requests,
    Answers,
}

impl Proxy {
    /// A proxy in front of the server on `port` of 127.0.0.1.
    pub fn to(port: u16) -> Result<Self> {
        let proxy = Self::listen()?;
        proxy.forward_to(port);
        Ok(proxy)
    }

    /// A proxy whose target is not known yet; until [`Proxy::forward_to`] connections are closed.
    pub fn listen() -> Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        let port = listener.local_addr()?.port();
        let shared = Arc::new(Shared {
            state: Mutex::new(State {
                mode: Mode::Forward,
                target: None,
                trigger: None,
                ended: false,
                next_id: 0,
                truncated: 0,
                connections: HashMap::new(),
            }),
            changed: Condvar::new(),
        });
        let for_thread = Arc::clone(&shared);
        let accepting = thread::Builder::new()
            .name("proxy".to_owned())
            .spawn(move || accept(&listener, &for_thread))
            .context("the proxy's thread")?;
        Ok(Self {
            port,
            shared,
            accepting: Some(accepting),
        })
    }

    /// From now on new connections lead to `port` of 127.0.0.1.
    pub fn forward_to(&self, port: u16) {
        self.shared.lock().target = Some(port);
    }

    /// The port on 127.0.0.1 that it listens on, for its whole life.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// How many connections are open.
    pub fn connections(&self) -> usize {
        self.shared.lock().connections.len()
    }

    /// Closes all connections, and new ones as soon as they are made.
    pub fn cut(&self) {
        self.set(Mode::Cut);
    }

    /// Forwards again; what was held back in silence goes on its way.
    pub fn restore(&self) {
        self.set(Mode::Forward);
    }

    /// Forwards about this many bytes a second, for each connection and direction.
    pub fn slow(&self, bytes_per_second: usize) {
        let share = bytes_per_second.checked_div(SHARES_PER_SECOND).unwrap_or(0);
        self.set(Mode::Slow(share.max(1)));
    }

    /// Accepts connections and forwards nothing on any: a peer that vanished without a word.
    pub fn half_open(&self) {
        self.set(Mode::HalfOpen);
    }

    /// Forwards requests and holds the answers back: what was asked is done, and nobody learns it.
    pub fn hold_answers(&self) {
        self.set(Mode::NoAnswers);
    }

    /// Closes each connection once this many bytes of answers went over it, in the middle of one.
    pub fn truncate_after(&self, bytes: usize) {
        self.set(Mode::Truncate(bytes));
    }

    /// How many connections [`Proxy::truncate_after`] has closed.
    pub fn truncated(&self) -> usize {
        self.shared.lock().truncated
    }

    /// Ends the answers of all open connections, in order, while requests still go through: the
    /// client sees a half-closed connection.
    pub fn half_close(&self) {
        for sockets in self.shared.lock().connections.values() {
            if let Some(client) = sockets.first() {
                // an error says that it is closed already
                drop(client.shutdown(Shutdown::Write));
            }
        }
    }

    /// Forwards until `bytes` have come in requests `times` times; from that moment on it holds the
    /// answers back, the one to that request included.
    pub fn hold_answers_after(&self, bytes: &[u8], times: usize) {
        self.set(Mode::Forward);
        self.shared.lock().trigger = Some((bytes.to_vec(), times));
    }

    /// Are answers held back?
    pub fn holds_answers(&self) -> bool {
        self.shared.lock().mode == Mode::NoAnswers
    }

    fn set(&self, mode: Mode) {
        let mut state = self.shared.lock();
        state.mode = mode;
        state.trigger = None;
        if mode == Mode::Cut {
            state.close_all();
        }
        drop(state);
        self.shared.changed.notify_all();
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        let mut state = self.shared.lock();
        state.ended = true;
        state.close_all();
        drop(state);
        self.shared.changed.notify_all();
        // wakes the thread that accepts; where that fails it is awake already
        drop(TcpStream::connect((Ipv4Addr::LOCALHOST, self.port)));
        if let Some(accepting) = self.accepting.take() {
            // its panic, if any, was printed by itself
            drop(accepting.join());
        }
    }
}

impl State {
    fn close_all(&mut self) {
        for (_, sockets) in self.connections.drain() {
            close(&sockets);
        }
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits while nothing may pass in this direction; false where the connection was closed.
    fn may_pass(&self, id: u64, direction: Direction) -> bool {
        let mut state = self.lock();
        loop {
            if !state.connections.contains_key(&id) {
                return false;
            }
            let held = match state.mode {
                Mode::HalfOpen => true,
                Mode::NoAnswers => direction == Direction::Answers,
                Mode::Forward | Mode::Cut | Mode::Slow(_) | Mode::Truncate(_) => false,
            };
            if !held {
                return true;
            }
            state = self
                .changed
                .wait(state)
                .unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// How many bytes may go at once, and how long to wait after them.
    fn share(&self, available: usize) -> (usize, Duration) {
        match self.lock().mode {
            Mode::Slow(share) => {
                let pause = 1_000_u64.checked_div(SHARES_PER_SECOND.try_into().unwrap_or(1));
                (
                    available.min(share),
                    Duration::from_millis(pause.unwrap_or(0)),
                )
            }
            _ => (available, Duration::ZERO),
        }
    }

    /// How many of `available` bytes may go before the connection is closed, after `gone` went.
    fn before_the_end(&self, direction: Direction, gone: usize, available: usize) -> Option<usize> {
        let mut state = self.lock();
        match state.mode {
            Mode::Truncate(limit) if direction == Direction::Answers => {
                let left = limit.saturating_sub(gone);
                (left < available).then(|| {
                    state.truncated = state.truncated.saturating_add(1);
                    left
                })
            }
            _ => None,
        }
    }

    /// Looks for the trigger in a request, `before` being the end of what came before on the same
    /// connection. Called before the request is forwarded: its answer cannot slip through.
    fn look_for_trigger(&self, before: &mut Vec<u8>, request: &[u8]) {
        let mut state = self.lock();
        let Some((bytes, times)) = &mut state.trigger else {
            return;
        };
        before.extend_from_slice(request);
        let found = before.windows(bytes.len().max(1)).filter(|w| w == bytes);
        *times = times.saturating_sub(found.count());
        let overlap = bytes.len().saturating_sub(1);
        before.drain(..before.len().saturating_sub(overlap));
        if *times == 0 {
            state.mode = Mode::NoAnswers;
            state.trigger = None;
        }
    }

    fn forget(&self, id: u64) {
        if let Some(sockets) = self.lock().connections.remove(&id) {
            close(&sockets);
        }
    }
}

fn close(sockets: &[TcpStream]) {
    for socket in sockets {
        // an error says that it is closed already
        drop(socket.shutdown(Shutdown::Both));
    }
}

fn accept(listener: &TcpListener, shared: &Arc<Shared>) {
    for client in listener.incoming() {
        let mut state = shared.lock();
        if state.ended {
            return;
        }
        let Ok(client) = client else { continue };
        if state.mode == Mode::Cut || state.target.is_none() {
            continue;
        }
        let Ok(copy) = client.try_clone() else {
            continue;
        };
        let id = state.next_id;
        state.next_id = id.wrapping_add(1);
        state.connections.insert(id, vec![copy]);
        drop(state);
        let shared = Arc::clone(shared);
        thread::spawn(move || {
            serve(id, &client, &shared);
            shared.forget(id);
        });
    }
}

/// Connects to the target and pumps both ways until one side closes.
fn serve(id: u64, client: &TcpStream, shared: &Arc<Shared>) {
    // a silent proxy does not even connect: the target must not know of the client
    if !shared.may_pass(id, Direction::Requests) {
        return;
    }
    let Some(target) = shared.lock().target else {
        return;
    };
    let Ok(server) = TcpStream::connect((Ipv4Addr::LOCALHOST, target)) else {
        return;
    };
    let (Ok(server_copy), Ok(client_copy), Ok(kept)) =
        (server.try_clone(), client.try_clone(), server.try_clone())
    else {
        return;
    };
    match shared.lock().connections.get_mut(&id) {
        Some(sockets) => sockets.push(kept),
        // cut in the meantime
        None => return,
    }
    let for_answers = Arc::clone(shared);
    let answers = thread::spawn(move || {
        pump(
            id,
            &server_copy,
            &client_copy,
            Direction::Answers,
            &for_answers,
        );
        for_answers.forget(id);
    });
    pump(id, client, &server, Direction::Requests, shared);
    shared.forget(id);
    drop(answers.join());
}

fn pump(
    id: u64,
    mut from: &TcpStream,
    mut to: &TcpStream,
    direction: Direction,
    shared: &Arc<Shared>,
) {
    let mut buffer = [0; 16 << 10];
    let mut gone = 0_usize;
    let mut before = Vec::new();
    loop {
        let Ok(count @ 1..) = from.read(&mut buffer) else {
            return;
        };
        let mut rest = buffer.get(..count).unwrap_or_default();
        if let Some(last) = shared.before_the_end(direction, gone, count) {
            // an error says that the client is gone already
            drop(to.write_all(rest.get(..last).unwrap_or_default()));
            return;
        }
        gone = gone.saturating_add(count);
        if direction == Direction::Requests {
            shared.look_for_trigger(&mut before, rest);
        }
        while !rest.is_empty() {
            // asked after the read: what came before the silence stays here until it ends
            if !shared.may_pass(id, direction) {
                return;
            }
            let (share, pause) = shared.share(rest.len());
            let (now, later) = rest.split_at(share);
            if to.write_all(now).is_err() {
                return;
            }
            rest = later;
            thread::sleep(pause);
        }
    }
}

#[cfg(test)]
mod tests;
