//! `notif-poll status`: how far everything is recorded, what is missing, what needs a person. From
//! PostgreSQL alone, as the last poll saw it; with `--live` Kafka is asked too. All times are of
//! PostgreSQL's clock. The lines are computed in `lines`, and told in `told`.

mod lines;
mod told;

use std::collections::BTreeSet;

use notif_core::store::Session;
use rdkafka::consumer::Consumer;
use rdkafka::metadata::MetadataTopic;

use super::plan;
use super::poll::VERSION;
use crate::answer::Answer;
use crate::brokers;
use crate::cli::{Settings, StatusArgs};
use crate::config::{Config, Environment, poll_config};
use crate::deadline::{Deadline, WaitsFor};
use crate::exit::Failure;
use crate::facts::Facts;
use crate::kafka::Client;
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
        live(&config, &mut session, &deadline)
    } else {
        None
    };
    deadline.waiting_for(WaitsFor::Database);
    let status = session.status_read(GAPS, RUNS)?;
    deadline.waiting_for(WaitsFor::Itself);
    let look = Look::new(&status, live.as_ref(), &config.kafka.topics);
    Ok(told::answer(&status, &look))
}

/// Kafka's side. Where it cannot be asked that is told, and what the last poll saw stands in: the
/// look at PostgreSQL is worth as much as ever.
fn live(config: &Config, session: &mut Session, deadline: &Deadline) -> Option<Live> {
    let asked = brokers::connect(&config.kafka).and_then(|client| {
        let facts = plan::look(config, &client, session, deadline)?;
        deadline.waiting_for(WaitsFor::Kafka);
        let unselected = unselected(&client, config, deadline);
        Ok(Live { facts, unselected })
    });
    match asked {
        Ok(live) => Some(live),
        Err(failure) => {
            log::warn!("{:#}: shown is what the last poll saw", failure.error);
            None
        }
    }
}

fn unselected(client: &Client, config: &Config, deadline: &Deadline) -> Option<BTreeSet<String>> {
    let timeout = brokers::DESCRIBE_TIMEOUT.min(deadline.left());
    let metadata = client.fetch_metadata(None, timeout).ok()?;
    let names = metadata.topics().iter().map(MetadataTopic::name);
    Some(
        names
            .filter(|name| !name.starts_with("__") && !config.kafka.topics.selects(name))
            .map(str::to_owned)
            .collect(),
    )
}
