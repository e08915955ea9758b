//! An Apache Kafka broker of our own: broker and controller in one process, on free ports of
//! 127.0.0.1, in a temporary folder.
//!
//! Several of them that are one cluster are in `kafka/cluster.rs`. Its jars are in `kafka/jars.rs`,
//! topics in `kafka/topic.rs`, producing in `kafka/produce.rs` and, by hand, `kafka/raw.rs`, the
//! reader that shares nothing with librdkafka in `kafka/truth.rs`, listeners that ask who is there in
//! `kafka/secure.rs`, who may do what in `kafka/acl.rs`. How the broker ends is in `supervisor.rs`. A
//! broker so old that it needs `ZooKeeper` is set up in `kafka/zookeeper.rs`.

mod acl;
mod cluster;
mod jars;
mod produce;
mod raw;
mod secure;
mod topic;
mod truth;
mod zookeeper;

use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{LazyLock, OnceLock};
use std::time::Duration;

use anyhow::{Context, Result, bail};
use rdkafka::ClientConfig;
use rdkafka::admin::AdminClient;
use rdkafka::client::DefaultClientContext;
use uuid::Uuid;

pub use self::acl::{Operation, Resource, Right};
pub use self::cluster::Cluster;
use self::jars::Jars;
pub use self::produce::{Message, Producer};
pub use self::raw::RawMessage;
pub use self::secure::{Listener, Security, UNKNOWN_HOST};
pub use self::topic::Led;
pub use self::truth::TruthRecord;
use crate::port::free_port;
use crate::process;
use crate::supervisor::{EndSignal, Plan, Supervisor};
use crate::wait::wait_for;

/// Also the time for recovery after [`Kafka::kill`].
const START_LIMIT: Duration = Duration::from_secs(90);

/// How long one request of the testbed may take.
pub(crate) const REQUEST_LIMIT: Duration = Duration::from_secs(30);

/// Formats the folder on the first start, then becomes the broker.
const LAUNCH: &str = r#"
class_path=$1 cluster=$2
shift 2
if [ ! -e data/meta.properties ]; then
    # one argument a line
    (
        set -f
        IFS='
'
        java "$@" -cp "$class_path" kafka.tools.StorageTool format -t "$cluster" -c server.properties $(cat format)
    ) || exit 1
fi
exec java "$@" -cp "$class_path" kafka.Kafka server.properties
"#;

/// A short start and a small process matter here; the speed of a JVM that is warm for hours does not.
const JVM: [&str; 7] = [
    "-Xmx768m",
    "-XX:+UseSerialGC",
    "-XX:TieredStopAtLevel=1",
    "-Xshare:auto",
    // its file in the system's temporary folder would outlive a SIGKILL
    "-XX:-UsePerfData",
    "-Djava.io.tmpdir=.",
    "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn",
];

/// How the broker is set up.
#[derive(Debug, Clone, Default)]
pub struct KafkaOptions {
    /// Further broker settings, as in `server.properties`; they win over ours.
    pub settings: Vec<(String, String)>,
    /// Listen on one more port, and tell the clients that come there to use this one instead: the
    /// port of a [`crate::Proxy`] whose target is [`Kafka::behind_proxy`].
    pub proxy_port: Option<u16>,
    /// Further listeners that ask who is there, and an authorizer.
    pub security: Option<Security>,
    /// A version of Apache Kafka other than the usual one, for example `3.3.2`; one below 3.3 gets a
    /// `ZooKeeper` of its own.
    pub version: Option<String>,
}

/// A running broker, ended when dropped.
#[derive(Debug)]
pub struct Kafka {
    supervisor: Supervisor,
    jars: Jars,
    ports: Ports,
    /// An old broker chooses its own at its first start.
    cluster_id: OnceLock<String>,
    /// The addresses of all brokers of the cluster, its own among them.
    bootstrap: String,
}

/// A broker's place in its cluster.
#[derive(Debug, Clone)]
struct Place {
    node: u16,
    ports: Ports,
    cluster_id: String,
    /// `id@host:port` of every controller.
    voters: String,
    /// `host:port` of every broker.
    bootstrap: String,
}

#[derive(Debug, Clone)]
struct Ports {
    broker: u16,
    controller: u16,
    /// Where the proxy connects to, and the port that clients are told.
    proxied: Option<(u16, u16)>,
    secured: secure::Ports,
}

impl Kafka {
    /// Starts a broker and waits until it answers.
    pub fn start(options: &KafkaOptions) -> Result<Self> {
        if process::find_on_path("java").is_none() {
            bail!(
                "no java on PATH\nhint: install Java 17 or later (Debian: apt-get install openjdk-17-jre-headless)"
            );
        }
        let jars = Jars::find_or_fetch(options.version.as_deref())?;
        loop {
            if let Some(broker) = Self::start_on(Ports::choose(options)?, &jars, options)? {
                return Ok(broker);
            }
        }
    }

    /// The broker of this process, started by whoever asks first.
    ///
    /// # Panics
    /// Where it cannot be started: no test that needs it can go on.
    pub fn shared() -> &'static Self {
        // nobody kills this one, so nothing waits for the end of its session; on a machine that
        // builds at the same time two seconds are no sign that a broker is gone
        static SHARED: LazyLock<Result<Kafka>> = LazyLock::new(|| {
            Kafka::start(&KafkaOptions {
                settings: vec![("broker.session.timeout.ms".to_owned(), "60000".to_owned())],
                ..KafkaOptions::default()
            })
        });
        match &*SHARED {
            Ok(broker) => broker,
            #[expect(clippy::panic, reason = "a test cannot go on without its broker")]
            Err(error) => panic!("the shared Kafka did not start: {error:#}"),
        }
    }

    /// None where another process took a port between our look and the broker's: that is no failure
    /// of this broker, and other ports are as good.
    fn start_on(ports: Ports, jars: &Jars, options: &KafkaOptions) -> Result<Option<Self>> {
        let place = Place {
            node: 1,
            cluster_id: new_cluster_id(),
            voters: ports.voter(1),
            bootstrap: ports.address(),
            ports,
        };
        let broker = Self::prepare(place, jars, options)?;
        match broker.start_and_wait() {
            Err(_) if broker.supervisor.address_in_use() => Ok(None),
            Err(error) => Err(error),
            Ok(()) => Ok(Some(broker)),
        }
    }

    /// A broker that does not run yet.
    fn prepare(place: Place, jars: &Jars, options: &KafkaOptions) -> Result<Self> {
        let folder = tempfile::Builder::new().prefix("notif-kafka-").tempdir()?;
        let (launch, properties) = if jars.needs_zookeeper() {
            zookeeper::write_settings(folder.path(), place.ports.controller)?;
            let properties = zookeeper::properties(folder.path(), &place.ports, &options.settings);
            (zookeeper::LAUNCH, properties)
        } else {
            (LAUNCH, properties(folder.path(), &place, options))
        };
        fs::write(folder.path().join("server.properties"), properties)?;
        let security = options.security.as_ref();
        let format = security.map_or_else(Vec::new, Security::format_arguments);
        fs::write(folder.path().join("format"), format.join("\n"))?;
        if let Some(security) = security {
            security.write(folder.path())?;
        }
        let mut command: Vec<OsString> = ["sh", "-c", launch, "launch"].map(OsString::from).into();
        command.push(jars.class_path().into());
        command.push(place.cluster_id.as_str().into());
        command.extend(JVM.map(OsString::from));
        let supervisor = Supervisor::new(Plan {
            folder: folder.keep(),
            command,
            environment: Vec::new(),
            // an orderly end takes a second of both processors, for a folder that is thrown away
            last_signal: EndSignal::Kill,
            grace_seconds: 10,
        })?;
        Ok(Self {
            supervisor,
            jars: jars.clone(),
            ports: place.ports,
            cluster_id: if jars.needs_zookeeper() {
                OnceLock::new()
            } else {
                OnceLock::from(place.cluster_id)
            },
            bootstrap: place.bootstrap,
        })
    }

    /// Starts it and waits until it is ready.
    fn start_and_wait(&self) -> Result<()> {
        self.supervisor.start()?;
        self.wait_until_ready()
    }

    /// Ready is a broker that answers a request for metadata, not one whose port is open.
    fn wait_until_ready(&self) -> Result<()> {
        let client: AdminClient<DefaultClientContext> = self
            .client_config()
            // the client would otherwise wait ever longer before it looks again
            .set("reconnect.backoff.ms", "50")
            .set("reconnect.backoff.max.ms", "50")
            .create()?;
        let answer = wait_for("Kafka to answer", START_LIMIT, || {
            if let Some(code) = self.supervisor.exited() {
                return Some(Err(code));
            }
            let metadata = client
                .inner()
                .fetch_metadata(None, Duration::from_millis(500))
                .ok()?;
            // in a cluster, others may answer for it
            let own_port = i32::from(self.ports.broker);
            if !metadata.brokers().iter().any(|one| one.port() == own_port) {
                return None;
            }
            client
                .inner()
                .fetch_cluster_id(Duration::from_millis(500))
                .map(Ok)
        });
        let tail = || self.supervisor.log_tail();
        match answer.with_context(tail)? {
            Ok(id) if *self.cluster_id.get_or_init(|| id.clone()) == id => Ok(()),
            Ok(id) => bail!("another Kafka ({id}) answers on port {}", self.ports.broker),
            Err(code) => bail!("Kafka ended with code {code}:\n{}", tail()),
        }
    }

    /// The address of the broker, or of all of its cluster, as `bootstrap.servers` takes it.
    pub fn bootstrap(&self) -> String {
        self.bootstrap.clone()
    }

    /// The port that a proxy in front of this broker connects to; None without
    /// [`KafkaOptions::proxy_port`].
    pub fn behind_proxy(&self) -> Option<u16> {
        self.ports.proxied.map(|(behind, _)| behind)
    }

    /// The id that the broker gives for its cluster.
    pub fn cluster_id(&self) -> &str {
        self.cluster_id.get().map_or("", String::as_str)
    }

    /// The folder that the broker lives in; it is gone when the broker is.
    pub fn folder(&self) -> &Path {
        self.supervisor.folder()
    }

    /// The process id of the broker, None before its first start.
    pub fn process_id(&self) -> Option<u32> {
        self.supervisor.process_id()
    }

    /// The start of any librdkafka client's settings: where the broker is, by IPv4 alone.
    pub fn client_config(&self) -> ClientConfig {
        let mut config = ClientConfig::new();
        config
            .set("bootstrap.servers", self.bootstrap())
            .set("broker.address.family", "v4");
        config
    }

    /// SIGKILL: the broker crashes.
    pub fn kill(&self) -> Result<()> {
        self.supervisor.end(EndSignal::Kill)
    }

    /// SIGTERM: the broker ends in order. Returns when it is gone.
    pub fn stop(&self) -> Result<()> {
        self.supervisor.end(EndSignal::Term)
    }

    /// Where the broker keeps the log of a partition. Only a stopped broker's may be changed.
    pub fn log_folder(&self, topic: &str, partition: i32) -> PathBuf {
        self.folder()
            .join("data")
            .join(format!("{topic}-{partition}"))
    }

    /// Starts the broker again on the same folder and ports, killing it first where it runs.
    pub fn restart(&self) -> Result<()> {
        self.kill()?;
        self.start_and_wait()
    }

    /// Makes the broker hang: its sockets stay open and nothing answers.
    pub fn pause(&self) -> Result<()> {
        self.supervisor.pause()
    }

    /// Ends [`Kafka::pause`].
    pub fn resume(&self) -> Result<()> {
        self.supervisor.resume()
    }
}

impl Ports {
    fn choose(options: &KafkaOptions) -> Result<Self> {
        let mut chosen = Vec::new();
        while chosen.len() < 3 {
            let port = free_port()?;
            if !chosen.contains(&port) && options.proxy_port != Some(port) {
                chosen.push(port);
            }
        }
        let [broker, controller, behind] = *chosen.as_slice() else {
            bail!("three ports")
        };
        chosen.extend(options.proxy_port);
        let secured = match options.security {
            Some(_) => secure::Ports::choose(&mut chosen)?,
            None => secure::Ports::default(),
        };
        Ok(Self {
            broker,
            controller,
            proxied: options.proxy_port.map(|told| (behind, told)),
            secured,
        })
    }

    fn address(&self) -> String {
        format!("127.0.0.1:{}", self.broker)
    }

    /// The controller of node `id`, as `controller.quorum.voters` takes it.
    fn voter(&self, id: u16) -> String {
        format!("{id}@127.0.0.1:{}", self.controller)
    }
}

/// What Kafka prints for 16 random bytes; it refuses ids of another length.
fn new_cluster_id() -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let mut bits = Uuid::now_v7().as_u128();
    let mut digits = Vec::with_capacity(22);
    // 22 digits of 6 bits hold 128 bits and four zeroes, which come last
    digits.push(bits & 3);
    bits >>= 2;
    while digits.len() < 22 {
        digits.push(bits & 63);
        bits >>= 6;
    }
    let first = digits.remove(0) << 4;
    digits
        .iter()
        .rev()
        .chain([&first])
        .filter_map(|digit| {
            DIGITS
                .get(usize::try_from(*digit).ok()?)
                .copied()
                .map(char::from)
        })
        .collect()
}

fn properties(folder: &Path, place: &Place, options: &KafkaOptions) -> String {
    let Ports {
        broker,
        controller,
        proxied,
        secured,
    } = &place.ports;
    let [at, shown, protocols] = secured.listeners();
    let (listener, told) = match proxied {
        Some((behind, told)) => (
            format!(",PROXIED://127.0.0.1:{behind}"),
            format!(",PROXIED://127.0.0.1:{told}"),
        ),
        None => Default::default(),
    };
    let own = format!(
        "process.roles=broker,controller\n\
         node.id={node}\n\
         controller.quorum.voters={voters}\n\
         listeners=PLAINTEXT://127.0.0.1:{broker},CONTROLLER://127.0.0.1:{controller}{listener}{at}\n\
         advertised.listeners=PLAINTEXT://127.0.0.1:{broker}{told}{shown}\n\
         listener.security.protocol.map=CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT,PROXIED:PLAINTEXT{protocols}\n\
         log.dirs={folder}/data\n",
        node = place.node,
        voters = place.voters,
        folder = folder.display()
    );
    let security = options.security.as_ref();
    let security = security.map_or_else(String::new, |of| of.properties(folder, secured));
    [&own, KRAFT, FIXED, &security, &further(&options.settings)].concat()
}

/// Settings of a person's own; the last of equal names counts.
fn further(settings: &[(String, String)]) -> String {
    let lines: Vec<String> = settings
        .iter()
        .map(|(name, value)| format!("{name}={value}\n"))
        .collect();
    lines.concat()
}

/// What a broker without `ZooKeeper` needs. A crashed one is let in again only when the session of
/// its former life has run out, hence the short session.
const KRAFT: &str = "\
controller.listener.names=CONTROLLER
broker.session.timeout.ms=2000
broker.heartbeat.interval.ms=200
";

/// One node of everything; no rebalance delay; messages up to 20 MiB, as the hostile set needs.
/// No retention by time: campus and hostile messages carry times of the past, and a broker deletes
/// what is a week old, for the first time half a minute after its start.
const FIXED: &str = "\
inter.broker.listener.name=PLAINTEXT
offsets.topic.replication.factor=1
offsets.topic.num.partitions=1
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
transaction.state.log.num.partitions=1
group.initial.rebalance.delay.ms=0
auto.create.topics.enable=false
log.retention.ms=-1
message.max.bytes=20971520
replica.fetch.max.bytes=20971520
socket.request.max.bytes=104857600
num.network.threads=2
num.io.threads=4
log.cleaner.dedupe.buffer.size=4194304
log.cleaner.backoff.ms=250
";

#[cfg(test)]
mod tests {
    use super::new_cluster_id;

    #[test]
    fn a_cluster_id_is_what_kafka_prints_for_sixteen_bytes() {
        let (one, two) = (new_cluster_id(), new_cluster_id());
        assert_ne!(one, two);
        assert_eq!(one.len(), 22);
        // the last digit holds two bits
        assert!(one.ends_with(['A', 'Q', 'g', 'w']), "{one}");
    }
}
