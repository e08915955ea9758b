//! Waiting for the socket of a connection that is libpq's; the only file of this crate with `unsafe`.

#![expect(unsafe_code, reason = "the one call that tokio cannot check for us")]

use std::any::Any;
use std::future::poll_fn;
use std::io::{self, ErrorKind};
use std::mem::MaybeUninit;
use std::os::fd::OwnedFd;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::thread::{self, ThreadId};

use notif_core::store::pool::{Reader, Wait};
use socket2::SockRef;
use tokio::io::Interest;
use tokio::io::unix::AsyncFd;

/// A socket within the event loop of this thread, until it is dropped. It stays with its connection
/// from one question to the next: to register it anew each time takes two system calls.
pub(super) struct Socket {
    registered: AsyncFd<Arc<OwnedFd>>,
    thread: ThreadId,
}

impl Socket {
    /// The socket of a connection, registered where this thread waits.
    pub(super) fn of(reader: &mut Reader) -> io::Result<Box<Self>> {
        let kept = reader.companion().take();
        let kept = kept.and_then(|kept: Box<dyn Any + Send>| kept.downcast::<Self>().ok());
        let thread = thread::current().id();
        match kept {
            Some(socket) if socket.thread == thread => Ok(socket),
            elsewhere => {
                drop(elsewhere);
                let registered = register(reader.socket())?;
                Ok(Box::new(Self { registered, thread }))
            }
        }
    }

    /// Leaves it with the connection.
    pub(super) fn keep(self: Box<Self>, reader: &mut Reader) {
        *reader.companion() = Some(self);
    }

    /// Waits until it is worth a look, and takes note: what is told once is not told again.
    pub(super) async fn changed(&self, wait: Wait) -> io::Result<()> {
        poll_fn(|cx| self.poll_changed(cx, wait)).await
    }

    /// The same for a caller that polls, which waits for other things as well.
    pub(super) fn poll_changed(&self, cx: &mut Context<'_>, wait: Wait) -> Poll<io::Result<()>> {
        if wait == Wait::ReadOrWrite
            && let Poll::Ready(ready) = self.registered.poll_write_ready(cx)
        {
            return Poll::Ready(ready.map(|mut guard| guard.clear_ready()));
        }
        let ready = self.registered.poll_read_ready(cx);
        ready.map(|ready| ready.map(|mut guard| guard.clear_ready()))
    }

    /// Does it hold something still? The kernel tells of a change only: to wait for one while libpq
    /// left something for want of room would be to wait for ever.
    pub(super) fn holds_more(&self) -> bool {
        let mut byte = [MaybeUninit::uninit()];
        match SockRef::from(self.registered.get_ref()).peek(&mut byte) {
            Err(error) => error.kind() != ErrorKind::WouldBlock,
            // the end counts too: libpq finds out
            Ok(_) => true,
        }
    }
}

fn register(socket: Arc<OwnedFd>) -> io::Result<AsyncFd<Arc<OwnedFd>>> {
    let interest = Interest::READABLE | Interest::WRITABLE;
    // SAFETY: tokio asks for the descriptor when it registers and when it takes leave, and needs the
    // same one, open, both times. An `OwnedFd` cannot be given another descriptor, and the `Arc`, of
    // which the registration holds a part, keeps it open.
    let registered = unsafe { AsyncFd::register_with_interest(socket, interest) };
    registered.map_err(|error| error.into_parts().1)
}

/// How often libpq has to look although its socket is empty, before that is waited for.
///
/// Without encryption the socket tells all. Over TLS, OpenSSL takes a whole record off the socket, up to
/// 16 KiB, and libpq takes of it what it has room for, at least 8 KiB. The rest is in no socket that could
/// be waited for. PostgreSQL itself never ends an answer with such a record, but what stands between us and
/// it may (stunnel, a pooler, a cloud's proxy): then the second look finds the rest.
pub(super) fn looks_in_vain_max(reader: &Reader) -> u32 {
    if reader.is_encrypted() { 2 } else { 1 }
}
