//! The door: reads what was typed, serves, turns the end into an exit code.

use std::process::ExitCode;

use notif_api::{Exit, config, logging};

fn main() -> ExitCode {
    let settings = config::read(std::env::args_os()).unwrap_or_else(|error| error.exit());
    logging::set_up(&settings.log_filter, settings.log_format);
    let exit = notif_api::run(&settings);
    match &exit {
        Exit::Stopped => log::info!("stopped"),
        other => log::error!("{other}"),
    }
    exit.into()
}
