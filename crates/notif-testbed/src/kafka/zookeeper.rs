//! Setting up a broker of the time before 3.3, which keeps its metadata in a `ZooKeeper` beside it.
//!
//! Only the oldest versions that the project supports are run so. `ZooKeeper` is among the jars of
//! these versions, and a child of the broker's process: what ends the broker at last ends both.

use std::fs;
use std::path::Path;

use anyhow::Result;

use super::{FIXED, Ports, further};

/// Becomes the broker, which waits for the `ZooKeeper` that was started before it.
pub(super) const LAUNCH: &str = r#"
class_path=$1
shift 2
java "$@" -cp "$class_path" org.apache.zookeeper.server.ZooKeeperServerMain zookeeper.properties &
exec java "$@" -cp "$class_path" kafka.Kafka server.properties
"#;

/// `ZooKeeper`'s own settings, on the port that a newer broker's controller would have.
pub(super) fn write_settings(folder: &Path, port: u16) -> Result<()> {
    let settings = format!(
        "dataDir={}/zookeeper\n\
         clientPort={port}\n\
         clientPortAddress=127.0.0.1\n\
         admin.enableServer=false\n",
        folder.display()
    );
    fs::write(folder.join("zookeeper.properties"), settings)?;
    Ok(())
}

/// The broker's `server.properties`. No port for a proxy: nothing asked for one so far.
pub(super) fn properties(folder: &Path, ports: &Ports, settings: &[(String, String)]) -> String {
    let Ports {
        broker, controller, ..
    } = ports;
    let own = format!(
        "broker.id=1\n\
         zookeeper.connect=127.0.0.1:{controller}\n\
         listeners=PLAINTEXT://127.0.0.1:{broker}\n\
         advertised.listeners=PLAINTEXT://127.0.0.1:{broker}\n\
         log.dirs={}/data\n",
        folder.display()
    );
    [&own, FIXED, &further(settings)].concat()
}
