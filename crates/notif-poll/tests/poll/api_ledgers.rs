//! What the API says of the recorder, of polls that were.

use std::time::Duration;

use notif_testbed::wait::wait_for;
use serde_json::{Value, json};

use crate::api::{Api, Client};
use crate::world::World;

fn ask(client: &mut Client, path: &str) -> Value {
    serde_json::from_slice(&client.get(path).body).unwrap()
}

#[test]
fn topics_runs_gaps_and_freshness_are_those_of_the_polls() {
    let world = World::with_partitions(1, 2);
    let topic = world.topic();
    world.kafka.produce(topic, 0, vec!["{}"; 4]).unwrap();
    world.poll().expect("drained", 0, 4);
    world.kafka.produce(topic, 0, vec!["{}"; 10]).unwrap();
    world.kafka.delete_records(topic, &[(0, 9)]).unwrap();
    let told = world.poll();
    told.expect("gap", 6, 5);

    let api = Api::of(&world);
    let mut client = api.client();
    let topics = ask(&mut client, "/topics");
    let one = &topics[0];
    assert_eq!(one["topic"], topic);
    assert!(one["topicId"].is_string(), "{topics}");
    let partitions = one["partitions"].as_array().unwrap();
    let stands = |partition: &Value| {
        let of = |name: &str| partition[name].clone();
        json!([
            of("storedOffset"),
            of("endOffset"),
            of("lowOffset"),
            of("lag"),
            of("lagSeconds"),
            of("lossMargin")
        ])
    };
    assert_eq!(
        partitions.iter().map(stands).collect::<Vec<_>>(),
        [json!([13, 14, 9, 0, 0, 5]), json!([-1, 0, 0, 0, 0, 0])],
        "{topics}"
    );
    assert!(partitions[0]["lastRecordAt"].is_string() && partitions[1]["lastRecordAt"].is_null());

    // the header says what the stalest partition does
    let drained = partitions
        .iter()
        .map(|one| one["drainedThrough"].as_str().unwrap());
    let through = drained.min().unwrap().to_owned();
    wait_for("the freshness", Duration::from_secs(20), || {
        let page = client.get("/order/o-1");
        (page.recorded_through.as_ref() == Some(&through)).then_some(())
    })
    .unwrap();

    let runs = ask(&mut client, "/runs?limit=2");
    let run = |run: &Value| {
        json!([
            run["state"],
            run["outcome"],
            run["exitCode"],
            run["exitCodes"],
            run["records"]
        ])
    };
    assert_eq!(
        runs.as_array().unwrap().iter().map(run).collect::<Vec<_>>(),
        [
            json!(["ended", "gap", 6, [6], 5]),
            json!(["ended", "drained", 0, [0], 4])
        ],
        "{runs}"
    );
    let gaps = ask(&mut client, "/gaps");
    let gap = &gaps[0];
    assert_eq!(
        (
            &gap["firstOffset"],
            &gap["lastOffset"],
            &gap["reason"],
            &gap["by"],
            &gap["runId"]
        ),
        (
            &json!(4),
            &json!(8),
            &json!("retention"),
            &json!("notif-poll"),
            &runs[0]["id"]
        ),
        "{gaps}"
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
