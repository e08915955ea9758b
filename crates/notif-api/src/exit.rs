//! How the process ends. The codes are those of `notif-poll`, as far as a server needs them.

use std::io::{self, Write};

use notif_core::store::StoreError;

use crate::logging;

/// Why the process ends.
#[derive(Debug, thiserror::Error)]
pub enum Exit {
    /// It was told to, and has answered what was asked.
    #[error("stopped")]
    Stopped,
    /// A bug, or the operating system refuses.
    #[error("{0}")]
    Internal(String),
    /// A flag or a variable is wrong.
    #[error("{0}")]
    Usage(String),
    /// PostgreSQL was needed (to migrate) and could not be reached, or refused.
    #[error("{0}")]
    Database(String),
    /// The schema is not one that this binary can work with.
    #[error("{0}")]
    Schema(String),
}

impl Exit {
    /// The number for the shell.
    pub fn code(&self) -> u8 {
        match self {
            Self::Stopped => 0,
            Self::Internal(_) => 1,
            Self::Usage(_) => 2,
            Self::Database(_) => 3,
            Self::Schema(_) => 7,
        }
    }
}

/// Ends the process, at once.
///
/// Not by returning from `main`, nor by the standard library's `exit`: both run what libraries left
/// to be run at the end, and OpenSSL takes itself apart there. A thread of the pool that is
/// connecting over TLS at that moment crashes, and the exit code is that of a signal.
pub fn leave(code: u8) -> ! {
    // a closed pipe is no reason to stay
    drop(io::stdout().flush());
    logging::write_out();
    signal_hook::low_level::exit(i32::from(code))
}

/// Tells a person why a command failed; the code to leave with.
pub fn tell(failed: &Exit) -> u8 {
    // where nobody listens there is still the code
    drop(writeln!(io::stderr(), "error: {failed}"));
    failed.code()
}

impl From<StoreError> for Exit {
    fn from(error: StoreError) -> Self {
        let sentence = error.to_string();
        match error {
            StoreError::SchemaTooOld(_) => Self::Schema(format!(
                "{sentence}\nhint: notif-api --migrate, or notif-poll migrate, brings it up to date"
            )),
            StoreError::SchemaTooNew { .. } => {
                Self::Schema(format!("{sentence}\nhint: install that version"))
            }
            StoreError::ForeignSchema => Self::Schema(format!(
                "{sentence}\nhint: it is left alone; use another database, or move its tables away"
            )),
            StoreError::NotUtf8(_) => {
                Self::Schema(format!("{sentence}\nhint: create one with ENCODING 'UTF8'"))
            }
            StoreError::Url(_) => Self::Usage(sentence),
            StoreError::Internal(_) | StoreError::Conflict(_) | StoreError::NotFound => {
                Self::Internal(sentence)
            }
            StoreError::Unreachable(_)
            | StoreError::Busy
            | StoreError::ReadOnly(_)
            | StoreError::Refused(_) => Self::Database(sentence),
        }
    }
}
