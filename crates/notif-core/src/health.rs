//! Is the record being kept? The one line that `status` begins with: signs in, a word and its reasons
//! out.

use chrono::TimeDelta;

/// Without a good poll for so long a person should look: whoever starts polls starts them every few
/// seconds, and every minute at the least.
pub const PATIENCE: TimeDelta = TimeDelta::minutes(10);

/// What is known.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Signs {
    /// Watched partitions.
    pub watched: usize,
    /// Those that are stopped.
    pub stopped: usize,
    /// Those with something left to read.
    pub behind: usize,
    /// Those whose end a transaction has held back for too long.
    pub hanging: usize,
    /// Those that cannot be read for another reason: gone, not allowed, not answering.
    pub unreadable: usize,
    /// Losses that no run has told of yet.
    pub untold_losses: usize,
    /// The exit code of the last run that ended; `None` where none has.
    pub last_exit_code: Option<i16>,
    /// Was the newest run killed?
    pub abandoned: bool,
    /// How long ago the last good poll ended; `None` where there was none.
    pub since_good_poll: Option<TimeDelta>,
}

/// The word.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// Nothing was ever recorded.
    Unknown,
    /// Everything that was seen is stored.
    Good,
    /// There is something left to read, and nothing is wrong.
    Behind,
    /// A person must look.
    Attention,
}

impl State {
    /// The word in reports.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Unknown => "unknown",
            Self::Good => "good",
            Self::Behind => "behind",
            Self::Attention => "attention",
        }
    }
}

/// The exit codes of runs that leave everything as it should be: it drained, time ran out, or it only
/// told of a loss.
pub const GOOD_ENDS: [i16; 3] = [0, 5, 6];

/// Does a run that ended with this code leave everything as it should be?
pub fn is_good_end(exit_code: i16) -> bool {
    GOOD_ENDS.contains(&exit_code)
}

/// The word, and why.
pub fn judge(signs: &Signs) -> (State, Vec<String>) {
    let Some(since_good_poll) = signs.since_good_poll else {
        let why = match signs.last_exit_code {
            Some(code) => format!("no poll has ended well yet, the last one with {code}"),
            None => "no poll has ended yet".to_owned(),
        };
        return (State::Unknown, vec![why]);
    };
    let mut wrong = Vec::new();
    let mut count = |number: usize, one: &str, many: &str| match number {
        0 => {}
        1 => wrong.push(format!("1 {one}")),
        _ => wrong.push(format!("{number} {many}")),
    };
    count(signs.stopped, "partition stopped", "partitions stopped");
    count(
        signs.unreadable,
        "partition that cannot be read",
        "partitions that cannot be read",
    );
    count(
        signs.hanging,
        "partition with a hanging transaction",
        "partitions with a hanging transaction",
    );
    count(
        signs.untold_losses,
        "loss that no run has told of yet",
        "losses that no run has told of yet",
    );
    if let Some(code) = signs.last_exit_code.filter(|code| !is_good_end(*code)) {
        wrong.push(format!("the last run ended with {code}"));
    }
    if signs.abandoned {
        wrong.push("the newest run was killed".to_owned());
    }
    if since_good_poll > PATIENCE {
        wrong.push(format!(
            "no poll has ended well for {} minutes",
            since_good_poll.num_minutes()
        ));
    }
    if !wrong.is_empty() {
        (State::Attention, wrong)
    } else if signs.behind > 0 {
        let why = format!("{} of {} partitions behind", signs.behind, signs.watched);
        (State::Behind, vec![why])
    } else {
        (State::Good, Vec::new())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn good() -> Signs {
        Signs {
            watched: 3,
            last_exit_code: Some(0),
            since_good_poll: Some(TimeDelta::seconds(9)),
            ..Signs::default()
        }
    }

    fn told(signs: &Signs) -> (&'static str, String) {
        let (state, why) = judge(signs);
        (state.as_str(), why.join("; "))
    }

    fn with(change: impl FnOnce(&mut Signs)) -> Signs {
        let mut signs = good();
        change(&mut signs);
        signs
    }

    #[test]
    fn what_is_well_or_unknown() {
        let never = Signs::default();
        assert_eq!(
            told(&never),
            ("unknown", "no poll has ended yet".to_owned())
        );
        let badly = with(|s| (s.since_good_poll, s.last_exit_code) = (None, Some(9)));
        let why = "no poll has ended well yet, the last one with 9";
        assert_eq!(told(&badly), ("unknown", why.to_owned()));
        assert_eq!(told(&good()), ("good", String::new()));
        assert_eq!(told(&with(|s| s.last_exit_code = Some(6))).0, "good");
        let behind = with(|s| s.behind = 2);
        assert_eq!(
            told(&behind),
            ("behind", "2 of 3 partitions behind".to_owned())
        );
    }

    #[test]
    fn each_sign_that_something_is_wrong_is_told_before_what_is_left_to_read() {
        let cases = [
            (with(|s| s.stopped = 1), "1 partition stopped"),
            (
                with(|s| s.unreadable = 1),
                "1 partition that cannot be read",
            ),
            (
                with(|s| s.hanging = 2),
                "2 partitions with a hanging transaction",
            ),
            (
                with(|s| s.untold_losses = 1),
                "1 loss that no run has told of yet",
            ),
            (
                with(|s| s.last_exit_code = Some(4)),
                "the last run ended with 4",
            ),
            (with(|s| s.abandoned = true), "the newest run was killed"),
            (
                with(|s| s.since_good_poll = Some(TimeDelta::minutes(11))),
                "no poll has ended well for 11 minutes",
            ),
        ];
        for (mut signs, why) in cases {
            signs.behind = 1;
            assert_eq!(told(&signs), ("attention", why.to_owned()), "{signs:?}");
        }
    }
}
