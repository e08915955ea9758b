//! `GET /gaps`.

use insta::assert_snapshot;
use serde_json::Value;

use crate::http::Response;
use crate::ledger_rows::gap;
use crate::server::World;

/// The numbers of the rows of a page.
pub(crate) fn ids(page: &Response) -> Vec<i64> {
    assert_eq!(page.status, 200, "{page}");
    let id = |row: &Value| row["id"].as_i64().unwrap();
    page.json().as_array().unwrap().iter().map(id).collect()
}

/// Walks a ledger to its end by the links alone; the numbers of each page.
pub(crate) fn walk(world: &World, path: &str, query: &str) -> Vec<Vec<i64>> {
    let mut pages = Vec::new();
    let mut next = Some(query.to_owned());
    while let Some(query) = next {
        let page = world.server.get(&format!("{path}{query}"));
        pages.push(ids(&page));
        next = page.next();
    }
    pages
}

#[test]
fn gaps_are_shown_newest_first_with_who_and_why() {
    let world = World::new();
    world.sql(&gap("retention"));
    world.sql(
        "INSERT INTO capture_gaps (topic, partition, topic_generation, first_offset, known_end, \
         reason, run_id, recorded_at, recorded_by, note) \
         VALUES ('orders', 1, 3, 7, 90, 'recreated', 12, '2026-01-05T11:00:00Z', 'ops', E'it was\\nus')",
    );
    assert_snapshot!(world.server.get("/gaps"));
}

#[test]
fn a_ledger_without_losses_is_an_empty_list() {
    let world = World::new();
    let gaps = world.server.get("/gaps");
    assert_eq!((gaps.status, gaps.text(), gaps.next()), (200, "[]", None));
}

#[test]
fn gaps_are_paged_by_their_links() {
    let world = World::new();
    let gaps: String = (0..7).map(|_| gap("retention")).collect();
    world.sql(&gaps);
    assert_eq!(
        walk(&world, "/gaps", "?limit=3"),
        [vec![7, 6, 5], vec![4, 3, 2], vec![1]]
    );
    assert_eq!(
        walk(&world, "/gaps", "?limit=7"),
        [vec![7, 6, 5, 4, 3, 2, 1]]
    );
}

#[test]
fn a_loss_that_is_found_meanwhile_moves_no_page() {
    let world = World::new();
    world.sql(&(0..4).map(|_| gap("retention")).collect::<String>());
    let first = world.server.get("/gaps?limit=2");
    world.sql(&gap("retention"));
    let second = world.server.get(&format!("/gaps{}", first.next().unwrap()));
    assert_eq!((ids(&first), ids(&second)), (vec![4, 3], vec![2, 1]));
}

#[test]
fn a_page_has_50_gaps_where_nothing_is_said_and_500_at_most() {
    let world = World::new();
    let many = "INSERT INTO capture_gaps (topic, partition, topic_generation, first_offset, \
                last_offset, reason, recorded_by) SELECT 'orders', 0, 0, n, n, 'retention', 'notif-poll' \
                FROM generate_series(1, 501) AS n";
    world.sql(many);
    assert_eq!(ids(&world.server.get("/gaps")).len(), 50);
    assert_eq!(ids(&world.server.get("/gaps?limit=500")).len(), 500);
    for limit in ["0", "501", "x"] {
        let refused = world.server.get(&format!("/gaps?limit={limit}"));
        assert_eq!(refused.status, 400, "{limit}");
        assert_eq!(refused.refused_fields(), ["query.limit"], "{limit}");
    }
}

#[test]
fn a_cursor_of_another_list_is_no_place_among_gaps() {
    let world = World::new();
    world.sql(&(0..3).map(|_| gap("retention")).collect::<String>());
    let next = world.server.get("/gaps?limit=1").next().unwrap();
    for path in ["/runs", "/order/o-1"] {
        let refused = world.server.get(&format!("{path}{next}"));
        assert_eq!(
            (refused.status, refused.refused_fields()),
            (400, vec!["query.cursor".to_owned()])
        );
    }
    for cursor in ["", "7", "AQ"] {
        let refused = world.server.get(&format!("/gaps?cursor={cursor}"));
        assert_eq!(refused.status, 400, "{cursor}");
        assert_eq!(refused.refused_fields(), ["query.cursor"], "{cursor}");
    }
}
