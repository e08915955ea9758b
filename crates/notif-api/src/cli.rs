//! What may be typed, and what `--help` says. No logic: that is in `config`.

use clap::{Parser, ValueEnum};

use crate::public_url::PublicUrl;

/// Serves recorded notifications over REST.
///
/// Each option can also be set by the environment variable named with it; the option wins. White
/// space around a value is ignored.
#[derive(Debug, Parser)]
#[command(name = "notif-api", version, max_term_width = 100, after_long_help = EXAMPLES)]
pub struct Cli {
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

    /// Where clients find this API, as in `https://example.org/notifications`: then links are
    /// absolute [default: they are relative, and hold behind any prefix].
    #[arg(long, env = "PUBLIC_URL", hide_env_values = true, value_name = "URL",
          value_parser = PublicUrl::parse)]
    pub public_url: Option<PublicUrl>,

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

It listens even while PostgreSQL cannot be reached, and answers 503 until it can be.
SIGTERM or Ctrl-C: takes no new connections, answers what was asked (up to 10 s), exits 0;
a second one exits at once.

Exit codes:
  0  stopped by a signal
  1  internal: a bug, or the operating system refuses
  2  usage: an option or a variable is wrong
  3  database: --migrate could not reach PostgreSQL, or it refused
  7  schema: too old or too new for this binary, or not ours";

/// On or off.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Switch {
    /// Yes.
    On,
    /// No.
    Off,
}

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
    use super::*;

    #[test]
    fn the_definition_is_sound() {
        <Cli as clap::CommandFactory>::command().debug_assert();
    }
}
