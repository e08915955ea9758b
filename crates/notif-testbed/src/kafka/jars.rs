//! Apache Kafka's published jars, fetched once by Maven into a cache outside the clone.
//!
//! What is run from them is in `kafka.rs`.

use std::env;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, bail};

use crate::process;

/// The version that everything here was tried with.
const VERSION: &str = "4.1.0";

/// Pinned, so that another default of another Maven does not change what is fetched.
const COPY: &str = "org.apache.maven.plugins:maven-dependency-plugin:3.8.1:copy-dependencies";

/// Some 60 MB, from a slow mirror.
const FETCH_LIMIT: Duration = Duration::from_secs(600);

/// The jars of one version of Apache Kafka.
#[derive(Debug, Clone)]
pub(super) struct Jars {
    version: String,
    folder: PathBuf,
}

impl Jars {
    /// Finds them in the cache or fetches them there.
    ///
    /// Processes that come at once wait for the first of them. A fetch that was cut off leaves
    /// nothing that looks complete: the folder gets its name at the end.
    pub(super) fn find_or_fetch() -> Result<Self> {
        let version = match env::var("NOTIF_TESTBED_KAFKA_VERSION") {
            Ok(version) if !version.is_empty() => version,
            _ => VERSION.to_owned(),
        };
        let cache = cache_folder()?;
        let folder = cache.join(format!("kafka-{version}"));
        let jars = Self { version, folder };
        if jars.folder.is_dir() {
            return Ok(jars);
        }
        fs::create_dir_all(&cache).with_context(|| format!("creating {}", cache.display()))?;
        let lock = File::create(cache.join(format!("kafka-{}.lock", jars.version)))?;
        lock.lock()?;
        if !jars.folder.is_dir() {
            jars.fetch(&cache)
                .with_context(|| format!("fetching Apache Kafka {} by Maven", jars.version))?;
        }
        Ok(jars)
    }

    fn fetch(&self, cache: &Path) -> Result<()> {
        if process::find_on_path("mvn").is_none() {
            bail!("no mvn on PATH\nhint: install Maven (Debian: apt-get install maven)");
        }
        let unfinished = tempfile::Builder::new()
            .prefix("unfinished-")
            .tempdir_in(cache)?;
        fs::write(unfinished.path().join("pom.xml"), self.pom())?;
        let mut maven = Command::new("mvn");
        maven
            .args([
                "-q",
                "-B",
                COPY,
                "-DoutputDirectory=jars",
                "-DincludeScope=runtime",
            ])
            .current_dir(unfinished.path());
        process::run(&mut maven, FETCH_LIMIT)?.success()?;
        fs::rename(unfinished.path().join("jars"), &self.folder)?;
        Ok(())
    }

    /// The server, its tools, and a logger for both: without one the server is silent about why it
    /// does not start.
    fn pom(&self) -> String {
        let dependency = |group: &str, artifact: &str, version: &str| {
            format!(
                "<dependency><groupId>{group}</groupId><artifactId>{artifact}</artifactId>\
                 <version>{version}</version></dependency>\n"
            )
        };
        let dependencies = [
            dependency("org.apache.kafka", "kafka_2.13", &self.version),
            dependency("org.apache.kafka", "kafka-tools", &self.version),
            dependency("org.slf4j", "slf4j-simple", "1.7.36"),
        ]
        .concat();
        format!(
            "<project xmlns=\"http://maven.apache.org/POM/4.0.0\">\n\
             <modelVersion>4.0.0</modelVersion>\n\
             <groupId>testbed</groupId><artifactId>kafka</artifactId><version>1</version>\n\
             <dependencies>\n{dependencies}</dependencies>\n</project>\n"
        )
    }

    /// What `java -cp` takes.
    pub(super) fn class_path(&self) -> String {
        format!("{}/*", self.folder.display())
    }

    /// The class of the console consumer, which moved in 3.8.
    pub(super) fn console_consumer(&self) -> &'static str {
        let mut numbers = self
            .version
            .split('.')
            .map(|part| part.parse().unwrap_or(0_u32));
        let version = (numbers.next().unwrap_or(0), numbers.next().unwrap_or(0));
        if version < (3, 8) {
            "kafka.tools.ConsoleConsumer"
        } else {
            "org.apache.kafka.tools.consumer.ConsoleConsumer"
        }
    }
}

/// `NOTIF_TESTBED_CACHE`, else the user's cache folder.
fn cache_folder() -> Result<PathBuf> {
    if let Some(folder) = env::var_os("NOTIF_TESTBED_CACHE") {
        return Ok(folder.into());
    }
    if let Some(folder) = env::var_os("XDG_CACHE_HOME") {
        return Ok(PathBuf::from(folder).join("campusg-notif"));
    }
    let home = env::var_os("HOME").context(
        "no folder to keep Apache Kafka's jars in\nhint: set NOTIF_TESTBED_CACHE to one",
    )?;
    Ok(PathBuf::from(home).join(".cache").join("campusg-notif"))
}
