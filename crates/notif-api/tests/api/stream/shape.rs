//! What a stream looks like, and what is refused.

use insta::assert_snapshot;

use super::client::Stream;
use super::commit::{commit, commit_numbers};
use super::world;
use crate::rows::{Row, literal};

fn without_dates(head: &str) -> String {
    let lines = head
        .lines()
        .filter(|line| !line.starts_with("date:") && !line.starts_with("x-request-id:"));
    let mut lines: Vec<_> = lines.collect();
    lines[1..].sort_unstable();
    lines.join("\n").trim().to_owned()
}

#[test]
fn a_stream_begins_with_its_place_and_goes_on_with_notifications() {
    let world = world();
    let mut stream = Stream::ask(
        world.server.address(),
        "",
        &[("accept-encoding", "gzip, br")],
    );
    assert_snapshot!(without_dates(&stream.head));
    let begin = stream.block().unwrap();
    assert_eq!((begin.retry.as_deref(), &*begin.data), (Some("3000"), ""));
    let row = Row::new(7)
        .text("order_id", "o-1")
        .text("customer_id", "c-1");
    commit(&world.database, &[row]);
    let mut event = stream.event().unwrap();
    let id = event.id.take().unwrap();
    assert!(
        id.len() == 44 && begin.id.is_some_and(|begin| begin != id),
        "{id}"
    );
    assert_snapshot!(format!("event: {}\ndata: {}", event.name, event.data));
    // the same object as lists have
    let list = world.server.get("/order/o-1");
    assert_eq!(list.text(), format!("[{}]", event.data));
}

#[test]
fn only_what_the_filter_shows_is_sent() {
    let world = world();
    let address = world.server.address();
    let queries = [
        ("?customerId=c-1", vec![1, 3]),
        ("?orderId=o-1", vec![1]),
        ("?runnerId=r-1", vec![2]),
        ("?correlationId=x-1", vec![1, 2]),
        ("?service=runner-service", vec![2, 3]),
        ("?eventType=order.*", vec![1, 2]),
        ("?eventType=order.created&eventType=runner.left", vec![1, 3]),
        ("?status=redacted", vec![2]),
        ("?topic=other", vec![3]),
        ("?customerId=c-1&topic=other", vec![3]),
        (
            "?runnerId=r-1&correlationId=x-1&service=runner-service",
            vec![2],
        ),
        (
            "?since=2026-01-05T10:00:02Z&until=2026-01-05T10:00:03Z",
            vec![2],
        ),
        ("", vec![1, 2, 3]),
    ];
    let mut streams: Vec<_> = queries
        .iter()
        .map(|(query, _)| Stream::open(address, query))
        .collect();
    let rows = [
        Row::new(1)
            .text("customer_id", "c-1")
            .text("order_id", "o-1")
            .text("correlation_id", "x-1"),
        Row::new(2)
            .text("status", "redacted")
            .text("runner_id", "r-1")
            .text("correlation_id", "x-1")
            .text("source_service", "runner-service")
            .text("event_type", "order.paid"),
        Row::new(3)
            .text("customer_id", "c-1")
            .text("runner_id", "r-2")
            .text("correlation_id", "x-2")
            .text("event_type", "runner.left")
            .text("source_service", "runner-service")
            .text("source_topic", "other"),
        // every filter shows it: what came before it was all that came
        Row::new(4)
            .text("customer_id", "c-1")
            .text("order_id", "o-1")
            .text("runner_id", "r-1")
            .text("correlation_id", "x-1")
            .text("status", "redacted")
            .text("source_service", "runner-service")
            .text("source_topic", "other")
            .sql("occurred_at", "'2026-01-05T10:00:02.5Z'"),
    ];
    commit(&world.database, &rows);
    for ((query, numbers), stream) in queries.iter().zip(&mut streams) {
        let expected = [&numbers[..], &[4]].concat();
        assert_eq!(stream.numbers(expected.len()), expected, "{query}");
    }
}

#[test]
fn what_a_filter_does_not_show_is_not_sent_later_either() {
    let world = world();
    let mut stream = Stream::open(world.server.address(), "?customerId=c-1");
    let rows = (1..2000).map(|n| {
        let customer = if n % 400 == 0 { "c-1" } else { "c-2" };
        Row::new(n).text("customer_id", customer)
    });
    commit(&world.database, &rows.collect::<Vec<_>>());
    assert_eq!(stream.numbers(4), [400, 800, 1200, 1600]);
    commit(
        &world.database,
        &[Row::new(5000).text("customer_id", "c-1")],
    );
    assert_eq!(stream.numbers(1), [5000]);
}

#[test]
fn what_is_wrong_is_refused_before_it_begins() {
    let world = world();
    let server = &world.server;
    let refused = |path: &str| {
        let answer = server.get(path);
        assert_eq!(answer.status, 400, "{answer}");
        answer.refused_fields()
    };
    assert_eq!(refused("/events/stream?limit=1"), ["query.limit"]);
    assert_eq!(refused("/events/stream?customerId="), ["query.customerId"]);
    assert_eq!(
        refused("/events/stream?lastEventId=abc"),
        ["query.lastEventId"]
    );
    let both = "/events/stream?lastEventId=abc&status=x";
    assert_eq!(refused(both), ["query.status", "query.lastEventId"]);
    for id in ["abc", "1", "\u{e4}"] {
        let header = [("Last-Event-ID", id)];
        let answer = server.request("GET", "/events/stream", &header, b"");
        assert_eq!(answer.status, 400, "{answer}");
        assert_eq!(answer.refused_fields(), ["header.Last-Event-ID"]);
    }
    assert_snapshot!(server.request("GET", "/events/stream", &[("Last-Event-ID", "x")], b""));
    let posted = server.request("POST", "/events/stream", &[], b"");
    assert_eq!(
        (posted.status, posted.header("allow")),
        (405, Some("GET, HEAD"))
    );
}

#[test]
fn head_tells_the_headers_and_takes_no_place() {
    let world = super::World::with(|config| config.streams.streams_max = 1);
    for _ in 0..3 {
        let head = world.server.request("HEAD", "/events/stream", &[], b"");
        assert_eq!(head.status, 200);
        assert_eq!(head.header("content-type"), Some("text/event-stream"));
        assert_eq!(head.header("cache-control"), Some("no-store"));
    }
}

#[test]
fn texts_that_look_like_lines_of_the_stream_stay_within_theirs() {
    let world = world();
    let mut stream = Stream::open(world.server.address(), "");
    let hostile = "a\n\nevent: reset\r\ndata: x\rid: 1\u{85}\u{2028}\u{2029}\u{b}\u{c}\u{1}\u{7f}";
    let mut row = Row::new(1);
    let columns = [
        "order_id",
        "customer_id",
        "runner_id",
        "correlation_id",
        "source_service",
        "event_type",
    ];
    for column in columns {
        row = row.text(column, hostile);
    }
    let text = serde_json::to_string(hostile).unwrap();
    // white space between the parts of the JSON, too
    let event = format!("{{\n\r\n\t{text}:\r[\n{text}\r\n]\n}}");
    commit(&world.database, &[row.event(literal(&event))]);
    commit_numbers(&world.database, [2]);
    let event = stream.event().unwrap();
    assert_eq!(event.name, "notification");
    assert!(!event.data.contains(['\n', '\r']), "{event:?}");
    for field in [
        "orderId",
        "customerId",
        "runnerId",
        "correlationId",
        "sourceService",
        "eventType",
    ] {
        assert_eq!(event.json()[field], hostile);
    }
    assert_eq!(event.json()["event"][hostile][0], hostile);
    assert_eq!(stream.numbers(1), [2]);
}
