//! What may be typed, and what `--help` says. No logic: that is in `config`.

pub mod token;

use clap::{Parser, Subcommand, ValueEnum};

use self::token::TokenCommand;

use crate::origins::Origins;
use crate::public_url::PublicUrl;

/// Serves recorded notifications over REST.
///
/// Each option can also be set by the environment variable named with it; the option wins. White
/// space around a value is ignored.
#[derive(Debug, Parser)]
#[command(
    name = "notif-api",
    version,
    max_term_width = 100,
    after_long_help = EXAMPLES,
    disable_help_subcommand = true
)]
pub struct Cli {
    /// What to do; to serve where nothing is named.
    #[command(subcommand)]
    pub command: Option<Command>,

    /// Where PostgreSQL is. Required; as an option it must not hold a password.
    #[arg(long, env = "DATABASE_URL", hide_env_values = true, value_name = "URL")]
    pub database_url: Option<String>,

    /// Bring the schema up to date before serving. Safe when several processes start together.
    #[arg(long)]
    pub migrate: bool,

    /// With --migrate: where to connect as the owner of the tables, where that is another user.
    #[arg(
        long,
        env = "MIGRATE_DATABASE_URL",
        hide_env_values = true,
        hide_env_values = true,
        value_name = "URL"
    )]
    pub migrate_database_url: Option<String>,

    /// The address to listen on.
    #[arg(long, env = "HOST", hide_env_values = true, default_value = "0.0.0.0", value_parser = trimmed)]
    pub host: String,

    /// The port to listen on; 0 takes a free one and logs it.
    #[arg(long, env = "PORT", hide_env_values = true, default_value = "3000", value_parser = number::<u16>)]
    pub port: u16,

    /// How many connections to PostgreSQL answer requests (1 to 200); one more answers probes.
    #[arg(long, env = "DATABASE_POOL_SIZE", hide_env_values = true, default_value = "8", value_name = "N",
          value_parser = pool_size)]
    pub database_pool_size: u32,

    /// Whether statements are prepared once a connection. Turn off behind a pooler in transaction
    /// mode.
    #[arg(long, env = "DATABASE_PREPARED_STATEMENTS", hide_env_values = true, default_value = "on",
          value_parser = choice::<Switch>, value_name = "on|off")]
    pub database_prepared_statements: Switch,

    /// How many threads read and write HTTP [default: one for two cores].
    #[arg(long, env = "HTTP_WORKERS", hide_env_values = true, value_name = "N", value_parser = workers)]
    pub http_workers: Option<u16>,

    /// The file of API tokens: who may ask for what. Without one everybody may ask for everything.
    /// It is read again when it changes.
    #[arg(long, env = "API_TOKENS_FILE", hide_env_values = true, value_name = "FILE", global = true,
          value_parser = trimmed)]
    pub api_tokens_file: Option<String>,
    /// Where clients find this API, as in `https://example.org/notifications`: then links are
    /// absolute [default: they are relative, and hold behind any prefix].
    #[arg(long, env = "PUBLIC_URL", hide_env_values = true, value_name = "URL",
          value_parser = PublicUrl::parse)]
    pub public_url: Option<PublicUrl>,
    /// Other origins whose pages may read the replies, separated by commas, as in
    /// `https://app.example.org` [default: none].
    #[arg(long, env = "CORS_ORIGINS", hide_env_values = true, value_name = "ORIGINS",
          value_parser = Origins::parse)]
    pub cors_origins: Option<Origins>,

    /// The pause between two polls, as `poll_worker.sh` has it. Where it is set, clients are told
    /// (`X-Poll-Interval`): to ask more often tells them nothing new.
    #[arg(long, env = "KAFKA_POLL_INTERVAL_SECONDS", hide_env_values = true, value_name = "SECONDS",
          value_parser = poll_interval)]
    pub kafka_poll_interval_seconds: Option<PollInterval>,

    /// What to log: a level, or levels by module (`info,notif_api=debug`).
    #[arg(long, env = "RUST_LOG", hide_env_values = true, default_value = "info,actix_server=warn", value_parser = trimmed,
          value_name = "FILTER")]
    pub rust_log: String,

    /// How log lines look.
    #[arg(long, env = "LOG_FORMAT", hide_env_values = true, default_value = "text", value_parser = choice::<LogFormat>,
          value_name = "text|json")]
    pub log_format: LogFormat,
}

const EXAMPLES: &str = "\
Examples:
  DATABASE_URL=postgresql://notif_api@localhost/notif notif-api
  DATABASE_URL=... MIGRATE_DATABASE_URL=... notif-api --migrate --port 3006
  API_TOKENS_FILE=tokens notif-api token new --role read

It listens even while PostgreSQL cannot be reached, and answers 503 until it can be.
SIGTERM or Ctrl-C: takes no new connections, answers what was asked (up to 10 s), exits 0;
a second one exits at once.

Exit codes:
  0  stopped by a signal
  1  internal: a bug, or the operating system refuses
  2  usage: an option or a variable is wrong
  3  database: --migrate could not reach PostgreSQL, or it refused
  7  schema: too old or too new for this binary, or not ours";

/// A command besides serving.
#[derive(Debug, Clone, PartialEq, Eq, Subcommand)]
pub enum Command {
    /// Make, list and revoke API tokens
    #[command(subcommand)]
    Token(TokenCommand),
}

/// On or off.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Switch {
    /// Yes.
    On,
    /// No.
    Off,
}

/// The pause between two polls, seconds; none where the text is empty.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PollInterval(pub Option<u32>);

/// How log lines look.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum LogFormat {
    /// For a person.
    Text,
    /// One JSON object a line.
    Json,
}

#[expect(clippy::unnecessary_wraps, reason = "the signature that clap asks for")]
fn trimmed(text: &str) -> Result<String, String> {
    Ok(text.trim().to_owned())
}

fn number<N: std::str::FromStr<Err = std::num::ParseIntError>>(text: &str) -> Result<N, String> {
    text.trim()
        .parse()
        .map_err(|error: std::num::ParseIntError| error.to_string())
}

fn pool_size(text: &str) -> Result<u32, String> {
    match number(text)? {
        size @ 1..=200 => Ok(size),
        _ => Err("must be from 1 to 200".to_owned()),
    }
}

fn workers(text: &str) -> Result<u16, String> {
    match number(text)? {
        workers @ 1..=256 => Ok(workers),
        _ => Err("must be from 1 to 256".to_owned()),
    }
}

/// The bounds are those of `poll_worker.sh`, which takes an empty text for none too.
fn poll_interval(text: &str) -> Result<PollInterval, String> {
    if text.trim().is_empty() {
        return Ok(PollInterval(None));
    }
    match number(text)? {
        seconds @ 1..=86_400 => Ok(PollInterval(Some(seconds))),
        _ => Err("must be from 1 to 86400".to_owned()),
    }
}

fn choice<T: ValueEnum>(text: &str) -> Result<T, String> {
    T::from_str(text.trim(), true).map_err(|_unknown| {
        let names: Vec<_> = T::value_variants()
            .iter()
            .filter_map(ValueEnum::to_possible_value)
            .map(|value| value.get_name().to_owned())
            .collect();
        format!("must be {}", names.join(" or "))
    })
}

#[cfg(test)]
mod tests {
    use clap::{CommandFactory, FromArgMatches};

    use super::*;

    #[test]
    fn the_definition_is_sound() {
        Cli::command().debug_assert();
    }

    #[test]
    fn it_listens_on_all_addresses_at_port_3000_where_nothing_is_said() {
        // wherever this runs may have a HOST of its own
        let command = Cli::command().mut_args(|argument| argument.env(None::<&str>));
        let matches = command.try_get_matches_from(["notif-api"]).unwrap();
        let cli = Cli::from_arg_matches(&matches).unwrap();
        assert_eq!((&*cli.host, cli.port), ("0.0.0.0", 3000));
    }

    #[test]
    fn an_interval_is_that_of_the_worker_and_may_be_empty() {
        assert_eq!(poll_interval(" 08 "), Ok(PollInterval(Some(8))));
        assert_eq!(poll_interval(" "), Ok(PollInterval(None)));
        for text in ["0", "86401", "1.5", "-1", "x"] {
            assert!(poll_interval(text).is_err(), "{text}");
        }
    }
}
