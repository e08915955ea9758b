//! A certificate authority of our own, for servers and clients that speak TLS in tests.
//!
//! Made by the `openssl` program: what it writes is what an operator's authority writes. Everything is
//! in PEM, in one temporary folder that is removed with the [`Authority`].

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use tempfile::TempDir;

use crate::process;

const LIMIT: Duration = Duration::from_secs(30);

/// Elliptic keys: RSA keys take a second each.
const NEW_KEY: [&str; 4] = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1"];

/// A private authority that nobody's trust store knows.
#[derive(Debug)]
pub struct Authority {
    folder: TempDir,
}

/// What a certificate says.
#[derive(Debug, Clone, Default)]
pub struct Wish<'w> {
    /// Its common name, and the name of its files.
    pub name: &'w str,
    /// What it is good for, as OpenSSL writes it: `DNS:localhost`, `IP:127.0.0.1`. None for a client.
    pub hosts: &'w [&'w str],
    /// Whether its time was over before it was made.
    pub expired: bool,
    /// The password that its key is encrypted with.
    pub password: Option<&'w str>,
}

/// A certificate and its key.
#[derive(Debug, Clone)]
pub struct Issued {
    /// The certificate.
    pub certificate: PathBuf,
    /// Its private key, PKCS#8.
    pub key: PathBuf,
}

impl Authority {
    /// Makes one.
    pub fn new() -> Result<Self> {
        if process::find_on_path("openssl").is_none() {
            bail!("no openssl on PATH\nhint: install it (Debian: apt-get install openssl)");
        }
        let folder = tempfile::Builder::new().prefix("notif-tls-").tempdir()?;
        let authority = Self { folder };
        authority.openssl(
            ["req", "-x509", "-nodes", "-days", "30"]
                .iter()
                .chain(&NEW_KEY)
                .chain(&["-subj", "/CN=CampusG test authority"])
                .chain(&["-addext", "basicConstraints=critical,CA:TRUE"])
                .chain(&["-addext", "keyUsage=critical,keyCertSign,cRLSign"])
                .chain(&["-keyout", "ca.key", "-out", "ca.pem"]),
        )?;
        Ok(authority)
    }

    /// The certificate that others trust it by.
    pub fn certificate(&self) -> PathBuf {
        self.file("ca.pem")
    }

    /// The folder of all its files.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Makes a key and signs a certificate for it.
    pub fn issue(&self, wish: &Wish<'_>) -> Result<Issued> {
        let name = wish.name;
        let part = |extension: &str| format!("{name}.{extension}");
        let (key, request, extensions) = (part("key"), part("csr"), part("ext"));
        let certificate = part("pem");
        let subject = format!("/CN={name}");
        self.openssl(
            ["req", "-nodes", "-subj", &subject]
                .iter()
                .chain(&NEW_KEY)
                .chain(&["-keyout", &key, "-out", &request]),
        )?;
        let mut says = "basicConstraints=CA:FALSE\n".to_owned();
        if !wish.hosts.is_empty() {
            says.push_str("subjectAltName=");
            says.push_str(&wish.hosts.join(","));
            says.push('\n');
        }
        fs::write(self.file(&extensions), says)?;
        let days = if wish.expired { "-1" } else { "30" };
        self.openssl(&[
            "x509",
            "-req",
            "-in",
            &request,
            "-CA",
            "ca.pem",
            "-CAkey",
            "ca.key",
            "-CAcreateserial",
            "-days",
            days,
            "-extfile",
            &extensions,
            "-out",
            &certificate,
        ])?;
        if let Some(password) = wish.password {
            self.encrypt(&key, password)?;
        }
        Ok(Issued {
            certificate: self.file(&certificate),
            key: self.file(&key),
        })
    }

    /// Puts a password on a key, in its place.
    fn encrypt(&self, key: &str, password: &str) -> Result<()> {
        let encrypted = format!("{key}.encrypted");
        let with = format!("pass:{password}");
        self.openssl(&[
            "pkcs8",
            "-topk8",
            "-v2",
            "aes-256-cbc",
            "-in",
            key,
            "-passout",
            &with,
            "-out",
            &encrypted,
        ])?;
        fs::rename(self.file(&encrypted), self.file(key))?;
        Ok(())
    }

    fn file(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn openssl<'a>(&self, arguments: impl IntoIterator<Item = &'a &'a str>) -> Result<()> {
        let mut openssl = Command::new("openssl");
        openssl.args(arguments).current_dir(self.folder.path());
        process::run(&mut openssl, LIMIT)?
            .success()
            .with_context(|| format!("{openssl:?}"))?;
        Ok(())
    }
}

impl Issued {
    /// Key and certificate in one text, as Kafka's PEM key stores want them.
    pub fn key_store(&self) -> Result<String> {
        Ok(fs::read_to_string(&self.key)? + &fs::read_to_string(&self.certificate)?)
    }
}
