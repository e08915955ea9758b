//! Parses, starts the log, runs, and turns the outcome into an exit code.

use std::process::ExitCode;

use clap::Parser;
use notif_poll::cli::Cli;
use notif_poll::exit::Exit;
use notif_poll::{logging, run};

fn main() -> ExitCode {
    let cli = Cli::parse();
    let env = |name: &str| std::env::var(name).ok();
    if let Err(error) = logging::start(env("LOG_FORMAT").as_deref()) {
        return notif_poll::refuse(&error);
    }
    #[cfg(feature = "faults")]
    notif_core::fault::choose(&env);
    let exit: Exit = run(&cli, &env);
    ExitCode::from(exit.code())
}
