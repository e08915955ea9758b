//! The text of a file of tokens: one line a token.
//!
//! ```text
//! # id  SHA-256 of the token  roles  created  note
//! 3f9a0c5d7e21 9c78…15ad read,write 2026-01-05T10:00:00Z the dispatcher's desk
//! ```
//!
//! Empty lines and lines that begin with `#` are passed over, and survive every edit. A message
//! about a line never repeats what stands in it: somebody may have put the token itself there.

use std::fmt::Write as _;

use chrono::{DateTime, SecondsFormat, Utc};
use subtle::{ConditionallySelectable, ConstantTimeEq};

use super::role::Role;
use super::secret::SecretHash;

/// The most tokens: each request is compared with every one.
const TOKENS_MAX: usize = 10_000;
/// The longest id of a token, characters.
const ID_CHARACTERS_MAX: usize = 64;

/// A token, without its secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Token {
    /// Its name, for people, logs and idempotency keys.
    pub(crate) id: String,
    /// The hash of it.
    pub(crate) hash: SecretHash,
    /// What it allows.
    pub(crate) roles: Vec<Role>,
    /// When it was made.
    pub(crate) created: DateTime<Utc>,
    /// What it is for; may be empty.
    pub(crate) note: String,
}

/// All tokens, in the order of the file.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct TokenList(Vec<Token>);

impl TokenList {
    /// Reads the text of a file; the first line that is wrong, and why.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        let mut list = Self::default();
        for (line, number) in text.lines().zip(1..) {
            if is_token(line) {
                let token = parse_line(line).and_then(|token| list.add(token));
                token.map_err(|reason| format!("line {number}: {reason}"))?;
            }
        }
        Ok(list)
    }

    fn add(&mut self, token: Token) -> Result<(), String> {
        if self.0.len() == TOKENS_MAX {
            return Err(format!("there may be at most {TOKENS_MAX} tokens"));
        }
        for there in &self.0 {
            if there.id == token.id {
                return Err("the id is that of another line".to_owned());
            }
            if there.hash == token.hash {
                return Err("the hash is that of another line".to_owned());
            }
        }
        self.0.push(token);
        Ok(())
    }

    /// The token with this hash. Every token is looked at, each for as long, so that the time
    /// that it takes tells nothing of how near a guess was.
    pub(crate) fn find(&self, hash: &SecretHash) -> Option<&Token> {
        let mut found = u32::MAX;
        for (token, place) in self.0.iter().zip(0..) {
            found = u32::conditional_select(&found, &place, token.hash.ct_eq(hash));
        }
        self.0.get(usize::try_from(found).ok()?)
    }

    /// The tokens, in the order of the file.
    pub(crate) fn tokens(&self) -> &[Token] {
        &self.0
    }
}

/// The text with a token more.
pub(crate) fn with(text: &str, token: &Token) -> String {
    let mut text = text.to_owned();
    if !text.is_empty() && !text.ends_with('\n') {
        text.push('\n');
    }
    text.push_str(&token.to_line());
    text.push('\n');
    text
}

/// The text without the token of this id; none where it is not there.
pub(crate) fn without(text: &str, id: &str) -> Option<String> {
    let is_this = |line: &&str| is_token(line) && line.split_whitespace().next() == Some(id);
    text.lines().find(is_this)?;
    let kept = text.split_inclusive('\n').filter(|line| !is_this(line));
    Some(kept.collect())
}

/// Whether a line is a token's.
fn is_token(line: &str) -> bool {
    let line = line.trim_start();
    !line.is_empty() && !line.starts_with('#')
}

fn parse_line(line: &str) -> Result<Token, String> {
    let mut rest = line;
    let mut field = |name: &str| {
        let (field, behind) = rest
            .trim_start()
            .split_once(char::is_whitespace)
            .unwrap_or((rest.trim_start(), ""));
        rest = behind;
        if field.is_empty() {
            return Err(format!(
                "{name} is missing; a line is: id, hash, roles, created, note"
            ));
        }
        Ok(field)
    };
    let (id, hash) = (field("the id")?, field("the hash")?);
    let (roles, created) = (field("the roles")?, field("the time of creation")?);
    if !is_id(id) {
        return Err(format!(
            "the id must have 1 to {ID_CHARACTERS_MAX} letters, digits, '.', '_' or '-'"
        ));
    }
    if rest.contains(|c: char| c.is_control() && c != '\t') {
        return Err("the note must not hold control characters".to_owned());
    }
    let roles = roles.split(',').map(Role::written);
    let roles: Result<Vec<_>, _> = roles.collect();
    let created = DateTime::parse_from_rfc3339(created)
        .map_err(|error| format!("the time of creation: {error}"))?;
    Ok(Token {
        id: id.to_owned(),
        hash: SecretHash::from_hex(hash)
            .ok_or("the hash must be a SHA-256 in 64 hexadecimal digits")?,
        roles: roles.map_err(|reason| format!("a role: {reason}"))?,
        created: created.to_utc(),
        note: rest.trim().to_owned(),
    })
}

/// Whether a text can be a token's id.
pub(crate) fn is_id(text: &str) -> bool {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"._-".contains(&byte);
    (1..=ID_CHARACTERS_MAX).contains(&text.len()) && text.bytes().all(allowed)
}

impl Token {
    /// The roles as they stand in the file.
    pub(crate) fn roles_text(&self) -> String {
        let roles: Vec<_> = self.roles.iter().map(Role::to_written).collect();
        roles.join(",")
    }

    /// When it was made, as it stands in the file.
    pub(crate) fn created_text(&self) -> String {
        self.created.to_rfc3339_opts(SecondsFormat::Secs, true)
    }

    fn to_line(&self) -> String {
        let (id, hash, roles) = (&self.id, self.hash.to_hex(), self.roles_text());
        let mut line = format!("{id} {hash} {roles} {}", self.created_text());
        if !self.note.is_empty() {
            // writing into a string does not fail
            write!(line, " {}", self.note).unwrap_or_default();
        }
        line
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn token(id: &str, secret: &str, roles: &[&str], note: &str) -> Token {
        Token {
            id: id.to_owned(),
            hash: SecretHash::of(secret.as_bytes()),
            roles: roles
                .iter()
                .map(|role| Role::typed(role).unwrap())
                .collect(),
            created: DateTime::from_timestamp(1_767_607_200, 0).unwrap(),
            note: note.to_owned(),
        }
    }

    #[test]
    fn what_is_written_is_read_and_the_rest_of_the_text_stays() {
        let head = "# who\n\n  # indented\r\n";
        let one = token("a", "1", &["read", "customer:x y,z"], "for  two words");
        let two = token("b.B-_0", "2", &["metrics"], "");
        let text = with(&with(head, &one), &two);
        assert!(text.starts_with(head));
        let list = TokenList::parse(&text).unwrap();
        assert_eq!(list.tokens(), [one.clone(), two.clone()]);
        assert_eq!(without(&text, "a").unwrap(), with(head, &two));
        assert_eq!(without(&text, "b.B-_0").unwrap(), with(head, &one));
        for id in ["", "#", "who", "A", "a b"] {
            assert_eq!(without(&text, id), None, "{id}");
        }
        // a last line without its end
        assert_eq!(TokenList::parse(text.trim_end()).unwrap(), list);
        assert_eq!(with("# x", &two), with("# x\n", &two));
    }

    #[test]
    fn a_token_is_found_by_its_whole_hash() {
        let text = (0..100).fold(String::new(), |text, n| {
            with(
                &text,
                &token(&format!("t{n}"), &n.to_string(), &["read"], ""),
            )
        });
        let list = TokenList::parse(&text).unwrap();
        for n in [0, 1, 50, 99] {
            let found = list.find(&SecretHash::of(n.to_string().as_bytes()));
            assert_eq!(found.unwrap().id, format!("t{n}"));
        }
        assert_eq!(list.find(&SecretHash::of(b"100")), None);
        assert_eq!(TokenList::default().find(&SecretHash::of(b"")), None);
        // a hash that begins, or ends, as a known one
        let known = SecretHash::of(b"7").to_hex();
        for place in [0, 63] {
            let mut near: Vec<char> = known.chars().collect();
            near[place] = if near[place] == '0' { '1' } else { '0' };
            let near = SecretHash::from_hex(&near.iter().collect::<String>()).unwrap();
            assert_eq!(list.find(&near), None);
        }
    }

    #[test]
    fn what_is_wrong_is_told_by_its_line_and_without_its_text() {
        let hash = SecretHash::of(b"1").to_hex();
        let time = "2026-01-05T10:00:00Z";
        let other = SecretHash::of(b"2").to_hex();
        for (line, reason) in [
            ("leaked".to_owned(), "the hash is missing"),
            (format!("x {hash} read"), "the time of creation is missing"),
            (format!("leaked! {hash} read {time}"), "the id must"),
            (format!("x leaked read {time}"), "the hash must"),
            (format!("x {hash} leaked {time}"), "a role: must be read"),
            (format!("x {hash} read, {time}"), "a role: must be read"),
            (format!("x {hash} read leaked"), "the time of creation"),
            (
                format!("x {hash} customer:%00 {time}"),
                "the customer's id must not",
            ),
            (
                format!("first {hash} read {time}"),
                "the id is that of another",
            ),
            (
                format!("x {other} read {time}"),
                "the hash is that of another",
            ),
        ] {
            let text = format!("# head\nfirst {other} read {time}\n{line}\n");
            let told = TokenList::parse(&text).unwrap_err();
            assert!(told.starts_with("line 3: "), "{line}: {told}");
            assert!(told.contains(reason), "{line}: {told}");
            assert!(!told.contains("leaked") && !told.contains(&hash), "{told}");
        }
    }
}
