//! The order that the examples of the API's description and of `docs/api.md` are about.

use notif_core::notification_id;

use crate::ledger_rows::{drained, ended, gap, run};
use crate::rows::{Row, insert};
use crate::server::World;

/// Order `order-1042` of customer `customer-7`, ordered, paid (which names no order) and accepted by
/// `runner-3`, and ledgers with an entry each. Its ids are the same each time.
pub(crate) fn tell(world: &World) {
    let event = |topic: &str, kind: &str, service: &str, payload: &str| {
        format!(
            r#"'{{"topic": "{topic}", "event_type": "{kind}", "correlation_id": "saga-9f2c", "source_service": "{service}", "timestamp": "2026-01-05T10:00:00Z", "payload": {payload}}}'"#
        )
    };
    let row = |second, topic: &str, kind: &str, service: &str, payload: &str| {
        Row::new(second)
            .text("source_topic", topic)
            .text("event_type", kind)
            .text("source_service", service)
            .text("correlation_id", "saga-9f2c")
            .event(event(topic, kind, service, payload))
    };
    let of_order = |row: Row| {
        row.text("order_id", "order-1042")
            .text("customer_id", "customer-7")
    };
    let rows = [
        of_order(row(
            1,
            "saga-events",
            "create_order",
            "saga-orchestrator",
            r#"{"order_id": "order-1042", "customer_id": "customer-7"}"#,
        )),
        of_order(row(
            2,
            "order-events",
            "order.created",
            "order-service",
            r#"{"order_id": "order-1042", "customer_id": "customer-7", "total": 12.50}"#,
        )),
        row(
            3,
            "payment-events",
            "payment.authorized",
            "payment-service",
            r#"{"amount": 12.50}"#,
        ),
        // its payload named a member twice, so the bytes are kept
        of_order(row(
            4,
            "order-events",
            "runner.accepted",
            "order-service",
            "null",
        ))
        .text("runner_id", "runner-3")
        .text("raw_reason", "duplicate-keys")
        .sql(
            "raw",
            r#"'{"type":"runner.accepted","eta":5,"eta":7}'::bytea"#,
        ),
    ];
    assert_eq!(
        rows[1].id,
        notification_id::recorded(1_767_607_202_000, "order_events", 0, 0, 2),
        "the examples name this id"
    );
    let counts = [("exit_codes", "'{0}'"), ("records", "4"), ("bytes", "1024")];
    let ended_run = [&ended("'drained'", "0")[..], &counts].concat();
    let ledgers = [
        drained("order-events", 0, "'2026-01-05T10:05:00Z'"),
        gap("retention").replace("'orders'", "'order-events'"),
        run(10, &ended_run),
    ];
    world.sql(&(insert(&rows) + &ledgers.concat()));
}
