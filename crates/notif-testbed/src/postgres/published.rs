//! Versions of PostgreSQL that are not installed, from binaries that are published as jars.
//!
//! The jar of a version is fetched once by Maven; what is kept of it is the archive in it, in a cache
//! outside the clone. Each server unpacks it into its own folder, which its unprivileged user may
//! read wherever the cache is. There is no `psql` and no `pg_dump` in it.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, bail};

use crate::{maven, process};

/// The newest of each major version that there was when this was written.
const RELEASES: [(&str, &str); 3] = [("14", "14.24.0"), ("17", "17.11.0"), ("18", "18.6.0")];

const GROUP: &str = "io.zonky.test.postgres";

/// Some 60 MB, on a busy machine.
const UNPACK_LIMIT: Duration = Duration::from_secs(120);

/// The archive of a major version, for example `14`.
pub(super) fn find_or_fetch(major: &str) -> Result<PathBuf> {
    let Some((_, release)) = RELEASES.iter().find(|(known, _)| *known == major) else {
        let known = RELEASES.map(|(known, _)| known).join(", ");
        bail!("PostgreSQL {major} is none of those that can be fetched: {known}");
    };
    let artifact = artifact()?;
    let cache = process::cache_folder()?;
    let archive = cache.join(format!("{artifact}-{release}.txz"));
    if archive.is_file() {
        return Ok(archive);
    }
    fs::create_dir_all(&cache).with_context(|| format!("creating {}", cache.display()))?;
    let lock = File::create(cache.join(format!("postgres-{release}.lock")))?;
    lock.lock()?;
    if !archive.is_file() {
        fetch(&artifact, release, &cache, &archive)
            .with_context(|| format!("fetching PostgreSQL {release} by Maven"))?;
    }
    Ok(archive)
}

/// Unpacks an archive into a folder of the server; gives the folder with `initdb` and `postgres`.
pub(super) fn unpack(archive: &Path, folder: &Path) -> Result<PathBuf> {
    let place = folder.join("postgresql");
    fs::create_dir(&place)?;
    let mut tar = Command::new("tar");
    tar.arg("-xJf").arg(archive).arg("-C").arg(&place);
    process::run(&mut tar, UNPACK_LIMIT)?
        .success()
        .context("hint: tar needs xz (Debian: apt-get install xz-utils)")?;
    Ok(place.join("bin"))
}

/// The artifact for this machine.
fn artifact() -> Result<String> {
    let system = match (std::env::consts::OS, std::env::consts::ARCH) {
        ("linux", "x86_64") => "linux-amd64",
        ("linux", "aarch64") => "linux-arm64v8",
        ("macos", "x86_64") => "darwin-amd64",
        ("macos", "aarch64") => "darwin-arm64v8",
        (system, processor) => bail!("no PostgreSQL is published for {system} on {processor}"),
    };
    Ok(format!("embedded-postgres-binaries-{system}"))
}

/// What is broken off leaves nothing that looks complete: the archive gets its name at the end.
fn fetch(artifact: &str, release: &str, cache: &Path, archive: &Path) -> Result<()> {
    let unfinished = tempfile::Builder::new()
        .prefix("unfinished-")
        .tempdir_in(cache)?;
    maven::run(
        unfinished.path(),
        &[
            &maven::goal("unpack"),
            &format!("-Dartifact={GROUP}:{artifact}:{release}"),
            "-DoutputDirectory=jar",
        ],
    )?;
    let found = fs::read_dir(unfinished.path().join("jar"))?
        .flatten()
        .map(|entry| entry.path())
        .find(|path| path.extension().is_some_and(|extension| extension == "txz"))
        .context("there is no archive in the jar")?;
    fs::rename(found, archive)?;
    Ok(())
}
