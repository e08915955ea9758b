//! The door: reads what was typed, serves or does what else is asked, turns the end into an exit
//! code.

use std::io;

use notif_api::config::Asked;
use notif_api::{Exit, command, config, exit, logging};

fn main() {
    match config::asked(std::env::args_os()).unwrap_or_else(|error| error.exit()) {
        Asked::Serve(settings) => {
            logging::set_up(&settings.log_filter, settings.log_format);
            let end = notif_api::run(&settings);
            match &end {
                Exit::Stopped => log::info!("stopped"),
                other => log::error!("{other}"),
            }
            exit::leave(end.code())
        }
        Asked::Token(request) => {
            let done = command::token::run(&request, &mut io::stdout(), &mut io::stderr());
            exit::leave(done.map_or_else(|failed| exit::tell(&failed), |()| 0))
        }
    }
}
