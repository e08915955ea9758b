//! `notif-poll`: polls Kafka once, records every new message in PostgreSQL exactly once, and exits.
//!
//! `cli` is what can be typed, `config` what is used, `command` what is done, `report` what is said
//! about it. `kafka` is the door to the brokers, `pipeline` the flow from there to the store, which
//! lives in `notif-core` with everything that decides.

mod answer;
mod brokers;
pub mod cli;
mod clock;
mod command;
mod comparison;
pub mod config;
mod deadline;
pub mod exit;
mod facts;
pub mod kafka;
pub mod logging;
mod operator;
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
        Some(Command::Status(args)) => {
            return answer::give(command::status::run(&cli.settings, args, env), output);
        }
        Some(Command::Plan) => {
            return answer::give(command::plan::run(&cli.settings, env), output);
        }
        Some(Command::Resume(args)) => {
            return answer::give(command::resume::run(&cli.settings, args, env), output);
        }
        Some(Command::Retire(args)) => {
            return answer::give(command::retire::run(&cli.settings, args, env), output);
        }
        Some(Command::AdoptCluster(args)) => {
            return answer::give(
                command::adopt_cluster::run(&cli.settings, args, env),
                output,
            );
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
