//! The programs of others that are measured against: psql, pgbench, wrk.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail, ensure};
use notif_testbed::Postgres;

/// Memory and load are read from Linux' /proc.
pub(crate) fn check_platform() -> Result<()> {
    ensure!(
        Path::new("/proc/self/status").is_file(),
        "there is no /proc/self/status, from which memory is measured\nhint: the benchmarks need Linux"
    );
    Ok(())
}

/// Whether wrk is there; it prints its version and exits with 1.
pub(crate) fn check_wrk() -> Result<()> {
    Command::new("wrk")
        .arg("--version")
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .context("no wrk on PATH\nhint: install the package wrk (Debian: apt-get install wrk)")?;
    Ok(())
}

/// A client program of the server's version, with nothing of our environment.
pub(crate) fn of_postgres(postgres: &Postgres, name: &str, package: &str) -> Result<Command> {
    let file = postgres.binaries().join(name);
    if !file.is_file() {
        bail!(
            "there is no {}\nhint: install the package that brings {name} (Debian: apt-get install {package})",
            file.display()
        );
    }
    let mut command = Command::new(file);
    command.env_clear();
    Ok(command)
}

/// `psql` on a database, which stops at the first error.
pub(crate) fn psql(postgres: &Postgres, url: &str) -> Result<Command> {
    let mut psql = of_postgres(postgres, "psql", "postgresql-client")?;
    psql.args(["-X", "-q", "-v", "ON_ERROR_STOP=1", "-d", url]);
    Ok(psql)
}

/// Writes a file and gives its place.
pub(crate) fn written(folder: &Path, name: &str, text: &str) -> Result<PathBuf> {
    let file = folder.join(name);
    fs::write(&file, text).with_context(|| format!("writing {}", file.display()))?;
    Ok(file)
}
