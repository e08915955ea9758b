//! A PostgreSQL server of our own on a free port of 127.0.0.1.
//!
//! It runs from the installed binaries (`NOTIF_TESTBED_PG_BIN`, else `PATH`, else the newest of
//! those that packages put elsewhere) in a temporary folder; other versions from published ones
//! (`postgres/published.rs`). The databases in it are in `postgres/database.rs`, TLS in
//! `postgres/tls.rs`, the end of the server in `supervisor.rs`.

mod database;
mod published;
mod tls;

use std::collections::HashMap;
use std::env;
use std::ffi::OsString;
use std::fs;
use std::os::unix::fs::chown;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Arc, LazyLock, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use diesel::prelude::*;
use diesel::sql_types::Text;

pub use self::database::{Held, TestDatabase};
pub use self::tls::PostgresTls;
use crate::port::free_port;
use crate::process;
use crate::supervisor::{EndSignal, Plan, State, Supervisor};

/// The superuser of every server started here.
const USER: &str = "postgres";

/// Also the time for crash recovery after [`Postgres::stop_immediate`].
const START_LIMIT: Duration = Duration::from_secs(60);

/// Runs initdb on the first start, then becomes the server. Both are under the supervisor, so that
/// nothing stays behind if we are killed while the cluster is being made.
const LAUNCH: &str = r#"
bin=$1 auth=$2 sync=$3 primary=$4
shift 4
if [ ! -e data/PG_VERSION ]; then
    rm -rf data
fi
if [ ! -e data/PG_VERSION ] && [ -n "$primary" ]; then
    "$bin/pg_basebackup" -D data -R -c fast -d "$primary" || exit 1
elif [ ! -e data/PG_VERSION ]; then
    "$bin/initdb" -D data -U postgres -E UTF8 --locale=C $auth $sync || exit 1
fi
exec "$bin/postgres" -D data "$@"
"#;

/// Mounts the small disk where nobody else sees it, then becomes the rest of the command. The mount
/// is gone with the last process of the server, however that ended.
const MOUNT: &str = r#"
size=$1 user=$2 group=$3
shift 3
mkdir -p small
mount -t tmpfs -o "size=$size,mode=700,uid=$user,gid=$group" tmpfs small || exit 1
exec "$@"
"#;

/// The small disk in the server's folder.
const SMALL_DISK: &str = "small";

/// How the server is set up.
#[derive(Debug, Clone, Default)]
pub struct PostgresOptions {
    /// Keep PostgreSQL's promises about power loss. Tests do not need them and are several times
    /// faster without; benchmarks and crash tests do.
    pub durable: bool,
    /// Further settings, as in `postgresql.conf`; they win over ours.
    pub settings: Vec<(String, String)>,
    /// Ask for this password (SCRAM); without one, everybody is let in.
    pub password: Option<String>,
    /// Speak TLS, and nothing else.
    pub tls: Option<PostgresTls>,
    /// A major version other than the installed one: `14`, `17` or `18`. It is fetched once.
    pub version: Option<String>,
    /// Begin as a streaming standby of the server at this address instead of with an empty cluster.
    pub standby_of: Option<String>,
    /// Give the server a disk of so many MB, [`Postgres::small_disk`]. It is a tmpfs, so only root
    /// can have one.
    pub small_disk_mb: Option<u32>,
    /// Further variables of the server's environment.
    pub environment: Vec<(String, String)>,
}

/// A running server. Cheap to clone; it ends with its last clone and its last database.
#[derive(Debug, Clone)]
pub struct Postgres {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    supervisor: Supervisor,
    port: u16,
    password: Option<String>,
    binaries: PathBuf,
    /// The template database made from each folder of migrations.
    templates: Mutex<HashMap<PathBuf, String>>,
}

impl Postgres {
    /// Starts a server and waits until it answers.
    pub fn start(options: &PostgresOptions) -> Result<Self> {
        let programs = match &options.version {
            Some(major) => Programs::Archive(published::find_or_fetch(major)?),
            None => Programs::Folder(find_binaries()?),
        };
        loop {
            if let Some(server) = Self::start_on(free_port()?, &programs, options)? {
                return Ok(server);
            }
        }
    }

    /// The server of this process, started by whoever asks first.
    ///
    /// # Panics
    /// Where it cannot be started: no test that needs it can go on.
    pub fn shared() -> &'static Self {
        static SHARED: LazyLock<Result<Postgres>> =
            LazyLock::new(|| Postgres::start(&PostgresOptions::default()));
        match &*SHARED {
            Ok(server) => server,
            #[expect(clippy::panic, reason = "a test cannot go on without its server")]
            Err(error) => panic!("the shared PostgreSQL did not start: {error:#}"),
        }
    }

    /// None where another process took the port between our look and the server's: that is no
    /// failure of this server, and another port is as good.
    fn start_on(port: u16, programs: &Programs, options: &PostgresOptions) -> Result<Option<Self>> {
        let folder = tempfile::Builder::new().prefix("notif-pg-").tempdir()?;
        let binaries = &match programs {
            Programs::Folder(folder) => folder.clone(),
            Programs::Archive(archive) => published::unpack(archive, folder.path())?,
        };
        let mut command = Vec::new();
        if let Some(size) = options.small_disk_mb {
            command.extend(with_small_disk(size)?);
        }
        if process::is_root()? {
            command.extend(as_unprivileged_user(folder.path())?);
        }
        command.extend(["sh", "-c", LAUNCH, "launch"].map(OsString::from));
        command.push(binaries.into());
        command.push(authentication(folder.path(), options)?.into());
        command.push(
            if options.durable {
                "--data-checksums"
            } else {
                "--no-sync"
            }
            .into(),
        );
        command.push(options.standby_of.as_deref().unwrap_or_default().into());
        command.extend(settings(folder.path(), port, options));
        if let Some(tls) = &options.tls {
            tls.write(folder.path())?;
        }
        let supervisor = Supervisor::new(Plan {
            folder: folder.keep(),
            command,
            environment: options
                .environment
                .iter()
                .map(|(name, value)| (name.into(), Some(value.into())))
                .collect(),
            last_signal: EndSignal::Quit,
            grace_seconds: 10,
        })?;
        let server = Self {
            inner: Arc::new(Inner {
                supervisor,
                port,
                password: options.password.clone(),
                binaries: binaries.clone(),
                templates: Mutex::default(),
            }),
        };
        match server.start_and_wait() {
            Err(_) if server.inner.supervisor.address_in_use() => Ok(None),
            Err(error) => Err(error),
            Ok(()) => Ok(Some(server)),
        }
    }

    fn start_and_wait(&self) -> Result<()> {
        let supervisor = &self.inner.supervisor;
        supervisor.start()?;
        let started = Instant::now();
        loop {
            if let Some(code) = supervisor.exited() {
                bail!(
                    "PostgreSQL ended with code {code}:\n{}",
                    supervisor.log_tail()
                );
            }
            match self.answers() {
                Ok(true) => return Ok(()),
                Ok(false) => bail!("another PostgreSQL answers on port {}", self.inner.port),
                Err(error) if started.elapsed() > START_LIMIT => {
                    return Err(error).with_context(|| {
                        let tail = supervisor.log_tail();
                        format!("PostgreSQL did not answer within {START_LIMIT:?}:\n{tail}")
                    });
                }
                Err(_) => thread::sleep(Duration::from_millis(10)),
            }
        }
    }

    /// Whether what answers on our port is our server.
    fn answers(&self) -> Result<bool> {
        let url = format!("{}?connect_timeout=5", self.admin_url());
        let mut connection = PgConnection::establish(&url)?;
        let folder: String = diesel::select(diesel::dsl::sql::<Text>(
            "current_setting('unix_socket_directories')",
        ))
        .get_result(&mut connection)?;
        Ok(Path::new(&folder) == self.inner.supervisor.folder())
    }

    /// The address of the database `name`, as superuser.
    pub fn url(&self, name: &str) -> String {
        let port = self.inner.port;
        match &self.inner.password {
            Some(password) => format!("postgresql://{USER}:{password}@127.0.0.1:{port}/{name}"),
            None => format!("postgresql://{USER}@127.0.0.1:{port}/{name}"),
        }
    }

    /// The address of the database that is always there.
    pub fn admin_url(&self) -> String {
        self.url("postgres")
    }

    /// The port on 127.0.0.1.
    pub fn port(&self) -> u16 {
        self.inner.port
    }

    /// The folder with `psql`, `pg_dump`, `pgbench` of the same version, which a fetched version
    /// does not have.
    pub fn binaries(&self) -> &Path {
        &self.inner.binaries
    }

    /// The folder that the server lives in; it is gone when the server is.
    pub fn folder(&self) -> &Path {
        self.inner.supervisor.folder()
    }

    /// The process id of the server, None before its first start.
    pub fn process_id(&self) -> Option<u32> {
        self.inner.supervisor.process_id()
    }

    /// A new database with the workspace's migrations (`migrations/`) applied.
    pub fn create_database(&self) -> Result<TestDatabase> {
        self.create_database_from(&process::workspace().join("migrations"))
    }

    /// A new database with the migrations of another folder applied.
    ///
    /// They run once a server; every further database is a copy of the result.
    pub fn create_database_from(&self, migrations: &Path) -> Result<TestDatabase> {
        TestDatabase::from_migrations(self, migrations)
    }

    /// A database that is there already, on a standby or its successor.
    pub fn existing_database(&self, name: &str) -> TestDatabase {
        TestDatabase::existing(self, name)
    }

    /// The disk of [`PostgresOptions::small_disk_mb`]; the server alone can look into it.
    pub fn small_disk(&self) -> PathBuf {
        self.folder().join(SMALL_DISK)
    }

    /// Gives the small disk another size.
    pub fn resize_small_disk(&self, megabytes: u32) -> Result<()> {
        let server = self.process_id().context("the server never ran")?;
        let mut mount = Command::new("nsenter");
        mount
            .args(["--mount", "--target", &server.to_string()])
            .args(["mount", "-o", &format!("remount,size={megabytes}m")])
            .arg(self.small_disk());
        process::run(&mut mount, Duration::from_secs(10))?.success()?;
        Ok(())
    }

    /// A new database with nothing in it and this name, which stays as long as the server; gives
    /// its address.
    pub fn create_named_database(&self, name: &str) -> Result<String> {
        database::create_named(self, name)
    }

    /// A new database with nothing in it.
    pub fn empty_database(&self) -> Result<TestDatabase> {
        TestDatabase::empty(self)
    }

    /// Ends the server at once, as a crash of it would: open transactions are lost, connections
    /// break, and the next start recovers from the log.
    pub fn stop_immediate(&self) -> Result<()> {
        self.inner.supervisor.end(EndSignal::Quit)
    }

    /// Starts the server again on the same folder and port, ending it first where it runs.
    pub fn restart(&self) -> Result<()> {
        self.inner.supervisor.end(EndSignal::Quit)?;
        self.start_and_wait()
    }

    /// Makes the server hang: its sockets stay open and nothing answers.
    pub fn pause(&self) -> Result<()> {
        self.inner.supervisor.pause()
    }

    /// Ends [`Postgres::pause`].
    pub fn resume(&self) -> Result<()> {
        self.inner.supervisor.resume()
    }

    fn is_running(&self) -> bool {
        self.inner.supervisor.state() == State::Running && self.inner.supervisor.exited().is_none()
    }
}

/// Where the server's programs come from.
enum Programs {
    /// They are in this folder.
    Folder(PathBuf),
    /// They are in this archive, which each server unpacks for itself.
    Archive(PathBuf),
}

/// The words that put another user in front of a command; the server's folder becomes that user's.
///
/// PostgreSQL refuses the superuser. `setpriv` replaces itself by the command, so that the process
/// id stays the one that the supervisor knows.
fn as_unprivileged_user(folder: &Path) -> Result<Vec<OsString>> {
    let hint = "hint: as root, the testbed runs PostgreSQL as the user postgres, by setpriv";
    process::find_on_path("setpriv").with_context(|| format!("no setpriv on PATH\n{hint}"))?;
    let user = process::user_id(Some(USER)).context(hint)?;
    let group = process::group_id(USER)?;
    chown(folder, Some(user), Some(group))?;
    let words = [
        "setpriv",
        &format!("--reuid={user}"),
        &format!("--regid={group}"),
        "--clear-groups",
    ];
    Ok(words.map(OsString::from).to_vec())
}

/// The words that mount the small disk in front of a command.
fn with_small_disk(megabytes: u32) -> Result<Vec<OsString>> {
    if !process::is_root()? {
        bail!(
            "a small disk for PostgreSQL is a tmpfs, and only root may mount one\n\
             hint: run this test as root"
        );
    }
    let words = [
        "unshare",
        "--mount",
        "sh",
        "-c",
        MOUNT,
        "mount",
        &format!("{megabytes}m"),
        &process::user_id(Some(USER))?.to_string(),
        &process::group_id(USER)?.to_string(),
    ];
    Ok(words.map(OsString::from).to_vec())
}

/// The initdb flags for the authentication, and the password in a file that they name.
fn authentication(folder: &Path, options: &PostgresOptions) -> Result<&'static str> {
    let Some(password) = &options.password else {
        return Ok("-Atrust");
    };
    // readable by the user that runs initdb; the folder itself is closed to others
    fs::write(folder.join("password"), password)?;
    Ok("-Ascram-sha-256 --pwfile=password")
}

fn settings(folder: &Path, port: u16, options: &PostgresOptions) -> Vec<OsString> {
    let mut settings = vec![
        ("listen_addresses".to_owned(), "127.0.0.1".to_owned()),
        ("port".to_owned(), port.to_string()),
        (
            "unix_socket_directories".to_owned(),
            folder.display().to_string(),
        ),
        ("max_connections".to_owned(), "200".to_owned()),
    ];
    if !options.durable {
        for unsafe_but_fast in ["fsync", "synchronous_commit", "full_page_writes"] {
            settings.push((unsafe_but_fast.to_owned(), "off".to_owned()));
        }
    }
    if options.tls.is_some() {
        settings.extend(PostgresTls::settings(folder));
    }
    settings.extend(options.settings.iter().cloned());
    settings
        .into_iter()
        .flat_map(|(k, v)| ["-c".into(), format!("{k}={v}").into()])
        .collect()
}

/// Where packages put versions side by side, and what stands before the version in a name there:
/// Debian, Red Hat, Homebrew.
const INSTALLED: [(&str, &str); 3] = [
    ("/usr/lib/postgresql", ""),
    ("/usr", "pgsql-"),
    ("/opt/homebrew/opt", "postgresql@"),
];

/// The folder with `initdb` and `postgres`.
fn find_binaries() -> Result<PathBuf> {
    if let Some(folder) = env::var_os("NOTIF_TESTBED_PG_BIN") {
        let folder = PathBuf::from(folder);
        let initdb = folder.join("initdb");
        if !initdb.is_file() {
            bail!("NOTIF_TESTBED_PG_BIN: there is no {}", initdb.display());
        }
        return Ok(folder);
    }
    if let Some(initdb) = process::find_on_path("initdb") {
        // a link on PATH may lead to the folder where `postgres` is
        let real = fs::canonicalize(&initdb)?;
        let folder = real.parent().unwrap_or(Path::new("/"));
        if folder.join("postgres").is_file() {
            return Ok(folder.to_owned());
        }
    }
    let mut newest: Option<(u32, PathBuf)> = None;
    for (parent, prefix) in INSTALLED {
        for entry in fs::read_dir(parent).into_iter().flatten().flatten() {
            let name = entry.file_name().to_string_lossy().into_owned();
            let version = name
                .strip_prefix(prefix)
                .and_then(|version| version.parse().ok());
            let Some(version) = version else { continue };
            let folder = entry.path().join("bin");
            let newer = newest.as_ref().is_none_or(|(best, _)| version > *best);
            if newer && folder.join("initdb").is_file() {
                newest = Some((version, folder));
            }
        }
    }
    newest.map(|(_, folder)| folder).context(
        "no PostgreSQL server is installed\n\
         hint: install one (Debian: apt-get install postgresql), or set NOTIF_TESTBED_PG_BIN to \
         the folder that holds initdb",
    )
}
