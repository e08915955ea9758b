//! The stream of the API beside polls: each record once, in the order of commits, also for a client
//! whose connection breaks.

use std::io::{BufRead, BufReader, Write};
use std::net::TcpStream;
use std::time::Duration;

use serde_json::Value;

use crate::api::Api;
use crate::world::World;

const LIMIT: Duration = Duration::from_secs(30);

/// A stream; HTTP/1.0 has no chunks, so its lines are those of the response.
struct Stream {
    lines: BufReader<TcpStream>,
    /// The last id that was read.
    id: Option<String>,
}

impl Stream {
    /// A stream that goes on behind an event.
    fn open(api: &Api, after: Option<&str>) -> Self {
        let mut socket = TcpStream::connect(("127.0.0.1", api.port())).unwrap();
        socket.set_read_timeout(Some(LIMIT)).unwrap();
        let resume = after.map(|id| format!("Last-Event-ID: {id}\r\n"));
        let resume = resume.unwrap_or_default();
        let request = format!("GET /events/stream HTTP/1.0\r\n{resume}\r\n");
        socket.write_all(request.as_bytes()).unwrap();
        let mut stream = Self {
            lines: BufReader::new(socket),
            id: None,
        };
        assert!(stream.line().starts_with("HTTP/1.0 200"));
        while !stream.line().is_empty() {}
        assert!(stream.line().starts_with("retry: "));
        stream.id = stream.line().strip_prefix("id: ").map(str::to_owned);
        assert!(stream.id.is_some());
        stream
    }

    fn line(&mut self) -> String {
        let mut line = String::new();
        assert_ne!(
            self.lines.read_line(&mut line).unwrap(),
            0,
            "the stream ended"
        );
        line.trim_end().to_owned()
    }

    /// The next notification: its topic, partition and offset.
    fn next(&mut self) -> (String, i64, i64) {
        let mut id = None;
        loop {
            let line = self.line();
            if let Some(text) = line.strip_prefix("id: ") {
                id = Some(text.to_owned());
            }
            assert_ne!(line, "event: reset");
            if let Some(data) = line.strip_prefix("data: ") {
                // an event counts once it is whole
                assert_eq!(self.line(), "");
                self.id = id;
                return position(&serde_json::from_str(data).unwrap());
            }
        }
    }
}

fn position(row: &Value) -> (String, i64, i64) {
    let number = |name: &str| row[name].as_i64().unwrap();
    let topic = row["sourceTopic"].as_str().unwrap().to_owned();
    (topic, number("sourcePartition"), number("sourceOffset"))
}

#[test]
fn what_polls_record_comes_once_and_in_the_order_of_commits() {
    const COUNT: usize = 1200;
    let world = World::with_topics(2);
    let producer = world.kafka.producer().unwrap();
    let api = Api::of(&world);
    let mut steady = Stream::open(&api, None);
    let mut broken = Stream::open(&api, None);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            for part in 0..2 {
                let messages = (0..COUNT / 2).map(|n| {
                    let topic: &str = &world.topics[n % 2];
                    let value = format!(r#"{{"type":"t","payload":{{"n":{n},"part":{part}}}}}"#);
                    let partition = i32::try_from(n / 2 % 3).unwrap();
                    (topic, partition, notif_testbed::kafka::Message::new(value))
                });
                producer.produce_all(messages).unwrap();
                // several polls at once share the partitions
                std::thread::scope(|polls| {
                    for _ in 0..2 {
                        polls.spawn(|| world.poll());
                    }
                });
            }
            world.poll();
        });
        let seen: Vec<_> = (0..COUNT).map(|_| steady.next()).collect();
        let mut again = Vec::new();
        for n in 0..COUNT {
            if n % 61 == 60 {
                broken = Stream::open(&api, broken.id.as_deref());
            }
            again.push(broken.next());
        }
        let stored = world.database.rows(
            "SELECT source_topic AS \"sourceTopic\", source_partition AS \"sourcePartition\", \
             source_offset AS \"sourceOffset\" FROM notifications JOIN batches USING (batch_id) \
             ORDER BY commit_seq, notification_id",
        );
        let stored: Vec<_> = stored.unwrap().iter().map(position).collect();
        assert_eq!(stored.len(), COUNT);
        assert_eq!(seen, stored);
        assert_eq!(again, stored);
    });
}
