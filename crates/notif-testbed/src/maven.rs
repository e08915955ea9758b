//! Maven, which brings the servers that are published as jars: Apache Kafka (`kafka/jars.rs`) and
//! other versions of PostgreSQL (`postgres/published.rs`).

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use anyhow::{Result, bail};

use crate::process;

/// Pinned, so that another default of another Maven does not change what is fetched.
const PLUGIN: &str = "org.apache.maven.plugins:maven-dependency-plugin:3.8.1";

/// Some 60 MB, from a slow mirror.
const FETCH_LIMIT: Duration = Duration::from_secs(600);

/// A goal of the plugin that copies artifacts.
pub(crate) fn goal(name: &str) -> String {
    format!("{PLUGIN}:{name}")
}

/// Runs Maven in `folder`.
pub(crate) fn run(folder: &Path, arguments: &[&str]) -> Result<()> {
    if process::find_on_path("mvn").is_none() {
        bail!("no mvn on PATH\nhint: install Maven (Debian: apt-get install maven)");
    }
    let mut maven = Command::new("mvn");
    maven.args(["-q", "-B"]).args(arguments).current_dir(folder);
    process::run(&mut maven, FETCH_LIMIT)?.success()?;
    Ok(())
}
