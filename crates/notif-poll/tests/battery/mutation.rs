//! The checks can fail: each deliberate defect is caught by the one that is named for it.

use std::collections::BTreeSet;
use std::path::Path;
use std::time::Instant;

use notif_testbed::mutation::{names_below, try_all};

use crate::promise;
use crate::tell::tell;

struct Mutation {
    /// As `NOTIF_MUTATION` has it.
    name: &'static str,
    caught_by: &'static str,
    check: fn(&str) -> Result<(), String>,
    /// What the check must say: it fails for this reason, not for another.
    says: &'static str,
}

macro_rules! caught {
    ($name:literal by $check:ident, $says:literal) => {
        Mutation {
            name: $name,
            caught_by: stringify!($check),
            check: promise::$check,
            says: $says,
        }
    };
}

/// Every defect, and the check that must catch it.
const MUTATIONS: [Mutation; 8] = [
    caught!("offsets-in-a-second-transaction"
        by a_kill_within_a_batch_stores_all_of_it_or_nothing, "recorded already"),
    caught!("no-fence"
        by overlapping_runs_without_claims_write_each_record_once, "recorded already"),
    caught!("end-by-equality"
        by a_run_ends_at_the_end_that_it_saw, "is stored and must not be"),
    caught!("end-of-partition-believed"
        by an_end_below_the_captured_one_is_not_believed, "lost is"),
    caught!("generation-left-out"
        by a_topic_created_anew_is_recorded_beside_the_old_one, "is missing"),
    caught!("gap-not-recorded"
        by what_kafka_deleted_is_in_the_ledger, "do not tile"),
    caught!("header-duplicates-collapsed"
        by headers_are_kept_as_they_came, "the row is not the record"),
    caught!("commit-seq-early"
        by a_reader_by_commit_seq_skips_no_row, "finds 0 of the 2 rows"),
];

/// A defect that must do no harm: claims only save work.
pub(crate) const HARMLESS: &str = "claims-off";

/// How many are tried side by side. Most of a check is waiting.
const AT_ONCE: usize = 4;

#[test]
fn every_deliberate_defect_is_caught_by_the_check_that_is_named_for_it() {
    let started = Instant::now();
    let trials: Vec<(&Mutation, bool)> = MUTATIONS
        .iter()
        .flat_map(|mutation| [(mutation, true), (mutation, false)])
        .collect();
    let wrong = try_all(trials, AT_ONCE, |(mutation, is_on)| {
        try_one(mutation, is_on)
    });
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    tell(&format!(
        "mutations: {} of {} caught, in {:.0} s",
        MUTATIONS.len(),
        MUTATIONS.len(),
        started.elapsed().as_secs_f64()
    ));
}

/// With the defect the check must fail, and say why; without it, it must hold.
fn try_one(mutation: &Mutation, is_on: bool) -> Result<(), String> {
    let Mutation {
        name,
        caught_by,
        check,
        says,
    } = mutation;
    let found = check(if is_on { name } else { "" });
    match found {
        Err(found) if is_on && found.contains(says) => Ok(()),
        Ok(()) if !is_on => Ok(()),
        Ok(()) => Err(format!("{name} SURVIVED: {caught_by} does not catch it")),
        Err(found) if is_on => Err(format!("{caught_by} fails for another reason: {found}")),
        Err(found) => Err(format!("{caught_by} fails without a defect: {found}")),
    }
}

#[test]
fn claims_only_save_work_and_the_fence_alone_keeps_it_safe() {
    promise::overlapping_runs_without_claims_write_each_record_once(HARMLESS).unwrap();
    promise::a_kill_within_a_batch_stores_all_of_it_or_nothing(HARMLESS).unwrap();
}

#[test]
fn every_defect_in_the_sources_is_in_the_table() {
    let crates = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let mut found = BTreeSet::new();
    for name in ["notif-core", "notif-poll"] {
        found.extend(names_below(&crates.join(name).join("src")).unwrap());
    }
    // those are caught by the tests of notif-api
    found.retain(|name| !name.starts_with("api-"));
    let mut known: BTreeSet<String> = MUTATIONS.iter().map(|m| m.name.to_owned()).collect();
    known.insert(HARMLESS.to_owned());
    assert_eq!(found, known);
}
