//! That faults are in the binary of this battery: the ordinary one is looked through for the same
//! words by `tests/poll/faults.rs`, and must have none of them.

use regex::bytes::Regex;

/// Something of each kind: variables, steps, a defect.
const WORDS: [&str; 5] = [
    "NOTIF_FAULT",
    "NOTIF_MUTATION",
    "after-statement",
    "after-claims",
    "gap-not-recorded",
];

#[test]
fn the_binary_of_the_battery_has_its_faults() {
    let binary = std::fs::read(env!("CARGO_BIN_EXE_notif-poll")).unwrap();
    for word in WORDS {
        let found = Regex::new(word).unwrap().is_match(&binary);
        assert!(found, "no {word}");
    }
}
