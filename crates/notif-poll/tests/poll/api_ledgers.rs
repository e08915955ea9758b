//! What the API says of the recorder, of polls that were.

use std::time::Duration;

use notif_testbed::wait::wait_for;
use serde_json::{Value, json};

use crate::api::{Api, Client};
use crate::world::World;

fn ask(client: &mut Client, path: &str) -> Vec<Value> {
    serde_json::from_slice(&client.get(path).body).unwrap()
}

/// These members of each object.
fn members(objects: &[Value], names: &[&str]) -> Vec<Value> {
    let of = |object: &Value| names.iter().map(|name| object[name].clone()).collect();
    objects.iter().map(of).collect()
}

#[test]
fn topics_runs_gaps_and_freshness_are_those_of_the_polls() {
    let world = World::with_partitions(1, 2);
    let topic = world.topic();
    world.kafka.produce(topic, 0, vec!["{}"; 4]).unwrap();
    world.poll().expect("drained", 0, 4);
    world.kafka.produce(topic, 0, vec!["{}"; 10]).unwrap();
    world.kafka.delete_records(topic, &[(0, 9)]).unwrap();
    world.poll().expect("gap", 6, 5);

    let api = Api::of(&world);
    let mut client = api.client();
    topics_and_freshness(topic, &mut client);
    let runs = ask(&mut client, "/runs?limit=2");
    assert_eq!(
        members(
            &runs,
            &["state", "outcome", "exitCode", "exitCodes", "records"]
        ),
        [
            json!(["ended", "gap", 6, [6], 5]),
            json!(["ended", "drained", 0, [0], 4])
        ]
    );
    let gaps = ask(&mut client, "/gaps");
    assert_eq!(
        members(
            &gaps,
            &["firstOffset", "lastOffset", "reason", "by", "runId"]
        ),
        [json!([4, 8, "retention", "notif-poll", runs[0]["id"]])]
    );
    let metrics = String::from_utf8(client.get("/metrics").body).unwrap();
    for line in [
        format!(r#"notif_partition_records_total{{topic="{topic}",partition="0"}} 9"#),
        format!(r#"notif_partition_loss_margin_records{{topic="{topic}",partition="0"}} 5"#),
        r#"notif_gaps_total{reason="retention"} 1"#.to_owned(),
        r#"notif_poll_recent_runs{outcome="gap",exit_code="6"} 1"#.to_owned(),
        "notif_poll_last_exit_code 6".to_owned(),
    ] {
        assert!(
            metrics.lines().any(|there| there == line),
            "{line}: {metrics}"
        );
    }
}

fn topics_and_freshness(topic: &str, client: &mut Client) {
    let topics = ask(client, "/topics");
    assert_eq!(topics.len(), 1, "{topics:?}");
    assert_eq!(topics[0]["topic"], topic);
    assert!(topics[0]["topicId"].is_string(), "{topics:?}");
    let partitions = topics[0]["partitions"].as_array().unwrap();
    let names = [
        "storedOffset",
        "endOffset",
        "lowOffset",
        "lag",
        "lagSeconds",
        "lossMargin",
    ];
    assert_eq!(
        members(partitions, &names),
        [json!([13, 14, 9, 0, 0, 5]), json!([-1, 0, 0, 0, 0, 0])]
    );
    assert!(partitions[0]["lastRecordAt"].is_string(), "{topics:?}");
    assert!(partitions[1]["lastRecordAt"].is_null(), "{topics:?}");
    // the header says what the stalest partition does
    let drained = partitions
        .iter()
        .map(|one| one["drainedThrough"].as_str().unwrap());
    let through = drained.min().unwrap();
    wait_for("the freshness", Duration::from_secs(20), || {
        let page = client.get("/order/o-1");
        (page.recorded_through.as_deref() == Some(through)).then_some(())
    })
    .unwrap();
}
