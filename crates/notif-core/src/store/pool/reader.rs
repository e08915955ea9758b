//! A connection to read with, on which no thread waits.
//!
//! The caller asks, waits for the socket in its own way, and lets the reader advance until it has
//! the answer. A reader that is given back before that is closed.

use std::any::Any;
use std::collections::HashMap;
use std::ffi::CString;
use std::os::fd::OwnedFd;
use std::sync::Arc;

use r2d2::ManageConnection;

use super::super::libpq::{Answer, Connection, Values};
use super::super::read::Statement;
use super::super::{StoreError, session};
use super::health::Health;
use super::{PoolOptions, SESSION};

/// How many statements are kept prepared a connection: more than there are different ones.
const KEPT_MAX: usize = 200;

/// A connection of the pool.
pub struct Reader {
    connection: Connection,
    socket: Arc<OwnedFd>,
    health: Arc<Health>,
    /// The number of suspicions when it last gave a sign of life.
    alive_at: u64,
    broken: bool,
    /// The names of the statements that are prepared; none where they are not to be.
    kept: Option<HashMap<String, CString>>,
    /// How many statements were ever prepared: a name is never used for another one.
    prepared: u64,
    /// The number of the schema that they were prepared for.
    schema: u64,
    encrypted: bool,
    question: Option<Question>,
    /// What the caller keeps with it, see [`Self::companion`].
    companion: Option<Box<dyn Any + Send>>,
}

/// What was asked and is not answered yet.
struct Question {
    /// The number of suspicions when it was asked.
    asked_at: u64,
    /// What came back so far.
    answer: Option<Answer>,
    /// What is asked once the answer is there: the statement is being prepared.
    then: Option<Prepared>,
}

struct Prepared {
    sql: String,
    name: CString,
    values: Values,
}

/// How far a question has come.
pub enum Progress {
    /// This is the answer.
    Answered(Answer),
    /// Nothing more can be done before the socket is ready.
    Waiting(Wait),
}

/// What the socket is waited for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wait {
    /// Until it can be read.
    Read,
    /// Until it can be read or written.
    ReadOrWrite,
}

impl Reader {
    /// The socket to wait on: a descriptor of its own, which is the caller's to register.
    pub fn socket(&self) -> Arc<OwnedFd> {
        Arc::clone(&self.socket)
    }

    /// May it hold bytes that its socket does not show any more? Then [`Self::advance`] has to be
    /// called twice before the socket is waited for: one look takes at least half of a TLS record.
    pub fn is_encrypted(&self) -> bool {
        self.encrypted
    }

    /// Gives it up: it does not answer.
    pub fn give_up(&mut self) {
        self.lost("no answer in time");
    }

    /// A place for what the caller's way of waiting keeps of the socket from one question to the next.
    /// It goes when the connection goes.
    pub fn companion(&mut self) -> &mut Option<Box<dyn Any + Send>> {
        &mut self.companion
    }

    /// Is a question under way?
    pub fn is_asking(&self) -> bool {
        self.question.is_some()
    }

    /// Has another connection turned out to be broken since this one gave a sign of life? Then ask
    /// [`Statement::sign_of_life`] before anything else.
    pub fn is_suspect(&self) -> bool {
        self.alive_at != self.health.suspicions()
    }

    /// Sends a question. The socket has to be waited for before [`Self::advance`].
    pub fn ask(&mut self, statement: &Statement) -> Result<Wait, StoreError> {
        let asked = self.send(statement).and_then(|then| {
            self.question = Some(Question {
                asked_at: self.health.suspicions(),
                answer: None,
                then,
            });
            self.flush()
        });
        asked.map_err(|words| self.lost(&words))
    }

    /// Sends the first half of a question; the second one, where it takes two.
    fn send(&mut self, statement: &Statement) -> Result<Option<Prepared>, String> {
        let Statement { sql, types, values } = statement;
        let schema = self.health.schemas();
        if self.schema != schema {
            self.kept.iter_mut().for_each(HashMap::clear);
            self.schema = schema;
        }
        match &self.kept {
            Some(kept) if let Some(name) = kept.get(sql) => {
                self.connection.send_prepared(name, values)?;
                Ok(None)
            }
            Some(kept) if kept.len() < KEPT_MAX => {
                let name = CString::new(format!("notif_{}", self.prepared)).unwrap_or_default();
                self.prepared = self.prepared.saturating_add(1);
                self.connection.send_prepare(&name, sql, types)?;
                let (sql, values) = (sql.clone(), values.clone());
                Ok(Some(Prepared { sql, name, values }))
            }
            _ => {
                self.connection.send_statement(sql, types, values)?;
                Ok(None)
            }
        }
    }

    /// Goes on with a question, once the socket was ready.
    pub fn advance(&mut self) -> Result<Progress, StoreError> {
        let received = self.connection.receive();
        let mut ready = received.map_err(|words| self.lost(&words))?;
        while ready {
            match (self.connection.take(), &mut self.question) {
                (Some(next), Some(question)) => question.take(next),
                (Some(_nobody_asked), None) => {}
                (None, _) => {
                    if let Some(answer) = self.answered()? {
                        return Ok(Progress::Answered(answer));
                    }
                }
            }
            ready = self.connection.is_ready();
        }
        let flushed = self.flush();
        Ok(Progress::Waiting(
            flushed.map_err(|words| self.lost(&words))?,
        ))
    }

    /// All that comes back for what was sent is there: the answer, or none where the second half of
    /// the question is asked only now.
    fn answered(&mut self) -> Result<Option<Answer>, StoreError> {
        let Some(Question {
            asked_at,
            answer: Some(answer),
            then,
        }) = self.question.take()
        else {
            return Err(self.lost("no answer to a statement"));
        };
        if !answer.is_good() {
            return Err(self.refused(&answer));
        }
        let Some(Prepared { sql, name, values }) = then else {
            self.alive_at = asked_at;
            return Ok(Some(answer));
        };
        let sent = self.connection.send_prepared(&name, &values);
        sent.map_err(|words| self.lost(&words))?;
        self.question = Some(Question {
            asked_at,
            answer: None,
            then: None,
        });
        if let Some(kept) = &mut self.kept {
            kept.insert(sql, name);
        }
        Ok(None)
    }

    fn flush(&mut self) -> Result<Wait, String> {
        Ok(if self.connection.flush()? {
            Wait::Read
        } else {
            Wait::ReadOrWrite
        })
    }

    fn lost(&mut self, words: &str) -> StoreError {
        self.broken = true;
        self.question = None;
        self.health.suspect_all();
        StoreError::Unreachable(words.replace('\n', " "))
    }

    /// What the server's error means. Classes: appendix "PostgreSQL Error Codes" of its manual.
    fn refused(&mut self, answer: &Answer) -> StoreError {
        let message = answer.message().replace('\n', " ");
        let Some(code) = answer.sqlstate() else {
            return self.lost(&message); // libpq's own words: the server said nothing more
        };
        match code.as_str() {
            "25006" => StoreError::ReadOnly(message),
            // the server is going down, or throws this session out
            _ if code.starts_with("08") || code.starts_with("57P") => self.lost(&message),
            // what was prepared is gone, or belongs to a table that was changed since: whoever asks
            // again prepares anew
            "26000" | "0A000" => {
                self.health.schema_changed();
                StoreError::Unreachable(message)
            }
            _ if self.connection.is_broken() => self.lost(&message),
            _ => StoreError::Refused(message),
        }
    }
}

impl Question {
    /// Of several statements in one text the first that failed is what matters.
    fn take(&mut self, next: Answer) {
        if self.answer.as_ref().is_none_or(Answer::is_good) {
            self.answer = Some(next);
        }
    }
}

/// Makes readers.
pub struct Readers {
    options: PoolOptions,
    health: Arc<Health>,
}

impl Readers {
    pub(super) fn new(options: &PoolOptions, health: Arc<Health>) -> Self {
        Self {
            options: options.clone(),
            health,
        }
    }

    fn establish(&self) -> Result<Reader, StoreError> {
        let alive_at = self.health.suspicions();
        let url = session::with_limits(&self.options.url, "notif-api");
        let mut connection = Connection::open(url.as_str())
            .map_err(|words| StoreError::Unreachable(words.replace('\n', " ")))?;
        connection
            .run_script(SESSION)
            .map_err(StoreError::Unreachable)?;
        let socket = connection
            .socket()
            .map_err(|error| StoreError::Internal(error.to_string()))?;
        Ok(Reader {
            encrypted: connection.is_encrypted(),
            prepared: 0,
            schema: self.health.schemas(),
            connection,
            socket: Arc::new(socket),
            health: Arc::clone(&self.health),
            alive_at,
            broken: false,
            kept: self.options.prepared_statements.then(HashMap::new),
            question: None,
            companion: None,
        })
    }
}

impl ManageConnection for Readers {
    type Connection = Reader;
    type Error = StoreError;

    fn connect(&self) -> Result<Reader, StoreError> {
        let outcome = self.establish();
        self.health.connected(outcome.as_ref().map(|_| ()));
        outcome
    }

    fn is_valid(&self, _reader: &mut Reader) -> Result<(), StoreError> {
        Ok(())
    }

    fn has_broken(&self, reader: &mut Reader) -> bool {
        // an answer that nobody waited for would be taken for that to the next question
        reader.broken || reader.question.is_some()
    }
}
