//! `GET /runs`.

use insta::assert_snapshot;
use serde_json::{Value, json};

use crate::gaps::{ids, walk};
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

#[test]
fn a_page_has_50_runs_where_nothing_is_said_and_500_at_most() {
    let world = World::new();
    world.sql(
        "INSERT INTO poll_runs (started_at, deadline_at, host, version) \
         SELECT now(), now() + interval '50 s', 'host-1', '0.1.0' FROM generate_series(1, 501)",
    );
    let newest = |count: i64| (502 - count..=501).rev().collect::<Vec<i64>>();
    assert_eq!(ids(&world.server.get("/runs")), newest(50));
    let largest = world.server.get("/runs?limit=500");
    assert_eq!(ids(&largest), newest(500));
    let last = world
        .server
        .get(&format!("/runs{}", largest.next().unwrap()));
    assert_eq!((ids(&last), last.next()), (vec![1], None));
    for limit in ["0", "501", "x", "-1", ""] {
        let refused = world.server.get(&format!("/runs?limit={limit}"));
        assert_eq!(refused.status, 400, "{limit}");
        assert_eq!(refused.refused_fields(), ["query.limit"], "{limit}");
    }
}

#[test]
fn a_cursor_of_another_list_is_no_place_among_runs() {
    let world = World::new();
    world.sql(&(run(1, &[]) + &run(1, &[])));
    let next = world.server.get("/runs?limit=1").next().unwrap();
    for path in ["/gaps", "/order/o-1", "/notifications"] {
        let refused = world.server.get(&format!("{path}{next}"));
        assert_eq!(refused.status, 400, "{path}");
        assert_eq!(refused.refused_fields(), ["query.cursor"], "{path}");
    }
    for cursor in ["", "7", "AQ"] {
        let refused = world.server.get(&format!("/runs?cursor={cursor}"));
        assert_eq!(refused.status, 400, "{cursor}");
        assert_eq!(refused.refused_fields(), ["query.cursor"], "{cursor}");
    }
}
