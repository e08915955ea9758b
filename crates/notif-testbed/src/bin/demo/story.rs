//! One order's story as the API tells it, laid out for a terminal.

use std::collections::BTreeMap;

use anyhow::{Context, Result, ensure};
use notif_testbed::{CampusEvent, http};
use serde_json::Value;

/// The order that is shown.
pub(crate) struct Story {
    order: String,
    customer: String,
}

impl Story {
    /// The delivered order with the most events of those that name it.
    pub(crate) fn choose(events: &[CampusEvent]) -> Option<Self> {
        let mut counts: BTreeMap<String, usize> = BTreeMap::new();
        let mut delivered = BTreeMap::new();
        for event in events.iter().filter(|event| event.topic == "order-events") {
            let Ok(envelope) = serde_json::from_slice::<Value>(&event.value) else {
                continue;
            };
            let member =
                |name: &str| Some(envelope.get("payload")?.get(name)?.as_str()?.to_owned());
            let Some(order) = member("order_id") else {
                continue;
            };
            if envelope
                .get("type")
                .is_some_and(|kind| kind == "order.delivered")
            {
                delivered.insert(order.clone(), member("customer_id").unwrap_or_default());
            }
            let count = counts.entry(order).or_default();
            *count = count.saturating_add(1);
        }
        let (order, customer) = delivered
            .into_iter()
            .max_by_key(|(order, _)| counts.get(order).copied().unwrap_or_default())?;
        Some(Self { order, customer })
    }

    /// The order's events, a line each, and the latest of them whole.
    pub(crate) fn show(&self, port: u16) -> Result<()> {
        let path = format!("/order/{}", self.order);
        let story = ask(port, &path)?;
        let events = story
            .as_array()
            .context("the story of an order is an array")?;
        ensure!(
            !events.is_empty(),
            "{path} knows nothing of a delivered order"
        );
        for event in events {
            let text = |name: &str| event.get(name).and_then(Value::as_str).unwrap_or("-");
            let time = text("occurredAt").get(11..23).unwrap_or("-");
            let (kind, topic) = (text("eventType"), text("sourceTopic"));
            println!("  {time}  {kind:<30} {topic:<20} {}", text("sourceService"));
        }
        let latest = ask(port, &format!("{path}/latest"))?;
        ensure!(
            events.last() == Some(&latest),
            "the latest is not the last of the story"
        );
        println!("{}", serde_json::to_string_pretty(&latest)?);
        Ok(())
    }

    /// Addresses and commands to copy.
    pub(crate) fn suggest(&self, port: u16, database_url: &str) {
        let Self { order, customer } = self;
        let api = format!("http://127.0.0.1:{port}");
        println!("curl -s {api}/order/{order}");
        println!("curl -s {api}/order/{order}/latest");
        println!("curl -s '{api}/customer/{customer}/notifications?limit=5'");
        println!("curl -s {api}/health");
        println!(
            "curl -s {api}/send-notification -H 'Content-Type: application/json' \\\n  \
             -d '{{\"customerId\":\"{customer}\",\"orderId\":\"{order}\",\"event\":\"Enjoy!\"}}'"
        );
        println!(
            "psql '{database_url}' -c 'SELECT source_topic, count(*) FROM notifications GROUP BY 1'"
        );
    }
}

fn ask(port: u16, path: &str) -> Result<Value> {
    println!("$ curl -s http://127.0.0.1:{port}{path}");
    let answer = http::get(port, path)?;
    ensure!(
        answer.status == 200,
        "GET {path}: {} {}",
        answer.status,
        answer.body
    );
    serde_json::from_str(&answer.body).with_context(|| format!("GET {path} is not JSON"))
}
