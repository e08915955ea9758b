//! One of our own servers, run as a process that ends with this one.
//!
//! Programs that end by themselves are run by `process.rs`.

use std::fs;
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, bail};

use crate::supervisor::{EndSignal, Plan, Supervisor};
use crate::wait::wait_for;

/// A running service; dropping it sends SIGTERM and waits for its end.
#[derive(Debug)]
pub struct Service {
    supervisor: Supervisor,
    name: String,
}

impl Service {
    /// Starts a program with the arguments and variables of `command`; its working folder is a
    /// temporary one, and all that it writes goes to a log there.
    ///
    /// Whether it answers is to be asked by who knows how: [`Service::wait_until_ready`].
    pub fn start(command: &Command) -> Result<Self> {
        let name = command.get_program().to_string_lossy().into_owned();
        let folder = tempfile::Builder::new()
            .prefix("notif-service-")
            .tempdir()?;
        let mut words = vec![command.get_program().to_owned()];
        words.extend(command.get_args().map(ToOwned::to_owned));
        let environment = command.get_envs();
        let supervisor = Supervisor::new(Plan {
            folder: folder.keep(),
            command: words,
            environment: environment
                .map(|(name, value)| (name.to_owned(), value.map(ToOwned::to_owned)))
                .collect(),
            last_signal: EndSignal::Term,
            // a poll may take ten seconds to commit what it has
            grace_seconds: 12,
        })?;
        supervisor
            .start()
            .with_context(|| format!("starting {name}"))?;
        Ok(Self { supervisor, name })
    }

    /// Looks until `is_ready` says so; fails at the deadline or when the service ends.
    pub fn wait_until_ready(
        &self,
        deadline: Duration,
        mut is_ready: impl FnMut() -> bool,
    ) -> Result<()> {
        let what = format!("{} to be ready", self.name);
        let ended = wait_for(&what, deadline, || match self.supervisor.exited() {
            Some(code) => Some(Some(code)),
            None => is_ready().then_some(None),
        });
        match ended.with_context(|| self.supervisor.log_tail())? {
            None => Ok(()),
            Some(code) => {
                bail!(
                    "{} ended with code {code}:\n{}",
                    self.name,
                    self.supervisor.log_tail()
                )
            }
        }
    }

    /// All that it wrote so far, stdout and stderr together.
    pub fn log(&self) -> String {
        let bytes = fs::read(self.supervisor.folder().join("log")).unwrap_or_default();
        String::from_utf8_lossy(&bytes).into_owned()
    }

    /// Its process id.
    pub fn process_id(&self) -> Option<u32> {
        self.supervisor.process_id()
    }

    /// The exit code where it has ended; above 128 for a signal.
    pub fn exit_code(&self) -> Option<u8> {
        self.supervisor.exited()?.parse().ok()
    }

    /// Sends SIGTERM, waits, and gives its exit code; it is killed where that takes too long.
    pub fn stop(&self) -> Result<u8> {
        self.supervisor.end(EndSignal::Term)?;
        self.exit_code()
            .with_context(|| format!("{} left no exit code", self.name))
    }

    /// SIGKILL.
    pub fn kill(&self) -> Result<()> {
        self.supervisor.end(EndSignal::Kill)
    }

    /// Makes it hang.
    pub fn pause(&self) -> Result<()> {
        self.supervisor.pause()
    }

    /// Ends [`Service::pause`].
    pub fn resume(&self) -> Result<()> {
        self.supervisor.resume()
    }
}
