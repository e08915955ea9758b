//! Who may do what at a broker with [`super::Security`], and how fast: asked for by Kafka's own
//! protocol, because the client library's wrapper has no words for it.
//!
//! Each request is of the last version before Kafka's compact encoding.

use std::io::{Read, Write};
use std::net::TcpStream;

use anyhow::{Context, Result, bail, ensure};

use super::raw::{put_name, take};
use super::{Kafka, REQUEST_LIMIT};
use crate::wait::wait_until;

/// What a right is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Resource<'n> {
    /// A topic.
    Topic(&'n str),
    /// A consumer group.
    Group(&'n str),
}

/// What a right allows. Reading includes describing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Operation {
    /// Fetch records; for a group, commit offsets.
    Read,
    /// See that it is there.
    Describe,
}

/// A right of a user.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Right<'n> {
    /// Whose, without `User:` before it.
    pub user: &'n str,
    /// What he may do.
    pub operation: Operation,
    /// With what.
    pub resource: Resource<'n>,
}

const DESCRIBE_ACLS: i16 = 29;
const CREATE_ACLS: i16 = 30;
const DELETE_ACLS: i16 = 31;
const ALTER_CLIENT_QUOTAS: i16 = 49;

const LITERAL: u8 = 3;
const ALLOW: u8 = 3;

impl Right<'_> {
    /// The right in the order in which all three requests have it.
    fn bytes(&self) -> Result<Vec<u8>> {
        let (kind, name) = match self.resource {
            Resource::Topic(name) => (2, name),
            Resource::Group(name) => (3, name),
        };
        let operation = match self.operation {
            Operation::Read => 3,
            Operation::Describe => 8,
        };
        let mut bytes = vec![kind];
        put_name(&mut bytes, name)?;
        bytes.push(LITERAL);
        put_name(&mut bytes, &format!("User:{}", self.user))?;
        put_name(&mut bytes, "*")?;
        bytes.extend([operation, ALLOW]);
        Ok(bytes)
    }
}

impl Kafka {
    /// Gives a right, and waits until the broker goes by it.
    pub fn grant(&self, right: &Right<'_>) -> Result<()> {
        let answer = self.ask(CREATE_ACLS, 1, &one(&right.bytes()?))?;
        check_first(&answer).with_context(|| format!("granting {right:?}"))?;
        self.wait_for_right(right, true)
    }

    /// Takes a right away, and waits until the broker goes by it.
    pub fn revoke(&self, right: &Right<'_>) -> Result<()> {
        let answer = self.ask(DELETE_ACLS, 1, &one(&right.bytes()?))?;
        check_first(&answer).with_context(|| format!("revoking {right:?}"))?;
        self.wait_for_right(right, false)
    }

    fn wait_for_right(&self, right: &Right<'_>, given: bool) -> Result<()> {
        let filter = right.bytes()?;
        wait_until(&format!("{right:?} to be {given}"), REQUEST_LIMIT, || {
            let answer = self.ask(DESCRIBE_ACLS, 1, &filter);
            answer.is_ok_and(|answer| count_described(&answer).is_ok_and(|n| (n > 0) == given))
        })
    }

    /// Holds what a user reads down to so many bytes a second, by a quota.
    pub fn throttle(&self, user: &str, bytes_per_second: f64) -> Result<()> {
        let mut body = 1_i32.to_be_bytes().to_vec();
        body.extend(1_i32.to_be_bytes());
        put_name(&mut body, "user")?;
        put_name(&mut body, user)?;
        body.extend(1_i32.to_be_bytes());
        put_name(&mut body, "consumer_byte_rate")?;
        body.extend(bytes_per_second.to_be_bytes());
        body.extend([0, 0]); // neither removed nor only tried
        let answer = self.ask(ALTER_CLIENT_QUOTAS, 0, &body)?;
        check_first(&answer).with_context(|| format!("a quota for {user}"))
    }

    /// One request on a connection of its own; what stands behind the answer's correlation id.
    fn ask(&self, key: i16, version: i16, body: &[u8]) -> Result<Vec<u8>> {
        let mut request = Vec::new();
        request.extend(key.to_be_bytes());
        request.extend(version.to_be_bytes());
        request.extend(0_i32.to_be_bytes());
        put_name(&mut request, "testbed")?;
        request.extend(body);
        let mut broker = TcpStream::connect(self.bootstrap())?;
        broker.set_read_timeout(Some(REQUEST_LIMIT))?;
        let size = i32::try_from(request.len())?;
        broker.write_all(&[&size.to_be_bytes()[..], &request].concat())?;
        let mut size = [0; 4];
        broker
            .read_exact(&mut size)
            .context("the broker closed the connection")?;
        let mut answer = vec![0; usize::try_from(i32::from_be_bytes(size))?];
        broker.read_exact(&mut answer)?;
        let mut rest = answer.as_slice();
        let _correlation: [u8; 4] = take(&mut rest)?;
        Ok(rest.to_vec())
    }
}

/// A list of one.
fn one(element: &[u8]) -> Vec<u8> {
    [&1_i32.to_be_bytes()[..], element].concat()
}

/// throttle | results: error, ...
fn check_first(mut answer: &[u8]) -> Result<()> {
    let _throttle: [u8; 4] = take(&mut answer)?;
    ensure!(
        i32::from_be_bytes(take(&mut answer)?) == 1,
        "an answer to another number of requests"
    );
    check_code(&mut answer)
}

/// throttle | error, message | rights: ...
fn count_described(mut answer: &[u8]) -> Result<i32> {
    let _throttle: [u8; 4] = take(&mut answer)?;
    check_code(&mut answer)?;
    let message = i16::from_be_bytes(take(&mut answer)?);
    answer = answer
        .get(usize::try_from(message).unwrap_or(0)..)
        .context("a short answer")?;
    Ok(i32::from_be_bytes(take(&mut answer)?))
}

fn check_code(answer: &mut &[u8]) -> Result<()> {
    match i16::from_be_bytes(take(answer)?) {
        0 => Ok(()),
        code => bail!("the broker refused it with error code {code}"),
    }
}
