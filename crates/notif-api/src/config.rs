//! From what was typed to what is used. The environment comes in through `cli` alone.

use std::ffi::OsString;
use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::time::Duration;

use clap::parser::ValueSource;
use clap::{ArgMatches, CommandFactory, FromArgMatches};
use notif_core::store::DatabaseUrl;

use crate::access::Access;
use crate::cli::{Cli, Command, LogFormat, PollInterval, Switch};
use crate::command::token::TokenRequest;
use crate::origins::Origins;
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
    /// Who may use it.
    pub access: Access,
    /// How long a client may take nothing of a reply before it is cut off.
    pub stall_limit: Duration,
    /// Where clients find this API; links are relative without it.
    pub public_url: Option<PublicUrl>,
    /// The pause between two polls, seconds, where clients are to be told.
    pub poll_interval: Option<u32>,
    /// The other origins whose pages may read the replies.
    pub cors_origins: Origins,
    /// The bounds of streams.
    pub streams: StreamOptions,
}

/// Longer than a mobile phone is out of reach between two buildings.
const STALL_LIMIT: Duration = Duration::from_secs(30);

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

/// What the process is to do.
#[derive(Debug, Clone)]
pub enum Asked {
    /// To serve.
    Serve(Box<Settings>),
    /// To do something with API tokens.
    Token(TokenRequest),
}

/// Reads command line and environment of a server.
pub fn read(arguments: impl IntoIterator<Item = OsString>) -> Result<Settings, clap::Error> {
    let (cli, matches) = parse(arguments)?;
    resolve(cli, &matches).map_err(refusal)
}

/// Reads command line and environment, whatever is asked.
pub fn asked(arguments: impl IntoIterator<Item = OsString>) -> Result<Asked, clap::Error> {
    let (cli, matches) = parse(arguments)?;
    let Some(Command::Token(command)) = cli.command.clone() else {
        let settings = resolve(cli, &matches).map_err(refusal)?;
        return Ok(Asked::Serve(Box::new(settings)));
    };
    let file = tokens_file(&cli)
        .and_then(|file| {
            let unset = "API_TOKENS_FILE is not set; it names the file of the tokens";
            file.ok_or_else(|| unset.to_owned())
        })
        .map_err(refusal)?;
    Ok(Asked::Token(TokenRequest { file, command }))
}

fn parse(arguments: impl IntoIterator<Item = OsString>) -> Result<(Cli, ArgMatches), clap::Error> {
    let matches = Cli::command().try_get_matches_from(arguments)?;
    Ok((Cli::from_arg_matches(&matches)?, matches))
}

fn refusal(sentence: String) -> clap::Error {
    Cli::command().error(clap::error::ErrorKind::ValueValidation, sentence)
}

fn resolve(cli: Cli, matches: &ArgMatches) -> Result<Settings, String> {
    let access = match tokens_file(&cli)? {
        Some(path) => {
            Access::by_tokens(&path).map_err(|reason| format!("API_TOKENS_FILE: {reason}"))?
        }
        None => Access::Open,
    };
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
            access,
            stall_limit: STALL_LIMIT,
            public_url: cli.public_url,
            poll_interval: cli
                .kafka_poll_interval_seconds
                .and_then(|PollInterval(seconds)| seconds),
            cors_origins: cli.cors_origins.unwrap_or_default(),
            streams: StreamOptions::default(),
        },
        host: cli.host,
        port: cli.port,
        log_filter: cli.rust_log,
        log_format: cli.log_format,
    })
}

/// An empty name is a mistake, not the wish to let everybody in.
fn tokens_file(cli: &Cli) -> Result<Option<PathBuf>, String> {
    match cli.api_tokens_file.as_deref() {
        Some("") => Err("API_TOKENS_FILE: it is empty".to_owned()),
        other => Ok(other.map(PathBuf::from)),
    }
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
