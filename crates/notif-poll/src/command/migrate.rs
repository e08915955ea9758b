//! `notif-poll migrate`: creates the schema, or brings it up to date.

use notif_core::store::Session;

use crate::cli::Settings;
use crate::config::{Environment, migrate_url};
use crate::exit::Failure;
use crate::report::say;

pub(crate) fn run(settings: &Settings, env: Environment<'_>) -> Result<(), Failure> {
    let mut session = Session::connect(&migrate_url(settings, env)?, "notif-poll migrate")?;
    let ran = session.migrate()?;
    if ran.is_empty() {
        say("the schema is up to date");
    } else {
        say(&format!("the schema is up to date: ran {}", ran.join(", ")));
    }
    Ok(())
}
