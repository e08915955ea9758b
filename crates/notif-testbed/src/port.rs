//! Free ports on 127.0.0.1.

use std::net::{Ipv4Addr, TcpListener};

use anyhow::{Result, bail};

/// Below the ports that systems hand out for outgoing connections (from 32768 on Linux, 49152 on
/// macOS): a server that is stopped and restarted must find its own port again.
const FIRST: u16 = 15_000;
const COUNT: u16 = 17_000;

/// A port that nobody listens on at the moment.
///
/// Another process may take it before the server does. The server's log says so then, and whoever
/// starts the server asks here again.
pub fn free_port() -> Result<u16> {
    let (random, _) = uuid::Uuid::now_v7()
        .as_u64_pair()
        .1
        .overflowing_mul(0x9E37_79B9_7F4A_7C15);
    let start = u16::try_from(random.checked_rem(COUNT.into()).unwrap_or_default())?;
    for step in 0..COUNT {
        let offset = start.wrapping_add(step) % COUNT;
        let port = FIRST.saturating_add(offset);
        if TcpListener::bind((Ipv4Addr::LOCALHOST, port)).is_ok() {
            return Ok(port);
        }
    }
    bail!("no free port on 127.0.0.1 from {FIRST} on, of {COUNT}")
}

#[cfg(test)]
mod tests {
    use super::{COUNT, FIRST, free_port};

    #[test]
    fn a_port_in_use_is_not_free() -> anyhow::Result<()> {
        let port = free_port()?;
        assert!((FIRST..FIRST + COUNT).contains(&port), "{port}");
        let _held = std::net::TcpListener::bind(("127.0.0.1", port))?;
        for _ in 0..100 {
            assert_ne!(free_port()?, port);
        }
        Ok(())
    }
}
