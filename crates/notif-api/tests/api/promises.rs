//! `docs/api-promises.md` names a test for each promise, and only tests that exist.

use std::path::Path;

use notif_testbed::named_tests;

const PAGE: &str = include_str!("../../../../docs/api-promises.md");

/// What stands above each table.
const HEAD: &str = "| what is promised | tests |";

/// The rows of all tables: what is promised, and the tests that are named beside it.
fn promises() -> Vec<(&'static str, Vec<&'static str>)> {
    let rows = PAGE
        .lines()
        .filter(|line| line.starts_with('|') && *line != HEAD && *line != "|---|---|");
    rows.map(|row| {
        let fields: Vec<&str> = row.split('|').map(str::trim).collect();
        let ["", promise, tests, ""] = fields[..] else {
            panic!("not two columns: {row}");
        };
        (promise, tests.split('`').skip(1).step_by(2).collect())
    })
    .collect()
}

#[test]
fn every_promise_of_the_page_has_a_test_that_exists() {
    let crates = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    // of the poller there are those that read what it recorded through the API
    let tests =
        named_tests(["notif-api", "notif-core", "notif-poll"].map(|name| crates.join(name)));
    let promises = promises();
    assert!(promises.len() > 80, "{}", promises.len());
    let mut wrong = Vec::new();
    for (promise, named) in promises {
        if named.is_empty() {
            wrong.push(format!("{promise}: no test is named"));
        }
        let missing = named.iter().filter(|name| !tests.contains(**name));
        wrong.extend(missing.map(|name| format!("{promise}: {name} is not in the sources")));
    }
    let code = PAGE.split('`').skip(1).step_by(2);
    let named = code.filter(|word| word.matches('_').count() > 2);
    wrong.extend(
        named
            .filter(|name| !tests.contains(*name))
            .map(str::to_owned),
    );
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn every_table_of_the_page_has_rows() {
    let sections: Vec<&str> = PAGE.split("\n## ").skip(1).collect();
    assert!(sections.len() > 15, "{}", sections.len());
    for section in sections.iter().filter(|section| section.contains(HEAD)) {
        let (_, table) = section.split_once(HEAD).unwrap();
        assert!(table.starts_with("\n|---|---|\n| "), "{section}");
    }
}
