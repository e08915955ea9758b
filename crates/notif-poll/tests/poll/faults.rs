//! What tests need to break the recorder is not in what is shipped.

use regex::bytes::Regex;

/// Something of each kind: variables, steps, a defect. That a binary with faults has these words is
/// proved by `tests/battery/binary.rs`.
const WORDS: [&str; 5] = [
    "NOTIF_FAULT",
    "NOTIF_MUTATION",
    "after-statement",
    "after-claims",
    "gap-not-recorded",
];

#[test]
fn the_ordinary_binary_has_no_faults() {
    let binary = std::fs::read(env!("CARGO_BIN_EXE_notif-poll")).unwrap();
    for word in WORDS {
        let found = Regex::new(word).unwrap().is_match(&binary);
        assert!(!found, "{word} is in it");
    }
}
