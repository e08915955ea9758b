//! Who may ask for what: API tokens, their roles, and what each address needs.
//!
//! Without a file of tokens everybody may ask for everything. With one, a request carries a token
//! (`Authorization: Bearer`), of which the file holds only the hash. `list` is the file's text,
//! `file` reads it again when it changes, `edit` changes it, `need` says what an address needs. The
//! answers 401 and 403 are made in `middleware::access`, before anything is looked up, so that they
//! cannot depend on what is recorded. The whole picture is in `docs/security.md`.

use std::path::Path;
use std::sync::Arc;

use actix_web::HttpRequest;
use actix_web::http::header::AUTHORIZATION;

use self::file::TokensFile;
use self::need::Need;
use self::secret::SecretHash;
use crate::problem::{Problem, Refusal};

pub(crate) mod edit;
pub(crate) mod file;
pub(crate) mod list;
mod need;
pub(crate) mod role;
pub(crate) mod secret;

/// Who may use this server.
#[derive(Debug, Clone, Default)]
pub enum Access {
    /// Everybody.
    #[default]
    Open,
    /// Who has a token of this file.
    Tokens(Arc<TokensFile>),
}

/// Who asks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Caller {
    /// Somebody: nobody was asked for a token.
    Anyone,
    /// Who has the token with this id.
    Token(String),
}

/// What a request needs, and the hash of the token that it came with.
#[derive(Debug)]
pub(crate) struct Pass {
    need: Need,
    token: Option<SecretHash>,
}

impl Caller {
    /// Whose idempotency keys these are. No token's id has brackets.
    pub(crate) fn principal(&self) -> &str {
        match self {
            Self::Anyone => "(anyone)",
            Self::Token(id) => id,
        }
    }
}

impl Access {
    /// Access by the tokens in a file; what is wrong with it where it cannot be used.
    pub fn by_tokens(path: &Path) -> Result<Self, String> {
        TokensFile::open(path).map(|file| Self::Tokens(Arc::new(file)))
    }

    /// Tells the log who may use this server.
    pub(crate) fn announce(&self) {
        match self {
            Self::Open => log::warn!(
                "API_TOKENS_FILE is not set: whoever can reach this server may read and send"
            ),
            Self::Tokens(file) => match file.current().tokens().len() {
                0 => log::warn!("the file of API tokens has none: every request is refused"),
                count => log::info!("API tokens: {count}"),
            },
        }
    }

    /// Who asks, where they may.
    pub(crate) fn check(&self, request: &HttpRequest) -> Result<Caller, Problem> {
        self.admit(&self.pass(request))
    }

    /// What a request shows of itself: what lasts for long (a stream) asks with it again, so that a
    /// revoked token does not read on.
    pub(crate) fn pass(&self, request: &HttpRequest) -> Pass {
        match self {
            Self::Open => Pass {
                need: Need::Nothing,
                token: None,
            },
            Self::Tokens(_) => Pass {
                need: Need::of(request),
                token: bearer(request).map(SecretHash::of),
            },
        }
    }

    /// Who it is that shows this, where they may go on.
    pub(crate) fn admit(&self, pass: &Pass) -> Result<Caller, Problem> {
        let Self::Tokens(file) = self else {
            return Ok(Caller::Anyone);
        };
        if pass.need == Need::Nothing {
            return Ok(Caller::Anyone);
        }
        let tokens = file.current();
        let token = pass.token.as_ref().and_then(|hash| tokens.find(hash));
        let token = token.ok_or(Problem::Refused(Refusal::NoToken))?;
        if token.roles.iter().any(|role| pass.need.is_met_by(role)) {
            Ok(Caller::Token(token.id.clone()))
        } else {
            Err(Problem::Refused(Refusal::NotAllowed))
        }
    }
}

/// The token that a request carries. Two of them are none: there is no telling which one is meant.
fn bearer(request: &HttpRequest) -> Option<&[u8]> {
    let mut given = request.headers().get_all(AUTHORIZATION);
    let value = given.next()?.as_bytes();
    if given.next().is_some() {
        return None;
    }
    let (scheme, token) = value.split_at_checked(b"bearer ".len())?;
    scheme
        .eq_ignore_ascii_case(b"bearer ")
        .then(|| token.trim_ascii())
}

#[cfg(test)]
mod tests {
    use actix_web::test::TestRequest;

    use super::*;

    #[test]
    fn one_bearer_token_is_taken_and_nothing_else() {
        let of = |values: &[&str]| {
            let mut request = TestRequest::default();
            for value in values {
                request = request.append_header((AUTHORIZATION, *value));
            }
            bearer(&request.to_http_request()).map(<[u8]>::to_vec)
        };
        assert_eq!(of(&["Bearer abc"]), Some(b"abc".to_vec()));
        assert_eq!(of(&["bEARER  abc "]), Some(b"abc".to_vec()));
        for none in [
            &[][..],
            &[""],
            &["Bearer"],
            &["Bearerabc"],
            &["Basic abc"],
            &["abc"],
            &["Bearer abc", "Bearer abc"],
        ] {
            assert_eq!(of(none), None, "{none:?}");
        }
    }
}
