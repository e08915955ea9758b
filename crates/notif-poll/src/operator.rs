//! Who decides, and what a decision must say of itself.

use std::os::unix::fs::MetadataExt;

use anyhow::anyhow;
use notif_core::store::decision::Decision;

use crate::config::Environment;
use crate::exit::{Exit, Failure};

/// How long a reason may be, in characters: it is a note, and `status` prints it.
const LONGEST_REASON: usize = 1_000;

/// The decision of whoever runs this, for `reason`.
pub(crate) fn decision(env: Environment<'_>, reason: &str) -> Result<Decision, Failure> {
    let reason = reason.trim();
    let refused = |why: &str| {
        Failure::new(
            Exit::Usage,
            anyhow!("--reason {why}"),
            "a sentence that an auditor understands years from now; it stays in the ledger",
        )
    };
    if reason.is_empty() {
        return Err(refused("is empty"));
    }
    if reason.chars().count() > LONGEST_REASON {
        return Err(refused(&format!(
            "has more than {LONGEST_REASON} characters"
        )));
    }
    Ok(Decision {
        by: format!("{}@{}", user(env), host_name()),
        reason: reason.to_owned(),
    })
}

/// The user by name, where the environment gives one, else by number.
fn user(env: Environment<'_>) -> String {
    let named = |name| env(name).map(|text| text.trim().to_owned());
    ["USER", "LOGNAME"]
        .into_iter()
        .filter_map(named)
        .find(|name| !name.is_empty())
        .unwrap_or_else(|| match std::fs::metadata("/proc/self") {
            Ok(process) => format!("uid {}", process.uid()),
            Err(_) => "unknown".to_owned(),
        })
}

/// The name of this host.
pub(crate) fn host_name() -> String {
    std::fs::read_to_string("/proc/sys/kernel/hostname")
        .map(|name| name.trim().to_owned())
        .unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_decision_says_who_and_why() {
        let env = |name: &str| (name == "USER").then(|| "alice".to_owned());
        let made = decision(&env, "  the disk was full ").unwrap();
        assert!(made.by.starts_with("alice@"), "{}", made.by);
        assert_eq!(made.reason, "the disk was full");
    }

    #[test]
    fn without_a_name_the_number_of_the_user_stands_in() {
        let made = decision(&|_| None, "x").unwrap();
        assert!(made.by.starts_with("uid "), "{}", made.by);
    }

    #[test]
    fn a_reason_must_say_something_and_not_everything() {
        for reason in ["", "  ", &"x".repeat(LONGEST_REASON.strict_add(1))] {
            assert_eq!(decision(&|_| None, reason).unwrap_err().exit, Exit::Usage);
        }
    }
}
