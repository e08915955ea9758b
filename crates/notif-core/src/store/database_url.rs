//! A connection string: checked before anything is asked of a server, and never shown whole.
//!
//! Both forms of libpq are taken: `postgresql://user@host/db?key=value` and `key=value key=value`.
//! libpq reads the string itself; what is checked here is what a person gets wrong, so that the
//! message can say what would be right instead of a time-out.

use std::fmt;

/// What is wrong with a connection string. The string is not in the message: it may hold a password.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}; it should look like postgresql://user:password@host:5432/database")]
pub struct DatabaseUrlError(String);

/// A checked connection string. `Debug` and `Display` show it without its password.
#[derive(Clone, PartialEq, Eq)]
pub struct DatabaseUrl {
    text: String,
    form: Form,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Form {
    Url,
    KeyValue,
}

impl DatabaseUrl {
    /// Checks `text`, white space around it trimmed.
    pub fn parse(text: &str) -> Result<Self, DatabaseUrlError> {
        let text = text.trim();
        if text.is_empty() {
            return Err(wrong("it is empty"));
        }
        if text.contains('\0') {
            return Err(wrong("it holds a NUL character"));
        }
        let form = match text.split_once("://") {
            Some(("postgresql" | "postgres", rest)) => {
                check_url(rest)?;
                Form::Url
            }
            Some((scheme, _)) if !scheme.contains('=') => {
                return Err(wrong("its scheme is not postgresql"));
            }
            _ => {
                check_key_value(text)?;
                Form::KeyValue
            }
        };
        Ok(Self {
            text: text.to_owned(),
            form,
        })
    }

    /// The string for libpq.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Does it carry a password?
    pub fn has_password(&self) -> bool {
        !self.secrets().is_empty()
    }

    /// The same with an option of libpq set, unless it is set already.
    #[must_use]
    pub fn with_default(self, key: &str, value: &str) -> Self {
        if self.option_keys().any(|there| there == key) {
            return self;
        }
        let joint = match self.form {
            Form::Url if self.text.contains('?') => "&",
            Form::Url => "?",
            Form::KeyValue => " ",
        };
        Self {
            text: format!("{}{joint}{key}={value}", self.text),
            form: self.form,
        }
    }

    fn option_keys(&self) -> impl Iterator<Item = &str> {
        let (pairs, separator) = match self.form {
            Form::Url => (
                self.text.split_once('?').map_or("", |(_, query)| query),
                '&',
            ),
            Form::KeyValue => (self.text.as_str(), ' '),
        };
        pairs
            .split(separator)
            .filter_map(|pair| pair.split_once('='))
            .map(|(key, _)| key.trim())
    }

    /// Where passwords stand in the text, the last first.
    fn secrets(&self) -> Vec<std::ops::Range<usize>> {
        let mut found: Vec<_> = self.user_info_password().into_iter().collect();
        for (place, key) in self.text.match_indices("password") {
            let after = place.saturating_add(key.len());
            let rest = self.text.get(after..).unwrap_or_default();
            let Some((before, length)) = self.secret_value(rest) else {
                continue;
            };
            let start = after.saturating_add(before);
            found.push(start..start.saturating_add(length));
        }
        found.sort_by_key(|range| std::cmp::Reverse(range.start));
        found
    }

    /// Where the value stands in the text behind its key, and how long it is; none where the text goes
    /// on in another way than a key does.
    fn secret_value(&self, rest: &str) -> Option<(usize, usize)> {
        let value = match self.form {
            Form::Url => rest.strip_prefix('=')?,
            // white space may stand on both sides
            Form::KeyValue => rest.trim_start().strip_prefix('=')?.trim_start(),
        };
        let length = match value.strip_prefix('\'') {
            Some(quoted) if self.form == Form::KeyValue => quoted_length(quoted).checked_add(1)?,
            _ if self.form == Form::KeyValue => {
                value.find(char::is_whitespace).unwrap_or(value.len())
            }
            _ => value.find('&').unwrap_or(value.len()),
        };
        Some((rest.len().checked_sub(value.len())?, length))
    }

    fn user_info_password(&self) -> Option<std::ops::Range<usize>> {
        if self.form == Form::KeyValue {
            return None;
        }
        let start = self.text.find("://")?.checked_add(3)?;
        let authority = self.text.get(start..)?.split(['/', '?']).next()?;
        let (user_info, _) = authority.rsplit_once('@')?;
        let (user, password) = user_info.split_once(':')?;
        let start = start.checked_add(user.len())?.checked_add(1)?;
        Some(start..start.checked_add(password.len())?)
    }
}

impl fmt::Display for DatabaseUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = self.text.clone();
        for range in self.secrets() {
            shown.replace_range(range, "***");
        }
        f.write_str(&shown)
    }
}

impl fmt::Debug for DatabaseUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// The length up to and with the closing quote; a backslash takes the next character as it is.
fn quoted_length(text: &str) -> usize {
    let mut escaped = false;
    for (place, character) in text.char_indices() {
        match character {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            '\'' => return place.saturating_add(1),
            _ => {}
        }
    }
    text.len()
}

fn wrong(what: &str) -> DatabaseUrlError {
    DatabaseUrlError(what.to_owned())
}

/// `rest` is what stands behind `postgresql://`.
fn check_url(rest: &str) -> Result<(), DatabaseUrlError> {
    if rest.contains(char::is_whitespace) {
        return Err(wrong("it holds white space"));
    }
    let (place, query) = rest.split_once('?').unwrap_or((rest, ""));
    let authority = place.split('/').next().unwrap_or_default();
    if authority.matches('@').count() > 1 {
        // libpq would end the password at the first one and show the rest as a host name
        return Err(wrong("an @ in its password is not written as %40"));
    }
    let hosts = authority
        .rsplit_once('@')
        .map_or(authority, |(_, hosts)| hosts);
    for host in hosts.split(',') {
        let port = match host.strip_prefix('[') {
            Some(v6) => match v6.split_once(']') {
                Some((_, after)) => after.strip_prefix(':'),
                None => return Err(wrong("the bracket around its IPv6 address is not closed")),
            },
            None => host.split_once(':').map(|(_, port)| port),
        };
        if port.is_some_and(|port| !port.is_empty() && port.parse::<u16>().is_err()) {
            return Err(wrong("its port is no number from 1 to 65535"));
        }
    }
    if query
        .split('&')
        .any(|pair| !pair.is_empty() && !pair.contains('='))
    {
        return Err(wrong("a parameter behind its question mark has no value"));
    }
    check_percent(rest)
}

fn check_percent(text: &str) -> Result<(), DatabaseUrlError> {
    let is_hex = |pair: &str| pair.len() == 2 && pair.chars().all(|c| c.is_ascii_hexdigit());
    for after in text.split('%').skip(1) {
        match after.get(..2) {
            Some("00") => return Err(wrong("it holds %00")),
            Some(pair) if is_hex(pair) => {}
            _ => return Err(wrong("a % in it is not followed by two hexadecimal digits")),
        }
    }
    Ok(())
}

fn check_key_value(text: &str) -> Result<(), DatabaseUrlError> {
    let first = text.split_whitespace().next().unwrap_or_default();
    match first.split_once('=') {
        Some((key, _)) if key.chars().all(|c| c.is_ascii_lowercase() || c == '_') => Ok(()),
        _ => Err(wrong("it is neither a URL nor key=value pairs")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> DatabaseUrl {
        DatabaseUrl::parse(text).unwrap()
    }

    #[test]
    fn both_forms_of_libpq_are_taken() {
        for text in [
            "postgresql://localhost/db",
            "postgres://user:secret@h1:5432,h2:5433/db?sslmode=verify-full",
            "postgresql://user@[::1]:5432/db",
            "postgresql:///db?host=/var/run",
            "host=localhost port=5432 dbname=db",
        ] {
            assert_eq!(parse(&format!("  {text}\n")).as_str(), text);
        }
    }

    #[test]
    fn what_a_person_gets_wrong_is_named() {
        for (text, what) in [
            ("", "empty"),
            ("mysql://localhost/db", "scheme"),
            ("localhost:5432", "neither"),
            ("postgresql://host:five/db", "port"),
            ("postgresql://host:70000/db", "port"),
            ("postgresql://[::1/db", "bracket"),
            ("postgresql://u:a%zz@host/db", "hexadecimal"),
            ("postgresql://u:p@ss@host/db", "%40"),
            ("postgresql://host/db?sslmode", "no value"),
            ("postgresql://ho st/db", "white space"),
            ("postgresql://host/d%00b", "%00"),
        ] {
            let message = DatabaseUrl::parse(text).unwrap_err().to_string();
            assert!(message.contains(what), "{text}: {message}");
            assert!(
                message.contains("postgresql://user:password@host"),
                "{message}"
            );
        }
    }

    #[test]
    fn a_password_is_never_shown() {
        for text in [
            "postgresql://user:s3cr3t@host/db",
            "postgresql://user@host/db?password=s3cr3t&sslmode=require",
            "host=h password=s3cr3t user=u",
            "host=h password='two s3cr3t words' user=u",
            "host=h password = s3cr3t user=u",
            r"host=h password= 'it\'s s3cr3t' user=u",
            r"host=h password='it\'s s3cr3t",
            "postgresql://user:s3cr3t@host/db?sslpassword=s3cr3t&password=s3cr3t",
        ] {
            let url = parse(text);
            assert!(url.has_password());
            assert!(!format!("{url} {url:?}").contains("s3cr3t"), "{url}");
            assert!(url.to_string().contains("***"));
        }
        assert!(!parse("postgresql://user@host/db").has_password());
    }

    #[test]
    fn a_default_does_not_override_what_is_said() {
        let with = |text: &str| {
            parse(text)
                .with_default("connect_timeout", "5")
                .as_str()
                .to_owned()
        };
        assert_eq!(
            with("postgresql://h/db"),
            "postgresql://h/db?connect_timeout=5"
        );
        assert_eq!(
            with("postgresql://h/db?a=b"),
            "postgresql://h/db?a=b&connect_timeout=5"
        );
        assert_eq!(
            with("postgresql://h/db?connect_timeout=9"),
            "postgresql://h/db?connect_timeout=9"
        );
        assert_eq!(with("host=h"), "host=h connect_timeout=5");
    }
}
