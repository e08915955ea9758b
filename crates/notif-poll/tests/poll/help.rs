//! What each operator's command says of itself, and of what was typed wrongly.

use std::time::Duration;

use notif_testbed::process;

use crate::world::notif_poll;

const COMMANDS: [&str; 5] = ["status", "plan", "resume", "retire", "adopt-cluster"];

/// The settings that every command has are in the help of the program; there they are compared.
fn without_settings(help: &str) -> String {
    let (own, settings) = help.split_once("\nSettings:\n").unwrap();
    let examples = settings
        .split_once("\nExamples:\n")
        .map_or(String::new(), |(_, examples)| {
            format!("\nExamples:\n{examples}")
        });
    format!("{own}{examples}")
}

#[test]
fn each_command_says_what_it_does_and_what_it_takes() {
    let told: Vec<String> = COMMANDS
        .iter()
        .map(|command| {
            let mut asked = notif_poll();
            let finished = process::run(asked.args([command, "--help"]), Duration::from_secs(10));
            let help = finished.unwrap().success().unwrap();
            format!("$ notif-poll {command} --help\n{}", without_settings(&help))
        })
        .collect();
    insta::assert_snapshot!(told.join("\n"));
}

#[test]
fn each_wrong_argument_is_named_and_ends_with_2() {
    let secret = "postgresql://user:s3cr3t@host/db";
    let cases: [&[&str]; 13] = [
        &["status", "--nothing"],
        &["plan", "order-events"],
        &["resume"],
        &["resume", "--topic", "t", "--partition", "x"],
        &["resume", "--topic", "t", "--partition=-1"],
        &["resume", "--topic", "t", "--at", "5"],
        &["resume", "--topic", "t", "--partition", "0", "--at=-1"],
        &["retire", "--partition", "0"],
        &["retire", "--topic", "t", "--yes"],
        &["retire", "--topic", "t", "--reason", "", "--yes"],
        &["adopt-cluster"],
        &["status", "--database-url", secret],
        &["plan", "-X", "sasl.password=s3cr3t"],
    ];
    let told: Vec<String> = cases
        .iter()
        .map(|arguments| {
            let mut command = notif_poll();
            command
                .env("DATABASE_URL", "postgresql://user@127.0.0.1:1/db")
                .args(*arguments);
            let finished = process::run(&mut command, Duration::from_secs(10)).unwrap();
            assert_eq!(
                finished.status.code(),
                Some(2),
                "{arguments:?} {finished:?}"
            );
            assert!(!finished.stderr.contains("s3cr3t"), "{finished:?}");
            let typed = arguments.join(" ").replace("s3cr3t", "…");
            format!("$ notif-poll {typed}\n{}", finished.stderr)
        })
        .collect();
    insta::assert_snapshot!(told.join("\n"));
}
