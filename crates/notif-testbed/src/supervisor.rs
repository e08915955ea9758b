//! One server in one temporary folder, which ends when this process is gone, however that happened.
//!
//! Between us and the server stands a small shell script (`supervisor/supervisor.sh`) whose stdin is
//! a pipe that only we hold. The kernel closes it when we end, also by SIGKILL, and the script then
//! ends the server and removes the folder. A destructor could not do that, and a `static` has none.
//! The server writes to a log in its folder, never to our stdout: a reader of a test's output
//! would otherwise wait for the server too.
//!
//! What the servers are is in `postgres.rs` and `kafka.rs`.

use std::ffi::OsString;
use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::{Mutex, PoisonError};

use anyhow::{Context, Result, bail, ensure};

const SCRIPT: &str = include_str!("supervisor/supervisor.sh");

/// How often a second the script looks whether a server has ended; its grace time is in this unit.
const LOOKS_PER_SECOND: u32 = 20;

/// A signal by which a server is ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum EndSignal {
    /// SIGTERM: an orderly end.
    Term,
    /// SIGQUIT: PostgreSQL's immediate shutdown, which loses nothing committed and skips the checkpoint.
    Quit,
    /// SIGKILL, to the server's children too.
    Kill,
}

impl EndSignal {
    fn name(self) -> &'static str {
        match self {
            Self::Term => "TERM",
            Self::Quit => "QUIT",
            Self::Kill => "KILL",
        }
    }
}

/// What to run, and how it is ended at last.
#[derive(Debug)]
pub(crate) struct Plan {
    /// Where the server lives; belongs to the supervisor from now on.
    pub(crate) folder: PathBuf,
    /// The program and its arguments. It has to stay in the foreground.
    pub(crate) command: Vec<OsString>,
    /// Changes to the variables of this process: set, or with None taken away.
    pub(crate) environment: Vec<(OsString, Option<OsString>)>,
    /// Sent when this process has ended or the [`Supervisor`] is dropped.
    pub(crate) last_signal: EndSignal,
    /// Seconds that the server has to end by itself before it is killed.
    pub(crate) grace_seconds: u32,
}

/// What the server does, as far as we made it do so.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum State {
    Running,
    Paused,
    Stopped,
}

#[derive(Debug)]
struct Inner {
    script: Child,
    /// None once it was closed, which is the order to end.
    orders: Option<ChildStdin>,
    answers: BufReader<ChildStdout>,
    state: State,
}

/// The handle to one supervised server; dropping it ends the server and waits for that.
#[derive(Debug)]
pub(crate) struct Supervisor {
    folder: PathBuf,
    inner: Mutex<Inner>,
}

impl Supervisor {
    /// Starts the script, not yet the server.
    pub(crate) fn new(plan: Plan) -> Result<Self> {
        let grace = plan.grace_seconds.saturating_mul(LOOKS_PER_SECOND);
        let mut command = Command::new("sh");
        command
            .args(["-c", SCRIPT, "supervisor"])
            .arg(&plan.folder)
            .args([plan.last_signal.name(), &grace.to_string()])
            .args(&plan.command)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            // Ctrl-C on a terminal goes to a whole group: the servers end after us, not before
            .process_group(0);
        for (name, value) in plan.environment {
            match value {
                Some(value) => command.env(name, value),
                None => command.env_remove(name),
            };
        }
        let mut script = command
            .spawn()
            .context("the shell that supervises a server")?;
        let orders = script.stdin.take();
        let answers = script
            .stdout
            .take()
            .context("the supervisor has no stdout")?;
        Ok(Self {
            folder: plan.folder,
            inner: Mutex::new(Inner {
                script,
                orders,
                answers: BufReader::new(answers),
                state: State::Stopped,
            }),
        })
    }

    /// Starts the server, or does nothing where it runs.
    ///
    /// That it runs says nothing about whether it answers already.
    pub(crate) fn start(&self) -> Result<()> {
        self.order("start", State::Running)?;
        Ok(())
    }

    /// Ends the server and returns when it is gone; [`Supervisor::start`] starts it again.
    pub(crate) fn end(&self, signal: EndSignal) -> Result<()> {
        self.order(&format!("end {}", signal.name()), State::Stopped)?;
        Ok(())
    }

    /// SIGSTOP to the server and its children: it hangs, its sockets stay open.
    pub(crate) fn pause(&self) -> Result<()> {
        self.order("signal STOP", State::Paused)?;
        Ok(())
    }

    /// SIGCONT: the end of [`Supervisor::pause`].
    pub(crate) fn resume(&self) -> Result<()> {
        self.order("signal CONT", State::Running)?;
        Ok(())
    }

    /// What the server was last told to do.
    pub(crate) fn state(&self) -> State {
        self.inner
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .state
    }

    /// The exit code of a server that ended by itself or was ended; None while it runs.
    pub(crate) fn exited(&self) -> Option<String> {
        fs::read_to_string(self.folder.join("exited"))
            .ok()
            .map(|code| code.trim().to_owned())
    }

    /// The server's process id, None before the first start.
    pub(crate) fn process_id(&self) -> Option<u32> {
        fs::read_to_string(self.folder.join("pid"))
            .ok()?
            .trim()
            .parse()
            .ok()
    }

    /// Where the server lives.
    pub(crate) fn folder(&self) -> &Path {
        &self.folder
    }

    /// The last lines of what the server wrote, for an error message.
    pub(crate) fn log_tail(&self) -> String {
        let log = fs::read(self.folder.join("log")).unwrap_or_default();
        let log = String::from_utf8_lossy(&log).into_owned();
        let lines: Vec<&str> = log.lines().collect();
        let first = lines.len().saturating_sub(30);
        lines.get(first..).unwrap_or_default().join("\n")
    }

    /// Whether the server's log says that its port was taken.
    pub(crate) fn address_in_use(&self) -> bool {
        self.log_tail()
            .to_lowercase()
            .contains("address already in use")
    }

    fn order(&self, order: &str, then: State) -> Result<String> {
        let mut inner = self.inner.lock().unwrap_or_else(PoisonError::into_inner);
        let pipe = inner.orders.as_mut().context("the supervisor was ended")?;
        writeln!(pipe, "{order}").with_context(|| format!("ordering {order:?}"))?;
        let mut answer = String::new();
        let bytes = inner.answers.read_line(&mut answer)?;
        ensure!(
            bytes > 0,
            "the supervisor of {} is gone",
            self.folder.display()
        );
        let answer = answer.trim().to_owned();
        if answer.starts_with("unknown") {
            bail!("the supervisor answered {answer:?}");
        }
        inner.state = then;
        Ok(answer)
    }
}

impl Drop for Supervisor {
    fn drop(&mut self) {
        let inner = self.inner.get_mut().unwrap_or_else(PoisonError::into_inner);
        drop(inner.orders.take());
        // bounded by the grace time; the only error is that there is no such child any more
        drop(inner.script.wait());
    }
}
