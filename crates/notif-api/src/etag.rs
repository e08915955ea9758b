//! The tag of a reply (`ETag`), and whether a client has it already (`If-None-Match`): RFC 9110, 8.8.3
//! and 13.1.2. All of ours are weak: the same text may be sent compressed or not.

use actix_web::http::header::{HeaderMap, HeaderValue, IF_NONE_MATCH};
use sha2::{Digest, Sha256};

use crate::hex::hex;

/// Bytes of the hash that stand in a tag: 64 bits, for a client that compares two replies of one
/// address.
const BYTES: usize = 8;

/// The tag of a text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ETag(String);

impl ETag {
    /// `W/"<16 hex digits of its SHA-256>"`.
    pub(crate) fn of(text: &[u8]) -> Self {
        let text = if notif_core::mutated!("api-unchanged-on-changed-data") {
            &[]
        } else {
            text
        };
        let hash = Sha256::digest(text);
        let digits = hex(hash.get(..BYTES).unwrap_or_default());
        Self(format!("W/\"{digits}\""))
    }

    /// As the value of a header.
    pub(crate) fn to_header(&self) -> HeaderValue {
        // ASCII without controls
        HeaderValue::from_str(&self.0).unwrap_or(HeaderValue::from_static("W/\"\""))
    }

    fn opaque(&self) -> &str {
        self.0.strip_prefix("W/").unwrap_or(&self.0)
    }
}

/// The tags that a client has.
#[derive(Debug, Clone, Default)]
pub(crate) struct Known(Vec<HeaderValue>);

impl Known {
    /// Those that the headers of a request name.
    pub(crate) fn of(headers: &HeaderMap) -> Self {
        Self(headers.get_all(IF_NONE_MATCH).cloned().collect())
    }

    /// Is `tag` among them, by weak comparison?
    pub(crate) fn has(&self, tag: &ETag) -> bool {
        self.0
            .iter()
            .filter_map(|value| value.to_str().ok())
            .any(|list| lists(list, tag.opaque()))
    }
}

/// Does a list of tags name `opaque`, or is it `*`? What is no tag ends the list: behind it nobody
/// knows where the next one begins.
fn lists(list: &str, opaque: &str) -> bool {
    if list.trim() == "*" {
        return true;
    }
    let mut rest = list;
    loop {
        rest = rest.trim_start_matches([' ', '\t', ',']);
        rest = rest.strip_prefix("W/").unwrap_or(rest);
        let Some(inner) = rest.strip_prefix('"') else {
            return false;
        };
        let Some((tag, behind)) = inner.split_once('"') else {
            return false;
        };
        if Some(tag) == opaque.trim_matches('"').into() {
            return true;
        }
        rest = behind;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn known(values: &[&'static str]) -> Known {
        Known(
            values
                .iter()
                .map(|value| HeaderValue::from_static(value))
                .collect(),
        )
    }

    #[test]
    fn a_tag_is_the_beginning_of_the_hash_of_the_text() {
        // SHA-256 of nothing, FIPS 180
        assert_eq!(ETag::of(b"").0, "W/\"e3b0c44298fc1c14\"");
        assert_ne!(ETag::of(b"a"), ETag::of(b"b"));
    }

    #[test]
    fn tags_are_compared_weakly_wherever_they_stand_in_a_list() {
        let tag = ETag::of(b"");
        for list in [
            r#"W/"e3b0c44298fc1c14""#,
            r#""e3b0c44298fc1c14""#,
            r#""x", W/"e3b0c44298fc1c14""#,
            r#""a,b" , "e3b0c44298fc1c14","y""#,
            "*",
            " * ",
        ] {
            assert!(known(&[list]).has(&tag), "{list}");
            assert!(known(&[r#""other""#, list]).has(&tag), "{list}");
        }
    }

    #[test]
    fn other_tags_and_what_is_no_tag_do_not_match() {
        let tag = ETag::of(b"");
        for list in [
            "",
            r#""""#,
            "e3b0c44298fc1c14",
            r#"W/"e3b0c44298fc1c1""#,
            r#""e3b0c44298fc1c140""#,
            r#""E3B0C44298FC1C14""#,
            r#"w/"e3b0c44298fc1c14""#,
            r#""a, e3b0c44298fc1c14""#,
            r#"x "e3b0c44298fc1c14""#,
            r#""*""#,
            r#""e3b0c44298fc1c14"#,
        ] {
            assert!(!known(&[list]).has(&tag), "{list}");
        }
        assert!(!known(&[]).has(&tag));
    }
}
