//! A server of the test's own, with a database of its own.

use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::process::Command;
use std::thread::JoinHandle;
use std::time::Duration;

use notif_api::origins::Origins;
use notif_api::{Access, Config, StreamOptions};
use notif_core::store::DatabaseUrl;
use notif_testbed::{Postgres, TestDatabase, process};
use tokio::sync::oneshot;

use crate::http::{self, Response};

/// A running server. It is stopped, and waited for, when it is dropped.
pub(crate) struct Server {
    address: SocketAddr,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Server {
    /// A server that reads the database at `url`.
    pub(crate) fn start(url: &str) -> Self {
        Self::start_with(url, |_| {})
    }

    /// The same, with a configuration of the test's own.
    pub(crate) fn start_with(url: &str, change: impl FnOnce(&mut Config)) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let address = listener.local_addr().unwrap();
        let mut config = Config {
            database: DatabaseUrl::parse(url).unwrap(),
            pool_size: 4,
            prepared_statements: true,
            workers: 1,
            access: Access::Open,
            stall_limit: Duration::from_secs(30),
            public_url: None,
            poll_interval: None,
            cors_origins: Origins::default(),
            streams: StreamOptions::default(),
        };
        change(&mut config);
        let (stop, stopped) = oneshot::channel();
        let thread = std::thread::spawn(move || {
            let until = async move { stopped.await.unwrap_or_default() };
            let serving = notif_api::serve(&config, listener, until);
            actix_web::rt::System::new().block_on(serving).unwrap();
        });
        Self {
            address,
            stop: Some(stop),
            thread: Some(thread),
        }
    }

    /// Where it listens.
    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// Asks for a path with GET.
    pub(crate) fn get(&self, path: &str) -> Response {
        self.request("GET", path, &[], b"")
    }

    /// Sends a request.
    pub(crate) fn request(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: &[u8],
    ) -> Response {
        http::request(self.address, method, path, headers, body).unwrap()
    }

    /// Sends a notification by hand.
    pub(crate) fn send(&self, body: &str) -> Response {
        let json = [("content-type", "application/json")];
        self.request("POST", "/send-notification", &json, body.as_bytes())
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let stopped = self.stop.take().is_some_and(|stop| stop.send(()).is_ok());
        let ended = self.thread.take().map(JoinHandle::join);
        if !std::thread::panicking() {
            assert!(stopped, "the server ended by itself");
            assert!(matches!(ended, Some(Ok(()))), "the server panicked");
        }
    }
}

/// A server, and its database on the server that the tests share.
pub(crate) struct World {
    // dropped in this order: the server lets go of the database first
    pub(crate) server: Server,
    pub(crate) database: TestDatabase,
}

impl World {
    /// A migrated database, and a server that reads it.
    pub(crate) fn new() -> Self {
        Self::with(|_| {})
    }

    /// The same, with a configuration of the test's own.
    pub(crate) fn with(change: impl FnOnce(&mut Config)) -> Self {
        #[cfg(feature = "faults")]
        crate::mutation::choose();
        let database = Postgres::shared().create_database().unwrap();
        let server = Server::start_with(&database.url(), change);
        Self { server, database }
    }

    /// Runs SQL; what it prints, columns separated by `|`.
    pub(crate) fn sql(&self, statements: &str) -> String {
        sql(&self.database, statements)
    }
}

/// Runs SQL with `psql`; what it prints, columns separated by `|`.
pub(crate) fn sql(database: &TestDatabase, statements: &str) -> String {
    let finished = process::run(&mut psql(database, statements), Duration::from_secs(60)).unwrap();
    finished.success().unwrap().trim_end().to_owned()
}

/// `psql`, about to run SQL.
pub(crate) fn psql(database: &TestDatabase, statements: &str) -> Command {
    let mut psql = Command::new(database.server().binaries().join("psql"));
    psql.args([
        "-X",
        "-q",
        "-A",
        "-t",
        "-v",
        "ON_ERROR_STOP=1",
        "-c",
        statements,
    ]);
    psql.arg(database.url());
    psql
}
