//! Brokers that are one cluster: each is a controller too, so that it outlives the loss of one of
//! three.

use std::ops::Deref;

use anyhow::{Context, Result, bail};

use super::jars::Jars;
use super::{Kafka, KafkaOptions, Place, Ports, new_cluster_id};

/// What a single broker has one of and a cluster should have three of.
const REPLICATED: [(&str, &str); 3] = [
    ("offsets.topic.replication.factor", "3"),
    ("transaction.state.log.replication.factor", "3"),
    // a leader comes back to its first node only when a test says so
    ("auto.leader.rebalance.enable", "false"),
];

/// Three running brokers, ended when dropped. Asked as [`Kafka`], it is the cluster: every client
/// knows the addresses of all nodes.
#[derive(Debug)]
pub struct Cluster {
    nodes: Vec<Kafka>,
}

impl Cluster {
    /// Starts three brokers and waits until each answers.
    pub fn start(options: &KafkaOptions) -> Result<Self> {
        let jars = Jars::find_or_fetch(None)?;
        let mut settings = REPLICATED
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .to_vec();
        settings.extend(options.settings.iter().cloned());
        let options = KafkaOptions {
            settings,
            ..KafkaOptions::default()
        };
        loop {
            if let Some(cluster) = Self::start_once(&jars, &options)? {
                return Ok(cluster);
            }
        }
    }

    /// None where another process took a port.
    fn start_once(jars: &Jars, options: &KafkaOptions) -> Result<Option<Self>> {
        let mut places = Vec::new();
        for node in 1..=3 {
            places.push((node, Ports::choose(options)?));
        }
        let voters: Vec<String> = places
            .iter()
            .map(|(node, ports)| ports.voter(*node))
            .collect();
        let addresses: Vec<String> = places.iter().map(|(_, ports)| ports.address()).collect();
        let cluster_id = new_cluster_id();
        let mut nodes = Vec::new();
        for (node, ports) in places {
            let place = Place {
                node,
                ports,
                cluster_id: cluster_id.clone(),
                voters: voters.join(","),
                bootstrap: addresses.join(","),
            };
            nodes.push(Kafka::prepare(place, jars, options)?);
        }
        // none answers before two of them run
        for node in &nodes {
            node.supervisor.start()?;
        }
        for node in &nodes {
            match node.wait_until_ready() {
                Err(_) if nodes.iter().any(|node| node.supervisor.address_in_use()) => {
                    return Ok(None);
                }
                other => other?,
            }
        }
        Ok(Some(Self { nodes }))
    }

    /// The node with this id, 1 to 3.
    pub fn node(&self, id: i32) -> Result<&Kafka> {
        let index = id.checked_sub(1).map(usize::try_from);
        let Some(Ok(index)) = index else {
            bail!("no node {id}");
        };
        self.nodes
            .get(index)
            .with_context(|| format!("no node {id}"))
    }
}

impl Deref for Cluster {
    type Target = Kafka;

    #[expect(clippy::expect_used, reason = "there are three nodes")]
    fn deref(&self) -> &Kafka {
        self.nodes.first().expect("three nodes")
    }
}
