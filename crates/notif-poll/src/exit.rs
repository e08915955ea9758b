//! How a run ends: the exit codes, their names, and which one wins.

use serde::Serialize;

/// Why the process ends the way it does. Ordered by what wins where several apply (design, section
/// 6): what a person must mend first comes first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Exit {
    /// A flag or a variable is wrong.
    Usage,
    /// The schema does not fit this binary.
    Schema,
    /// PostgreSQL cannot be reached, or refuses.
    Database,
    /// Kafka cannot be reached, or was lost.
    Kafka,
    /// A bug of ours.
    Internal,
    /// Records were lost that no run has told of yet.
    Gap,
    /// What is stored differs from what was found.
    Mismatch,
    /// A partition needs a person.
    Stopped,
    /// Time or a signal ended the run; the next one goes on.
    Behind,
    /// Everything is stored.
    Drained,
}

impl Exit {
    /// The exit code of the process.
    pub fn code(self) -> u8 {
        match self {
            Self::Drained => 0,
            Self::Internal => 1,
            Self::Usage => 2,
            Self::Database => 3,
            Self::Kafka => 4,
            Self::Behind => 5,
            Self::Gap => 6,
            Self::Schema => 7,
            Self::Mismatch => 8,
            Self::Stopped => 9,
        }
    }
}

impl Serialize for Exit {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_u8(self.code())
    }
}

/// A run that could not do its work: which code, and what to tell the person.
#[derive(Debug)]
pub struct Failure {
    /// The exit code.
    pub exit: Exit,
    /// What went wrong, with its causes.
    pub error: anyhow::Error,
    /// What to do about it.
    pub hint: Option<String>,
}

impl Failure {
    /// A failure with a hint of what to do.
    pub fn new(exit: Exit, error: impl Into<anyhow::Error>, hint: &str) -> Self {
        Self {
            exit,
            error: error.into(),
            hint: Some(hint.to_owned()),
        }
    }
}

impl From<notif_core::store::StoreError> for Failure {
    fn from(error: notif_core::store::StoreError) -> Self {
        use notif_core::store::StoreError as E;
        let (exit, hint) = match &error {
            E::Url(_) => (
                Exit::Usage,
                "it should look like postgresql://user:password@host:5432/database",
            ),
            E::SchemaTooOld(_) => (Exit::Schema, "run `notif-poll migrate`"),
            E::SchemaTooNew { .. } => (
                Exit::Schema,
                "install the version of notif-poll that the schema asks for",
            ),
            E::ForeignSchema => (
                Exit::Schema,
                "docs/moving-from-python.md says how to move over",
            ),
            E::NotUtf8(_) => (Exit::Schema, "create the database with ENCODING 'UTF8'"),
            E::Unreachable(why) => (Exit::Database, way_to(why)),
            E::ReadOnly(_) => (
                Exit::Database,
                "point DATABASE_URL at the primary; nothing was moved",
            ),
            E::Busy | E::Refused(_) => (
                Exit::Database,
                "nothing was moved; the next run tries again",
            ),
            E::Conflict(_) => (
                Exit::Database,
                "a position is recorded already under this generation: do not repair by hand, keep the log and report it",
            ),
            E::NotFound | E::Internal(_) => (Exit::Internal, REPORT_IT),
        };
        Self::new(exit, error, hint)
    }
}

/// What to do about a PostgreSQL that cannot be reached, going by libpq's words, which it does not
/// translate before a locale is set.
fn way_to(why: &str) -> &'static str {
    let says = |words: &str| why.contains(words);
    if says("no encryption") || says("server does not support SSL") {
        "sslmode in DATABASE_URL must be what the server wants; nothing was moved, the next run tries again"
    } else if says("valid client certificate") || says("SSL alert number") {
        "the server wants a certificate of the client: sslcert and sslkey in DATABASE_URL; nothing was moved, the next run tries again"
    } else if says("certificate") {
        "sslrootcert in DATABASE_URL must name the authority that signed the server's certificate, and the host there must be one that it names; nothing was moved, the next run tries again"
    } else if says("password") {
        "check the user and the password in DATABASE_URL; nothing was moved, the next run tries again"
    } else {
        "check DATABASE_URL, and that PostgreSQL is up; nothing was moved, the next run tries again"
    }
}

/// What a bug's message ends with.
pub const REPORT_IT: &str = "this is a bug: please report it with this message, the version (notif-poll --version) and, where you can, the log with RUST_LOG=debug";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_of_2_7_3_4_1_6_8_9_5_0_wins() {
        let mut all = [
            Exit::Drained,
            Exit::Internal,
            Exit::Usage,
            Exit::Database,
            Exit::Kafka,
            Exit::Behind,
            Exit::Gap,
            Exit::Schema,
            Exit::Mismatch,
            Exit::Stopped,
        ];
        all.sort();
        assert_eq!(all.map(Exit::code), [2, 7, 3, 4, 1, 6, 8, 9, 5, 0]);
    }
}
