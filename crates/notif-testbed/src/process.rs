//! Programs that run to their end within a time limit, and where programs and folders are found.
//!
//! Servers, which do not end, are in `supervisor.rs`.

use std::env;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};

/// What a program left behind.
#[derive(Debug)]
pub struct Finished {
    /// How it ended.
    pub status: ExitStatus,
    /// All that it wrote to stdout; what is not UTF-8 is replaced.
    pub stdout: String,
    /// The same for stderr.
    pub stderr: String,
}

impl Finished {
    /// Its stdout, or an error with its exit status and stderr where it did not succeed.
    pub fn success(self) -> Result<String> {
        let Self {
            status,
            stdout,
            stderr,
        } = self;
        ensure!(status.success(), "{status}: {stderr}{stdout}");
        Ok(stdout)
    }
}

/// The folder of the running program, where `names` must be too; `build` is the line that puts them
/// there.
pub fn programs_beside(names: &[&str], build: &str) -> Result<PathBuf> {
    let folder = env::current_exe()?
        .parent()
        .context("this program is in no folder")?
        .to_owned();
    for name in names {
        let file = folder.join(name);
        ensure!(file.is_file(), "no {}\nhint: {build}", file.display());
    }
    Ok(folder)
}

/// Runs `command` with an empty stdin; kills it and fails where it takes longer than `limit`.
pub fn run(command: &mut Command, limit: Duration) -> Result<Finished> {
    let name = command.get_program().to_string_lossy().into_owned();
    let mut child = command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .with_context(|| format!("cannot start {name}"))?;
    let stdout = read_aside(child.stdout.take());
    let stderr = read_aside(child.stderr.take());
    let started = Instant::now();
    let status = loop {
        if let Some(status) = child.try_wait()? {
            break status;
        }
        if started.elapsed() > limit {
            child.kill()?;
            child.wait()?;
            bail!("{name} did not end within {limit:?}");
        }
        thread::sleep(Duration::from_millis(5));
    };
    let text = |reader: thread::JoinHandle<Vec<u8>>| {
        String::from_utf8_lossy(&reader.join().unwrap_or_default()).into_owned()
    };
    Ok(Finished {
        status,
        stdout: text(stdout),
        stderr: text(stderr),
    })
}

/// A full pipe would stop the program, so both are emptied while it runs.
fn read_aside(pipe: Option<impl Read + Send + 'static>) -> thread::JoinHandle<Vec<u8>> {
    thread::spawn(move || {
        let mut bytes = Vec::new();
        if let Some(mut pipe) = pipe {
            // what came before an error is still worth showing
            drop(pipe.read_to_end(&mut bytes));
        }
        bytes
    })
}

/// The first file named `program` in the folders of `PATH`.
pub(crate) fn find_on_path(program: &str) -> Option<PathBuf> {
    let path = env::var_os("PATH")?;
    env::split_paths(&path)
        .map(|folder| folder.join(program))
        .find(|file| file.is_file())
}

/// The folder of the workspace that this crate was compiled in.
pub fn workspace() -> PathBuf {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.ancestors().nth(2).unwrap_or(here).to_owned()
}

/// Cargo's target folder, where what a failed test leaves behind is put.
pub(crate) fn target_folder() -> PathBuf {
    env::var_os("CARGO_TARGET_DIR").map_or_else(|| workspace().join("target"), PathBuf::from)
}

/// Where fetched servers are kept from one run to the next: `NOTIF_TESTBED_CACHE`, else the user's
/// cache folder.
pub(crate) fn cache_folder() -> Result<PathBuf> {
    if let Some(folder) = env::var_os("NOTIF_TESTBED_CACHE") {
        return Ok(folder.into());
    }
    if let Some(folder) = env::var_os("XDG_CACHE_HOME") {
        return Ok(PathBuf::from(folder).join("campusg-notif"));
    }
    let home = env::var_os("HOME")
        .context("no folder to keep fetched servers in\nhint: set NOTIF_TESTBED_CACHE to one")?;
    Ok(PathBuf::from(home).join(".cache").join("campusg-notif"))
}

/// Whether this process is the superuser's.
pub(crate) fn is_root() -> Result<bool> {
    Ok(user_id(None)? == 0)
}

/// The numeric id of `user`, or of this process' own user.
pub(crate) fn user_id(user: Option<&str>) -> Result<u32> {
    numeric_id("-u", user)
}

/// The numeric id of the main group of `user`.
pub(crate) fn group_id(user: &str) -> Result<u32> {
    numeric_id("-g", Some(user))
}

fn numeric_id(which: &str, user: Option<&str>) -> Result<u32> {
    let mut command = Command::new("id");
    command.arg(which).args(user);
    let printed = run(&mut command, Duration::from_secs(10))?
        .success()
        .with_context(|| format!("id {which} {}", user.unwrap_or_default()))?;
    printed
        .trim()
        .parse()
        .with_context(|| format!("id {which} printed {printed:?}"))
}
