//! The life of the process: migrate, listen, look at the schema, serve, drain.

use std::future::Future;
use std::net::TcpListener;
use std::time::Duration;

use actix_web::HttpServer;
use actix_web::rt::System;
use actix_web::rt::signal::unix::{SignalKind, signal};
use actix_web::web::Data;
use notif_core::store::{DatabaseUrl, Session, StoreError};
use socket2::SockRef;

use crate::app::{self, App};
use crate::config::{Config, Settings};
use crate::database::{Database, writers};
use crate::exit::Exit;
use crate::freshness;
use crate::stream;

/// How long open requests may take once the end has begun, seconds.
const DRAIN_SECONDS: u64 = 10;
/// How long an idle connection is kept. Longer than the 60 s of the usual proxies: the side that
/// closes must not be the one that did not send the next request.
const KEEP_ALIVE: Duration = Duration::from_secs(75);
/// How many connections may wait to be accepted.
const BACKLOG: i32 = 1024;

/// Serves until it is told to stop.
pub fn run(settings: &Settings) -> Exit {
    match prepare(settings) {
        Ok(listener) => System::new().block_on(serve_until_signal(&settings.config, listener)),
        Err(exit) => exit,
    }
}

fn prepare(settings: &Settings) -> Result<TcpListener, Exit> {
    if let Some(url) = &settings.migrate {
        bring_up_to_date(url)?;
    }
    check_schema(&settings.config.database)?;
    listen(&settings.host, settings.port)
}

fn bring_up_to_date(url: &DatabaseUrl) -> Result<(), Exit> {
    let mut session = Session::connect(url, "notif-api --migrate")?;
    match session.migrate()?.as_slice() {
        [] => log::info!("the schema is up to date"),
        ran => log::info!("the schema is up to date, ran {}", ran.join(", ")),
    }
    Ok(())
}

/// A schema that does not fit ends the process: it does not change by itself. A database that is
/// not there does not: it comes back, and restarting this process until then helps nobody.
fn check_schema(url: &DatabaseUrl) -> Result<(), Exit> {
    let checked = Session::connect(url, "notif-api")
        .and_then(|mut session| session.schema_check(env!("CARGO_PKG_VERSION")));
    match checked {
        Ok(()) => Ok(()),
        Err(error @ (StoreError::Unreachable(_) | StoreError::Refused(_))) => {
            log::warn!("{error}; serving 503 until it answers");
            Ok(())
        }
        Err(other) => Err(other.into()),
    }
}

fn listen(host: &str, port: u16) -> Result<TcpListener, Exit> {
    let name = format!("{host}:{port}");
    TcpListener::bind((host, port))
        .map_err(|error| Exit::Usage(format!("HOST, PORT: cannot listen on {name}: {error}")))
}

async fn serve_until_signal(config: &Config, listener: TcpListener) -> Exit {
    let stop = match stop_signal() {
        Ok(stop) => stop,
        Err(error) => return Exit::Internal(format!("cannot listen to signals: {error}")),
    };
    match serve(config, listener, stop).await {
        Ok(()) => Exit::Stopped,
        Err(error) => Exit::Internal(format!("the server ended: {error}")),
    }
}

/// Completes at the first SIGTERM or SIGINT; the second one ends the process on the spot.
fn stop_signal() -> std::io::Result<impl Future<Output = ()> + Send + 'static> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let (stop, stopped) = tokio::sync::oneshot::channel();
    actix_web::rt::spawn(async move {
        first_of(&mut terminate, &mut interrupt).await;
        if stop.send(()).is_ok() {
            first_of(&mut terminate, &mut interrupt).await;
        }
        log::warn!("told twice to stop: requests are cut off");
        crate::exit::leave(0);
    });
    Ok(async move {
        // an error is the sender's end, which is the process's
        stopped.await.unwrap_or_default();
    })
}

async fn first_of(
    one: &mut actix_web::rt::signal::unix::Signal,
    other: &mut actix_web::rt::signal::unix::Signal,
) {
    std::future::poll_fn(|cx| {
        if one.poll_recv(cx).is_ready() || other.poll_recv(cx).is_ready() {
            std::task::Poll::Ready(())
        } else {
            std::task::Poll::Pending
        }
    })
    .await;
}

/// Serves on `listener` until `stop` completes; then takes no new connections, answers what was
/// asked, and returns. It connects to the database by itself, now and whenever it was gone.
pub async fn serve(
    config: &Config,
    listener: TcpListener,
    stop: impl Future<Output = ()> + Send + 'static,
) -> std::io::Result<()> {
    let database = Database::new(
        &config.database,
        config.pool_size,
        config.prepared_statements,
    );
    config.access.announce();
    let app = Data::new(App::new(database, config));
    let background = [
        actix_web::rt::spawn(freshness::keep_up(app.clone())),
        actix_web::rt::spawn(stream::tail(app.clone())),
    ];
    let draining = app.clone();
    let stop = async move {
        stop.await;
        draining.drain();
        // else the streams would be waited for
        drop(actix_web::rt::spawn(stream::end(draining)));
        log::info!("stopping: answering what was asked, for at most {DRAIN_SECONDS} s");
    };
    let socket = SockRef::from(&listener);
    // the standard library's queue is 128 long, a burst of clients is longer
    socket.listen(BACKLOG)?;
    // the connections that are accepted inherit it
    socket.set_tcp_user_timeout(Some(config.stall_limit))?;
    log::info!("listening on http://{}", listener.local_addr()?);
    let server = HttpServer::new(move || app::service(app.clone()))
        .on_connect(stream::remember_connection)
        .keep_alive(KEEP_ALIVE)
        // a reply that is sent in two pieces would wait 40 ms for the client to confirm the first
        .tcp_nodelay(true)
        .shutdown_timeout(DRAIN_SECONDS)
        .shutdown_signal(stop)
        // as many as may block at once, of all workers together
        .worker_max_blocking_threads(blocking_threads(config.pool_size))
        .workers(config.workers)
        .listen(listener)?;
    let ended = server.run().await;
    background
        .iter()
        .for_each(actix_web::rt::task::JoinHandle::abort);
    ended
}

/// One for each write, for each large answer, and for probes.
fn blocking_threads(pool_size: u32) -> usize {
    let threads = pool_size
        .saturating_add(writers(pool_size))
        .saturating_add(2);
    usize::try_from(threads).unwrap_or(usize::MAX)
}
