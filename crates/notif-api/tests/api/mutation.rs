//! The tests can fail: each deliberate defect is caught by the one that is named for it, which is
//! run again as a process of its own with that defect switched on. Only in builds with the feature
//! `faults`.

use std::collections::BTreeSet;
use std::env;
use std::path::Path;
use std::process::{Command, Output};
use std::sync::Once;

use notif_testbed::mutation::{names_below, try_all};

struct Mutation {
    /// As `NOTIF_MUTATION` has it.
    name: &'static str,
    caught_by: &'static str,
    /// What the test must say: it fails for this reason, not for another.
    says: &'static str,
}

macro_rules! caught {
    ($name:literal by $test:literal, $says:literal) => {
        Mutation {
            name: $name,
            caught_by: $test,
            says: $says,
        }
    };
}

/// Every defect, and the test that must catch it.
const MUTATIONS: [Mutation; 8] = [
    // first, since it takes longest: it waits in vain
    caught!("api-tail-by-id"
        by "stream::order::a_transaction_that_began_first_and_ended_last_comes_last", "no event within"),
    caught!("api-cursor-drops-ties"
        by "paging::the_pages_of_every_list_are_what_it_shows_in_memory", "left == right"),
    caught!("api-token-by-prefix"
        by "tokens::a_token_whose_hash_begins_as_a_known_one_does_is_unknown", "guess-"),
    caught!("api-filter-dropped"
        by "filtered::each_filter_shows_its_row_and_no_other", "service="),
    caught!("api-unchanged-on-changed-data"
        by "etag::what_changed_is_sent_whole", "304"),
    caught!("api-freshness-of-the-best"
        by "freshness::every_reply_of_recorded_data_says_how_fresh_it_is", "the freshness"),
    caught!("api-ambiguity-followed"
        by "timeline::an_id_that_leads_to_another_order_is_ambiguous_and_brings_nothing", "left == right"),
    caught!("api-key-forgotten"
        by "idempotency::many_at_once_make_one_row", "left == right"),
];

/// How many are tried side by side. Each starts a PostgreSQL of its own.
const AT_ONCE: usize = 2;

/// Switches on what this process was told to.
pub(crate) fn choose() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| notif_core::fault::choose(&|name| env::var(name).ok()));
}

/// Runs tests of this binary in a process of their own.
fn run(tests: &[&str], mutation: &str) -> Output {
    let mut this = Command::new(env::current_exe().unwrap());
    this.arg("--exact")
        .args(tests)
        .env("NOTIF_MUTATION", mutation);
    this.output().unwrap()
}

#[test]
fn every_deliberate_defect_is_caught_by_the_test_that_is_named_for_it() {
    let wrong = try_all(&MUTATIONS, AT_ONCE, try_one);
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

fn try_one(mutation: &Mutation) -> Result<(), String> {
    let Mutation {
        name,
        caught_by,
        says,
    } = mutation;
    let output = run(&[caught_by], name);
    let told = String::from_utf8_lossy(&output.stdout).into_owned();
    if !told.contains("running 1 test") {
        return Err(format!("{caught_by} is no test"));
    }
    if output.status.success() {
        return Err(format!("{name} SURVIVED: {caught_by} does not catch it"));
    }
    if told.contains(says) {
        Ok(())
    } else {
        Err(format!("{caught_by} fails for another reason: {told}"))
    }
}

#[test]
fn without_a_defect_these_tests_hold() {
    let tests = MUTATIONS.map(|mutation| mutation.caught_by);
    let output = run(&tests, "");
    let told = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{told}");
    assert!(
        told.contains(&format!("{} passed", MUTATIONS.len())),
        "{told}"
    );
}

#[test]
fn every_defect_in_the_sources_is_in_the_table() {
    let crates = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let mut found = BTreeSet::new();
    for name in ["notif-core", "notif-api"] {
        found.extend(names_below(&crates.join(name).join("src")).unwrap());
    }
    // the others are caught by the battery
    found.retain(|name| name.starts_with("api-"));
    let known = MUTATIONS.map(|mutation| mutation.name.to_owned());
    assert_eq!(found, known.into());
}
