//! wrk and pgbench: run for some seconds, and what they found.

use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};
use notif_testbed::TestDatabase;

use super::LIMIT;
use crate::figure::Sample;
use crate::stage::Stage;
use crate::{timed, tools};

/// The share of pgbench's transactions whose time is written down.
const SAMPLED: &str = "0.2";

/// Who asks, how many at once, and whom.
pub(super) struct Load<'s> {
    pub(super) stage: &'s Stage,
    pub(super) database: &'s TestDatabase,
    pub(super) port: u16,
    pub(super) clients: u32,
}

/// A script of pgbench, and the texts that it cannot make itself, as `name=text`.
pub(super) struct Baseline {
    pub(super) script: PathBuf,
    pub(super) variables: Vec<String>,
}

/// What was found.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Found {
    /// Answers a second.
    pub(super) rate: f64,
    /// Within which half of them came, milliseconds.
    pub(super) p50_ms: f64,
    /// Within which 99 of 100 came, milliseconds.
    pub(super) p99_ms: f64,
}

impl Found {
    /// The time of an answer where one is asked for at a time, microseconds.
    pub(super) fn time_us(self) -> f64 {
        1e6 / self.rate
    }

    /// How far the slowest answers stand out.
    pub(super) fn tail(self) -> f64 {
        self.p99_ms / self.p50_ms
    }
}

impl Load<'_> {
    /// Fails where a request does.
    pub(super) fn wrk(&self, script: &Path, seconds: u32) -> Result<Found> {
        let mut wrk = Command::new("wrk");
        wrk.args([
            "-t1",
            &format!("-c{}", self.clients),
            &format!("-d{seconds}s"),
        ])
        .arg("-s")
        .arg(script)
        .arg(format!("http://127.0.0.1:{}", self.port));
        let timed = timed::run(&mut wrk, LIMIT)?;
        let (found, failed) = read_wrk(&timed.stdout)
            .with_context(|| format!("wrk printed {}{}", timed.stdout, timed.stderr))?;
        ensure!(failed == 0.0, "requests failed: {}", timed.stdout);
        self.say("wrk", found);
        Ok(found)
    }

    pub(super) fn pgbench(&self, baseline: &Baseline, seconds: u32) -> Result<Found> {
        let postgres = &self.stage.postgres;
        let logs = tempfile::tempdir_in(self.stage.folder())?;
        let mut prefix = OsString::from("--log-prefix=");
        prefix.push(logs.path().join("time"));
        let (clients, threads) = (self.clients.to_string(), self.clients.min(2).to_string());
        let mut pgbench = tools::of_postgres(postgres, "pgbench", "postgresql")?;
        pgbench
            .args(["-n", "-M", "prepared", "-c", &clients, "-j", &threads])
            .args(["-T", &seconds.to_string()])
            .args(["-l", &format!("--sampling-rate={SAMPLED}")])
            .arg(prefix)
            .args(["-h", "127.0.0.1", "-p", &postgres.port().to_string()])
            .args(["-U", "postgres"])
            .args(baseline.variables.iter().flat_map(|one| ["-D", one]))
            .arg("-f")
            .arg(&baseline.script)
            .arg(self.database.name());
        let timed = timed::run(&mut pgbench, LIMIT)?;
        let rate = read_pgbench(&timed.stdout)
            .with_context(|| format!("pgbench printed {}{}", timed.stdout, timed.stderr))?;
        let mean_ms = 1000.0 * f64::from(self.clients) / rate;
        let mut latency = Sample::default();
        for file in fs::read_dir(logs.path())? {
            let text = fs::read_to_string(file?.path())?;
            text.lines()
                .filter_map(time_ms)
                .for_each(|time| push_as_wrk(&mut latency, time, mean_ms));
        }
        let found = Found {
            rate,
            p50_ms: latency.percentile(50),
            p99_ms: latency.percentile(99),
        };
        self.say("pgbench", found);
        Ok(found)
    }

    #[expect(clippy::print_stdout, reason = "the benchmarks are what they print")]
    fn say(&self, who: &str, found: Found) {
        println!(
            "{who}, {} at once: {:.0} a second, half within {:.2} ms, 99 % within {:.2} ms",
            self.clients, found.rate, found.p50_ms, found.p99_ms
        );
    }
}

/// The line that `question::DONE` makes wrk print, and how many requests failed.
fn read_wrk(stdout: &str) -> Option<(Found, f64)> {
    let line = stdout
        .lines()
        .find_map(|line| line.strip_prefix("bench "))?;
    let numbers: Vec<f64> = line
        .split(' ')
        .map(str::parse)
        .collect::<Result<_, _>>()
        .ok()?;
    let [requests, micros, failed, p50_micros, p99_micros] = *numbers.as_slice() else {
        return None;
    };
    let found = Found {
        rate: requests / (micros / 1e6),
        p50_ms: p50_micros / 1000.0,
        p99_ms: p99_micros / 1000.0,
    };
    Some((found, failed))
}

fn read_pgbench(stdout: &str) -> Option<f64> {
    let failed = stdout.lines().find_map(|line| {
        line.strip_prefix("number of failed transactions: ")?
            .split(' ')
            .next()
    });
    if failed.is_some_and(|failed| failed != "0") {
        return None;
    }
    let line = stdout
        .lines()
        .find_map(|line| line.strip_prefix("tps = "))?;
    line.split(' ').next()?.parse().ok()
}

/// The time of a transaction, of a line of pgbench's log: client, number, microseconds, and more.
fn time_ms(line: &str) -> Option<f64> {
    let micros: f64 = line.split(' ').nth(2)?.parse().ok()?;
    Some(micros / 1000.0)
}

/// Counts a time as wrk does: one that is more than twice the mean held up questions that would have
/// been asked meanwhile, and each of these counts with what would have been left of the wait.
fn push_as_wrk(times: &mut Sample, time_ms: f64, mean_ms: f64) {
    let mut left = time_ms;
    times.push(left);
    if left < 2.0 * mean_ms {
        return;
    }
    while left - mean_ms > mean_ms {
        left -= mean_ms;
        times.push(left);
    }
}

#[cfg(test)]
mod tests {
    use super::{Found, push_as_wrk, read_pgbench, read_wrk, time_ms};
    use crate::figure::Sample;

    #[test]
    fn what_wrk_prints_is_read() {
        let printed = "Running 10s test\nbench 1000 2000000 3 1500 4500\n";
        let found = Found {
            rate: 500.0,
            p50_ms: 1.5,
            p99_ms: 4.5,
        };
        assert_eq!(read_wrk(printed), Some((found, 3.0)));
        assert_eq!(found.tail().to_bits(), 3_f64.to_bits());
        assert_eq!(read_wrk("Running 10s test\n"), None);
    }

    #[test]
    fn what_pgbench_prints_is_read_and_failures_are_no_figure() {
        let good = "number of failed transactions: 0 (0.000%)\ntps = 31000.5 (without initial)\n";
        assert_eq!(
            read_pgbench(good).map(f64::to_bits),
            Some(31000.5_f64.to_bits())
        );
        assert_eq!(read_pgbench(&good.replace(": 0 (", ": 7 (")), None);
    }

    #[test]
    fn a_long_wait_counts_for_those_that_it_held_up() {
        let counted = |times: &[f64]| {
            let mut sample = Sample::default();
            for time in times {
                push_as_wrk(&mut sample, *time, 1.0);
            }
            sample
        };
        let mut expected = Sample::default();
        for time in [1.5, 4.5, 3.5, 2.5, 1.5] {
            expected.push(time);
        }
        assert_eq!(counted(&[1.5, 4.5]), expected);
    }

    #[test]
    fn the_log_of_pgbench_tells_times() {
        let time = time_ms("0 199 2241 0 1175850568 995598");
        assert_eq!(time.map(f64::to_bits), Some(2.241_f64.to_bits()));
    }
}
