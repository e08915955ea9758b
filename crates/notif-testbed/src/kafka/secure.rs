//! Listeners of a broker that ask who is there: TLS, client certificates, passwords.
//!
//! The plain listener stays, for the testbed itself: whoever comes there is `User:ANONYMOUS`, whom the
//! authorizer lets do everything. What the others may do is in `kafka/acl.rs`, and all that names nobody
//! is refused.

use std::fs;
use std::path::Path;

use anyhow::Result;

use super::Kafka;
use crate::certificates::{Authority, Issued};
use crate::port::free_port;

/// A listener besides the plain one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Listener {
    /// TLS; whoever knows the authority may come in, as `User:ANONYMOUS`.
    Tls,
    /// TLS with a certificate for a host of another name.
    TlsOfAnotherHost,
    /// TLS in which the client shows a certificate too: `User:` and its common name.
    MutualTls,
    /// A user name and a password, unencrypted: PLAIN, SCRAM-SHA-256 or SCRAM-SHA-512.
    Sasl,
    /// The same over TLS.
    SaslTls,
    /// No security, but the broker tells its clients to come to a host that there is not.
    Nowhere,
}

impl Listener {
    const ALL: [Self; 6] = [
        Self::Tls,
        Self::TlsOfAnotherHost,
        Self::MutualTls,
        Self::Sasl,
        Self::SaslTls,
        Self::Nowhere,
    ];

    fn name(self) -> &'static str {
        match self {
            Self::Tls => "TLS",
            Self::TlsOfAnotherHost => "OTHERTLS",
            Self::MutualTls => "MUTUALTLS",
            Self::Sasl => "SASL",
            Self::SaslTls => "SASLTLS",
            Self::Nowhere => "NOWHERE",
        }
    }

    /// Kafka's word for it.
    fn protocol(self) -> &'static str {
        match self {
            Self::Tls | Self::TlsOfAnotherHost | Self::MutualTls => "SSL",
            Self::Sasl => "SASL_PLAINTEXT",
            Self::SaslTls => "SASL_SSL",
            Self::Nowhere => "PLAINTEXT",
        }
    }

    fn has_passwords(self) -> bool {
        self.protocol().starts_with("SASL")
    }

    fn advertised_host(self) -> &'static str {
        if self == Self::Nowhere {
            UNKNOWN_HOST
        } else {
            "127.0.0.1"
        }
    }
}

/// The name that [`Listener::Nowhere`] advertises. `.invalid` is promised never to be a host's.
pub const UNKNOWN_HOST: &str = "no-such-broker.invalid";

/// How a broker is secured.
#[derive(Debug, Clone)]
pub struct Security {
    /// The authority's certificate, by which the broker knows its clients.
    pub authority: Vec<u8>,
    /// Its key store, in PEM.
    pub key_store: String,
    /// The one that it shows at [`Listener::TlsOfAnotherHost`].
    pub other_key_store: String,
    /// User names and passwords, good for PLAIN and both SCRAMs.
    pub users: Vec<(String, String)>,
}

impl Security {
    /// With certificates of this authority, and these users.
    pub fn new(
        authority: &Authority,
        broker: &Issued,
        of_another_host: &Issued,
        users: &[(&str, &str)],
    ) -> Result<Self> {
        Ok(Self {
            authority: fs::read(authority.certificate())?,
            key_store: broker.key_store()?,
            other_key_store: of_another_host.key_store()?,
            users: users
                .iter()
                .map(|(name, password)| ((*name).to_owned(), (*password).to_owned()))
                .collect(),
        })
    }

    /// Writes the key stores into the broker's folder.
    pub(super) fn write(&self, folder: &Path) -> Result<()> {
        fs::write(folder.join("authority.pem"), &self.authority)?;
        fs::write(folder.join("broker.pem"), &self.key_store)?;
        fs::write(folder.join("other.pem"), &self.other_key_store)?;
        Ok(())
    }

    /// The arguments of the storage tool by which SCRAM users are there from the beginning.
    pub(super) fn format_arguments(&self) -> Vec<String> {
        let mechanisms = ["SCRAM-SHA-256", "SCRAM-SHA-512"];
        self.users
            .iter()
            .flat_map(|(name, password)| {
                mechanisms.map(|mechanism| {
                    format!("{mechanism}=[name={name},password={password},iterations=4096]")
                })
            })
            .flat_map(|user| ["--add-scram".to_owned(), user])
            .collect()
    }

    /// The settings of a broker in `folder`, its listeners on `ports` included.
    pub(super) fn properties(&self, folder: &Path, ports: &Ports) -> String {
        let folder = folder.display();
        let mut text = format!(
            "authorizer.class.name=org.apache.kafka.metadata.authorizer.StandardAuthorizer\n\
             super.users=User:ANONYMOUS\n\
             allow.everyone.if.no.acl.found=false\n\
             ssl.keystore.type=PEM\n\
             ssl.keystore.location={folder}/broker.pem\n\
             ssl.truststore.type=PEM\n\
             ssl.truststore.location={folder}/authority.pem\n\
             ssl.principal.mapping.rules=RULE:^CN=([^,]+).*$/$1/,DEFAULT\n\
             sasl.enabled.mechanisms=PLAIN,SCRAM-SHA-256,SCRAM-SHA-512\n"
        );
        let mut add = |line: String| {
            text.push_str(&line);
            text.push('\n');
        };
        for (listener, _) in &ports.0 {
            if listener.has_passwords() {
                let prefix = format!("listener.name.{}", listener.name().to_lowercase());
                self.add_passwords(&prefix, &mut add);
            }
        }
        add("listener.name.mutualtls.ssl.client.auth=required".to_owned());
        add("listener.name.othertls.ssl.keystore.type=PEM".to_owned());
        add(format!(
            "listener.name.othertls.ssl.keystore.location={folder}/other.pem"
        ));
        text
    }

    fn add_passwords(&self, prefix: &str, add: &mut impl FnMut(String)) {
        let users = self.users.iter();
        let users: Vec<String> = users
            .map(|(name, password)| format!("user_{name}=\"{password}\""))
            .collect();
        let users = users.join(" ");
        let module = "org.apache.kafka.common.security";
        add(format!(
            "{prefix}.plain.sasl.jaas.config={module}.plain.PlainLoginModule required {users};"
        ));
        for mechanism in ["scram-sha-256", "scram-sha-512"] {
            add(format!(
                "{prefix}.{mechanism}.sasl.jaas.config={module}.scram.ScramLoginModule required;"
            ));
        }
    }
}

/// Which port each listener is on.
#[derive(Debug, Clone, Default)]
pub(super) struct Ports(Vec<(Listener, u16)>);

impl Ports {
    /// Free ports, none of them in `taken`.
    pub(super) fn choose(taken: &mut Vec<u16>) -> Result<Self> {
        let mut ports = Vec::new();
        for listener in Listener::ALL {
            let port = loop {
                let port = free_port()?;
                if !taken.contains(&port) {
                    break port;
                }
            };
            taken.push(port);
            ports.push((listener, port));
        }
        Ok(Self(ports))
    }

    /// What is added to `listeners`, `advertised.listeners` and `listener.security.protocol.map`.
    pub(super) fn listeners(&self) -> [String; 3] {
        let list = |entry: fn(Listener, u16) -> String| {
            let entries = self
                .0
                .iter()
                .map(|(listener, port)| entry(*listener, *port));
            entries.collect()
        };
        [
            list(|at, port| format!(",{}://127.0.0.1:{port}", at.name())),
            list(|at, port| format!(",{}://{}:{port}", at.name(), at.advertised_host())),
            list(|at, _| format!(",{}:{}", at.name(), at.protocol())),
        ]
    }

    pub(super) fn of(&self, listener: Listener) -> Option<u16> {
        let mut found = self.0.iter().filter(|(at, _)| *at == listener);
        found.next().map(|(_, port)| *port)
    }
}

impl Kafka {
    /// The address of a listener, as `bootstrap.servers` takes it; an error where the broker was
    /// started without [`super::KafkaOptions::security`].
    pub fn listener(&self, listener: Listener) -> Result<String> {
        let port = self.ports.secured.of(listener);
        let port =
            port.ok_or_else(|| anyhow::anyhow!("this broker has no {listener:?} listener"))?;
        Ok(format!("127.0.0.1:{port}"))
    }
}
