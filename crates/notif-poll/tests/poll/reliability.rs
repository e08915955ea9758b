//! `docs/reliability.md` names only tests that exist.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// The names of all tests in the sources under a folder.
fn collect_tests(folder: &Path, names: &mut BTreeSet<String>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            collect_tests(&path, names);
        } else if path.extension().is_some_and(|end| end == "rs") {
            let text = fs::read_to_string(&path).unwrap();
            let behind = text.split("#[test]").skip(1);
            let found = behind.filter_map(|rest| {
                let (_, name) = rest.split_once("fn ")?;
                Some(name.split_once('(')?.0.to_owned())
            });
            names.extend(found);
        }
    }
}

#[test]
fn every_test_that_the_page_names_exists() {
    let mut tests = BTreeSet::new();
    for crate_name in ["notif-core", "notif-poll"] {
        collect_tests(&root().join("crates").join(crate_name), &mut tests);
    }
    let page = fs::read_to_string(root().join("docs/reliability.md")).unwrap();
    let code = page.split('`').skip(1).step_by(2);
    let named: Vec<&str> = code.filter(|word| word.matches('_').count() > 2).collect();
    assert!(named.len() > 40, "{named:?}");
    let missing: Vec<&&str> = named
        .iter()
        .filter(|name| !tests.contains(**name))
        .collect();
    assert!(missing.is_empty(), "not in the sources: {missing:?}");
}
