//! Numbers that a passing test says too: the harness keeps what is printed, but not what is written
//! to stderr itself.

use std::io::Write as _;

/// Writes a line to stderr.
pub(crate) fn tell(line: &str) {
    writeln!(std::io::stderr(), "battery: {line}").unwrap();
}
