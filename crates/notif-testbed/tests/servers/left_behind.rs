//! Nothing is left behind, not even by a process that was killed.

use std::env;
use std::fmt::Write as _;
use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};
use std::thread;
use std::time::Duration;

use anyhow::{Context, Result};
use notif_testbed::{Kafka, KafkaOptions, Postgres, PostgresOptions, wait_for, wait_until};

/// Names the file in which the child says which processes and folders are its own.
const REPORT: &str = "NOTIF_TESTBED_CHILD_REPORT";

fn is_alive(pid: &str) -> bool {
    Command::new("kill")
        .args(["-0", pid])
        .stderr(Stdio::null())
        .status()
        .is_ok_and(|s| s.success())
}

/// Not a test by itself: the process that the test below kills.
#[test]
#[ignore = "started by servers_end_when_their_process_is_killed"]
fn child_with_servers() -> Result<()> {
    let report = env::var_os(REPORT).context("this is no test to be run by hand")?;
    let postgres = Postgres::start(&PostgresOptions::default())?;
    let kafka = Kafka::start(&KafkaOptions::default())?;
    let servers = [
        (postgres.process_id(), postgres.folder()),
        (kafka.process_id(), kafka.folder()),
    ];
    let mut text = String::new();
    for (pid, folder) in servers {
        writeln!(
            text,
            "{} {}",
            pid.context("no process id")?,
            folder.display()
        )?;
    }
    // renamed, so that the parent never reads half of it
    let unfinished = Path::new(&report).with_extension("unfinished");
    fs::write(&unfinished, text)?;
    fs::rename(unfinished, report)?;
    thread::sleep(Duration::from_secs(120));
    Ok(())
}

#[test]
fn servers_end_when_their_process_is_killed() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let report = folder.path().join("report");
    let mut child = Command::new(env::current_exe()?)
        .args(["--ignored", "--exact", "left_behind::child_with_servers"])
        .env(REPORT, &report)
        .stdout(Stdio::null())
        .spawn()?;
    let text = wait_for("the child's servers", Duration::from_secs(90), || {
        fs::read_to_string(&report).ok()
    })?;
    let servers: Vec<(&str, &str)> = text
        .lines()
        .filter_map(|line| line.split_once(' '))
        .collect();
    assert_eq!(servers.len(), 2, "{text:?}");
    for (pid, folder) in &servers {
        assert!(is_alive(pid) && Path::new(folder).is_dir(), "{text}");
    }
    // SIGKILL: no destructor of the child runs
    child.kill()?;
    child.wait()?;
    for (pid, folder) in servers {
        wait_until(
            &format!("process {pid} to end"),
            Duration::from_secs(20),
            || !is_alive(pid),
        )?;
        wait_until(&format!("{folder} to go"), Duration::from_secs(20), || {
            !Path::new(folder).exists()
        })?;
    }
    Ok(())
}
