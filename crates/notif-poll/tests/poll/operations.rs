//! `docs/operations.md`: its SQL is run, and its tables name what the program's help names.

use std::time::Duration;

use notif_testbed::process;
use serde_json::Value;

use crate::world::{World, notif_poll};

const PAGE: &str = include_str!("../../../../docs/operations.md");

/// What the nth block of SQL on the page gives.
fn ask(world: &World, block: usize) -> Vec<Value> {
    let sql = PAGE.split("```sql\n").skip(1).nth(block).unwrap();
    let sql = sql.split(";\n```").next().unwrap();
    world.database.rows(sql).unwrap()
}

const BLOCKS: usize = 9;
const MISCOUNTED_RANGES: usize = 7;
const UNACCOUNTED_OFFSETS: usize = 8;

/// A partition with all that can be in the ledgers: records deleted before the first poll, ranges, a
/// loss, and one message that cannot be opened.
fn eventful_world() -> World {
    let world = World::with_partitions(1, 1);
    let produce = |values: &[&str]| {
        world
            .kafka
            .produce(world.topic(), 0, values.to_vec())
            .unwrap();
    };
    let delete = |before| {
        world
            .kafka
            .delete_records(world.topic(), &[(0, before)])
            .unwrap();
    };
    produce(&["{}"; 4]);
    delete(2);
    world.poll().expect("drained", 0, 2);
    produce(&["{}", "{}", "{}", "no json"]);
    delete(6);
    world.poll().expect("gap", 6, 2);
    world.poll().expect("nothing", 0, 0);
    world
}

#[test]
fn the_statements_of_the_page_show_what_polls_left_behind() {
    assert_eq!(PAGE.matches("```sql\n").count(), BLOCKS);
    let world = eventful_world();
    let runs = ask(&world, 0);
    assert_eq!(runs.len(), 3);
    assert_eq!(runs[1]["exit_code"], 6);
    assert_eq!(runs[1]["abandoned"], false);
    let detail = &ask(&world, 1)[0];
    assert_eq!(detail["run_id"], runs[1]["run_id"]);
    assert!(detail["detail"].as_str().unwrap().contains(world.topic()));
    assert!(!ask(&world, 2)[0]["since_the_last_good_poll"].is_null());
    let partition = &ask(&world, 3)[0];
    assert_eq!(
        (
            &partition["stored"],
            &partition["lag"],
            &partition["margin"]
        ),
        (&7.into(), &0.into(), &2.into())
    );
    assert_eq!(
        ask(&world, 4)[0]["recorded_through"],
        partition["drained_through"]
    );
    let losses: Vec<_> = ask(&world, 5)
        .iter()
        .map(|loss| (loss["reason"].clone(), loss["offsets"].clone()))
        .collect();
    assert_eq!(
        losses,
        [
            ("retention".into(), 2.into()),
            ("before-first-poll".into(), 2.into())
        ]
    );
    let unopened = &ask(&world, 6)[0];
    assert_eq!(
        (&unopened["raw_reason"], &unopened["rows"]),
        (&"not-json".into(), &1.into())
    );
}

#[test]
fn the_statements_that_look_for_holes_find_them() {
    let world = eventful_world();
    assert!(ask(&world, MISCOUNTED_RANGES).is_empty());
    assert!(ask(&world, UNACCOUNTED_OFFSETS).is_empty());
    let change = |sql: &str| world.database.execute(sql).unwrap();
    change("UPDATE recorded_ranges SET records = records - 1 WHERE first_offset = 6");
    assert_eq!(ask(&world, MISCOUNTED_RANGES)[0]["rows"], 2);
    change("DELETE FROM recorded_ranges WHERE first_offset = 6");
    assert_eq!(ask(&world, UNACCOUNTED_OFFSETS)[0]["from_offset"], 6);
    change("DELETE FROM capture_gaps WHERE first_offset = 4");
    assert_eq!(ask(&world, UNACCOUNTED_OFFSETS)[0]["from_offset"], 4);
}

#[test]
fn the_page_names_every_variable_and_every_exit_code_of_the_help() {
    let help = process::run(notif_poll().arg("--help"), Duration::from_secs(10))
        .unwrap()
        .success()
        .unwrap();
    let section = |title: &str| {
        let (_, rest) = help.split_once(title).unwrap();
        rest.split("\n\n")
            .next()
            .unwrap()
            .lines()
            .filter_map(|line| line.trim().split("  ").next())
            .filter(|word| !word.is_empty() && !word.contains(' '))
            .map(str::to_owned)
            .collect::<Vec<_>>()
    };
    let (variables, codes) = (section("Environment:"), section("Exit codes:"));
    assert_eq!((variables.len(), codes.len()), (9, 10), "{help}");
    for variable in variables {
        assert!(PAGE.contains(&format!("| `{variable}` |")), "{variable}");
    }
    for code in codes {
        assert!(PAGE.contains(&format!("\n| {code} |")), "{code}");
    }
}
