//! `/health`, `/livez`, `/readyz`.

use insta::assert_snapshot;
use notif_testbed::Postgres;

use crate::server::{Server, World, sql};

#[test]
fn a_server_that_can_serve_says_so() {
    let world = World::new();
    let version = env!("CARGO_PKG_VERSION");
    assert_snapshot!(
        "health",
        world
            .server
            .get("/health")
            .to_string()
            .replace(version, "<version>")
    );
    assert_snapshot!("livez", world.server.get("/livez"));
    assert_snapshot!("readyz", world.server.get("/readyz"));
}

#[test]
fn without_a_schema_it_lives_but_is_not_ready() {
    let database = Postgres::shared().empty_database().unwrap();
    let server = Server::start(&database.url());
    assert_snapshot!(server.get("/readyz"));
    assert_eq!(server.get("/health").status, 503);
    assert_eq!(server.get("/livez").status, 200);
    let order = server.get("/order/o-1");
    assert_eq!(order.status, 503);
    drop(server);
    drop(database);
}

#[test]
fn the_rights_of_its_role_are_enough() {
    let database = Postgres::shared().create_database().unwrap();
    let roles = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../../deploy/postgres/roles.sql"
    );
    sql(&database, &std::fs::read_to_string(roles).unwrap());
    let server = Server::start(&database.url().replace("postgres@", "notif_api@"));
    assert_eq!(server.get("/readyz").status, 200);
    let created = server.send(r#"{"customerId":"c-1","orderId":"o-1","event":"e"}"#);
    assert_eq!(created.status, 201, "{created}");
    let location = created.header("location").unwrap();
    for path in [
        "/order/o-1",
        "/order/o-1/latest",
        "/customer/c-1/notifications",
        "/topics",
        "/gaps",
        "/runs",
        location,
    ] {
        assert_eq!(server.get(path).status, 200, "{path}");
    }
    let metrics = server.get("/metrics");
    assert!(
        metrics.text().contains("\nnotif_database_up 1\n"),
        "{metrics}"
    );
    drop(server);
}

#[test]
fn a_schema_for_newer_binaries_is_not_served() {
    let database = Postgres::shared().create_database().unwrap();
    sql(
        &database,
        "UPDATE recorder_state SET min_binary = '999.0.0'",
    );
    let server = Server::start(&database.url());
    let refused = server.get("/readyz");
    assert_eq!(refused.status, 503);
    assert!(
        refused.json()["detail"]
            .as_str()
            .unwrap()
            .contains("999.0.0"),
        "{refused}"
    );
    drop(server);
}
