//! How the story of an order looks to a client.

use notif_core::timeline::{LinkedBy, Timeline, TimelineEvent};

use super::{OBJECT_BYTES, Object};

/// The whole story as an object. Each event is freed once it is written.
pub(crate) fn timeline(timeline: Timeline) -> Vec<u8> {
    let bytes = timeline
        .events
        .iter()
        .map(|one| one.notification.event.len().saturating_add(OBJECT_BYTES))
        .sum();
    let mut out = Vec::with_capacity(bytes);
    let mut object = Object::open(&mut out);
    object.text("orderId", Some(&timeline.order_id));
    object.texts("customerIds", &timeline.customer_ids);
    object.texts("runnerIds", &timeline.runner_ids);
    object.texts("correlationIds", &timeline.correlation_ids);
    object.texts(
        "ambiguousCorrelationIds",
        &timeline.ambiguous_correlation_ids,
    );
    object.json(
        "truncated",
        if timeline.truncated { "true" } else { "false" },
    );
    object.key("events");
    object.out.push(b'[');
    for (place, event) in timeline.events.into_iter().enumerate() {
        if place > 0 {
            object.out.push(b',');
        }
        write_event(object.out, &event);
    }
    object.out.push(b']');
    object.close();
    out
}

fn write_event(out: &mut Vec<u8>, event: &TimelineEvent) {
    let mut object = Object::open(out);
    object.notification(&event.notification);
    let linked_by = match event.linked_by {
        LinkedBy::Order => "order",
        LinkedBy::Correlation => "correlation",
    };
    object.text("linkedBy", Some(linked_by));
    object.number("sincePreviousMs", event.since_previous_ms);
    object.close();
}
