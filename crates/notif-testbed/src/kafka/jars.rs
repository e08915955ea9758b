//! Apache Kafka's published jars, fetched once by Maven into a cache outside the clone.
//!
//! What is run from them is in `kafka.rs`.

use std::env;
use std::fs::{self, File};
use std::path::PathBuf;

use anyhow::{Context, Result};

use crate::{maven, process};

/// The version that everything here was tried with, and that a broker has where nothing is said.
const VERSION: &str = "4.1.0";

/// The jars of one version of Apache Kafka.
#[derive(Debug, Clone)]
pub(super) struct Jars {
    version: String,
    folder: PathBuf,
}

impl Jars {
    /// Finds those of `version`, or of the usual one, in the cache or fetches them there.
    ///
    /// Processes that come at once wait for the first of them. A fetch that was cut off leaves
    /// nothing that looks complete: the folder gets its name at the end.
    pub(super) fn find_or_fetch(version: Option<&str>) -> Result<Self> {
        let wished = env::var("NOTIF_TESTBED_KAFKA_VERSION");
        let version = match (version, wished) {
            (Some(version), _) => version.to_owned(),
            (None, Ok(version)) if !version.is_empty() => version,
            _ => VERSION.to_owned(),
        };
        let cache = process::cache_folder()?;
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

    fn fetch(&self, cache: &std::path::Path) -> Result<()> {
        let unfinished = tempfile::Builder::new()
            .prefix("unfinished-")
            .tempdir_in(cache)?;
        fs::write(unfinished.path().join("pom.xml"), self.pom())?;
        maven::run(
            unfinished.path(),
            &[
                &maven::goal("copy-dependencies"),
                "-DoutputDirectory=jars",
                "-DincludeScope=runtime",
            ],
        )?;
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

    /// Whether a broker of this version keeps its metadata in `ZooKeeper`: Kafka's own way of keeping
    /// them is meant for use from 3.3 on.
    pub(super) fn needs_zookeeper(&self) -> bool {
        self.number() < (3, 3)
    }

    fn number(&self) -> (u32, u32) {
        let mut numbers = self
            .version
            .split('.')
            .map(|part| part.parse().unwrap_or(0_u32));
        (numbers.next().unwrap_or(0), numbers.next().unwrap_or(0))
    }

    /// The class of the console consumer, which moved in 3.8.
    pub(super) fn console_consumer(&self) -> &'static str {
        if self.number() < (3, 8) {
            "kafka.tools.ConsoleConsumer"
        } else {
            "org.apache.kafka.tools.consumer.ConsoleConsumer"
        }
    }
}
