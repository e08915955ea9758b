//! Producing by Kafka's own protocol, for what no client library sends: header names that are not
//! UTF-8, a timestamp of 0 or far below, names with a NUL.
//!
//! One record a batch, one batch a request, the request as version 3 of Kafka's protocol has it.
//! Ordinary messages go through `produce.rs`.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpStream};
use std::thread;
use std::time::{SystemTime, UNIX_EPOCH};

use anyhow::{Context, Result, anyhow, bail, ensure};

use super::{Kafka, Message, REQUEST_LIMIT};

/// A message with nothing tidied up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RawMessage {
    /// None is a null key.
    pub key: Option<Vec<u8>>,
    /// None is a null value.
    pub value: Option<Vec<u8>>,
    /// Names are bytes here.
    pub headers: Vec<(Vec<u8>, Option<Vec<u8>>)>,
    /// Milliseconds since 1970; -1 is Kafka's word for none, other negative numbers are sent too.
    pub timestamp_ms: i64,
}

impl From<Message> for RawMessage {
    /// Without a timestamp, the message gets the time of this call.
    fn from(message: Message) -> Self {
        let headers = message.headers.into_iter();
        Self {
            key: message.key,
            value: message.value,
            headers: headers
                .map(|(name, value)| (name.into_bytes(), value))
                .collect(),
            timestamp_ms: message.timestamp_ms.unwrap_or_else(now_ms),
        }
    }
}

fn now_ms() -> i64 {
    let elapsed = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    i64::try_from(elapsed.as_millis()).unwrap_or(i64::MAX)
}

const PRODUCE: i16 = 0;
const VERSION: i16 = 3;
const ALL_REPLICAS: i16 = -1;
/// What a correct client writes where it has no value of its own.
const NONE: i32 = -1;

impl Kafka {
    /// Produces messages to one partition, in order, and gives their offsets.
    pub fn produce_raw(
        &self,
        topic: &str,
        partition: i32,
        messages: &[RawMessage],
    ) -> Result<Vec<i64>> {
        let mut broker = TcpStream::connect(self.bootstrap())?;
        broker.set_read_timeout(Some(REQUEST_LIMIT))?;
        broker.set_write_timeout(Some(REQUEST_LIMIT))?;
        let mut sending = broker.try_clone()?;
        // requests do not wait for answers: a broker takes them in order, one after the other
        let (sent, offsets) = thread::scope(|scope| {
            let sender = scope.spawn(move || -> Result<()> {
                for message in messages {
                    sending.write_all(&request(topic, partition, &batch(message)?)?)?;
                }
                Ok(())
            });
            let answers = (0..messages.len()).map(|number| {
                answer(&mut broker).with_context(|| {
                    let message = messages.get(number);
                    let time = message.map(|message| message.timestamp_ms);
                    format!("message {number} of the time {time:?}")
                })
            });
            let offsets: Result<Vec<i64>> = answers.collect();
            if offsets.is_err() {
                // the sender must not wait for a broker that reads no more
                drop(broker.shutdown(Shutdown::Both));
            }
            (sender.join(), offsets)
        });
        let offsets = offsets?;
        sent.map_err(|_panic| anyhow!("the sender panicked"))??;
        Ok(offsets)
    }
}

/// size | key, version, correlation, client | transactional id, acks, timeout | topics
fn request(topic: &str, partition: i32, batch: &[u8]) -> Result<Vec<u8>> {
    let mut body = Vec::with_capacity(batch.len().saturating_add(128));
    body.extend(PRODUCE.to_be_bytes());
    body.extend(VERSION.to_be_bytes());
    body.extend(0_i32.to_be_bytes());
    put_name(&mut body, "testbed")?;
    body.extend((-1_i16).to_be_bytes());
    body.extend(ALL_REPLICAS.to_be_bytes());
    body.extend(30_000_i32.to_be_bytes());
    body.extend(1_i32.to_be_bytes());
    put_name(&mut body, topic)?;
    body.extend(1_i32.to_be_bytes());
    body.extend(partition.to_be_bytes());
    body.extend(i32::try_from(batch.len())?.to_be_bytes());
    body.extend(batch);
    let mut request = i32::try_from(body.len())?.to_be_bytes().to_vec();
    request.append(&mut body);
    Ok(request)
}

pub(super) fn put_name(out: &mut Vec<u8>, name: &str) -> Result<()> {
    out.extend(i16::try_from(name.len())?.to_be_bytes());
    out.extend(name.as_bytes());
    Ok(())
}

/// A record batch of version 2 with one record.
fn batch(message: &RawMessage) -> Result<Vec<u8>> {
    // what the checksum covers: attributes, last offset delta, times, producer, count, record
    let mut covered = Vec::new();
    covered.extend(0_i16.to_be_bytes());
    covered.extend(0_i32.to_be_bytes());
    covered.extend(message.timestamp_ms.to_be_bytes());
    covered.extend(message.timestamp_ms.to_be_bytes());
    covered.extend(i64::from(NONE).to_be_bytes());
    covered.extend((-1_i16).to_be_bytes());
    covered.extend(NONE.to_be_bytes());
    covered.extend(1_i32.to_be_bytes());
    let record = record(message)?;
    put_varint(&mut covered, i64::try_from(record.len())?);
    covered.extend(record);

    let mut rest = NONE.to_be_bytes().to_vec(); // the leader's epoch
    rest.push(2); // the batch's format
    rest.extend(crc32c(&covered).to_be_bytes());
    rest.append(&mut covered);
    let mut batch = 0_i64.to_be_bytes().to_vec(); // the broker sets the offset
    batch.extend(i32::try_from(rest.len())?.to_be_bytes());
    batch.append(&mut rest);
    Ok(batch)
}

fn record(message: &RawMessage) -> Result<Vec<u8>> {
    // attributes, and deltas of 0 to the batch's time and offset
    let mut record = vec![0, 0, 0];
    put_bytes(&mut record, message.key.as_deref())?;
    put_bytes(&mut record, message.value.as_deref())?;
    put_varint(&mut record, i64::try_from(message.headers.len())?);
    for (name, value) in &message.headers {
        put_bytes(&mut record, Some(name))?;
        put_bytes(&mut record, value.as_deref())?;
    }
    Ok(record)
}

fn put_bytes(out: &mut Vec<u8>, bytes: Option<&[u8]>) -> Result<()> {
    match bytes {
        None => put_varint(out, -1),
        Some(bytes) => {
            put_varint(out, i64::try_from(bytes.len())?);
            out.extend(bytes);
        }
    }
    Ok(())
}

/// Zigzag, then seven bits a byte, the lowest first.
fn put_varint(out: &mut Vec<u8>, number: i64) {
    let mut bits = ((number << 1) ^ (number >> 63)).cast_unsigned();
    loop {
        let [low, ..] = (bits & 0x7F).to_le_bytes();
        bits >>= 7;
        if bits == 0 {
            out.push(low);
            return;
        }
        out.push(low | 0x80);
    }
}

/// The checksum of Castagnoli's polynomial, bit by bit: fast enough for some hostile megabytes.
fn crc32c(bytes: &[u8]) -> u32 {
    let mut crc = u32::MAX;
    for byte in bytes {
        crc ^= u32::from(*byte);
        for _ in 0..8 {
            let polynomial = if crc & 1 == 1 { 0x82F6_3B78 } else { 0 };
            crc = (crc >> 1) ^ polynomial;
        }
    }
    !crc
}

/// size, correlation | topics: name | partitions: number, error, offset, time | throttle
fn answer(broker: &mut TcpStream) -> Result<i64> {
    let mut size = [0; 4];
    broker
        .read_exact(&mut size)
        .context("the broker closed the connection")?;
    let mut body = vec![0; usize::try_from(i32::from_be_bytes(size))?];
    broker.read_exact(&mut body)?;
    let mut rest = body.as_slice();
    let _correlation: [u8; 4] = take(&mut rest)?;
    ensure!(
        i32::from_be_bytes(take(&mut rest)?) == 1,
        "an answer for another number of topics"
    );
    let name = usize::try_from(i16::from_be_bytes(take(&mut rest)?))?;
    rest = rest.get(name..).context("a short answer")?;
    ensure!(
        i32::from_be_bytes(take(&mut rest)?) == 1,
        "an answer for other partitions"
    );
    let _partition: [u8; 4] = take(&mut rest)?;
    let code = i16::from_be_bytes(take(&mut rest)?);
    let offset = i64::from_be_bytes(take(&mut rest)?);
    if code != 0 {
        bail!("the broker refused it with error code {code}");
    }
    Ok(offset)
}

pub(super) fn take<const N: usize>(bytes: &mut &[u8]) -> Result<[u8; N]> {
    let (head, tail) = bytes.split_first_chunk().context("a short answer")?;
    *bytes = tail;
    Ok(*head)
}

#[cfg(test)]
mod tests {
    use super::{crc32c, put_varint};

    #[test]
    fn the_checksum_is_castagnolis() {
        assert_eq!(crc32c(b"123456789"), 0xE306_9283);
    }

    #[test]
    fn varints_are_zigzag() {
        for (number, bytes) in [
            (0, &[0][..]),
            (-1, &[1]),
            (1, &[2]),
            (-64, &[127]),
            (64, &[128, 1]),
            (300, &[216, 4]),
        ] {
            let mut out = Vec::new();
            put_varint(&mut out, number);
            assert_eq!(out, bytes, "{number}");
        }
    }
}
