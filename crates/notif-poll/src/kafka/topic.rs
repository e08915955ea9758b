//! Which topics there are, and what they are.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use notif_core::plan::Seen;
use rdkafka::consumer::Consumer;
use rdkafka::error::RDKafkaErrorCode;
use regex::Regex;

use super::Client;
use super::ffi::{self, KafkaError};

/// What the cluster says of a topic.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum TopicAnswer {
    /// It is there.
    Present {
        /// Its id; `None` from a broker that has none.
        topic_id: Option<String>,
        /// Its partitions.
        partitions: Vec<i32>,
    },
    /// It is not there, not for us, or there was no answer: which holds for each of its partitions.
    Elsewise(Seen),
}

/// What the configuration asks to be watched.
#[derive(Debug, Clone)]
pub struct TopicSelection {
    /// Names, each once.
    pub names: BTreeSet<String>,
    /// Patterns that a whole name must match.
    pub patterns: Vec<Regex>,
}

impl TopicSelection {
    /// Is the topic asked for? Kafka's own topics (`__consumer_offsets`, ...) match no pattern.
    pub fn selects(&self, topic: &str) -> bool {
        self.names.contains(topic)
            || (!topic.starts_with("__")
                && self.patterns.iter().any(|pattern| {
                    pattern
                        .find(topic)
                        .is_some_and(|found| found.len() == topic.len())
                }))
    }
}

/// Asks for every topic of `selection`, and for those of `stored` that it selects: a topic that a
/// pattern once found must not be forgotten because it is gone.
pub(crate) fn topics_describe(
    client: &Client,
    selection: &TopicSelection,
    stored: &BTreeSet<&str>,
    timeout: Duration,
) -> Result<BTreeMap<String, TopicAnswer>, KafkaError> {
    let mut names = selection.names.clone();
    names.extend(
        stored
            .iter()
            .filter(|name| selection.selects(name))
            .map(ToString::to_string),
    );
    if !selection.patterns.is_empty() {
        let found = names_list(client, timeout)?;
        names.extend(found.into_iter().filter(|name| selection.selects(name)));
    }
    names_describe(client, names, timeout)
}

/// The names of all topics that this user may see.
pub(crate) fn names_list(
    client: &Client,
    timeout: Duration,
) -> Result<BTreeSet<String>, KafkaError> {
    let metadata = client
        .fetch_metadata(None, timeout.max(ffi::SHORTEST_TIMEOUT))
        .map_err(|error| KafkaError {
            code: error.rdkafka_error_code().unwrap_or(RDKafkaErrorCode::Fail),
            message: error.to_string(),
        })?;
    let topics = metadata.topics().iter();
    Ok(topics.map(|topic| topic.name().to_owned()).collect())
}

/// Asks for topics by name.
pub(crate) fn names_describe(
    client: &Client,
    names: BTreeSet<String>,
    timeout: Duration,
) -> Result<BTreeMap<String, TopicAnswer>, KafkaError> {
    if names.is_empty() {
        return Ok(BTreeMap::new());
    }
    let names: Vec<String> = names.into_iter().collect();
    let described = ffi::describe_topics(client, &names, timeout)?;
    Ok(described
        .into_iter()
        .map(|(name, answer)| (name, topic_answer(answer)))
        .collect())
}

fn topic_answer(answer: Result<ffi::TopicDescription, KafkaError>) -> TopicAnswer {
    match answer {
        Ok(ffi::TopicDescription {
            topic_id,
            partitions,
        }) => TopicAnswer::Present {
            topic_id,
            partitions,
        },
        Err(KafkaError {
            code: RDKafkaErrorCode::UnknownTopicOrPartition | RDKafkaErrorCode::UnknownTopic,
            ..
        }) => TopicAnswer::Elsewise(Seen::Absent),
        Err(KafkaError {
            code: RDKafkaErrorCode::TopicAuthorizationFailed,
            ..
        }) => TopicAnswer::Elsewise(Seen::Unauthorised),
        Err(KafkaError { message, .. }) => TopicAnswer::Elsewise(Seen::Unanswered(message)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pattern_matches_whole_names_and_never_kafkas_own() {
        let selection = TopicSelection {
            names: BTreeSet::from(["user-events".to_owned()]),
            patterns: vec![Regex::new("^(?:.*-events)").unwrap()],
        };
        assert!(selection.selects("order-events"));
        assert!(selection.selects("user-events"));
        assert!(!selection.selects("order-events-dlq"));
        assert!(!selection.selects("__audit-events"));
    }
}
