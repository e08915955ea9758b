//! From what was typed to what is used. The environment comes in through `cli` alone.

use std::ffi::OsString;
use std::num::NonZeroUsize;

use clap::parser::ValueSource;
use clap::{ArgMatches, CommandFactory, FromArgMatches};
use notif_core::store::DatabaseUrl;

use crate::cli::{Cli, LogFormat, Switch};
use crate::public_url::PublicUrl;
use crate::stream::StreamOptions;

/// What the server needs.
#[derive(Debug, Clone)]
pub struct Config {
    /// Where PostgreSQL is.
    pub database: DatabaseUrl,
    /// Connections that answer requests.
    pub pool_size: u32,
    /// Whether statements are prepared once a connection.
    pub prepared_statements: bool,
    /// Threads that read and write HTTP.
    pub workers: usize,
    /// Where clients find this API; links are relative without it.
    pub public_url: Option<PublicUrl>,
    /// The bounds of streams.
    pub streams: StreamOptions,
}

/// What the process needs besides.
#[derive(Debug, Clone)]
pub struct Settings {
    /// What the server needs.
    pub config: Config,
    /// The address to listen on.
    pub host: String,
    /// The port to listen on.
    pub port: u16,
    /// Where to migrate before serving.
    pub migrate: Option<DatabaseUrl>,
    /// What to log.
    pub log_filter: String,
    /// How log lines look.
    pub log_format: LogFormat,
}

/// Reads command line and environment.
pub fn read(arguments: impl IntoIterator<Item = OsString>) -> Result<Settings, clap::Error> {
    let matches = Cli::command().try_get_matches_from(arguments)?;
    let cli = Cli::from_arg_matches(&matches)?;
    resolve(cli, &matches)
        .map_err(|sentence| Cli::command().error(clap::error::ErrorKind::ValueValidation, sentence))
}

fn resolve(cli: Cli, matches: &ArgMatches) -> Result<Settings, String> {
    let url = |id: &str, variable: &str, text: Option<String>| match text {
        None => Ok(None),
        Some(text) => database_url(matches, id, variable, &text).map(Some),
    };
    let database = url("database_url", "DATABASE_URL", cli.database_url)?.ok_or(
        "DATABASE_URL is not set; \
         it should look like postgresql://user:password@host:5432/database",
    )?;
    let owner = url(
        "migrate_database_url",
        "MIGRATE_DATABASE_URL",
        cli.migrate_database_url,
    )?;
    Ok(Settings {
        migrate: cli
            .migrate
            .then(|| owner.unwrap_or_else(|| database.clone())),
        config: Config {
            database,
            pool_size: cli.database_pool_size,
            prepared_statements: cli.database_prepared_statements == Switch::On,
            workers: cli.http_workers.map_or_else(default_workers, usize::from),
            public_url: cli.public_url,
            streams: StreamOptions::default(),
        },
        host: cli.host,
        port: cli.port,
        log_filter: cli.rust_log,
        log_format: cli.log_format,
    })
}

/// Half of the cores: as much work is done on the threads that wait for PostgreSQL, and what they
/// wake should not have to wait for them. Measured on two cores, one thread answers a third more
/// requests than two.
fn default_workers() -> usize {
    let cores = std::thread::available_parallelism().map_or(1, NonZeroUsize::get);
    cores.div_ceil(2)
}

/// The value is never part of a message: it may hold a password.
fn database_url(
    matches: &ArgMatches,
    id: &str,
    variable: &str,
    text: &str,
) -> Result<DatabaseUrl, String> {
    let typed = matches.value_source(id) == Some(ValueSource::CommandLine);
    let name = if typed {
        format!("--{}", id.replace('_', "-"))
    } else {
        variable.to_owned()
    };
    let url = DatabaseUrl::parse(text).map_err(|error| format!("{name}: {error}"))?;
    if typed && url.has_password() {
        return Err(format!(
            "{name} holds a password, which everybody on this machine can read\n\
             hint: set {variable} in the environment instead"
        ));
    }
    Ok(url)
}
