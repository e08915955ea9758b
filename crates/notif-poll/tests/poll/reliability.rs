//! `docs/reliability.md` names only tests that exist.

use std::fs;
use std::path::Path;

use notif_testbed::named_tests;

#[test]
fn every_test_that_the_page_names_exists() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let crates = ["notif-core", "notif-poll"];
    let tests = named_tests(crates.map(|name| root.join("crates").join(name)));
    let page = fs::read_to_string(root.join("docs/reliability.md")).unwrap();
    let code = page.split('`').skip(1).step_by(2);
    let named: Vec<&str> = code.filter(|word| word.matches('_').count() > 2).collect();
    assert!(named.len() > 40, "{named:?}");
    let missing: Vec<&&str> = named
        .iter()
        .filter(|name| !tests.contains(**name))
        .collect();
    assert!(missing.is_empty(), "not in the sources: {missing:?}");
}
