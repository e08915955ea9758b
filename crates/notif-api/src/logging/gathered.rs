//! Lines of requests, gathered for as long as an event loop is at work: a system call for each costs as much
//! as a twentieth of a short request. They go out together once those requests are dealt with that were
//! there at the same time, and before any other line. A process that is killed may lose those of the last
//! turn of each event loop, whose answers may have gone out.

use std::cell::Cell;
use std::io::{self, Write};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// So many bytes are written at once at most, where no line is longer: what a pipe takes in one piece that
/// others write to as well (`PIPE_BUF` of Linux).
const TOGETHER_MAX: usize = 4096;

/// One for all threads, so that lines stay in order.
static GATHERED: Mutex<Gathered> = Mutex::new(Gathered(Vec::new()));

thread_local! {
    /// Is what this thread logs now one of the lines that may wait?
    static MAY_WAIT: Cell<bool> = const { Cell::new(false) };
    /// Will this thread's event loop write before it rests?
    static IS_DUE: Cell<bool> = const { Cell::new(false) };
}

/// Does what logs a line of a request, on a thread with an event loop of actix.
pub(crate) fn with_others(log: impl FnOnce()) {
    MAY_WAIT.set(true);
    log();
    MAY_WAIT.set(false);
    if !IS_DUE.replace(true) {
        // behind all that the event loop has to do already
        drop(actix_web::rt::spawn(async {
            IS_DUE.set(false);
            write_out();
        }));
    }
}

/// Writes what waits. Nobody is left to be told where that fails.
pub(crate) fn write_out() {
    drop(gathered().write_out(&mut io::stderr()));
}

/// Where the log's lines go, each in one piece.
pub(super) struct Out;

impl Write for Out {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        gathered().add(line, MAY_WAIT.get(), &mut io::stderr())?;
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Whole lines that are not written yet.
struct Gathered(Vec<u8>);

impl Gathered {
    /// Adds a line, which is written now, behind all before it, unless it may wait.
    fn add(&mut self, line: &[u8], may_wait: bool, to: &mut impl Write) -> io::Result<()> {
        let mut written = Ok(());
        if self.0.len().saturating_add(line.len()) > TOGETHER_MAX {
            written = self.write_out(to);
        }
        self.0.extend_from_slice(line);
        if may_wait {
            written
        } else {
            self.write_out(to)
        }
    }

    fn write_out(&mut self, to: &mut impl Write) -> io::Result<()> {
        let written = to.write_all(&self.0);
        self.0.clear();
        written
    }
}

fn gathered() -> MutexGuard<'static, Gathered> {
    GATHERED.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_stay_in_order_whichever_of_them_may_wait() {
        let (mut gathered, mut out) = (Gathered(Vec::new()), Vec::new());
        for (line, may_wait, then) in [
            ("a\n", true, ""),
            ("b\n", true, ""),
            ("c\n", false, "a\nb\nc\n"),
            ("d\n", false, "a\nb\nc\nd\n"),
            ("e\n", true, "a\nb\nc\nd\n"),
        ] {
            gathered.add(line.as_bytes(), may_wait, &mut out).unwrap();
            assert_eq!(out, then.as_bytes());
        }
        gathered.write_out(&mut out).unwrap();
        gathered.write_out(&mut out).unwrap();
        assert_eq!(out, b"a\nb\nc\nd\ne\n");
    }

    #[test]
    fn what_would_be_too_much_for_one_piece_goes_in_several() {
        let (mut gathered, mut out) = (Gathered(Vec::new()), Vec::new());
        let line = [b'x'; TOGETHER_MAX / 2];
        for written in [0, 0, TOGETHER_MAX] {
            gathered.add(&line, true, &mut out).unwrap();
            assert_eq!(out.len(), written);
        }
        gathered.add(&[b'y'; TOGETHER_MAX], true, &mut out).unwrap();
        assert_eq!(out.len(), TOGETHER_MAX + line.len());
        gathered.add(b"z", false, &mut out).unwrap();
        assert_eq!(out.len(), 2 * TOGETHER_MAX + line.len() + 1);
    }
}
