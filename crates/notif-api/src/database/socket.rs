//! Waiting for the socket of a connection that is libpq's; the only file of this crate with `unsafe`.

#![expect(unsafe_code, reason = "the one call that tokio cannot check for us")]

use std::io::{self, ErrorKind};
use std::mem::MaybeUninit;
use std::os::fd::OwnedFd;
use std::sync::Arc;

use notif_core::store::pool::Wait;
use socket2::SockRef;
use tokio::io::unix::AsyncFd;
use tokio::io::{Interest, Ready};

/// A socket within the event loop of this thread, until it is dropped.
pub(super) struct Socket {
    registered: AsyncFd<Arc<OwnedFd>>,
    interest: Interest,
}

impl Socket {
    pub(super) fn register(socket: Arc<OwnedFd>, wait: Wait) -> io::Result<Self> {
        let interest = match wait {
            Wait::Read => Interest::READABLE,
            Wait::ReadOrWrite => Interest::READABLE | Interest::WRITABLE,
        };
        // SAFETY: tokio asks for the descriptor when it registers and when it takes leave, and needs
        // the same one, open, both times. An `OwnedFd` cannot be given another descriptor, and the
        // `Arc`, of which the registration holds a part, keeps it open.
        let registered = unsafe { AsyncFd::register_with_interest(socket, interest) };
        Ok(Self {
            registered: registered.map_err(|error| error.into_parts().1)?,
            interest,
        })
    }

    /// Waits until it is worth a look. True again and again until [`Self::look_again`].
    pub(super) async fn ready(&self) -> io::Result<()> {
        self.registered.ready(self.interest).await.map(|_guard| ())
    }

    /// Says that libpq has taken what it had room for, and waits for more.
    ///
    /// The kernel tells of a change only: to wait for one while the socket still holds something
    /// would be to wait for ever. So the socket is looked into, and what arrives in between is told
    /// again, because a readiness that is newer than the guard is not cleared by it.
    pub(super) async fn look_again(&self) -> io::Result<()> {
        let mut guard = self.registered.ready(self.interest).await?;
        guard.clear_ready_matching(Ready::WRITABLE);
        let mut byte = [MaybeUninit::uninit()];
        match SockRef::from(guard.get_inner()).peek(&mut byte) {
            Err(error) if error.kind() == ErrorKind::WouldBlock => {
                guard.clear_ready_matching(Ready::READABLE);
            }
            // there is more, or the end, or an error: libpq finds out
            _ => {}
        }
        Ok(())
    }
}
