//! Our own servers as processes: their variables, their log, their exit codes.

use std::process::Command;
use std::time::Duration;

use anyhow::Result;
use notif_testbed::{Service, wait_until};

fn shell(script: &str) -> Command {
    let mut command = Command::new("sh");
    command.args(["-c", script]);
    command
}

#[test]
fn a_service_gets_its_variables_and_writes_to_its_log() -> Result<()> {
    let mut command = shell(r#"echo "out $GIVEN"; echo "err ${HOME-none}" >&2; exec sleep 60"#);
    command.env("GIVEN", "a b").env_remove("HOME");
    let service = Service::start(&command)?;
    service.wait_until_ready(Duration::from_secs(10), || {
        service.log().lines().count() == 2
    })?;
    assert_eq!(service.log(), "out a b\nerr none\n");
    Ok(())
}

#[test]
fn a_service_that_ends_early_is_an_error_that_shows_its_log() -> Result<()> {
    let service = Service::start(&shell("echo no database; exit 3"))?;
    let error = service
        .wait_until_ready(Duration::from_secs(10), || false)
        .unwrap_err();
    assert!(
        format!("{error:#}").contains("ended with code 3:\nno database"),
        "{error:#}"
    );
    assert_eq!(service.exit_code(), Some(3));
    Ok(())
}

#[test]
fn a_stopped_service_gives_its_exit_code() -> Result<()> {
    let script = "trap 'echo bye; exit 7' TERM; echo ready; while :; do sleep 0.05; done";
    let service = Service::start(&shell(script))?;
    service.wait_until_ready(Duration::from_secs(10), || service.log().contains("ready"))?;
    assert_eq!(service.stop()?, 7);
    assert_eq!(service.log(), "ready\nbye\n");
    Ok(())
}

#[test]
fn a_paused_service_is_still_ended() -> Result<()> {
    let service = Service::start(&shell("while :; do echo x; sleep 0.02; done"))?;
    wait_until("it to write", Duration::from_secs(10), || {
        !service.log().is_empty()
    })?;
    service.pause()?;
    let before = service.log();
    std::thread::sleep(Duration::from_millis(200));
    assert_eq!(service.log(), before);
    service.kill()?;
    assert_eq!(service.exit_code(), Some(137));
    Ok(())
}
