//! What a token allows. No role implies another: a token that may send cannot read what others
//! sent, one that scrapes metrics sees no customer, and one that reads sends nothing.

use std::fmt;

use notif_core::query;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};

/// What a token allows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Role {
    /// To read everything that is recorded.
    Read,
    /// To send notifications.
    Write,
    /// To read `/metrics`.
    Metrics,
    /// To read what this customer is shown.
    Customer(String),
}

const CUSTOMER: &str = "customer:";

/// What stands in the file as it is: no space, no comma, nothing that a terminal obeys.
const ESCAPED: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'_')
    .remove(b'.')
    .remove(b'~')
    .remove(b':')
    .remove(b'/')
    .remove(b'@');

impl Role {
    /// The role that somebody types: the customer's id as it is.
    pub(crate) fn typed(text: &str) -> Result<Self, String> {
        match text.strip_prefix(CUSTOMER) {
            None => Self::plain(text),
            Some(id) => query::id_from_text(id.to_owned())
                .map(Self::Customer)
                .map_err(|error| format!("the customer's id {error}")),
        }
    }

    /// The role that is written in the file: the customer's id with escapes, as in an address.
    pub(crate) fn written(text: &str) -> Result<Self, String> {
        match text.strip_prefix(CUSTOMER) {
            None => Self::plain(text),
            Some(id) => query::id_from_bytes(percent_decode_str(id).collect())
                .map(Self::Customer)
                .map_err(|error| format!("the customer's id {error}")),
        }
    }

    /// As [`Self::written`] reads it.
    pub(crate) fn to_written(&self) -> String {
        match self {
            Self::Customer(id) => format!("{CUSTOMER}{}", utf8_percent_encode(id, ESCAPED)),
            plain => plain.to_string(),
        }
    }

    fn plain(text: &str) -> Result<Self, String> {
        match text {
            "read" => Ok(Self::Read),
            "write" => Ok(Self::Write),
            "metrics" => Ok(Self::Metrics),
            _ => Err("must be read, write, metrics or customer:<id>".to_owned()),
        }
    }
}

/// As [`Role::typed`] reads it.
impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Read => f.write_str("read"),
            Self::Write => f.write_str("write"),
            Self::Metrics => f.write_str("metrics"),
            Self::Customer(id) => write!(f, "{CUSTOMER}{id}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_role_is_the_same_once_written_and_once_typed() {
        for text in [
            "read",
            "write",
            "metrics",
            "customer:c-1",
            "customer:a b,c#d%20\u{1b}\u{fc}",
            "customer:customer:read",
        ] {
            let role = Role::typed(text).unwrap();
            assert_eq!(role.to_string(), text);
            let written = role.to_written();
            assert_eq!(Role::written(&written).unwrap(), role);
            assert!(
                written
                    .bytes()
                    .all(|byte| byte.is_ascii_graphic() && byte != b','),
                "{written}"
            );
        }
    }

    #[test]
    fn nothing_else_is_a_role() {
        for text in ["", "Read", "read ", "admin", "customer", "customer:", "*"] {
            assert!(Role::typed(text).is_err(), "{text}");
            assert!(Role::written(text).is_err(), "{text}");
        }
        assert!(Role::typed(&format!("customer:{}", "x".repeat(256))).is_err());
        assert!(Role::written("customer:%00").is_err());
        assert!(Role::written("customer:%ff").is_err());
    }
}
