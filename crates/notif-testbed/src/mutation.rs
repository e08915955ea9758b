//! What the tests of deliberate defects (`mutated!` of notif-core) have in common.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::sync::{Mutex, PoisonError};
use std::thread;

use anyhow::{Context, Result};

/// The names in all `mutated!("...")` below a folder.
pub fn names_below(folder: &Path) -> Result<BTreeSet<String>> {
    let mut found = BTreeSet::new();
    let entries = fs::read_dir(folder).with_context(|| format!("reading {}", folder.display()))?;
    for entry in entries {
        let path = entry?.path();
        if path.is_dir() {
            found.extend(names_below(&path)?);
        } else {
            let source = fs::read_to_string(&path)?;
            let uses = source.split("mutated!(\"").skip(1);
            found.extend(uses.filter_map(|rest| Some(rest.split_once('"')?.0.to_owned())));
        }
    }
    Ok(found)
}

/// Tries all, so many side by side, in their order; what went wrong.
pub fn try_all<T: Send>(
    trials: impl IntoIterator<Item = T>,
    at_once: usize,
    try_one: impl Fn(T) -> Result<(), String> + Sync,
) -> Vec<String> {
    let trials: Vec<T> = trials.into_iter().collect();
    let next = Mutex::new(trials.into_iter());
    let wrong = Mutex::new(Vec::new());
    thread::scope(|scope| {
        for _ in 0..at_once {
            scope.spawn(|| {
                loop {
                    let trial = next.lock().unwrap_or_else(PoisonError::into_inner).next();
                    let Some(trial) = trial else {
                        return;
                    };
                    if let Err(problem) = try_one(trial) {
                        let mut wrong = wrong.lock().unwrap_or_else(PoisonError::into_inner);
                        wrong.push(problem);
                    }
                }
            });
        }
    });
    wrong.into_inner().unwrap_or_else(PoisonError::into_inner)
}
