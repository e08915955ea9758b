//! Rows as large as they may be.

use super::client::Stream;
use super::commit::{commit, commit_numbers};
use super::world;
use crate::rows::Row;

#[test]
fn the_largest_events_come_whole_live_and_after_a_resume() {
    const BYTES: usize = 16 * 1024 * 1024 - 20;
    let world = world();
    let address = world.server.address();
    let mut stream = Stream::open(address, "");
    let begin = stream.block().unwrap().id.unwrap();
    let rows = (1..=3).map(|n| {
        Row::new(n).event(format!(
            r#"'{{"payload": "' || repeat('{n}', {BYTES}) || '"}}'"#
        ))
    });
    commit(&world.database, &rows.collect::<Vec<_>>());
    let check = |stream: &mut Stream| {
        for n in 1..=3 {
            let event = stream.event().unwrap();
            assert_eq!(event.number(), n);
            let text = event.json()["event"]["payload"]
                .as_str()
                .unwrap()
                .to_owned();
            assert_eq!(text.len(), BYTES);
            assert!(text.bytes().all(|byte| i64::from(byte - b'0') == n));
        }
    };
    check(&mut stream);
    let mut resumed = Stream::resume(address, "", &begin);
    check(&mut resumed);
    commit_numbers(&world.database, [4]);
    assert_eq!((stream.numbers(1), resumed.numbers(1)), (vec![4], vec![4]));
}
