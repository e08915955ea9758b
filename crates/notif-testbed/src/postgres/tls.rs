//! A server that speaks TLS, and tells its clients apart by password or certificate.

use std::fs;
use std::os::unix::fs::{PermissionsExt, chown};
use std::path::Path;

use anyhow::Result;

use super::USER;
use crate::certificates::{Authority, Issued};
use crate::process;

/// What a server needs for TLS. Without it nobody is let in who comes over the network unencrypted.
#[derive(Debug, Clone)]
pub struct PostgresTls {
    authority: Vec<u8>,
    certificate: Vec<u8>,
    key: Vec<u8>,
    certificate_user: String,
}

impl PostgresTls {
    /// With this certificate. The user `certificate_user`, who is not made here, is known by a
    /// certificate of the same authority and the same common name, everybody else by password.
    pub fn new(authority: &Authority, server: &Issued, certificate_user: &str) -> Result<Self> {
        Ok(Self {
            authority: fs::read(authority.certificate())?,
            certificate: fs::read(&server.certificate)?,
            key: fs::read(&server.key)?,
            certificate_user: certificate_user.to_owned(),
        })
    }

    /// Writes what the server reads, for the user that it runs as.
    pub(super) fn write(&self, folder: &Path) -> Result<()> {
        let user = &self.certificate_user;
        let rules = format!(
            "hostssl all {user} 127.0.0.1/32 cert\nhostssl all all 127.0.0.1/32 scram-sha-256\n"
        );
        for (name, bytes) in [
            ("authority.pem", &*self.authority),
            ("server.pem", &self.certificate),
            ("server.key", &self.key),
            ("rules", rules.as_bytes()),
        ] {
            let file = folder.join(name);
            fs::write(&file, bytes)?;
            // PostgreSQL refuses a key that others may read
            fs::set_permissions(&file, fs::Permissions::from_mode(0o600))?;
            if process::is_root()? {
                chown(&file, Some(process::user_id(Some(USER))?), None)?;
            }
        }
        Ok(())
    }

    /// The settings that name those files.
    pub(super) fn settings(folder: &Path) -> Vec<(String, String)> {
        let file = |name: &str| folder.join(name).display().to_string();
        [
            ("ssl", "on".to_owned()),
            ("ssl_ca_file", file("authority.pem")),
            ("ssl_cert_file", file("server.pem")),
            ("ssl_key_file", file("server.key")),
            ("hba_file", file("rules")),
        ]
        .map(|(name, value)| (name.to_owned(), value))
        .into()
    }
}
