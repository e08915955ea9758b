//! `GET /runs`.

use insta::assert_snapshot;
use serde_json::{Value, json};

use crate::gaps::walk;
use crate::ledger_rows::{ended, run};
use crate::server::World;

#[test]
fn runs_are_shown_newest_first_with_how_they_ended() {
    let world = World::new();
    world.sql(
        "INSERT INTO poll_runs (started_at, deadline_at, ended_at, outcome, exit_code, exit_codes, \
         records, bytes, host, version) VALUES \
         ('2026-01-05T10:00:00.123456Z', '2026-01-05T10:00:50Z', '2026-01-05T10:00:01Z', 'gap', 6, \
          '{6,5}', 12, 3456, 'host-1', '0.1.0'), \
         ('2026-01-05T10:01:00Z', '2026-01-05T10:01:50Z', NULL, NULL, NULL, NULL, \
          0, 0, 'host-2', '0.1.0')",
    );
    assert_snapshot!(world.server.get("/runs"));
}

#[test]
fn a_run_is_running_until_its_deadline_is_over() {
    let world = World::new();
    world.sql(&run(0, &[]));
    world.sql(&run(1, &[]));
    world.sql(&run(2, &ended("'drained'", "0")));
    let runs = world.server.get("/runs").json();
    let state = |run: &Value| {
        (
            run["id"].clone(),
            run["state"].clone(),
            run["exitCodes"].clone(),
        )
    };
    let states: Vec<_> = runs.as_array().unwrap().iter().map(state).collect();
    assert_eq!(
        states,
        [
            (json!(3), json!("ended"), json!([])),
            (json!(2), json!("abandoned"), json!([])),
            (json!(1), json!("running"), json!([])),
        ]
    );
}

#[test]
fn runs_are_paged_by_their_links() {
    let world = World::new();
    assert_eq!(walk(&world, "/runs", ""), [Vec::<i64>::new()]);
    world.sql(&(0..5).map(|_| run(1, &[])).collect::<String>());
    assert_eq!(
        walk(&world, "/runs", "?limit=2"),
        [vec![5, 4], vec![3, 2], vec![1]]
    );
}
