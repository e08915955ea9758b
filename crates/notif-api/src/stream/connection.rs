//! The socket below a stream. actix looks at it only when it has something to read or to write; a
//! stream needs to know at other times whether its client is still there, and to get rid of one that
//! reads no more, for which actix would wait for ever.

use std::any::Any;
use std::mem::MaybeUninit;
use std::net::Shutdown;
use std::os::fd::{AsFd, OwnedFd};
use std::sync::{Arc, Weak};
use std::time::Duration;

use actix_web::HttpRequest;
use actix_web::dev::Extensions;
use actix_web::rt::net::TcpStream;
use socket2::SockRef;

/// How long a client may leave unconfirmed what was sent to it: a peer that vanished without a word
/// never does. Its kernel does it, however slow the client itself is.
#[cfg(target_os = "linux")]
const UNCONFIRMED_MAX: Duration = Duration::from_secs(30);

/// A descriptor of its own for the socket of a connection; none where it is no TCP socket.
#[derive(Debug, Clone, Default)]
pub(crate) struct Connection(Option<Arc<OwnedFd>>);

/// Keeps the socket of a new connection with it.
pub(crate) fn remember(socket: &dyn Any, connection: &mut Extensions) {
    let stream = socket.downcast_ref::<TcpStream>();
    let own = stream.and_then(|stream| stream.as_fd().try_clone_to_owned().ok());
    connection.insert(Connection(own.map(Arc::new)));
}

/// A connection that may be closed by now; it is not kept from that.
pub(super) struct OpenConnection(Option<Weak<OwnedFd>>);

impl OpenConnection {
    /// Cuts it where it is still open.
    pub(super) fn cut(&self) {
        Connection(self.0.as_ref().and_then(Weak::upgrade)).cut();
    }
}

impl Connection {
    /// The connection that a request came by, for a stream.
    pub(crate) fn of(request: &HttpRequest) -> Self {
        let connection = request.conn_data::<Self>().cloned().unwrap_or_default();
        connection.notice_silence();
        connection
    }

    #[cfg(target_os = "linux")]
    fn notice_silence(&self) {
        if let Some(socket) = self.socket()
            && let Err(error) = socket.set_tcp_user_timeout(Some(UNCONFIRMED_MAX))
        {
            log::debug!("no limit for unconfirmed bytes: {error}");
        }
    }

    #[cfg(not(target_os = "linux"))]
    fn notice_silence(&self) {}

    /// Whether the client has closed it. One that closes only its own direction looks the same, and is
    /// taken for gone: there is nothing more that it could ask for here.
    pub(super) fn is_gone(&self) -> bool {
        let mut byte = [MaybeUninit::uninit()];
        match self.socket().map(|socket| socket.peek(&mut byte)) {
            None | Some(Ok(1..)) => false,
            Some(Ok(0)) => true,
            Some(Err(error)) => error.kind() != std::io::ErrorKind::WouldBlock,
        }
    }

    /// Closes it without sending what still waits in the kernel: who does not read would keep that there.
    pub(super) fn cut(&self) {
        let Some(socket) = self.socket() else { return };
        // an error says that it is closed already
        drop(socket.set_linger(Some(Duration::ZERO)));
        drop(socket.shutdown(Shutdown::Both));
    }

    /// It, for as long as it is open.
    pub(super) fn while_open(&self) -> OpenConnection {
        OpenConnection(self.0.as_ref().map(Arc::downgrade))
    }

    fn socket(&self) -> Option<SockRef<'_>> {
        self.0.as_ref().map(|socket| SockRef::from(&**socket))
    }
}
