//! Waiting for what another process does, with a deadline instead of a guess.

use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Result, bail};

/// Short beside what servers do, long enough to leave them the processor.
const PAUSE: Duration = Duration::from_millis(10);

/// Looks until `condition` gives true; fails at the `deadline`, naming `what` was waited for.
pub fn wait_until(
    what: &str,
    deadline: Duration,
    mut condition: impl FnMut() -> bool,
) -> Result<()> {
    wait_for(what, deadline, || condition().then_some(()))
}

/// Looks until `look` gives a value; fails at the `deadline`, naming `what` was waited for.
pub fn wait_for<T>(
    what: &str,
    deadline: Duration,
    mut look: impl FnMut() -> Option<T>,
) -> Result<T> {
    let started = Instant::now();
    loop {
        if let Some(value) = look() {
            return Ok(value);
        }
        if started.elapsed() >= deadline {
            bail!("waited {deadline:?} in vain: {what}");
        }
        thread::sleep(PAUSE);
    }
}

#[cfg(test)]
mod tests {
    use super::{wait_for, wait_until};
    use std::time::Duration;

    #[test]
    fn the_deadline_names_what_was_waited_for() {
        let error = wait_until("the moon", Duration::from_millis(20), || false).unwrap_err();
        assert_eq!(error.to_string(), "waited 20ms in vain: the moon");
    }

    #[test]
    fn a_condition_that_comes_true_ends_the_wait() -> anyhow::Result<()> {
        let mut looks = 0;
        let value = wait_for("three looks", Duration::from_secs(10), || {
            looks += 1;
            (looks == 3).then_some(looks)
        })?;
        assert_eq!(value, 3);
        Ok(())
    }
}
