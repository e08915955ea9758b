//! `notif-api token`: makes, lists and revokes API tokens.
//!
//! The token itself goes to standard output, once, and nowhere else: not into the file, a log, an
//! error or an argument, where `ps` would show it.

use std::io::{self, Write};
use std::path::PathBuf;
use std::time::SystemTime;

use serde_json::{Value, json};

use crate::access::edit;
use crate::access::list::{self, Token, TokenList};
use crate::access::role::Role;
use crate::access::secret::{self, SecretHash};
use crate::cli::token::{NewArgs, Output, TokenCommand};
use crate::exit::Exit;

/// A command, and the file that it is about.
#[derive(Debug, Clone)]
pub struct TokenRequest {
    /// The file of tokens.
    pub file: PathBuf,
    /// What to do with it.
    pub command: TokenCommand,
}

/// Does it: what is asked for goes to `out`, what is told besides to `told`.
pub fn run(
    request: &TokenRequest,
    out: &mut impl Write,
    told: &mut impl Write,
) -> Result<(), Exit> {
    match &request.command {
        TokenCommand::New(args) => new(request, args, out, told),
        TokenCommand::List(args) => list(request, args.output, out),
        TokenCommand::Revoke(args) => revoke(request, &args.id, args.output.output, out, told),
    }
}

fn new(
    request: &TokenRequest,
    args: &NewArgs,
    out: &mut impl Write,
    told: &mut impl Write,
) -> Result<(), Exit> {
    let no_random = |error| Exit::Internal(format!("no random bytes: {error}"));
    let secret = secret::generate().map_err(no_random)?;
    let mut roles = Vec::new();
    for text in &args.roles {
        let role = Role::typed(text).map_err(Exit::Usage)?;
        if !roles.contains(&role) {
            roles.push(role);
        }
    }
    let token = Token {
        id: secret::generate_id().map_err(no_random)?,
        hash: SecretHash::of(secret.as_bytes()),
        roles,
        created: SystemTime::now().into(),
        note: args.note.clone(),
    };
    let added = edit::change(&request.file, |text| {
        let after = list::with(text, &token);
        // the whole file, as the server will read it: a mistake elsewhere in it would make the new
        // token useless, and is told here
        TokenList::parse(&after)
            .map(|_list| (after, ()))
            .map_err(|reason| format!("{}: {reason}", request.file.display()))
    });
    added.map_err(Exit::Usage)?;
    match args.output.output {
        Output::Text => {
            print(out, &secret)?;
            let (id, roles) = (&token.id, token.roles_text());
            print(
                told,
                &format!("made token {id} ({roles}); it is shown this once"),
            )
        }
        Output::Json => {
            let mut shown = object(&token);
            if let Some(members) = shown.as_object_mut() {
                members.insert("token".to_owned(), secret.into());
            }
            print(out, &shown.to_string())
        }
    }
}

fn list(request: &TokenRequest, output: Output, out: &mut impl Write) -> Result<(), Exit> {
    let file = request.file.display();
    let text = std::fs::read_to_string(&request.file)
        .map_err(|error| Exit::Usage(format!("cannot read the tokens in {file}: {error}")))?;
    let list =
        TokenList::parse(&text).map_err(|reason| Exit::Usage(format!("{file}: {reason}")))?;
    match output {
        Output::Text => print(out, &table(list.tokens())),
        Output::Json => {
            let tokens: Vec<_> = list.tokens().iter().map(object).collect();
            print(out, &Value::from(tokens).to_string())
        }
    }
}

fn revoke(
    request: &TokenRequest,
    id: &str,
    output: Output,
    out: &mut impl Write,
    told: &mut impl Write,
) -> Result<(), Exit> {
    let file = request.file.display();
    // also from a file with a mistake in it: whoever revokes is in a hurry
    let removed = edit::change(&request.file, |text| match list::without(text, id) {
        Some(after) => Ok((after, ())),
        None => Err(format!(
            "{file} has no token with the id {id:?}\nhint: notif-api token list shows them"
        )),
    });
    removed.map_err(Exit::Usage)?;
    match output {
        Output::Text => print(told, &format!("revoked token {id}")),
        Output::Json => print(out, &json!({ "revoked": id }).to_string()),
    }
}

fn object(token: &Token) -> Value {
    let roles: Vec<_> = token.roles.iter().map(ToString::to_string).collect();
    json!({
        "id": token.id,
        "roles": roles,
        "createdAt": token.created_text(),
        "note": token.note,
    })
}

fn table(tokens: &[Token]) -> String {
    let row = |token: &Token| {
        let (id, created, roles) = (&token.id, token.created_text(), token.roles_text());
        [id.clone(), created, roles, token.note.clone()]
    };
    let head = ["ID", "CREATED", "ROLES", "NOTE"].map(ToOwned::to_owned);
    let rows: Vec<_> = std::iter::once(head)
        .chain(tokens.iter().map(row))
        .collect();
    let width = |column: usize| {
        let widths = rows.iter().filter_map(|row| row.get(column));
        widths.map(|field| field.chars().count()).max().unwrap_or(0)
    };
    let (id_width, created_width, roles_width) = (width(0), width(1), width(2));
    let line = |[id, created, roles, note]: &[String; 4]| {
        let fields =
            format!("{id:id_width$}  {created:created_width$}  {roles:roles_width$}  {note}");
        fields.trim_end().to_owned()
    };
    rows.iter().map(line).collect::<Vec<_>>().join("\n")
}

/// A line. Who does not listen any more has seen enough: that is no failure of the command, which is
/// done by now.
fn print(out: &mut impl Write, line: &str) -> Result<(), Exit> {
    match writeln!(out, "{line}").and_then(|()| out.flush()) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
            Err(Exit::Internal(format!("cannot write the outcome: {error}")))
        }
        _ => Ok(()),
    }
}
