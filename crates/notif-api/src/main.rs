//! The door: reads what was typed, serves, turns the end into an exit code.

use notif_api::{Exit, config, exit, logging};

fn main() {
    let settings = config::read(std::env::args_os()).unwrap_or_else(|error| error.exit());
    logging::set_up(&settings.log_filter, settings.log_format);
    let end = notif_api::run(&settings);
    match &end {
        Exit::Stopped => log::info!("stopped"),
        other => log::error!("{other}"),
    }
    exit::leave(end.code())
}
