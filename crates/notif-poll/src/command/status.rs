//! `notif-poll status`: how far everything is recorded, what is missing, what needs a person. From
//! PostgreSQL alone, as the last poll saw it; with `--live` Kafka is asked too. All times are of
//! PostgreSQL's clock. The lines are computed in `lines`, and told in `told`.

mod lines;
mod told;

use std::collections::BTreeSet;

use notif_core::store::Session;

use super::plan;
use super::poll::VERSION;
use crate::answer::Answer;
use crate::brokers;
use crate::cli::{Settings, StatusArgs};
use crate::config::{Config, Environment, poll_config};
use crate::deadline::{Deadline, WaitsFor};
use crate::exit::{Exit, Failure};
use crate::facts::Facts;
use crate::kafka::topic::names_list;
use lines::Look;

/// How many losses and runs are shown.
const GAPS: i64 = 10;
const RUNS: i64 = 5;

/// What Kafka says now.
struct Live {
    facts: Facts,
    /// Topics that Kafka has and nobody asks for; `None` where it did not list them.
    unselected: Option<BTreeSet<String>>,
}

pub(crate) fn run(
    settings: &Settings,
    args: &StatusArgs,
    env: Environment<'_>,
) -> Result<Answer, Failure> {
    let config = poll_config(settings, env)?;
    let deadline = Deadline::of_command(config.deadline)?;
    deadline.waiting_for(WaitsFor::Database);
    let mut session = Session::connect(&config.database, "notif-poll status")?;
    session.schema_check(VERSION)?;
    let live = if args.live {
        live(&config, &mut session, &deadline)?
    } else {
        None
    };
    deadline.waiting_for(WaitsFor::Database);
    let status = session.status_read(GAPS, RUNS)?;
    deadline.waiting_for(WaitsFor::Itself);
    let look = Look::new(&status, live.as_ref(), &config.kafka.topics);
    Ok(told::answer(&status, &look))
}

/// Kafka's side; `None` where it cannot be asked. That is told, and what the last poll saw stands in:
/// the look at PostgreSQL is worth as much as ever.
fn live(
    config: &Config,
    session: &mut Session,
    deadline: &Deadline,
) -> Result<Option<Live>, Failure> {
    let client = brokers::connect(&config.kafka)?;
    let facts = match plan::look(config, &client, session, deadline) {
        Ok(facts) => facts,
        Err(failure) if failure.exit == Exit::Kafka => {
            log::warn!("{:#}: shown is what the last poll saw", failure.error);
            return Ok(None);
        }
        Err(failure) => return Err(failure),
    };
    deadline.waiting_for(WaitsFor::Kafka);
    let timeout = brokers::DESCRIBE_TIMEOUT.min(deadline.left());
    let unselected = match names_list(&client, timeout) {
        Ok(mut names) => {
            names.retain(|name| !name.starts_with("__") && !config.kafka.topics.selects(name));
            Some(names)
        }
        Err(error) => {
            log::warn!("Kafka did not list its topics: {error}");
            None
        }
    };
    Ok(Some(Live { facts, unselected }))
}
