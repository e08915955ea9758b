//! `verify`: a good record has no fault, and each damage alone is found and named.

mod clean;
mod damage;
mod kafka;
mod page;

use std::process::Command;
use std::time::Duration;

use notif_testbed::process::{self, Finished};
use serde_json::Value;

use crate::world::World;

const LIMIT: Duration = Duration::from_secs(120);

/// What a `verify` said.
#[derive(Debug)]
struct Verified {
    code: i32,
    json: Value,
    stderr: String,
}

impl Verified {
    fn of(command: &mut Command) -> Self {
        let Finished {
            status,
            stdout,
            stderr,
        } = process::run(command.args(["--output", "json"]), LIMIT).unwrap();
        let code = status.code().unwrap_or(-1);
        let json: Value = serde_json::from_str(stdout.trim())
            .unwrap_or_else(|error| panic!("{error}: {stdout:?} {stderr}"));
        assert_eq!(json["exitCode"], code, "{json} {stderr}");
        Self { code, json, stderr }
    }

    fn shallow(world: &World) -> Self {
        Self::of(world.command().arg("verify"))
    }

    fn deep(world: &World) -> Self {
        Self::of(world.command().args(["verify", "--deep"]))
    }

    #[track_caller]
    fn expect_clean(self) -> Self {
        assert_eq!(
            (self.code, &self.json["mismatches"]["total"]),
            (0, &Value::from(0)),
            "{self:?}"
        );
        self
    }

    fn count(&self, name: &str) -> i64 {
        self.json[name].as_i64().unwrap()
    }

    /// (kind, partition, first offset, last offset) of each mismatch that is named; -1 for none.
    fn named(&self) -> Vec<(&str, i64, i64, i64)> {
        let named = self.json["mismatches"]["named"].as_array().unwrap();
        let number = |value: &Value| value.as_i64().unwrap_or(-1);
        named
            .iter()
            .map(|one| {
                (
                    one["kind"].as_str().unwrap(),
                    number(&one["partition"]),
                    number(&one["firstOffset"]),
                    number(&one["lastOffset"]),
                )
            })
            .collect()
    }

    /// (reason, first offset or -1, rows or -1) of what cannot be proved.
    fn unproved(&self) -> Vec<(&str, i64, i64)> {
        let unproved = self.json["unproved"].as_array().unwrap();
        let number = |value: &Value| value.as_i64().unwrap_or(-1);
        unproved
            .iter()
            .map(|one| {
                (
                    one["reason"].as_str().unwrap(),
                    number(&one["firstOffset"]),
                    number(&one["rows"]),
                )
            })
            .collect()
    }
}

/// What `verify` prints for a person, without what differs from run to run.
fn text(world: &World, arguments: &[&str]) -> String {
    let mut command = world.command();
    let finished = process::run(command.arg("verify").args(arguments), LIMIT).unwrap();
    let typed = [&["$ notif-poll verify"], arguments].concat().join(" ");
    let mut text = format!("{typed}\n{}{}", finished.stdout, finished.stderr);
    for (number, topic) in world.topics.iter().enumerate() {
        text = text.replace(topic, &format!("topic-{number}"));
    }
    without_times(&text)
}

/// The same with every `1.23` made `0.00`.
fn without_times(text: &str) -> String {
    let is_time = |word: &str| {
        word.split_once('.').is_some_and(|(whole, rest)| {
            whole.parse::<u32>().is_ok() && rest.len() == 2 && rest.parse::<u32>().is_ok()
        })
    };
    let words: Vec<&str> = text
        .split(' ')
        .map(|word| if is_time(word) { "0.00" } else { word })
        .collect();
    words.join(" ")
}
