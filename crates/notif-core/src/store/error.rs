//! What can go wrong between us and PostgreSQL, sorted by what the person in front of it does next.
//!
//! diesel does not hand out the SQLSTATE, only a kind for some of them; what has no kind is
//! [`StoreError::Refused`], the environment: no offset moves, the next run tries again.

use diesel::result::{ConnectionError, DatabaseErrorKind, Error as DieselError};

/// A failure of the store.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The connection string itself is wrong: nothing was asked of any server.
    #[error("the connection string is not one that PostgreSQL understands: {0}")]
    Url(String),
    /// No connection could be made, or it broke.
    #[error("cannot reach PostgreSQL: {0}")]
    Unreachable(String),
    /// All connections of the pool stayed in use for as long as a request may wait.
    #[error("no database connection became free in time")]
    Busy,
    /// The server answers but takes no writes: a standby, or `default_transaction_read_only`.
    #[error("PostgreSQL is read-only: {0}")]
    ReadOnly(String),
    /// The server refused a statement for a reason of its own: disk full, a time limit, a lock.
    #[error("PostgreSQL refused: {0}")]
    Refused(String),
    /// There is no schema, or one that lacks migrations which this binary needs.
    #[error("the database schema is too old: {0}")]
    SchemaTooOld(String),
    /// The schema asks for a newer binary.
    #[error("the database schema needs version {needed} or later, this is {ours}")]
    SchemaTooNew {
        /// `recorder_state.min_binary`.
        needed: String,
        /// The version of this binary.
        ours: String,
    },
    /// The tables are those that the Python version of this service filled.
    #[error("the database holds the tables of the Python version of this service")]
    ForeignSchema,
    /// A database that does not store text as UTF-8.
    #[error("the database stores text as {0}, not as UTF8")]
    NotUtf8(String),
    /// A row with our own unique key was there already.
    #[error("a row is there already: {0}")]
    Conflict(String),
    /// The row asked for is not there.
    #[error("no such row")]
    NotFound,
    /// A bug of ours: the statement or its result was not what we thought.
    #[error("unexpected answer of PostgreSQL: {0}")]
    Internal(String),
}

impl From<DieselError> for StoreError {
    fn from(error: DieselError) -> Self {
        match error {
            DieselError::NotFound => Self::NotFound,
            DieselError::DatabaseError(kind, info) => {
                from_database(kind, info.constraint_name(), &sentence(&*info))
            }
            other @ (DieselError::DeserializationError(_)
            | DieselError::SerializationError(_)
            | DieselError::QueryBuilderError(_)
            | DieselError::InvalidCString(_)) => Self::Internal(other.to_string()),
            other => Self::Unreachable(other.to_string()),
        }
    }
}

/// The server's own words on one line: message, detail, and the constraint where there is one.
fn sentence(info: &dyn diesel::result::DatabaseErrorInformation) -> String {
    let mut text = info.message().trim().replace('\n', " ");
    if let Some(detail) = info.details() {
        text.push_str(" (");
        text.push_str(detail.trim());
        text.push(')');
    }
    if let Some(constraint) = info.constraint_name() {
        text.push_str(" [constraint ");
        text.push_str(constraint);
        text.push(']');
    }
    text
}

/// The two keys that say that a record is stored already. A double in any other table is no word
/// about a record.
pub(super) const RECORD_KEYS: [&str; 2] = ["notifications_pkey", "notifications_position_unique"];

fn from_database(kind: DatabaseErrorKind, constraint: Option<&str>, message: &str) -> StoreError {
    let message = message.to_owned();
    match kind {
        DatabaseErrorKind::UniqueViolation
            if constraint.is_some_and(|name| RECORD_KEYS.contains(&name)) =>
        {
            StoreError::Conflict(message)
        }
        DatabaseErrorKind::ReadOnlyTransaction => StoreError::ReadOnly(message),
        DatabaseErrorKind::ClosedConnection | DatabaseErrorKind::UnableToSendCommand => {
            StoreError::Unreachable(message)
        }
        _ => StoreError::Refused(message),
    }
}

impl From<ConnectionError> for StoreError {
    fn from(error: ConnectionError) -> Self {
        match error {
            ConnectionError::InvalidConnectionUrl(message) => Self::Url(message),
            ConnectionError::InvalidCString(_) => Self::Url("it holds a NUL character".to_owned()),
            ConnectionError::BadConnection(message) => from_libpq(&message),
            ConnectionError::CouldntSetupConfiguration(error) => error.into(),
            other => Self::Unreachable(other.to_string()),
        }
    }
}

/// libpq refuses a connection string with the same call that cannot reach a server; only its words
/// tell the two apart. It does not translate them before a locale is set, which we never do.
fn from_libpq(message: &str) -> StoreError {
    let one_line = message.trim().replace('\n', " ");
    let about_the_string = [
        "invalid URI query parameter",
        "invalid connection option",
        "missing \"=\" after",
        "invalid percent-encoded token",
        "invalid port number",
        "invalid integer value",
        "invalid sslmode value",
        "forbidden value %00",
        "missing key/value separator",
        "extra key/value separator",
    ];
    if about_the_string
        .iter()
        .any(|words| one_line.contains(words))
    {
        StoreError::Url(one_line)
    } else {
        StoreError::Unreachable(one_line)
    }
}
