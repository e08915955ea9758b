//! A token that is revoked ends the streams that it opened.

use std::time::Duration;

use notif_api::Access;

use super::client::{LIMIT, Stream};
use super::commit::commit_numbers;
use super::often;
use crate::server::World;
use crate::tokens::{Tokens, line};

const LAST_WORDS: &str = "the token is not good any more";

/// A server with two tokens, whose streams ask for them again after `every`.
fn world(every: Duration) -> (World, Tokens) {
    let tokens = Tokens::new(&(line("kept", "kept", "read") + &line("gone", "gone", "read")));
    let world = World::with(|config| {
        often(config);
        config.streams.keep_alive = every;
        config.access = Access::by_tokens(&tokens.path).unwrap();
    });
    (world, tokens)
}

fn open(world: &World, token: &str) -> Stream {
    let token = format!("Bearer {token}");
    let headers = [("authorization", token.as_str())];
    let stream = Stream::ask(world.server.address(), "", &headers);
    assert_eq!(stream.status, 200, "{}", stream.head);
    stream
}

#[test]
fn a_silent_stream_ends_soon_and_that_of_another_token_goes_on() {
    let (world, tokens) = world(Duration::from_millis(250));
    let (mut gone, mut kept) = (open(&world, "gone"), open(&world, "kept"));
    tokens.replace(&line("kept", "kept", "read"));
    assert_eq!(gone.ends_within(LIMIT).as_deref(), Some(LAST_WORDS));
    assert!(gone.ended_well());
    commit_numbers(&world.database, [1]);
    assert_eq!(kept.numbers(1), [1]);
    let again = Stream::ask(
        world.server.address(),
        "",
        &[("authorization", "Bearer gone")],
    );
    assert_eq!(again.status, 401);
}

#[test]
fn a_stream_that_is_never_silent_ends_as_well() {
    // a sign of life is never due here: each event comes long before
    let (world, tokens) = world(Duration::from_secs(1));
    let mut gone = open(&world, "gone");
    commit_numbers(&world.database, [0]);
    assert_eq!(gone.numbers(1), [0]);
    tokens.replace(&line("kept", "kept", "read"));
    for number in 1..1_000 {
        commit_numbers(&world.database, [number]);
        let block = gone.block().unwrap();
        if block.comments.iter().any(|comment| comment == LAST_WORDS) {
            assert_eq!(gone.ends_within(LIMIT), None);
            return;
        }
    }
    panic!("it goes on");
}
