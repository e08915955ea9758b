//! `GET /openapi.json`: it describes what is served, and nothing else.
//!
//! Whether every answer to every kind of request is as described is what schemathesis finds out, in
//! the poller's tests, over rows that were hostile messages.

mod examples;
mod shape;

use std::collections::BTreeSet;
use std::path::Path;
use std::{env, fs};

use serde_json::Value;

use crate::server::World;

/// The document of a server.
fn document(world: &World) -> Value {
    let answer = world.server.get("/openapi.json");
    assert_eq!(answer.status, 200, "{answer}");
    assert_eq!(answer.header("content-type"), Some("application/json"));
    answer.json()
}

/// The operations of a document: path, method, and what is said of them.
fn operations(document: &Value) -> impl Iterator<Item = (&String, &String, &Value)> {
    let paths = document["paths"].as_object().unwrap();
    paths.iter().flat_map(|(path, methods)| {
        let methods = methods.as_object().unwrap();
        methods
            .iter()
            .map(move |(method, told)| (path, method, told))
    })
}

#[test]
fn the_copy_in_docs_is_what_is_served() {
    let world = World::new();
    let served = world.server.get("/openapi.json");
    let copy = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/openapi.json");
    let expected = format!("{}\n", served.text());
    if env::var("INSTA_UPDATE").is_ok_and(|how| how == "always") {
        fs::write(&copy, expected).unwrap();
        return;
    }
    let there = fs::read_to_string(&copy).unwrap();
    let differs = there.lines().zip(expected.lines()).find(|(a, b)| a != b);
    assert!(
        there == expected,
        "docs/openapi.json is not what is served: {differs:?}; \
         hint: INSTA_UPDATE=always with this test renews it"
    );
}

/// The addresses of the table in the code.
fn routes() -> BTreeSet<String> {
    let code = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/routes.rs");
    let code = fs::read_to_string(code).unwrap();
    let (_, table) = code.split_once("fn table(").unwrap();
    let (table, _) = table.split_once("\n}\n").unwrap();
    let services = table.split(".service(").skip(1);
    services
        .map(|service| service.split('"').nth(1).unwrap().to_owned())
        .collect()
}

#[test]
fn every_route_is_described_and_every_description_has_its_route() {
    let world = World::new();
    let document = document(&world);
    let described: BTreeSet<String> = operations(&document)
        .map(|(path, _, _)| path.clone())
        .collect();
    assert_eq!(described, routes());
    assert!(described.len() > 15);
}

#[test]
fn each_operation_says_what_it_is_what_it_takes_and_how_it_ends() {
    let world = World::new();
    let document = document(&world);
    let mut ids = BTreeSet::new();
    for (path, method, told) in operations(&document) {
        let name = format!("{method} {path}");
        for member in ["summary", "operationId", "tags", "responses"] {
            assert!(!told[member].is_null(), "{name} has no {member}");
        }
        assert!(ids.insert(told["operationId"].to_string()), "{name}");
        for status in told["responses"].as_object().unwrap().keys() {
            assert_ne!(status, "default", "{name} would answer with anything");
        }
        // which asks nobody
        let may_fail = path != "/livez";
        assert_eq!(told["responses"]["503"].is_object(), may_fail, "{name}");
        for parameter in told["parameters"].as_array().into_iter().flatten() {
            assert!(parameter["description"].is_string(), "{name}: {parameter}");
            assert!(parameter["schema"].is_object(), "{name}: {parameter}");
            let is_required = parameter["required"] == true;
            assert!(
                !is_required || !parameter["example"].is_null(),
                "{name}: {parameter}"
            );
        }
    }
}
