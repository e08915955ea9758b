//! `docs/operations.md`: the commands of an operator on that page are run, in the order of the page,
//! and say what stands there. Times, names of hosts and the width of columns are their own each time.

use regex::Regex;
use serde_json::Value;

use crate::operator::Told;
use crate::world::World;

const PAGE: &str = include_str!("../../../../docs/operations.md");

/// A typed line, with what it said.
struct Typed {
    line: &'static str,
    said: String,
}

/// The operator's commands of the page.
fn typed() -> Vec<Typed> {
    let blocks = PAGE.split("```console\n").skip(1);
    blocks
        .map(|block| block.split("```").next().unwrap())
        .flat_map(|block| block.split("$ ").skip(1))
        .map(|text| {
            let (line, said) = text.split_once('\n').unwrap();
            Typed {
                line,
                said: said.to_owned(),
            }
        })
        .filter(|typed| {
            let word = typed.line.split(' ').nth(1).unwrap_or("");
            ["", "status", "plan", "resume", "retire", "adopt-cluster"].contains(&word)
        })
        .collect()
}

/// What must be the same: everything but times, hosts, users, cluster ids and the width of columns.
fn comparable(text: &str) -> String {
    let rules = [
        (r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d UTC", "TIME"),
        (r"\d+ (s|min) ago", "AGO"),
        (r"\d+\.\d\d s", "TOOK"),
        (r"alice@\S+ \(database user \w+\)", "WHO"),
        (r"(?m)^( *\d+ +TIME .*) \S+$", "$1 HOST"),
        (r" +", " "),
    ];
    let mut text = text.trim_end().to_owned();
    for (pattern, stand_in) in rules {
        let pattern = Regex::new(pattern).unwrap();
        text = pattern.replace_all(&text, stand_in).into_owned();
    }
    text
}

/// `order-events` is the first topic of the world, `order_events` the second, as they are sorted.
fn world() -> World {
    let mut world = World::with_partitions(2, 2);
    world.topics.sort();
    world.write(0..50, "a");
    world.kafka.produce(world.topic(), 1, ["{}"; 4]).unwrap();
    world.kafka.produce(&world.topics[1], 0, ["{}"; 3]).unwrap();
    world.poll().expect("drained", 0, 57);
    world.replace_log(2);
    world.kafka.produce(world.topic(), 1, ["{}"; 4]).unwrap();
    world
        .database
        .execute("UPDATE kafka_offsets SET witness_offset = NULL WHERE partition = 1")
        .unwrap();
    world.write(0..42, "a");
    world.write(42..60, "b");
    world.poll().expect("stopped", 9, 0);
    world
}

/// Types a line of the page.
fn run(world: &World, line: &str) -> String {
    let mut words: Vec<String> = Vec::new();
    for (place, part) in line.split('\'').enumerate() {
        if place % 2 == 1 {
            words.push(part.to_owned());
        } else {
            words.extend(part.split_whitespace().map(str::to_owned));
        }
    }
    let words = words.iter().skip(1).map(|word| match word.as_str() {
        "order-events" => world.topics[0].clone(),
        "order_events" => world.topics[1].clone(),
        "THE-NEW-ONE" => world.kafka.cluster_id().to_owned(),
        _ => word.clone(),
    });
    let told = Told::of(world.command().env("USER", "alice").args(words));
    assert_eq!(told.stderr, "", "{line}");
    told.stdout
        .replace(&world.topics[0], "order-events")
        .replace(&world.topics[1], "order_events")
        .replace(world.kafka.cluster_id(), "THE-NEW-ONE")
}

#[test]
fn each_command_of_the_page_says_what_stands_there() {
    let world = world();
    let all = typed();
    assert_eq!(all.len(), 11, "commands on the page");
    let mut wrong = Vec::new();
    for typed in all {
        if typed.line.contains("adopt-cluster") && !typed.line.contains("--yes") {
            world
                .database
                .execute("UPDATE recorder_state SET cluster_id = 'THE-OLD-ONE'")
                .unwrap();
        }
        let said = run(&world, typed.line);
        if comparable(&said) != comparable(&typed.said) {
            wrong.push(format!("$ {}\n{said}", typed.line));
        }
    }
    assert!(wrong.is_empty(), "the page must say:\n{}", wrong.concat());
}

/// Every name in an object, with those of the objects inside; of a list those of its first element.
fn names(value: &Value, at: &str, found: &mut Vec<String>) {
    match value {
        Value::Object(members) => {
            for (name, value) in members {
                let at = format!("{at}.{name}");
                found.push(at.clone());
                names(value, &at, found);
            }
        }
        Value::Array(elements) => {
            if let Some(first) = elements.first() {
                names(first, &format!("{at}[]"), found);
            }
        }
        _ => {}
    }
}

fn shape(value: &Value) -> Vec<String> {
    let mut found = Vec::new();
    names(value, "", &mut found);
    found.sort();
    found
}

#[test]
fn the_objects_of_the_page_have_the_names_that_the_commands_give() {
    let world = world();
    let retired = ["retire", "--topic", &world.topics[1], "--partition", "1"];
    let decided = [&retired[..], &["--reason", "no use", "--yes"]].concat();
    world.ask_json(&decided).json(0);
    let asked: [(&str, i32, &[&str]); 3] = [
        ("status", 0, &["status"]),
        ("plan", 9, &["plan"]),
        (
            "resume",
            0,
            &[
                "resume",
                "--topic",
                world.topic(),
                "--partition",
                "0",
                "--at",
                "45",
            ],
        ),
    ];
    for (name, code, arguments) in asked {
        let block = PAGE
            .split(&format!("`{name} --output json`"))
            .nth(1)
            .unwrap_or_else(|| panic!("{name} is not on the page"));
        let block = block.split("```json\n").nth(1).unwrap();
        let written: Value = serde_json::from_str(block.split("```").next().unwrap()).unwrap();
        let said = world.ask_json(arguments).json(code);
        assert_eq!(shape(&written), shape(&said), "{name}: {said:#}");
    }
}
