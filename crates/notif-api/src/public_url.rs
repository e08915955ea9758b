//! Where clients find this API, when an operator says so: then links are absolute.
//!
//! Without it they are relative (`<?cursor=...>`), and hold behind any prefix that a proxy takes
//! off. Some clients resolve no relative links; this is for them.

/// A base address: `https://example.org/notifications`, without a slash at its end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PublicUrl(String);

impl PublicUrl {
    /// Reads an address; what it must be, where it is none.
    pub fn parse(text: &str) -> Result<Self, String> {
        let text = text.trim().trim_end_matches('/');
        let rest = text
            .strip_prefix("https://")
            .or_else(|| text.strip_prefix("http://"));
        let sound = rest.is_some_and(|rest| {
            let is_plain = |byte: u8| byte.is_ascii_graphic() && !b"<>\"?#\\".contains(&byte);
            !rest.is_empty() && !rest.starts_with('/') && rest.bytes().all(is_plain)
        });
        if sound {
            Ok(Self(text.to_owned()))
        } else {
            Err("must be an address as in https://example.org/notifications".to_owned())
        }
    }

    /// The value of a `Link` header that was made for the reply to `path`, its reference made
    /// absolute; none where it is so already.
    pub(crate) fn absolute(&self, path: &str, link: &str) -> Option<String> {
        let query = link.strip_prefix("<?")?;
        Some(format!("<{}{path}?{query}", self.0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_taken_with_its_path_and_without_its_last_slash() {
        let url = PublicUrl::parse(" https://example.org:8443/a/b/ ").unwrap();
        assert_eq!(
            url.absolute("/order/o-1", "<?cursor=x>; rel=\"next\"")
                .unwrap(),
            "<https://example.org:8443/a/b/order/o-1?cursor=x>; rel=\"next\""
        );
        assert_eq!(url.absolute("/", "<https://elsewhere>"), None);
    }

    #[test]
    fn what_is_no_base_of_addresses_is_refused() {
        for text in [
            "",
            "example.org",
            "ftp://example.org",
            "https://",
            "https:///a",
            "https://example.org?x",
            "https://example.org#x",
            "https://exa mple.org",
            "https://example.org/\u{e4}",
            "https://example.org/>;x=\"",
        ] {
            assert!(PublicUrl::parse(text).is_err(), "{text}");
        }
    }
}
