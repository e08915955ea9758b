//! `docs/api.md`: each of its lines is run as it stands, and gives what the page shows.

use std::fs;
use std::process::Command;
use std::time::Duration;

use notif_testbed::{process, wait_for};

use crate::server::World;
use crate::story;

const PAGE: &str = include_str!("../../../../docs/api.md");

/// How many lines to be typed the page has.
const COMMANDS: usize = 24;

/// Stands for what the page leaves out, or what differs from one time to the next.
const LEFT_OUT: char = '…';

/// A line to be typed, and what it is said to give.
struct Shown {
    command: String,
    output: String,
}

/// What is shown in the page's blocks of `console`.
fn shown() -> Vec<Shown> {
    let mut all: Vec<Shown> = Vec::new();
    for block in PAGE.split("```console\n").skip(1) {
        let (block, _) = block.split_once("```").unwrap();
        for line in block.lines() {
            if let Some(command) = line.strip_prefix("$ ") {
                all.push(Shown {
                    command: command.to_owned(),
                    output: String::new(),
                });
                continue;
            }
            let last = all.last_mut().unwrap();
            // a line to be typed goes on behind a backslash
            let text = if last.command.ends_with('\\') {
                &mut last.command
            } else {
                &mut last.output
            };
            text.extend(["\n", line]);
        }
    }
    all
}

/// Whether `text` is `pattern` with something in the place of what it leaves out.
fn fits(text: &str, pattern: &str) -> bool {
    let mut parts = pattern.split(LEFT_OUT);
    let Some(mut rest) = text.strip_prefix(parts.next().unwrap()) else {
        return false;
    };
    let behind: Vec<_> = parts.collect();
    let Some((last, inner)) = behind.split_last() else {
        return rest.is_empty();
    };
    for part in inner {
        match rest.split_once(part) {
            Some((_, behind)) => rest = behind,
            None => return false,
        }
    }
    rest.ends_with(last)
}

#[test]
fn what_is_left_out_may_be_anything_and_the_rest_may_not() {
    for (text, pattern, expected) in [
        ("abc", "abc", true),
        ("abc", "ab", false),
        ("abc", "a…", true),
        ("abc", "a…c", true),
        ("abc", "…b…", true),
        ("abc", "a…b", false),
        ("abc", "b…", false),
        ("abcabc", "a…b…c", true),
        ("ab", "a…b…b", false),
    ] {
        assert_eq!(fits(text, pattern), expected, "{text} {pattern}");
    }
}

/// Runs a line of the page as a shell does that somebody types it into. The page's address is that of a server on its default port; curl is told
/// where this one is by a file, so that the line stays what it is.
fn run(command: &str, home: &str) -> String {
    let mut shell = Command::new("bash");
    shell
        .args(["-c", command])
        .env("CURL_HOME", home)
        .env_remove("http_proxy");
    let finished = process::run(&mut shell, Duration::from_secs(30)).unwrap();
    finished.stdout.replace('\r', "")
}

#[test]
fn each_line_of_the_page_gives_what_it_shows() {
    let world = World::with(|config| config.poll_interval = Some(10));
    story::tell(&world);
    wait_for("the freshness", Duration::from_secs(20), || {
        let topics = world.server.get("/topics");
        topics.header("recorded-through").map(drop)
    })
    .unwrap();
    let home = format!("{}/api_page", env!("CARGO_TARGET_TMPDIR"));
    fs::create_dir_all(&home).unwrap();
    let settings = format!(
        "connect-to = \"localhost:3000:{}\"\nnoproxy = \"*\"\n",
        world.server.address()
    );
    fs::write(format!("{home}/.curlrc"), settings).unwrap();
    let shown = shown();
    assert_eq!(shown.len(), COMMANDS);
    let mut wrong = String::new();
    for one in &shown {
        let output = run(&one.command, &home);
        let (output, pattern) = (output.trim(), one.output.trim());
        if pattern.is_empty() || !fits(output, pattern) {
            wrong.extend(["$ ", &one.command, "\n", output, "\n\n"]);
        }
    }
    assert!(wrong.is_empty(), "these give something else:\n{wrong}");
}

#[test]
fn the_page_has_a_line_for_every_address() {
    let world = World::new();
    let document = world.server.get("/openapi.json").json();
    for path in document["paths"].as_object().unwrap().keys() {
        assert!(
            PAGE.contains(&format!("`GET {path}")) || PAGE.contains(&format!("`POST {path}")),
            "{path}"
        );
    }
}
