//! One process from its start to its end: how long, and how much memory.
//!
//! Not `notif_testbed::process`, which looks every few milliseconds whether a program has ended:
//! here the end is noticed when the kernel closes the program's stdout.

use std::fs;
use std::io::Read;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};

/// Between two looks at the memory. The kernel keeps the peak, so only growth in the last
/// milliseconds of a process can be missed.
const LOOK_EVERY: Duration = Duration::from_millis(5);

/// What `/proc` counts processor time in.
const TICKS_PER_SECOND: f64 = 100.0;

/// What a program that succeeded left behind.
#[derive(Debug)]
pub(crate) struct Timed {
    /// From before it was started until it was gone.
    pub(crate) wall: Duration,
    /// The most memory that was resident at once, MB (10^6 bytes).
    pub(crate) peak_mb: f64,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

/// Runs `command` to its end. It fails where the command does, and where it takes longer than
/// `limit`, in which case it is killed.
pub(crate) fn run(command: &mut Command, limit: Duration) -> Result<Timed> {
    Running::start(command)?.finish(limit)
}

/// A process under way.
pub(crate) struct Running {
    name: String,
    child: Child,
    started: Instant,
    stdout: Receiver<String>,
    stderr: JoinHandle<String>,
}

impl Running {
    pub(crate) fn start(command: &mut Command) -> Result<Self> {
        let name = command.get_program().to_string_lossy().into_owned();
        let started = Instant::now();
        let mut child = command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .with_context(|| format!("cannot start {name}"))?;
        let (told, stdout) = channel();
        let (out, err) = (child.stdout.take(), child.stderr.take());
        thread::spawn(move || {
            // nobody listens any more where the limit was reached
            drop(told.send(read_all(out)));
        });
        Ok(Self {
            name,
            child,
            started,
            stdout,
            stderr: thread::spawn(move || read_all(err)),
        })
    }

    pub(crate) fn finish(mut self, limit: Duration) -> Result<Timed> {
        let mut peak_mb = 0.0_f64;
        let stdout = loop {
            match self.stdout.recv_timeout(LOOK_EVERY) {
                Ok(stdout) => break stdout,
                Err(RecvTimeoutError::Timeout) if self.started.elapsed() > limit => {
                    self.child.kill()?;
                    self.child.wait()?;
                    bail!("{} did not end within {limit:?}", self.name);
                }
                Err(RecvTimeoutError::Timeout) => {
                    // a process that is just ending has no memory any more
                    let now = memory_mb(self.child.id(), "VmHWM").unwrap_or(0.0);
                    peak_mb = peak_mb.max(now);
                }
                Err(RecvTimeoutError::Disconnected) => bail!("reading from {} failed", self.name),
            }
        };
        let status = self.child.wait()?;
        let wall = self.started.elapsed();
        let stderr = self.stderr.join().unwrap_or_default();
        ensure!(
            status.success(),
            "{}: {status}: {stderr}{stdout}",
            self.name
        );
        Ok(Timed {
            wall,
            peak_mb,
            stdout,
            stderr,
        })
    }
}

fn read_all(pipe: Option<impl Read>) -> String {
    let mut bytes = Vec::new();
    if let Some(mut pipe) = pipe {
        // what came before an error is still worth showing
        drop(pipe.read_to_end(&mut bytes));
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

/// A line of a process' `/proc/<id>/status`, in MB (10^6 bytes): `VmRSS` is what is resident, `VmHWM` the most
/// that was.
pub(crate) fn memory_mb(process_id: u32, line: &str) -> Result<f64> {
    let file = format!("/proc/{process_id}/status");
    let status = fs::read_to_string(&file).with_context(|| format!("reading {file}"))?;
    let kib = kib_of(&status, line).with_context(|| format!("{file} has no {line}"))?;
    Ok(f64::from(kib) * 1024.0 / 1e6)
}

/// Seconds of processor time that a process has used, all its threads together.
pub(crate) fn cpu_seconds(process_id: u32) -> Result<f64> {
    let file = format!("/proc/{process_id}/stat");
    let stat = fs::read_to_string(&file).with_context(|| format!("reading {file}"))?;
    let ticks = cpu_ticks(&stat).with_context(|| format!("{file} is not as expected"))?;
    Ok(f64::from(ticks) / TICKS_PER_SECOND)
}

/// utime and stime, fields 14 and 15. The second field, a name, may hold spaces and brackets.
fn cpu_ticks(stat: &str) -> Option<u32> {
    let (_, behind_name) = stat.rsplit_once(')')?;
    let mut fields = behind_name.split_whitespace().skip(11);
    let user: u32 = fields.next()?.parse().ok()?;
    user.checked_add(fields.next()?.parse().ok()?)
}

fn kib_of(status: &str, line: &str) -> Option<u32> {
    let rest = status
        .lines()
        .find_map(|text| text.strip_prefix(line)?.strip_prefix(':'))?;
    rest.trim().strip_suffix("kB")?.trim().parse().ok()
}

#[cfg(test)]
mod tests {
    use std::process::Command;
    use std::time::Duration;

    use super::{cpu_ticks, kib_of, run};

    #[test]
    fn a_line_of_the_status_is_found_by_its_whole_name() {
        let status = "VmHWMX:\t 1 kB\nVmHWM:\t   93184 kB\nThreads:\t4\n";
        assert_eq!(kib_of(status, "VmHWM"), Some(93_184));
        assert_eq!(kib_of(status, "Threads"), None);
    }

    #[test]
    fn processor_time_is_found_behind_any_name() {
        let stat = "7 (a) b) S 1 7 7 0 -1 4194304 90 0 0 0 250 31 5 6 20 0 4 0 99\n";
        assert_eq!(cpu_ticks(stat), Some(281));
        assert_eq!(cpu_ticks("7 (a) S 1"), None);
    }

    #[test]
    fn a_process_that_lives_has_a_time_and_memory() {
        let timed = run(Command::new("sleep").arg("0.1"), Duration::from_secs(10)).unwrap();
        assert!(timed.wall >= Duration::from_millis(100), "{timed:?}");
        assert!(timed.peak_mb > 0.1, "{timed:?}");
    }

    #[test]
    fn failures_and_limits_are_told() {
        let failed = run(&mut Command::new("false"), Duration::from_secs(10));
        assert!(failed.unwrap_err().to_string().starts_with("false: exit"));
        let endless = run(Command::new("sleep").arg("60"), Duration::from_millis(20));
        let told = endless.unwrap_err().to_string();
        assert_eq!(told, "sleep did not end within 20ms");
    }
}
