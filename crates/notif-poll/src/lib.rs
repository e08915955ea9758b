//! `notif-poll`: polls Kafka once, records every new message in PostgreSQL exactly once, and exits.
//!
//! `cli` is what can be typed, `config` what is used, `command` what is done, `report` what is said
//! about it. `kafka` is the door to the brokers, `pipeline` the flow from there to the store, which
//! lives in `notif-core` with everything that decides.

pub mod cli;
mod clock;
mod command;
pub mod config;
mod deadline;
pub mod exit;
pub mod kafka;
pub mod logging;
mod pipeline;
mod progress;
mod report;

use cli::{Cli, Command, Output};
use config::Environment;
use exit::Exit;
use report::Report;

/// Does what was typed; how it ended.
pub fn run(cli: &Cli, env: Environment<'_>) -> Exit {
    let output = cli.settings.output.unwrap_or(Output::Text);
    let outcome = match &cli.command {
        None => command::poll::run(&cli.settings, env),
        Some(Command::Migrate) => {
            return match command::migrate::run(&cli.settings, env) {
                Ok(()) => Exit::Drained,
                Err(failure) => {
                    report::complain(&format!("{:#}", failure.error), failure.hint.as_deref());
                    failure.exit
                }
            };
        }
        Some(Command::Verify(args)) => {
            return command::verify::run(args, &cli.settings, env).print(output);
        }
    };
    let report = outcome.unwrap_or_else(|failure| Report::failed(&failure));
    report.print(output);
    report.exit_code
}

/// Tells of a setting that cannot be used before anything else is done.
pub fn refuse(error: &str) -> std::process::ExitCode {
    report::complain(error, None);
    std::process::ExitCode::from(Exit::Usage.code())
}
