//! A broker that takes, keeps, deletes and crashes; the independent reader agrees with the producer.

use std::time::Duration;

use anyhow::{Context, Result};
use notif_testbed::{Kafka, KafkaOptions, Message, Proxy, hostile, unique};
use rdkafka::producer::Producer as _;

#[test]
fn what_is_produced_is_what_the_independent_reader_reads() -> Result<()> {
    let kafka = Kafka::shared();
    let topic = unique("orders");
    kafka.create_topic(&topic, 2)?;
    let every_byte: Vec<u8> = (0..=255).collect();
    let first = [
        Message::new(r#"{"a":"ä\"\\"}"#)
            .key("k")
            .at(1_700_000_000_000),
        Message {
            value: None,
            timestamp_ms: Some(7),
            ..Message::default()
        },
        Message::new(every_byte.clone())
            .key(every_byte.clone())
            .header("name", Some(b"value"))
            .header("name", None)
            .header("bytes", Some(&every_byte))
            .at(1),
    ];
    let second = [Message::new("null").at(2), Message::new("").at(3)];
    assert_eq!(kafka.produce(&topic, 0, first.clone())?, [0, 1, 2]);
    assert_eq!(kafka.produce(&topic, 1, second.clone())?, [0, 1]);
    let read = kafka.read_committed(&topic)?;
    let mut expected = Vec::new();
    for (partition, messages) in [(0, &first[..]), (1, &second[..])] {
        for (offset, message) in (0_i64..).zip(messages) {
            expected.push((partition, offset, message.clone()));
        }
    }
    let read: Vec<(i32, i64, Message)> = read
        .into_iter()
        .map(|r| {
            let (key, value, headers) = (r.key, r.value, r.headers);
            let message = Message {
                key,
                value,
                headers,
                timestamp_ms: r.timestamp_ms,
            };
            (r.partition, r.offset, message)
        })
        .collect();
    assert_eq!(read, expected);
    Ok(())
}

#[test]
fn an_aborted_transaction_is_not_read() -> Result<()> {
    let kafka = Kafka::shared();
    let topic = unique("payments");
    kafka.create_topic(&topic, 1)?;
    let producer = kafka.producer_with(&[("transactional.id", &topic)])?;
    let limit = Duration::from_secs(30);
    producer.client().init_transactions(limit)?;
    producer.client().begin_transaction()?;
    producer.produce(&topic, 0, ["kept"])?;
    producer.client().commit_transaction(limit)?;
    producer.client().begin_transaction()?;
    producer.produce(&topic, 0, ["thrown away"])?;
    producer.client().abort_transaction(limit)?;
    let values: Vec<_> = kafka
        .read_committed(&topic)?
        .into_iter()
        .map(|r| r.value)
        .collect();
    assert_eq!(values, [Some(b"kept".to_vec())]);
    // each transaction ended with a marker
    assert_eq!(kafka.watermarks(&topic, 0)?, (0, 4));
    Ok(())
}

#[test]
fn topics_grow_and_shrink_and_go() -> Result<()> {
    let kafka = Kafka::shared();
    let topic = unique("users");
    kafka.create_topic_with(&topic, 1, &[("cleanup.policy", "compact,delete")])?;
    kafka.create_partitions(&topic, 3)?;
    assert_eq!(kafka.partition_count(&topic)?, 3);
    kafka.produce(
        &topic,
        2,
        (0..10).map(|n| Message::new(n.to_string()).key("k")),
    )?;
    kafka.delete_records(&topic, &[(2, 4)])?;
    assert_eq!(kafka.watermarks(&topic, 2)?, (4, 10));
    kafka.delete_topic(&topic)?;
    assert_eq!(kafka.partition_count(&topic)?, 0);
    Ok(())
}

#[test]
fn a_refused_topic_is_an_error() -> Result<()> {
    let kafka = Kafka::shared();
    let topic = unique("twice");
    kafka.create_topic(&topic, 1)?;
    let error = kafka.create_topic(&topic, 1).err().context("made twice")?;
    assert!(format!("{error:#}").contains("exists"), "{error:#}");
    let error = kafka
        .create_topic_with(&unique("odd"), 1, &[("no.such", "1")])
        .err();
    assert!(error.is_some());
    Ok(())
}

#[test]
fn a_killed_broker_comes_back_with_what_it_acknowledged() -> Result<()> {
    let kafka = Kafka::start(&KafkaOptions::default())?;
    let (address, cluster) = (kafka.bootstrap(), kafka.cluster_id().to_owned());
    kafka.create_topic("orders", 1)?;
    kafka.produce("orders", 0, ["one", "two"])?;
    kafka.kill()?;
    kafka.restart()?;
    assert_eq!(
        (kafka.bootstrap(), kafka.cluster_id()),
        (address, cluster.as_str())
    );
    assert_eq!(kafka.produce("orders", 0, ["three"])?, [2]);
    assert_eq!(kafka.read_committed("orders")?.len(), 3);
    // it hangs and comes back without having lost its leadership
    kafka.pause()?;
    assert!(std::net::TcpStream::connect(kafka.bootstrap()).is_ok());
    kafka.resume()?;
    assert_eq!(kafka.produce("orders", 0, ["four"])?, [3]);
    Ok(())
}

#[test]
fn every_hostile_message_is_taken_and_read_back() -> Result<()> {
    let kafka = Kafka::shared();
    let topic = unique("hostile");
    kafka.create_topic_with(&topic, 1, &hostile::TOPIC_SETTINGS)?;
    let mut messages: Vec<_> = hostile::messages().into_iter().map(|h| h.message).collect();
    messages.push(hostile::over_16_mib().message);
    let offsets = kafka.produce_raw(&topic, 0, &messages)?;
    assert_eq!(offsets, (0..).take(messages.len()).collect::<Vec<i64>>());
    let read = kafka.read_committed(&topic)?;
    assert_eq!(read.len(), messages.len());
    for (record, message) in read.iter().zip(&messages) {
        let time = Some(message.timestamp_ms).filter(|time| *time != -1);
        assert_eq!(record.timestamp_ms, time, "offset {}", record.offset);
        assert!(record.key == message.key, "offset {}", record.offset);
        assert!(record.value == message.value, "offset {}", record.offset);
        // a name that is not UTF-8 is not told apart by the Java reader; the number of headers is
        assert_eq!(
            record.headers.len(),
            message.headers.len(),
            "offset {}",
            record.offset
        );
    }
    Ok(())
}

#[test]
fn clients_that_come_through_the_proxy_stay_behind_it() -> Result<()> {
    let proxy = Proxy::listen()?;
    let options = KafkaOptions {
        proxy_port: Some(proxy.port()),
        ..Default::default()
    };
    let kafka = Kafka::start(&options)?;
    proxy.forward_to(kafka.behind_proxy().context("no port behind the proxy")?);
    kafka.create_topic("orders", 1)?;
    let through = format!("127.0.0.1:{}", proxy.port());
    let settings = [
        ("bootstrap.servers", through.as_str()),
        ("enable.idempotence", "false"),
        ("message.timeout.ms", "3000"),
    ];
    let producer = kafka.producer_with(&settings)?;
    assert_eq!(producer.produce("orders", 0, ["one"])?, [0]);
    proxy.cut();
    assert!(producer.produce("orders", 0, ["two"]).is_err());
    // the broker itself is as well as before
    assert_eq!(kafka.watermarks("orders", 0)?, (0, 1));
    Ok(())
}
