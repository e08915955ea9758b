//! A connection to read with, on which no thread waits.
//!
//! The caller asks, waits for the socket in its own way, and lets the reader advance until it has
//! the answer. It may ask again meanwhile: answers come in the order of the questions. What is asked
//! together is a transaction of its own, so where a question fails, that does no harm beyond those that
//! were asked together with it. A reader that is given back before all its answers is closed.

use std::any::Any;
use std::collections::VecDeque;
use std::ffi::CString;
use std::os::fd::OwnedFd;
use std::sync::Arc;

use r2d2::ManageConnection;

use super::super::libpq::{Answer, Connection};
use super::super::read::Statement;
use super::super::{StoreError, session};
use super::health::Health;
use super::{PoolOptions, SESSION};

mod kept;
#[cfg(test)]
mod tests;

use self::kept::Kept;

/// How many statements are kept prepared a connection: more than there are different ones.
const KEPT_MAX: usize = 200;

/// How often in a row libpq may say that there is nothing although a question is under way: more is a
/// loop.
const NOTHINGS_MAX: u32 = 4;

/// A connection of the pool.
pub struct Reader {
    connection: Connection,
    socket: Arc<OwnedFd>,
    health: Arc<Health>,
    /// The number of suspicions when it last gave a sign of life.
    alive_at: u64,
    broken: bool,
    /// The statements that are prepared; none where they are not to be.
    kept: Option<Kept>,
    /// How many statements were ever prepared: a name is never used for another one.
    prepared: u64,
    /// The number of the schema that they were prepared for.
    schema: u64,
    encrypted: bool,
    /// What was asked and is not answered yet, the oldest first.
    questions: VecDeque<Question>,
    /// What the caller keeps with it, see [`Self::companion`].
    companion: Option<Box<dyn Any + Send>>,
}

/// What was asked and is not answered yet.
struct Question {
    /// The number of suspicions when it was asked.
    asked_at: u64,
    /// What came back so far.
    answer: Option<Answer>,
    /// How its statement was sent.
    by: By,
    /// How many answers are still to come: one, and one more where its statement is prepared.
    to_come: u8,
    /// Is it the last of those that were asked together? The end of their transaction is its own.
    is_last: bool,
}

/// How the statement of a question was sent.
enum By {
    /// As it is.
    Text,
    /// By the name under which it is prepared.
    Name(Arc<CString>),
    /// By the name under which it is being prepared, until PostgreSQL says that it is.
    NewName(Arc<CString>),
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

    /// How many questions are under way.
    pub fn asking(&self) -> usize {
        self.questions.len()
    }

    /// Is it lost, and every question that is under way with it?
    pub fn is_broken(&self) -> bool {
        self.broken
    }

    /// Has another connection turned out to be broken since this one gave a sign of life? Then ask
    /// [`Statement::sign_of_life`] before anything else.
    pub fn is_suspect(&self) -> bool {
        self.alive_at != self.health.suspicions()
    }

    /// Sends a question. The socket has to be waited for before [`Self::advance`].
    pub fn ask(&mut self, statement: &Statement) -> Result<Wait, StoreError> {
        self.ask_together([statement])
    }

    /// Sends questions in one packet, as one transaction: it costs both sides less than one for each, and
    /// PostgreSQL sends the answers together as well. Where one fails, those behind it among them are
    /// skipped: each gets [`StoreError::Unreachable`], which says that it may be asked again.
    pub fn ask_together<'a>(
        &mut self,
        statements: impl IntoIterator<Item = &'a Statement>,
    ) -> Result<Wait, StoreError> {
        let asked = self.send_together(statements);
        asked.map_err(|words| self.lost(&words))
    }

    fn send_together<'a>(
        &mut self,
        statements: impl IntoIterator<Item = &'a Statement>,
    ) -> Result<Wait, String> {
        let mut statements = statements.into_iter().peekable();
        while let Some(statement) = statements.next() {
            let by = self.send(statement)?;
            let is_last = statements.peek().is_none();
            self.questions.push_back(Question {
                asked_at: self.health.suspicions(),
                answer: None,
                to_come: if matches!(by, By::NewName(_)) { 2 } else { 1 },
                by,
                is_last,
            });
            if is_last {
                self.connection.send_sync()?;
            }
        }
        self.flush()
    }

    /// Sends a question.
    fn send(&mut self, statement: &Statement) -> Result<By, String> {
        let Statement { sql, types, values } = statement;
        let schema = self.health.schemas();
        if self.schema != schema {
            self.kept.iter_mut().for_each(Kept::clear);
            self.schema = schema;
        }
        let name = self.kept.as_mut().and_then(|kept| kept.get(sql));
        match (name, &mut self.kept) {
            (Some(name), _) => {
                self.connection.send_prepared(&name, values)?;
                Ok(By::Name(name))
            }
            (None, Some(kept)) if kept.len() < KEPT_MAX => {
                let name = CString::new(format!("notif_{}", self.prepared)).unwrap_or_default();
                self.prepared = self.prepared.saturating_add(1);
                self.connection.send_prepare(&name, sql, types)?;
                self.connection.send_prepared(&name, values)?;
                // who asks the same meanwhile comes behind it
                Ok(By::NewName(kept.insert(sql, name)))
            }
            _ => {
                self.connection.send_statement(sql, types, values)?;
                Ok(By::Text)
            }
        }
    }

    /// Goes on once the socket was ready: takes in what it holds, and gives the answer to the oldest
    /// question where it is whole. An error is that question's, and where the reader is broken then,
    /// every other one's too.
    pub fn advance(&mut self) -> Result<Progress, StoreError> {
        let received = self.connection.receive();
        received.map_err(|words| self.lost(&words))?;
        self.taken_in()
    }

    /// The answer to the oldest question, where it has been taken in already.
    pub fn taken_in(&mut self) -> Result<Progress, StoreError> {
        let mut nothing = 0_u32;
        while !self.questions.is_empty() && self.connection.is_ready() {
            match self.connection.take() {
                Some(part) => {
                    nothing = 0;
                    let question = self.questions.front_mut();
                    if question.is_some_and(|question| question.take(part)) {
                        return self.answered().map(Progress::Answered);
                    }
                }
                // one stands between the answers of two statements
                None if nothing < NOTHINGS_MAX => nothing = nothing.saturating_add(1),
                None => return Err(self.lost("no answer to a statement")),
            }
        }
        let flushed = self.flush();
        Ok(Progress::Waiting(
            flushed.map_err(|words| self.lost(&words))?,
        ))
    }

    /// All that comes back for the oldest question is there.
    fn answered(&mut self) -> Result<Answer, StoreError> {
        let Some(Question {
            asked_at,
            answer: Some(answer),
            by,
            ..
        }) = self.questions.pop_front()
        else {
            return Err(self.lost("no answer to a statement"));
        };
        if !answer.is_good() {
            // those that were asked by this name behind it fail as well
            if let (By::NewName(name), Some(kept)) = (&by, &mut self.kept) {
                kept.forget(name);
            }
            if answer.is_skipped() {
                let words = "skipped: asked together with something that failed".to_owned();
                return Err(StoreError::Unreachable(words));
            }
            return Err(self.refused(&answer, &by));
        }
        self.alive_at = asked_at;
        Ok(answer)
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
        self.questions.clear();
        self.health.suspect_all();
        StoreError::Unreachable(words.replace('\n', " "))
    }

    /// What the server's error means. Classes: appendix "PostgreSQL Error Codes" of its manual.
    fn refused(&mut self, answer: &Answer, by: &By) -> StoreError {
        let message = answer.message().replace('\n', " ");
        let Some(code) = answer.sqlstate() else {
            return self.lost(&message); // libpq's own words: the server said nothing more
        };
        match code.as_str() {
            // the server is going down, or throws this session out
            _ if answer.is_fatal() || code.starts_with("08") || code.starts_with("57P") => {
                self.lost(&message)
            }
            "25006" => StoreError::ReadOnly(message),
            // it is not there: never prepared, because of what failed before it, or gone. Whoever asks
            // again prepares anew
            "26000" => {
                if let (By::Name(name), Some(kept)) = (by, &mut self.kept) {
                    kept.forget(name);
                }
                StoreError::Unreachable(message)
            }
            // it was prepared for a table that was changed since, on the other connections as well
            "0A000" => {
                self.health.schema_changed();
                StoreError::Unreachable(message)
            }
            _ if self.connection.is_broken() => self.lost(&message),
            _ => StoreError::Refused(message),
        }
    }
}

impl Question {
    /// Takes what came back next; whether that was all. Of what is prepared and what is run the first that
    /// failed is what matters.
    fn take(&mut self, next: Answer) -> bool {
        if next.is_sync() {
            return true;
        }
        let is_first = self.answer.is_none();
        if self.answer.as_ref().is_none_or(Answer::is_good) {
            if let By::NewName(name) = &self.by
                && is_first
                && next.is_good()
            {
                // it stays prepared even where to run it fails
                self.by = By::Name(Arc::clone(name));
            }
            self.answer = Some(next);
        }
        self.to_come = self.to_come.saturating_sub(1);
        self.to_come == 0 && !self.is_last
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
        connection.enter_pipeline().map_err(StoreError::Internal)?;
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
            kept: self.options.prepared_statements.then(Kept::default),
            questions: VecDeque::new(),
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
        reader.broken || !reader.questions.is_empty()
    }
}
