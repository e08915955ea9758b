//! The other origins whose pages may read the replies, as `CORS_ORIGINS` names them.

/// A list of origins, each as browsers write it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Origins(Vec<String>);

impl Origins {
    /// Reads a list that is separated by commas. Whoever compares origins compares letters, so one in
    /// another spelling would be a setting that does nothing: it is refused.
    pub fn parse(text: &str) -> Result<Self, String> {
        let named = text
            .split(',')
            .map(str::trim)
            .filter(|origin| !origin.is_empty());
        let mut origins = Vec::new();
        for origin in named {
            if !is_an_origin(origin) {
                return Err(format!(
                    "{origin} is no origin as browsers write it: scheme and host in lower case, the port \
                     where it is not the usual one, and nothing behind it, \
                     as in https://app.example.org or http://localhost:5173"
                ));
            }
            origins.push(origin.to_owned());
        }
        Ok(Self(origins))
    }

    /// None at all?
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Each of them.
    pub fn iter(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(String::as_str)
    }
}

fn is_an_origin(text: &str) -> bool {
    let (authority, usual_port) = match text.split_once("://") {
        Some(("https", authority)) => (authority, "443"),
        Some(("http", authority)) => (authority, "80"),
        _ => return false,
    };
    // the address of IPv6 stands in brackets, for the colons
    let (host, port) = match authority.rsplit_once(':') {
        Some((host, port)) if !port.ends_with(']') => (host, Some(port)),
        _ => (authority, None),
    };
    let is_port = |port: &str| {
        port != usual_port
            && !port.starts_with('0')
            && port.parse::<u16>().is_ok_and(|port| port > 0)
            && port.bytes().all(|byte| byte.is_ascii_digit())
    };
    is_a_host(host) && port.is_none_or(is_port)
}

fn is_a_host(text: &str) -> bool {
    let inner = text
        .strip_prefix('[')
        .and_then(|text| text.strip_suffix(']'));
    if let Some(address) = inner {
        return address
            .parse()
            .is_ok_and(|parsed: std::net::Ipv6Addr| parsed.to_string() == address);
    }
    let of_a_name = |byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'.' | b'-' | b'_');
    !text.is_empty() && text.bytes().all(of_a_name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_may_have_spaces_and_be_empty() {
        let parse = |text| Origins::parse(text).unwrap().0;
        assert_eq!(parse(""), Vec::<String>::new());
        assert_eq!(parse(" , "), Vec::<String>::new());
        assert_eq!(
            parse(
                " https://app.example.org,http://localhost:5173 , http://[::1]:8080,https://[2001:db8::1]"
            ),
            [
                "https://app.example.org",
                "http://localhost:5173",
                "http://[::1]:8080",
                "https://[2001:db8::1]"
            ]
        );
    }

    #[test]
    fn what_no_browser_would_send_is_refused() {
        for text in [
            "*",
            "null",
            "app.example.org",
            "ftp://example.org",
            "https://",
            "https://:8443",
            "https://app.example.org/",
            "https://app.example.org/page",
            "https://App.example.org",
            "HTTPS://app.example.org",
            "https://*.example.org",
            "https://user@example.org",
            "https://app.example.org:443",
            "http://app.example.org:80",
            "https://app.example.org:",
            "https://app.example.org:0",
            "https://app.example.org:08443",
            "https://app.example.org:+8443",
            "https://app.example.org:65536",
            "http://::1",
            "http://[::0001]",
            "http://[::1",
            "https://app.example.org https://b.example.org",
            "https://ä.example.org",
        ] {
            let refused = Origins::parse(text).unwrap_err();
            assert!(refused.starts_with(text), "{refused}");
        }
    }
}
