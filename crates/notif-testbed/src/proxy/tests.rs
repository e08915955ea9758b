//! Each way of being broken, against a server that echoes.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::Result;

use super::Proxy;
use crate::wait::wait_until;

/// A server that sends back what it gets, as long as the test lives.
fn echo() -> Result<u16> {
    let listener = TcpListener::bind(("127.0.0.1", 0))?;
    let port = listener.local_addr()?.port();
    thread::spawn(move || {
        for client in listener.incoming().flatten() {
            thread::spawn(move || std::io::copy(&mut &client, &mut &client));
        }
    });
    Ok(port)
}

fn connect(proxy: &Proxy) -> Result<TcpStream> {
    let client = TcpStream::connect(("127.0.0.1", proxy.port()))?;
    client.set_read_timeout(Some(Duration::from_secs(10)))?;
    Ok(client)
}

fn ask(mut client: &TcpStream, question: &[u8]) -> std::io::Result<Vec<u8>> {
    client.write_all(question)?;
    let mut answer = vec![0; question.len()];
    client.read_exact(&mut answer)?;
    Ok(answer)
}

#[test]
fn bytes_pass_both_ways() -> Result<()> {
    let proxy = Proxy::to(echo()?)?;
    let client = connect(&proxy)?;
    let question = vec![7; 100_000];
    assert_eq!(ask(&client, &question)?, question);
    assert_eq!(proxy.connections(), 1);
    drop(client);
    wait_until(
        "the connection to be forgotten",
        Duration::from_secs(5),
        || proxy.connections() == 0,
    )
}

#[test]
fn a_cut_closes_everything_until_it_is_restored_on_the_same_port() -> Result<()> {
    let proxy = Proxy::to(echo()?)?;
    let before = connect(&proxy)?;
    ask(&before, b"hello")?;
    proxy.cut();
    assert!(ask(&before, b"hello").is_err());
    assert!(ask(&connect(&proxy)?, b"hello").is_err());
    proxy.restore();
    assert_eq!(ask(&connect(&proxy)?, b"hello")?, b"hello");
    Ok(())
}

#[test]
fn a_half_open_proxy_says_nothing_and_goes_on_where_it_was() -> Result<()> {
    let proxy = Proxy::to(echo()?)?;
    let old = connect(&proxy)?;
    ask(&old, b"hello")?;
    proxy.half_open();
    let new = connect(&proxy)?;
    for mut client in [&old, &new] {
        client.set_read_timeout(Some(Duration::from_millis(200)))?;
        client.write_all(b"late")?;
        let silence = client.read(&mut [0; 4]).unwrap_err().kind();
        assert!(matches!(
            silence,
            std::io::ErrorKind::WouldBlock | std::io::ErrorKind::TimedOut
        ));
    }
    proxy.restore();
    for mut client in [&old, &new] {
        client.set_read_timeout(Some(Duration::from_secs(10)))?;
        let mut answer = [0; 4];
        client.read_exact(&mut answer)?;
        assert_eq!(&answer, b"late");
    }
    Ok(())
}

#[test]
fn answers_can_be_held_while_requests_pass() -> Result<()> {
    let listener = TcpListener::bind(("127.0.0.1", 0))?;
    let proxy = Proxy::to(listener.local_addr()?.port())?;
    let mut client = connect(&proxy)?;
    let (mut server, _) = listener.accept()?;
    server.set_read_timeout(Some(Duration::from_secs(10)))?;
    proxy.hold_answers();
    client.write_all(b"do it")?;
    let mut request = [0; 5];
    server.read_exact(&mut request)?;
    server.write_all(b"done!")?;
    client.set_read_timeout(Some(Duration::from_millis(200)))?;
    assert!(client.read(&mut [0; 5]).is_err());
    proxy.cut();
    client.set_read_timeout(Some(Duration::from_secs(10)))?;
    // closed without the answer
    assert!(matches!(client.read(&mut [0; 5]), Ok(0) | Err(_)));
    Ok(())
}

#[test]
fn a_slow_proxy_takes_its_time() -> Result<()> {
    let proxy = Proxy::to(echo()?)?;
    proxy.slow(10_000);
    let client = connect(&proxy)?;
    let started = Instant::now();
    ask(&client, &[1; 5_000])?;
    // half a second at this rate, but for the first share
    assert!(
        started.elapsed() > Duration::from_millis(350),
        "{:?}",
        started.elapsed()
    );
    Ok(())
}

#[test]
fn a_dropped_proxy_frees_its_port() -> Result<()> {
    let proxy = Proxy::to(echo()?)?;
    let port = proxy.port();
    let client = connect(&proxy)?;
    ask(&client, b"hello")?;
    drop(proxy);
    assert!(ask(&client, b"hello").is_err());
    assert!(TcpStream::connect(("127.0.0.1", port)).is_err());
    Ok(())
}

#[test]
fn a_truncated_answer_ends_in_its_middle_and_the_next_connection_is_as_any_other() -> Result<()> {
    let proxy = Proxy::to(echo()?)?;
    proxy.truncate_after(1_000);
    let mut client = connect(&proxy)?;
    client.write_all(&[7; 1_500])?;
    let mut answer = Vec::new();
    client.read_to_end(&mut answer)?;
    assert_eq!((answer.len(), proxy.truncated()), (1_000, 1));
    proxy.restore();
    let question = vec![7; 100_000];
    assert_eq!(ask(&connect(&proxy)?, &question)?, question);
    Ok(())
}

#[test]
fn a_half_closed_connection_has_no_answers_and_still_takes_requests() -> Result<()> {
    let proxy = Proxy::to(echo()?)?;
    let mut client = connect(&proxy)?;
    ask(&client, b"hello")?;
    proxy.half_close();
    assert_eq!(client.read(&mut [0; 10])?, 0);
    client.write_all(b"hello")?;
    assert_eq!(ask(&connect(&proxy)?, b"hello")?, b"hello");
    Ok(())
}

#[test]
fn answers_are_held_from_the_request_on_that_holds_the_bytes_for_the_last_time() -> Result<()> {
    let proxy = Proxy::to(echo()?)?;
    proxy.hold_answers_after(b"COMMIT", 2);
    let mut client = connect(&proxy)?;
    assert_eq!(ask(&client, b"BEGIN; COMMIT")?, b"BEGIN; COMMIT");
    assert!(!proxy.holds_answers());
    // the bytes may come in two pieces
    assert_eq!(ask(&client, b"BEGIN; COM")?, b"BEGIN; COM");
    client.write_all(b"MIT")?;
    wait_until("the silence", Duration::from_secs(5), || {
        proxy.holds_answers()
    })?;
    client.set_read_timeout(Some(Duration::from_millis(200)))?;
    assert!(client.read_exact(&mut [0; 3]).is_err());
    proxy.restore();
    client.set_read_timeout(Some(Duration::from_secs(10)))?;
    let mut answer = [0; 3];
    client.read_exact(&mut answer)?;
    assert_eq!(&answer, b"MIT");
    Ok(())
}
