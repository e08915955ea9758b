//! What the fuzz targets share: a record out of any bytes, and an independent reading of JSON.
//!
//! The files of the testbed are included as they are instead of its crate, which would bring the
//! Kafka client and its C library into a build with coverage.

#[path = "../../crates/notif-testbed/src/exact.rs"]
pub mod exact;
#[path = "../../crates/notif-testbed/src/fuzz_input.rs"]
pub mod fuzz_input;
#[path = "../../crates/notif-testbed/src/rebuild.rs"]
pub mod rebuild;

use fuzz_input::Input;
use notif_core::record::{Header, PartitionId, Record, RecordTime};

/// The record that Kafka's client would make of an input.
pub fn record(bytes: &[u8]) -> Record {
    let Input {
        timestamp_ms,
        key,
        headers,
        value,
    } = Input::read(bytes);
    let header = |(name, value): (Vec<u8>, _)| Header {
        // a C string ends at its first NUL
        name: name.split(|byte| *byte == 0).next().unwrap_or(&[]).to_vec(),
        value,
    };
    Record {
        partition: PartitionId::new("order-events", 0),
        offset: 7,
        time: match timestamp_ms {
            -1 => RecordTime::Unknown,
            ms if ms % 3 == 0 => RecordTime::Append(ms),
            ms => RecordTime::Create(ms),
        },
        key,
        headers: headers.into_iter().map(header).collect(),
        value,
    }
}
