//! A flag or a variable is wrong: exit 2, what was wrong, what would be right. And the help text.

use std::time::Duration;

use notif_testbed::process;

use crate::world::notif_poll;

const URL: &str = "postgresql://user@127.0.0.1:1/db";

/// stderr and exit code of a call with these variables and arguments.
fn refused(variables: &[(&str, &str)], arguments: &[&str]) -> String {
    let mut command = notif_poll();
    command.envs(variables.iter().copied()).args(arguments);
    let finished = process::run(&mut command, Duration::from_secs(10)).unwrap();
    assert_eq!(
        finished.status.code(),
        Some(2),
        "{variables:?} {arguments:?}: {finished:?}"
    );
    finished.stderr
}

#[test]
fn each_wrong_variable_is_named_with_what_would_be_right() {
    let url = ("DATABASE_URL", URL);
    let cases: Vec<Vec<(&str, &str)>> = vec![
        vec![],
        vec![("DATABASE_URL", "   ")],
        vec![("DATABASE_URL", "mysql://host/db")],
        vec![("DATABASE_URL", "postgresql://host:port/db")],
        vec![url, ("KAFKA_BOOTSTRAP_SERVERS", " ")],
        vec![url, ("KAFKA_BOOTSTRAP_SERVERS", "kafka:ninety")],
        vec![url, ("KAFKA_TOPICS", ",")],
        vec![url, ("KAFKA_TOPICS", "order events")],
        vec![url, ("KAFKA_TOPICS", "^order(.*")],
        vec![url, ("CONSUMER_GROUP_ID", "")],
        vec![url, ("POLL_DEADLINE_SECONDS", "0")],
        vec![url, ("POLL_DEADLINE_SECONDS", "86401")],
        vec![url, ("POLL_DEADLINE_SECONDS", "soon")],
        vec![url, ("KAFKA_CONFIG", "/no/such/file")],
        vec![url, ("LOG_FORMAT", "xml")],
    ];
    let told: Vec<String> = cases
        .iter()
        .map(|variables| format!("{variables:?}\n{}", refused(variables, &[])))
        .collect();
    insta::assert_snapshot!(told.join("\n"));
}

#[test]
fn each_wrong_flag_is_named_with_what_would_be_right() {
    let cases: [&[&str]; 9] = [
        &["--no-such-flag"],
        &["no-such-command"],
        &["--output", "xml"],
        &["--poll-deadline-seconds", "-1"],
        &["--database-url", "postgresql://user:s3cr3t@host/db"],
        &["-X", "nothing"],
        &["-X", "auto.offset.reset=latest"],
        &["-X", "sasl.password=s3cr3t"],
        &["-X", "no.such.setting=1"],
    ];
    let told: Vec<String> = cases
        .iter()
        .map(|arguments| {
            format!(
                "{arguments:?}\n{}",
                refused(&[("DATABASE_URL", URL)], arguments)
            )
        })
        .collect();
    let told = told.join("\n");
    assert_eq!(
        told.matches("s3cr3t").count(),
        2,
        "only in the names of the cases: {told}"
    );
    insta::assert_snapshot!(told);
}

#[test]
fn the_help_is_complete() {
    let finished = process::run(notif_poll().arg("--help"), Duration::from_secs(10)).unwrap();
    insta::assert_snapshot!(finished.success().unwrap());
}
