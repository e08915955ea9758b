//! Parses, starts the log, runs, and turns the outcome into an exit code.

use std::io::Write;
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
    leave(exit)
}

/// Ends the process, at once.
///
/// Not by returning from `main`: that runs what libraries left to be run at the end, and OpenSSL
/// takes itself apart there while threads of librdkafka still speak TLS. Then the exit code would be
/// that of a crash.
fn leave(exit: Exit) -> ! {
    // a closed pipe is no reason to stay
    drop(std::io::stdout().flush());
    signal_hook::low_level::exit(i32::from(exit.code()))
}
