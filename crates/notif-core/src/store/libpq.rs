//! PostgreSQL's own client library without waiting: what diesel does not offer, and the only file of
//! this crate with `unsafe`.
//!
//! diesel sits in a system call from the question to the answer, so each read that is under way at
//! the same time needs a thread, and two hand-overs between threads cost more than the read. Here a
//! question is sent, the caller waits for the socket in its own way, and takes the answer. It is the
//! same library with the same connection string, so that TLS, passwords and time-outs are the same
//! on both ways. Reference: chapter "Asynchronous Command Processing" of libpq's manual.

#![expect(unsafe_code, reason = "the one file that talks to libpq directly")]

use std::ffi::{CStr, CString, c_char, c_int, c_void};
use std::io;
use std::num::NonZeroU32;
use std::os::fd::{BorrowedFd, OwnedFd};
use std::ptr::{self, NonNull};
use std::slice;

use pq_sys as sys;

/// Values of a statement travel in PostgreSQL's binary format, both ways: what diesel writes and
/// reads.
const BINARY: c_int = 1;

/// A connection to PostgreSQL on which nothing waits, except where a method says so.
pub(super) struct Connection(NonNull<sys::PGconn>);

// SAFETY: libpq asks only that one thread at a time uses a connection. This type is not `Sync`, is
// not `Clone`, and hands out the pointer to nobody.
unsafe impl Send for Connection {}

/// A statement's values: text or binary as PostgreSQL wants them, none for NULL.
pub(super) type Values = Vec<Option<Vec<u8>>>;

impl Connection {
    /// Connects; waits for as long as the connection string allows. What libpq says where it fails.
    pub(super) fn open(url: &str) -> Result<Self, String> {
        let url = text(url)?;
        // SAFETY: the string ends with NUL and is only read during the call.
        let raw = unsafe { sys::PQconnectdb(url.as_ptr()) };
        let connection = Self(NonNull::new(raw).ok_or("out of memory")?);
        if connection.is_broken() {
            return Err(connection.error());
        }
        let raw = connection.0.as_ptr();
        // SAFETY: the connection is open. The processor is a function that lives as long as the
        // program and uses no argument; the encoding's name ends with NUL.
        let set = unsafe {
            sys::PQsetNoticeProcessor(raw, Some(ignore_notice), ptr::null_mut());
            sys::PQsetClientEncoding(raw, c"UTF8".as_ptr()) == 0
                && sys::PQsetnonblocking(raw, 1) == 0
        };
        if set {
            Ok(connection)
        } else {
            Err(connection.error())
        }
    }

    /// Is it lost? Only a new one helps.
    pub(super) fn is_broken(&self) -> bool {
        // SAFETY: the pointer is a connection that is not finished, see `Drop`.
        unsafe { sys::PQstatus(self.0.as_ptr()) != sys::ConnStatusType::CONNECTION_OK }
    }

    /// Is there encryption between the socket and libpq? Then libpq may hold bytes that the socket
    /// does not show.
    pub(super) fn is_encrypted(&self) -> bool {
        let raw = self.0.as_ptr();
        // SAFETY: as in `is_broken`.
        unsafe { sys::PQsslInUse(raw) == 1 || sys::PQgssEncInUse(raw) == 1 }
    }

    /// What to wait on: readable when an answer may have come. A descriptor of its own for the
    /// socket, which never changes while the connection is open.
    pub(super) fn socket(&self) -> io::Result<OwnedFd> {
        // SAFETY: as in `is_broken`.
        let socket = unsafe { sys::PQsocket(self.0.as_ptr()) };
        if socket < 0 {
            return Err(io::ErrorKind::NotConnected.into());
        }
        // SAFETY: the descriptor is open until `PQfinish`, which cannot come before the end of this
        // statement, since `self` is borrowed; what goes out is a duplicate.
        unsafe { BorrowedFd::borrow_raw(socket) }.try_clone_to_owned()
    }

    /// Runs statements without values, `;` between them. Waits.
    pub(super) fn run_script(&mut self, sql: &str) -> Result<(), String> {
        let sql = text(sql)?;
        // SAFETY: as in `is_broken`; the string ends with NUL and is copied.
        let raw = unsafe { sys::PQexec(self.0.as_ptr(), sql.as_ptr()) };
        let answer = NonNull::new(raw).map(Answer);
        match answer {
            Some(answer) if answer.is_good() => Ok(()),
            Some(answer) => Err(answer.message()),
            None => Err(self.error()),
        }
    }

    /// Runs a statement with its values, whose types the server knows best. Waits.
    pub(super) fn run(&mut self, sql: &str, values: &Values) -> Result<Answer, String> {
        let (sql, arrays) = (text(sql)?, Arrays::of(values)?);
        // SAFETY: as in `send_prepared`; null for the types leaves all of them to the server.
        let raw = unsafe {
            sys::PQexecParams(
                self.0.as_ptr(),
                sql.as_ptr(),
                arrays.count,
                ptr::null(),
                arrays.pointers.as_ptr(),
                arrays.lengths.as_ptr(),
                arrays.formats.as_ptr(),
                BINARY,
            )
        };
        let answer = NonNull::new(raw).map(Answer).ok_or_else(|| self.error())?;
        if self.is_broken() {
            return Err(answer.message());
        }
        Ok(answer)
    }

    /// Sends a statement to be kept under a name.
    pub(super) fn send_prepare(
        &mut self,
        name: &CStr,
        sql: &str,
        types: &[u32],
    ) -> Result<(), String> {
        let (sql, count) = (text(sql)?, length(types.len())?);
        let raw = self.0.as_ptr();
        // SAFETY: as in `is_broken`; both strings end with NUL, `types` is as long as said; libpq
        // copies all of it before it returns.
        self.sent(unsafe {
            sys::PQsendPrepare(raw, name.as_ptr(), sql.as_ptr(), count, types.as_ptr())
        })
    }

    /// Sends the values for a statement that was kept under a name.
    pub(super) fn send_prepared(&mut self, name: &CStr, values: &Values) -> Result<(), String> {
        let arrays = Arrays::of(values)?;
        let raw = self.0.as_ptr();
        // SAFETY: as in `is_broken`; the name ends with NUL; the three arrays are as long as said,
        // and each pointer in the first leads to as many bytes as the second says, or is null for
        // NULL. They borrow `values`, and libpq copies all of it before it returns.
        self.sent(unsafe {
            sys::PQsendQueryPrepared(
                raw,
                name.as_ptr(),
                arrays.count,
                arrays.pointers.as_ptr(),
                arrays.lengths.as_ptr(),
                arrays.formats.as_ptr(),
                BINARY,
            )
        })
    }

    /// Sends a statement with its values, to be forgotten afterwards.
    pub(super) fn send_statement(
        &mut self,
        sql: &str,
        types: &[u32],
        values: &Values,
    ) -> Result<(), String> {
        let (sql, arrays) = (text(sql)?, Arrays::of(values)?);
        if types.len() != values.len() {
            return Err("a statement has as many types as values".to_owned());
        }
        let raw = self.0.as_ptr();
        // SAFETY: as in `send_prepared`; `types` is as long as the values.
        self.sent(unsafe {
            sys::PQsendQueryParams(
                raw,
                sql.as_ptr(),
                arrays.count,
                types.as_ptr(),
                arrays.pointers.as_ptr(),
                arrays.lengths.as_ptr(),
                arrays.formats.as_ptr(),
                BINARY,
            )
        })
    }

    /// From now on a statement may be sent before the one before it is answered. Nothing that waits can be
    /// run any more. Reference: chapter "Pipeline Mode" of libpq's manual.
    pub(super) fn enter_pipeline(&mut self) -> Result<(), String> {
        // SAFETY: as in `is_broken`.
        self.sent(unsafe { sys::PQenterPipelineMode(self.0.as_ptr()) })
    }

    /// Ends what belongs together: an error before it does no harm to what comes behind it. Pushes out
    /// what was sent, as far as the socket takes it; before, libpq sends no more than whole blocks of 8 KiB.
    pub(super) fn send_sync(&mut self) -> Result<(), String> {
        // SAFETY: as in `is_broken`.
        self.sent(unsafe { sys::PQpipelineSync(self.0.as_ptr()) })
    }

    /// Pushes out what was sent; false where the socket takes no more now.
    pub(super) fn flush(&mut self) -> Result<bool, String> {
        // SAFETY: as in `is_broken`.
        match unsafe { sys::PQflush(self.0.as_ptr()) } {
            0 => Ok(true),
            1 => Ok(false),
            _ => Err(self.error()),
        }
    }

    /// Takes in what the socket holds; whether an answer, or the end of them, can be taken now.
    pub(super) fn receive(&mut self) -> Result<bool, String> {
        // SAFETY: as in `is_broken`.
        if unsafe { sys::PQconsumeInput(self.0.as_ptr()) } == 0 {
            return Err(self.error());
        }
        Ok(self.is_ready())
    }

    /// Can an answer, or the end of them, be taken without waiting?
    pub(super) fn is_ready(&self) -> bool {
        // SAFETY: as in `is_broken`.
        unsafe { sys::PQisBusy(self.0.as_ptr()) == 0 }
    }

    /// The next answer to what was sent; none between the answers of two statements, and once all were
    /// taken. Waits unless `is_ready`.
    pub(super) fn take(&mut self) -> Option<Answer> {
        // SAFETY: as in `is_broken`. The result is ours, and needs its connection no more.
        NonNull::new(unsafe { sys::PQgetResult(self.0.as_ptr()) }).map(Answer)
    }

    fn sent(&self, outcome: c_int) -> Result<(), String> {
        if outcome == 1 {
            Ok(())
        } else {
            Err(self.error())
        }
    }

    fn error(&self) -> String {
        // SAFETY: as in `is_broken`; the message is copied before the connection is used again.
        unsafe { words(sys::PQerrorMessage(self.0.as_ptr())) }
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        // SAFETY: the pointer came from `PQconnectdb`, and nobody else has it.
        unsafe { sys::PQfinish(self.0.as_ptr()) }
    }
}

/// What came back for one statement: rows, an error, or nothing but "done".
pub struct Answer(NonNull<sys::PGresult>);

// SAFETY: a result belongs to nobody else once it was handed out, and is only read from then on.
unsafe impl Send for Answer {}

impl Answer {
    /// Did the statement succeed?
    pub(super) fn is_good(&self) -> bool {
        use sys::ExecStatusType::{PGRES_COMMAND_OK, PGRES_EMPTY_QUERY, PGRES_TUPLES_OK};
        // SAFETY: the pointer is a result that is not cleared, see `Drop`.
        let status = unsafe { sys::PQresultStatus(self.0.as_ptr()) };
        matches!(
            status,
            PGRES_COMMAND_OK | PGRES_EMPTY_QUERY | PGRES_TUPLES_OK
        )
    }

    /// Is it the end of what belongs together?
    pub(super) fn is_sync(&self) -> bool {
        // SAFETY: as in `is_good`.
        let status = unsafe { sys::PQresultStatus(self.0.as_ptr()) };
        status == sys::ExecStatusType::PGRES_PIPELINE_SYNC
    }

    /// Was the statement not run, because one before it failed to which it belongs?
    pub(super) fn is_skipped(&self) -> bool {
        // SAFETY: as in `is_good`.
        let status = unsafe { sys::PQresultStatus(self.0.as_ptr()) };
        status == sys::ExecStatusType::PGRES_PIPELINE_ABORTED
    }

    /// Does the server end the connection with it?
    pub(super) fn is_fatal(&self) -> bool {
        let severity = self.error_field(sys::PG_DIAG_SEVERITY_NONLOCALIZED);
        severity.is_some_and(|word| word == "FATAL" || word == "PANIC")
    }

    /// The server's error code, five characters; none where libpq itself made up the error.
    pub(super) fn sqlstate(&self) -> Option<String> {
        self.error_field(sys::PG_DIAG_SQLSTATE)
    }

    /// The server's error message, or libpq's.
    pub(super) fn message(&self) -> String {
        self.error_field(sys::PG_DIAG_MESSAGE_PRIMARY)
            // SAFETY: as in `is_good`; the message is copied at once.
            .unwrap_or_else(|| unsafe { words(sys::PQresultErrorMessage(self.0.as_ptr())) })
    }

    /// The constraint that was violated, where the error is about one.
    pub(super) fn constraint(&self) -> Option<String> {
        self.error_field(sys::PG_DIAG_CONSTRAINT_NAME)
    }

    fn error_field(&self, code: u8) -> Option<String> {
        // SAFETY: as in `is_good`; any code may be asked.
        let field = unsafe { sys::PQresultErrorField(self.0.as_ptr(), code.into()) };
        // SAFETY: the field, where there is one, ends with NUL and is copied at once.
        (!field.is_null()).then(|| unsafe { words(field) })
    }

    /// How many rows.
    pub(super) fn rows(&self) -> usize {
        // SAFETY: as in `is_good`.
        usize::try_from(unsafe { sys::PQntuples(self.0.as_ptr()) }).unwrap_or(0)
    }

    /// How many columns.
    pub(super) fn columns(&self) -> usize {
        // SAFETY: as in `is_good`.
        usize::try_from(unsafe { sys::PQnfields(self.0.as_ptr()) }).unwrap_or(0)
    }

    /// The name of a column.
    pub(super) fn column_name(&self, column: usize) -> Option<&str> {
        // SAFETY: as in `is_good`; a column that is not there gives null.
        let name = unsafe { sys::PQfname(self.0.as_ptr(), length(column).ok()?) };
        if name.is_null() {
            return None;
        }
        // SAFETY: it ends with NUL and lives as long as the result, which `self` borrows.
        unsafe { CStr::from_ptr(name) }.to_str().ok()
    }

    /// The type of a column.
    pub(super) fn column_type(&self, column: usize) -> Option<NonZeroU32> {
        // SAFETY: as in `is_good`; a column that is not there gives 0.
        NonZeroU32::new(unsafe { sys::PQftype(self.0.as_ptr(), length(column).ok()?) })
    }

    /// A value; none for NULL and for a place that is not there.
    pub(super) fn value(&self, row: usize, column: usize) -> Option<&[u8]> {
        if row >= self.rows() || column >= self.columns() {
            return None;
        }
        let (row, column) = (length(row).ok()?, length(column).ok()?);
        let raw = self.0.as_ptr();
        // SAFETY: the place exists, as just checked. The value is as long as `PQgetlength` says, and
        // lives as long as the result, which `self` borrows.
        unsafe {
            if sys::PQgetisnull(raw, row, column) == 1 {
                return None;
            }
            let bytes = usize::try_from(sys::PQgetlength(raw, row, column)).ok()?;
            let value = sys::PQgetvalue(raw, row, column).cast::<u8>();
            Some(slice::from_raw_parts(value, bytes))
        }
    }

    /// What it takes in memory, bytes.
    pub fn memory(&self) -> usize {
        // SAFETY: as in `is_good`.
        unsafe { sys::PQresultMemorySize(self.0.as_ptr()) }
    }
}

impl Drop for Answer {
    fn drop(&mut self) {
        // SAFETY: the pointer came from `PQgetResult`, and nobody else has it.
        unsafe { sys::PQclear(self.0.as_ptr()) }
    }
}

/// The values of a statement as libpq takes them. Borrows them by pointer: use it while they live.
struct Arrays {
    count: c_int,
    pointers: Vec<*const c_char>,
    lengths: Vec<c_int>,
    formats: Vec<c_int>,
}

impl Arrays {
    fn of(values: &Values) -> Result<Self, String> {
        let bytes = |value: &Option<Vec<u8>>| length(value.as_ref().map_or(0, Vec::len));
        Ok(Self {
            count: length(values.len())?,
            pointers: values
                .iter()
                .map(|value| value.as_ref().map_or(ptr::null(), |v| v.as_ptr().cast()))
                .collect(),
            lengths: values.iter().map(bytes).collect::<Result<_, _>>()?,
            formats: vec![BINARY; values.len()],
        })
    }
}

fn text(text: &str) -> Result<CString, String> {
    CString::new(text).map_err(|_nul| "a text for PostgreSQL holds a NUL character".to_owned())
}

fn length(length: usize) -> Result<c_int, String> {
    c_int::try_from(length).map_err(|_too_long| "more than 2 GiB for PostgreSQL".to_owned())
}

/// # Safety
/// `text` is null or ends with NUL.
unsafe fn words(text: *const c_char) -> String {
    if text.is_null() {
        return String::new();
    }
    // SAFETY: the caller's promise.
    let text = unsafe { CStr::from_ptr(text) };
    text.to_string_lossy().trim().to_owned()
}

/// The default prints to standard error, where only our own log belongs.
extern "C" fn ignore_notice(_argument: *mut c_void, _message: *const c_char) {}
