//! One connection of the poller and of the operator's commands.

use diesel::prelude::*;

use super::{DatabaseUrl, StoreError};

/// Connects. libpq has no time-out of its own for a server that vanished, so every one that it
/// offers is set where the connection string does not: five seconds to connect, and a dead host
/// noticed within fifteen.
pub fn connect(url: &DatabaseUrl, application: &str) -> Result<PgConnection, StoreError> {
    let url = url
        .clone()
        .with_default("connect_timeout", "5")
        .with_default("keepalives_idle", "5")
        .with_default("keepalives_interval", "3")
        .with_default("keepalives_count", "3")
        .with_default("tcp_user_timeout", "15000")
        .with_default("application_name", application);
    Ok(PgConnection::establish(url.as_str())?)
}
