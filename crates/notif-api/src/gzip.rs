//! Compressed replies: for whom, from which size, and how.
//!
//! gzip alone: every client takes it. Replies are compressed whole, in memory, where they shrink what
//! waits for a slow reader; nothing is left that would have to be kept for a connection.

use std::io::Write as _;

use actix_web::http::header::{ACCEPT_ENCODING, HeaderMap};
use flate2::Compression;
use flate2::write::GzEncoder;

/// Replies of fewer bytes are sent as they are: they fit into one packet.
pub(crate) const BYTES_MIN: usize = 1024;

/// Does a request allow a compressed reply, and not prefer a plain one? RFC 9110, 12.5.3.
pub(crate) fn is_accepted(headers: &HeaderMap) -> bool {
    let (mut gzip, mut any, mut identity) = (None, None, None);
    let values = headers.get_all(ACCEPT_ENCODING);
    let lists = values.filter_map(|value| value.to_str().ok());
    for coding in lists.flat_map(|list| list.split(',')) {
        let (name, weight) = coding.split_once(';').unwrap_or((coding, ""));
        let weight = weight_of(weight);
        match name.trim() {
            name if name.eq_ignore_ascii_case("gzip") || name.eq_ignore_ascii_case("x-gzip") => {
                gzip = Some(weight);
            }
            name if name.eq_ignore_ascii_case("identity") => identity = Some(weight),
            "*" => any = Some(weight),
            _ => {}
        }
    }
    let gzip = gzip.or(any).unwrap_or(0);
    gzip > 0 && gzip >= identity.unwrap_or(0)
}

/// The thousandths of `q=0.5`; all where it says nothing, none where it makes no sense.
fn weight_of(parameter: &str) -> u16 {
    let parameter = parameter.trim();
    if parameter.is_empty() {
        return 1000;
    }
    let value = parameter
        .strip_prefix("q=")
        .or_else(|| parameter.strip_prefix("Q="));
    let Some((whole, digits)) = value.map(|value| value.split_once('.').unwrap_or((value, "")))
    else {
        return 0;
    };
    let thousandths = format!("{digits:0<3}").parse().unwrap_or(0);
    match whole {
        "0" if digits.len() <= 3 => thousandths,
        "1" if thousandths == 0 => 1000,
        _ => 0,
    }
}

/// The text compressed; none where that makes it no shorter.
pub(crate) fn compress(text: &[u8]) -> Option<Vec<u8>> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    // writing into memory does not fail
    encoder.write_all(text).ok()?;
    let compressed = encoder.finish().ok()?;
    (compressed.len() < text.len()).then_some(compressed)
}

#[cfg(test)]
mod tests {
    use actix_web::http::header::HeaderValue;

    use super::*;

    #[test]
    fn only_who_asks_for_it_gets_it() {
        let accepts = |value: &'static str| {
            let mut headers = HeaderMap::new();
            headers.insert(ACCEPT_ENCODING, HeaderValue::from_static(value));
            is_accepted(&headers)
        };
        for yes in [
            "gzip",
            "GZIP",
            "x-gzip",
            "*",
            "deflate, gzip;q=0.5, br",
            "gzip;q=0.001",
            "gzip; q=1.000",
            "identity;q=0.5, gzip;q=0.5",
            "br, *;q=0.1",
        ] {
            assert!(accepts(yes), "{yes}");
        }
        for no in [
            "",
            "br",
            "identity",
            "gzip;q=0",
            "gzip;q=0.000",
            "*, gzip;q=0",
            "identity, gzip;q=0.9",
            "gzip;q=x",
            "gzip;q=2",
            "gzip;q=0.0001",
            "gzipped",
        ] {
            assert!(!accepts(no), "{no}");
        }
        assert!(!is_accepted(&HeaderMap::new()));
    }

    #[test]
    fn what_does_not_shrink_is_left_alone() {
        assert!(compress(&[b'x'; 5000]).unwrap().len() < 100);
        assert_eq!(compress(b"x"), None);
    }
}
