//! A database with settings that an operator made for other reasons answers as any other.

use notif_testbed::TestDatabase;

use crate::rows::{Row, insert};
use crate::server::{Server, World};

/// None of them may show in a reply.
const ODD: [&str; 10] = [
    "default_transaction_isolation = 'serializable'",
    "DateStyle = 'SQL, DMY'",
    "IntervalStyle = 'iso_8601'",
    "TimeZone = 'Asia/Kathmandu'",
    "bytea_output = 'escape'",
    "client_encoding = 'LATIN1'",
    "standard_conforming_strings = off",
    "escape_string_warning = off",
    "extra_float_digits = -15",
    "search_path = elsewhere, public",
];

fn set(database: &TestDatabase, setting: &str) {
    let name = database.name();
    database
        .execute(&format!("ALTER DATABASE {name} SET {setting}"))
        .unwrap();
}

/// Settings hold for connections that are made after them, so a second server asks under them.
fn make_odd(world: &World) -> Server {
    world.database.execute("CREATE SCHEMA elsewhere").unwrap();
    for setting in ODD {
        set(&world.database, setting);
    }
    Server::start(&world.database.url())
}

#[test]
fn odd_defaults_of_the_database_show_in_no_reply() {
    let world = World::new();
    let rows = [
        Row::new(1)
            .text("order_id", "o-ł'\\1")
            .text("customer_id", "c-1"),
        Row::new(2)
            .text("customer_id", "c-1")
            .event(r#"'{"payload": {"note": "übergabe 🚲 \\ ''", "n": 0.1}}'"#),
        Row::new(3)
            .text("customer_id", "c-1")
            .sql("raw", r"'\x005c27ff'")
            .sql("raw_reason", "'not-utf8'")
            .sql("message_key", r"'\x00ff'"),
    ];
    world.sql(&insert(&rows));
    let odd = make_odd(&world);
    for path in [
        "/order/o-%C5%82'%5C1",
        "/order/o-%C5%82'%5C1/latest",
        "/customer/c-1/notifications",
        "/health",
    ] {
        let (usual, odd) = (world.server.get(path), odd.get(path));
        assert_eq!(usual.status, 200, "{path}");
        assert_eq!(
            (odd.status, &odd.body),
            (usual.status, &usual.body),
            "{path}"
        );
    }
    assert_eq!(
        odd.get("/customer/c-1/notifications")
            .json()
            .as_array()
            .unwrap()
            .len(),
        3
    );
}

#[test]
fn odd_defaults_of_the_database_do_not_change_what_is_sent_by_hand() {
    let world = World::new();
    let odd = make_odd(&world);
    let body = r#"{"customerId":"c-ł'\\","orderId":"o-1","event":"übergabe 🚲 \\ '"}"#;
    let sent = odd.send(body);
    assert_eq!(sent.status, 201, "{sent}");
    let usual = world.server.get("/order/o-1");
    assert_eq!(usual.json()[0], sent.json());
    assert_eq!(usual.json()[0]["customerId"], "c-ł'\\");
    assert_eq!(
        usual.json()[0]["event"]["payload"]["message"],
        "übergabe 🚲 \\ '"
    );
}

#[test]
fn a_database_that_is_read_only_by_default_is_read_as_ever() {
    let world = World::new();
    world.sql(&insert(&[Row::new(1).text("order_id", "o-1")]));
    set(&world.database, "default_transaction_read_only = on");
    let server = Server::start(&world.database.url());
    for path in ["/order/o-1", "/order/o-1/latest", "/health"] {
        let (usual, read_only) = (world.server.get(path), server.get(path));
        assert_eq!(usual.status, 200, "{path}");
        assert_eq!(
            (read_only.status, read_only.body),
            (200, usual.body),
            "{path}"
        );
    }
}
