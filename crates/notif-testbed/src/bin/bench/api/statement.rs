//! What the API sent to PostgreSQL for a request, taken from the server's log, as a script of pgbench.
//!
//! Nothing of it is written down here, so it cannot drift. What differs from one request to the next
//! (the number that stands for an order or a customer, the ids of a new row) becomes a variable; the
//! other parameters stay parameters, with the value that the API gave them.

use std::collections::BTreeMap;

use anyhow::{Context, Result, ensure};

/// What the log says of one statement.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Logged {
    process: String,
    text: String,
    /// None for NULL.
    parameters: Vec<Option<String>>,
}

/// The statements of a log with the prefix `%m [%p] `, as `log_statement = all` writes it.
pub(super) fn logged(log: &str) -> Vec<Logged> {
    let mut all: Vec<Logged> = Vec::new();
    for line in log.lines() {
        let Some((process, told)) = process_and_rest(line) else {
            continue;
        };
        if let Some(statement) = told.strip_prefix("LOG:  ").and_then(statement) {
            all.push(Logged {
                process: process.to_owned(),
                text: statement.to_owned(),
                parameters: Vec::new(),
            });
        } else if let Some(list) = told
            .strip_prefix("DETAIL:  ")
            // one or the other, by the version of PostgreSQL
            .and_then(|detail| {
                let known = ["parameters: ", "Parameters: "];
                known.into_iter().find_map(|name| detail.strip_prefix(name))
            })
            && let Some(last) = all.iter_mut().rfind(|one| one.process == process)
        {
            last.parameters = parameters(list);
        }
    }
    all
}

fn process_and_rest(line: &str) -> Option<(&str, &str)> {
    let (_, behind) = line.split_once(" [")?;
    behind.split_once("] ")
}

fn statement(told: &str) -> Option<&str> {
    if let Some(simple) = told.strip_prefix("statement: ") {
        return Some(simple);
    }
    let (_, text) = told.strip_prefix("execute ")?.split_once(": ")?;
    Some(text)
}

/// `$1 = 'a', $2 = NULL`, quotes doubled within.
fn parameters(list: &str) -> Vec<Option<String>> {
    let mut found = Vec::new();
    let mut rest = list;
    while let Some((_, value)) = rest.split_once(" = ") {
        if let Some(behind) = value.strip_prefix("NULL") {
            found.push(None);
            rest = behind;
            continue;
        }
        let mut text = String::new();
        let mut characters = value.char_indices().skip(1).peekable();
        rest = "";
        while let Some((at, character)) = characters.next() {
            if character != '\'' {
                text.push(character);
            } else if characters.next_if(|(_, next)| *next == '\'').is_some() {
                text.push('\'');
            } else {
                rest = value.get(at.saturating_add(1)..).unwrap_or_default();
                break;
            }
        }
        found.push(Some(text));
    }
    found
}

/// All statements of the transaction, or the one statement, with a parameter that is `value`.
pub(super) fn of_request(all: &[Logged], value: &str) -> Result<Vec<Logged>> {
    let is_marked = |one: &&Logged| one.parameters.iter().flatten().any(|there| there == value);
    let marked = all
        .iter()
        .find(is_marked)
        .with_context(|| format!("PostgreSQL logged no statement with the parameter {value}"))?;
    let ours: Vec<&Logged> = all
        .iter()
        .filter(|one| one.process == marked.process)
        .collect();
    let at = ours.iter().position(|one| *one == marked).unwrap_or(0);
    let (before, after) = ours.split_at_checked(at).context("a place within")?;
    let begins = before.iter().rposition(|one| one.text.starts_with("BEGIN"));
    let ended = before.iter().rposition(|one| one.text.contains("COMMIT"));
    if begins.is_none() || ended > begins {
        return Ok(vec![marked.clone()]);
    }
    let end = after.iter().position(|one| one.text.contains("COMMIT"));
    let last = at.saturating_add(end.context("a transaction that ends")?);
    let range = begins.unwrap_or(0)..=last;
    Ok(ours
        .get(range)
        .unwrap_or_default()
        .iter()
        .copied()
        .cloned()
        .collect())
}

/// The script, and its variables as `name=text`. `variable` names what stands for a value, where the
/// script makes it; `gset` are the columns whose value a later statement takes.
///
/// Settings of the transaction (`SET LOCAL`) are left out, which spares the baseline a message each.
pub(super) fn script(
    statements: &[Logged],
    replaced: &BTreeMap<String, String>,
    gset: &[&str],
) -> Result<(String, Vec<String>)> {
    let (mut script, mut variables) = (String::new(), Vec::new());
    for (number, statement) in statements.iter().enumerate() {
        let mut text = statement.text.clone();
        // from the last on: $1 is the beginning of $10
        for (place, value) in statement.parameters.iter().enumerate().rev() {
            let place = place.saturating_add(1);
            let by = match value {
                None => "NULL".to_owned(),
                Some(value) => replaced.get(value).cloned().unwrap_or_else(|| {
                    let name = format!("p{number}_{place}");
                    variables.push(format!("{name}={value}"));
                    format!(":{name}")
                }),
            };
            text = text.replace(&format!("${place}"), &by);
        }
        ensure!(
            !text.contains('$'),
            "a parameter without a value: {text}\nhint: log_parameter_max_length must be -1"
        );
        for part in text
            .split("; ")
            .filter(|part| !part.starts_with("SET LOCAL"))
        {
            let mut part = part.to_owned();
            for (value, by) in replaced {
                part = part.replace(&format!("({value},"), &format!("({by},"));
            }
            let end = if gset
                .iter()
                .any(|name| part.ends_with(&format!(" AS {name}")))
            {
                " \\gset\n"
            } else {
                ";\n"
            };
            script += &part;
            script += end;
        }
    }
    Ok((script, variables))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::{logged, of_request, parameters, script};

    const LOG: &str = "\
2026-01-05 10:00:00.000 UTC [7] LOG:  execute s1: SELECT a FROM n WHERE b = $1 LIMIT $2
2026-01-05 10:00:00.000 UTC [8] LOG:  statement: BEGIN; SET LOCAL lock_timeout = '5s'
2026-01-05 10:00:00.000 UTC [7] DETAIL:  parameters: $1 = '77', $2 = '50'
2026-01-05 10:00:00.000 UTC [8] LOG:  execute s1: SELECT nextval('s') AS batch_id
2026-01-05 10:00:00.000 UTC [8] LOG:  execute s2: INSERT INTO n VALUES ($1, $2, $3)
2026-01-05 10:00:00.000 UTC [8] DETAIL:  parameters: $1 = 'it''s', $2 = NULL, $3 = '900'
2026-01-05 10:00:00.000 UTC [8] LOG:  statement: INSERT INTO b VALUES (900, 1); COMMIT
2026-01-05 10:00:00.000 UTC [8] LOG:  execute s9: SELECT 1
";

    fn replaced(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
        let owned = |(a, b): &(&str, &str)| ((*a).to_owned(), (*b).to_owned());
        pairs.iter().map(owned).collect()
    }

    #[test]
    fn a_read_is_its_one_statement() {
        let statements = of_request(&logged(LOG), "77").unwrap();
        let (text, variables) = script(&statements, &replaced(&[("77", ":key")]), &[]).unwrap();
        assert_eq!(text, "SELECT a FROM n WHERE b = :key LIMIT :p0_2;\n");
        assert_eq!(variables, ["p0_2=50"]);
    }

    #[test]
    fn a_write_is_its_whole_transaction() {
        let statements = of_request(&logged(LOG), "it's").unwrap();
        let replaced = replaced(&[("900", ":batch_id")]);
        let (text, variables) = script(&statements, &replaced, &["batch_id"]).unwrap();
        let expected = "BEGIN;\nSELECT nextval('s') AS batch_id \\gset\n\
            INSERT INTO n VALUES (:p2_1, NULL, :batch_id);\n\
            INSERT INTO b VALUES (:batch_id, 1);\nCOMMIT;\n";
        assert_eq!(text, expected);
        assert_eq!(variables, ["p2_1=it's"]);
    }

    #[test]
    fn parameters_are_taken_apart() {
        let some = |text: &str| Some(text.to_owned());
        assert_eq!(
            parameters("$1 = 'a, $2 = ''b''', $2 = NULL, $3 = ''"),
            [some("a, $2 = 'b'"), None, some("")]
        );
        assert!(of_request(&logged(LOG), "nothing").is_err());
    }
}
