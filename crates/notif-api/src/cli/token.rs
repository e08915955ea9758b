//! What may be typed after `notif-api token`.

use clap::{Args, Subcommand, ValueEnum};

use crate::access::role::Role;

/// What to do with API tokens.
#[derive(Debug, Clone, PartialEq, Eq, Subcommand)]
pub enum TokenCommand {
    /// Make a token and print it, this once: the file keeps only its hash
    #[command(after_help = "\
Examples:
  notif-api token new --role read --note 'operator page'
  notif-api token new --role read --role write --output json
  TOKEN=$(notif-api token new --role customer:c-1)")]
    New(NewArgs),

    /// Show the tokens of the file, without their hashes
    List(OutputArgs),

    /// Remove a token from the file; a running server refuses it within a second or two
    Revoke(RevokeArgs),
}

/// What a new token is.
#[derive(Debug, Clone, PartialEq, Eq, Args)]
pub struct NewArgs {
    /// What it allows: read, write, metrics or `customer:<id>`; may repeat. None implies another.
    #[arg(long = "role", value_name = "ROLE", required = true, value_parser = role)]
    pub roles: Vec<String>,

    /// Whose it is or what it is for, on one line.
    #[arg(long, value_name = "TEXT", default_value = "", hide_default_value = true, value_parser = note)]
    pub note: String,

    /// How it is written.
    #[command(flatten)]
    pub output: OutputArgs,
}

/// Which token is removed.
#[derive(Debug, Clone, PartialEq, Eq, Args)]
pub struct RevokeArgs {
    /// The id, as `token list` shows it.
    pub id: String,

    /// How it is written.
    #[command(flatten)]
    pub output: OutputArgs,
}

/// How the outcome is written.
#[derive(Debug, Clone, PartialEq, Eq, Args)]
pub struct OutputArgs {
    /// How the outcome is written.
    #[arg(long, default_value = "text", value_name = "FORMAT")]
    pub output: Output,
}

/// How the outcome is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Output {
    /// For a person.
    Text,
    /// As JSON.
    Json,
}

/// The longest note, characters.
const NOTE_CHARACTERS_MAX: usize = 200;

/// Checked here, so that what is wrong is told with the option's name; understood by the command.
fn role(text: &str) -> Result<String, String> {
    Role::typed(text).map(|_role| text.to_owned())
}

fn note(text: &str) -> Result<String, String> {
    let note = text.trim();
    if note.chars().any(char::is_control) {
        return Err("must be one line without control characters".to_owned());
    }
    if note.chars().count() > NOTE_CHARACTERS_MAX {
        return Err(format!(
            "must have at most {NOTE_CHARACTERS_MAX} characters"
        ));
    }
    Ok(note.to_owned())
}
