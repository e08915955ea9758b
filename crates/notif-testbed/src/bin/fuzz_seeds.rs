//! Writes what a fuzzer begins with: the hostile list and generated messages, a file each.
//!
//! usage: `fuzz_seeds FOLDER...` (one folder for each target of `fuzz/`)

use std::fs;
use std::path::Path;

use anyhow::{Context, Result};
use notif_testbed::fuzz_input::Input;
use notif_testbed::hostile::{self, generated};
use notif_testbed::kafka::RawMessage;

/// Beside the list; more make each start slower, and a fuzzer finds its own.
const GENERATED: usize = 1_500;

/// Larger ones make every run slower, and most of what they could show has been shown.
const LARGEST: usize = 8 << 10;

fn main() -> Result<()> {
    let listed = hostile::messages().into_iter().map(|one| one.message);
    let made = generated(1).take(GENERATED).map(|one| one.message);
    let seeds: Vec<Vec<u8>> = listed.chain(made).filter_map(seed).collect();
    for folder in std::env::args_os().skip(1) {
        let folder = Path::new(&folder);
        fs::create_dir_all(folder).with_context(|| format!("creating {}", folder.display()))?;
        for (number, seed) in seeds.iter().enumerate() {
            let file = folder.join(format!("seed-{number:04}"));
            fs::write(&file, seed).with_context(|| format!("writing {}", file.display()))?;
        }
    }
    Ok(())
}

fn seed(message: RawMessage) -> Option<Vec<u8>> {
    let input = Input {
        timestamp_ms: message.timestamp_ms,
        key: message.key,
        headers: message.headers,
        value: message.value,
    };
    input.write().filter(|bytes| bytes.len() <= LARGEST)
}
