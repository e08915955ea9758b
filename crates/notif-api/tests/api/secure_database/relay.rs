//! A relay between libpq and PostgreSQL that speaks TLS to the one and nothing to the other, and fills
//! its TLS records, as poolers and the proxies of clouds do.
//!
//! TLS is spoken by `openssl s_server`, one for each connection: it makes one record of what it reads
//! at once, 16 KiB at most. What comes before, PostgreSQL's question whether there is TLS, it does not
//! know; that is answered here.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::thread;
use std::time::Duration;

use notif_testbed::certificates::Issued;
use notif_testbed::{free_port, wait_for};

/// `SSLRequest` of PostgreSQL's protocol: its length, and the number that stands for it.
const SSL_REQUEST: [u8; 8] = [0, 0, 0, 8, 4, 210, 22, 47];

/// What comes within this time after another piece goes on with it.
const GATHER: Duration = Duration::from_millis(30);

/// Starts a relay to PostgreSQL on a port; the port to connect to. It ends with the process.
pub(super) fn start(server: u16, certificate: &Issued) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let certificate = certificate.clone();
    thread::spawn(move || {
        for client in listener.incoming() {
            let (client, certificate) = (client.unwrap(), certificate.clone());
            thread::spawn(move || serve(client, server, &certificate));
        }
    });
    port
}

fn serve(mut client: TcpStream, server: u16, certificate: &Issued) {
    let mut asked = [0; 8];
    client.read_exact(&mut asked).unwrap();
    assert_eq!(asked, SSL_REQUEST);
    client.write_all(b"S").unwrap();
    let port = free_port().unwrap();
    let mut tls = Command::new("openssl")
        .args(["s_server", "-quiet", "-naccept", "1", "-accept"])
        .arg(format!("127.0.0.1:{port}"))
        .arg("-cert")
        .arg(&certificate.certificate)
        .arg("-key")
        .arg(&certificate.key)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let encrypted = wait_for("openssl to listen", Duration::from_secs(20), || {
        TcpStream::connect(("127.0.0.1", port)).ok()
    })
    .unwrap();
    let server = TcpStream::connect(("127.0.0.1", server)).unwrap();
    let (to_tls, from_tls) = (tls.stdin.take().unwrap(), tls.stdout.take().unwrap());
    relay(&client, &encrypted, server, to_tls, from_tls);
    end(&mut tls);
}

/// Until one of them ends. An end in the middle is none of ours: the test looks at what arrives.
fn relay(
    client: &TcpStream,
    encrypted: &TcpStream,
    server: TcpStream,
    mut to_tls: ChildStdin,
    mut from_tls: ChildStdout,
) {
    let mut to_server = server.try_clone().unwrap();
    thread::scope(|scope| {
        scope.spawn(|| copy(client, encrypted));
        scope.spawn(|| copy(encrypted, client));
        scope.spawn(move || {
            drop(std::io::copy(&mut from_tls, &mut to_server));
            drop(to_server.shutdown(Shutdown::Both));
        });
        gather(server, &mut to_tls);
        drop(to_tls);
        drop(encrypted.shutdown(Shutdown::Both));
        drop(client.shutdown(Shutdown::Both));
    });
}

fn copy(mut from: &TcpStream, mut to: &TcpStream) {
    drop(std::io::copy(&mut from, &mut to));
    drop(to.shutdown(Shutdown::Write));
}

/// Hands all that comes together over at once.
fn gather(mut from: TcpStream, to: &mut ChildStdin) {
    let mut piece = vec![0; 65536];
    loop {
        from.set_read_timeout(None).unwrap();
        let mut together = match from.read(&mut piece) {
            Ok(read @ 1..) => piece[..read].to_vec(),
            _ => return,
        };
        from.set_read_timeout(Some(GATHER)).unwrap();
        while let Ok(read @ 1..) = from.read(&mut piece) {
            together.extend_from_slice(&piece[..read]);
        }
        if to.write_all(&together).and_then(|()| to.flush()).is_err() {
            return;
        }
    }
}

fn end(tls: &mut Child) {
    drop(tls.kill());
    tls.wait().unwrap();
}
