//! `GET /notifications/{id}/raw`.

use insta::assert_snapshot;

use crate::rows::Row;
use crate::server::World;

fn kept(bytes: &str) -> Row {
    Row::new(1)
        .text("status", "unparseable")
        .text("raw_reason", "not-utf8")
        .sql("raw", bytes)
        .event("'{\"payload\": null}'")
}

#[test]
fn the_bytes_come_back_as_they_were() {
    let world = World::new();
    // all 256, and enough of them to lie outside their row
    let all = "(SELECT string_agg(set_byte('\\x00', 0, n % 256), '' ORDER BY n) \
               FROM generate_series(0, 99999) AS n)";
    let row = kept(all);
    world.sql(&row.insert());
    let answer = world.server.get(&format!("/notifications/{}/raw", row.id));
    assert_eq!(answer.status, 200);
    let bytes: Vec<u8> = (0..=255).cycle().take(100_000).collect();
    assert_eq!(answer.body, bytes);
    let id = row.id.to_string();
    let headers: Vec<_> = answer
        .lasting_headers()
        .into_iter()
        .map(|(name, value)| format!("{name}: {}", value.replace(&id, "<id>")))
        .collect();
    assert_snapshot!(headers.join("\n"));
}

#[test]
fn an_empty_message_is_no_bytes() {
    let world = World::new();
    let row = kept("''::bytea").text("raw_reason", "empty");
    world.sql(&row.insert());
    let answer = world.server.get(&format!("/notifications/{}/raw", row.id));
    assert_eq!((answer.status, answer.body.len()), (200, 0));
}

#[test]
fn where_they_are_not_kept_their_hash_is() {
    let world = World::new();
    let row = Row::new(1);
    world.sql(&row.insert());
    assert_snapshot!(world.server.get(&format!("/notifications/{}/raw", row.id)));
}

#[test]
fn why_there_are_none_is_told() {
    let world = World::new();
    let null = |row: Row, column| row.sql(column, "NULL");
    let without_value = |row| null(null(row, "value_bytes"), "value_sha256");
    let tombstone = without_value(Row::new(1)).text("event_type", "tombstone");
    let manual = null(
        null(without_value(Row::new(2)), "source_partition"),
        "source_offset",
    );
    let redacted = Row::new(3).text("status", "redacted");
    for row in [&tombstone, &manual, &redacted] {
        world.sql(&row.insert());
    }
    let told = [&tombstone, &manual, &redacted].map(|row| {
        let answer = world.server.get(&format!("/notifications/{}/raw", row.id));
        assert_eq!(answer.status, 404);
        let document = answer.json();
        assert_eq!(document["type"], "/problems/raw-not-kept");
        let hash = document["valueSha256"].as_str().unwrap_or("none").get(..4);
        format!(
            "{} ({})",
            document["detail"].as_str().unwrap(),
            hash.unwrap()
        )
    });
    assert_snapshot!(told.join("\n"));
    let missing = world
        .server
        .get("/notifications/01890000-0000-7000-8000-000000000000/raw");
    assert_eq!(missing.json()["type"], "/problems/not-found");
    assert_eq!(
        world.server.get("/notifications/12/raw").refused_fields(),
        ["path.notificationId"]
    );
}
