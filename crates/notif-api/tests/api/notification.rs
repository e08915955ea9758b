//! `GET /notifications/{id}`.

use insta::assert_snapshot;

use crate::rows::Row;
use crate::server::World;

#[test]
fn one_notification_is_shown_with_all_that_is_known_of_it() {
    let world = World::new();
    let row = Row::new(1)
        .text("order_id", "o-1")
        .sql("message_key", "convert_to('o-1', 'UTF8')")
        .sql("timestamp_type", "1")
        .text("headers", r#"[{"name":"trace","value":"1"},{"name":"trace","value":null},{"name":"bin","valueBase64":"/w=="}]"#);
    world.sql(&row.insert());
    assert_snapshot!(world.server.get(&format!("/notifications/{}", row.id)));
}

#[test]
fn what_a_row_does_not_have_is_null() {
    let world = World::new();
    let row = Row::new(1)
        .sql("value_bytes", "NULL")
        .sql("value_sha256", "NULL")
        .sql("kafka_timestamp_ms", "NULL")
        .sql("timestamp_type", "NULL");
    world.sql(&row.insert());
    assert_snapshot!(world.server.get(&format!("/notifications/{}", row.id)));
}

#[test]
fn a_key_that_is_no_text_is_shown_as_base64() {
    let world = World::new();
    let keys = [(1, r"'\xff00'"), (2, r"'\x610062'"), (3, "''")];
    for (second, key) in keys {
        world.sql(
            &Row::new(second)
                .sql("message_key", format!("{key}::bytea"))
                .insert(),
        );
    }
    let shown = keys.map(|(second, _)| {
        let one = world
            .server
            .get(&format!("/notifications/{}", Row::new(second).id))
            .json();
        (one["key"].clone(), one["keyBase64"].clone())
    });
    // a NUL is no storable text, neither here nor in a header
    let null = serde_json::Value::Null;
    let expected = [
        (null.clone(), "/wA=".into()),
        (null.clone(), "YQBi".into()),
        ("".into(), null),
    ];
    assert_eq!(shown, expected);
}

#[test]
fn an_id_that_nothing_has_is_not_found() {
    let world = World::new();
    let path = "/notifications/01890000-0000-7000-8000-000000000000";
    assert_snapshot!(world.server.get(path));
}

#[test]
fn an_id_may_be_written_in_capitals_and_in_no_other_form() {
    let world = World::new();
    let row = Row::new(1);
    world.sql(&row.insert());
    let get = |id: &str| world.server.get(&format!("/notifications/{id}"));
    assert_eq!(get(&row.id.to_string().to_uppercase()).status, 200);
    let others = [
        row.id.simple().to_string(),
        row.id.urn().to_string(),
        row.id.braced().to_string(),
    ];
    for other in &others {
        let refused = get(other);
        assert_eq!(refused.status, 400, "{other}");
        assert_eq!(refused.refused_fields(), ["path.notificationId"]);
    }
    assert_snapshot!(get("12"));
}
