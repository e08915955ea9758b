//! A message as the bytes that a fuzzer changes: the targets of `fuzz/` take them apart, the program
//! `fuzz_seeds` puts them together. `fuzz/` includes this very file, so that both agree.
//!
//! 8 bytes of timestamp | key | 1 byte: how many headers | name and value of each | the value. A
//! text or null before its end is: 1 byte, 255 for null, else the length of what follows; the value
//! is all that is left, and is null where the first byte of the timestamp is 0x7F.

/// A message, taken apart.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Input {
    /// Milliseconds since 1970.
    pub timestamp_ms: i64,
    /// The key.
    pub key: Option<Vec<u8>>,
    /// Names and values.
    pub headers: Vec<(Vec<u8>, Option<Vec<u8>>)>,
    /// The value.
    pub value: Option<Vec<u8>>,
}

const NULL: u8 = u8::MAX;
const NULL_VALUE: u8 = 0x7F;

impl Input {
    /// Takes any bytes apart; what is missing is empty.
    pub fn read(bytes: &[u8]) -> Self {
        let mut rest = bytes;
        let mut timestamp = [0; 8];
        for byte in &mut timestamp {
            *byte = first(&mut rest);
        }
        let key = part(&mut rest);
        let headers = (0..first(&mut rest))
            .map_while(|_| {
                let more = !rest.is_empty();
                more.then(|| (part(&mut rest).unwrap_or_default(), part(&mut rest)))
            })
            .collect();
        let [high, ..] = timestamp;
        Self {
            timestamp_ms: i64::from_be_bytes(timestamp),
            key,
            headers,
            value: (high != NULL_VALUE).then(|| rest.to_vec()),
        }
    }

    /// The bytes that are read as this; None where a part is too long for its length byte, there
    /// are too many headers, or the timestamp does not go with the value.
    pub fn write(&self) -> Option<Vec<u8>> {
        let timestamp = self.timestamp_ms.to_be_bytes();
        let is_null = timestamp.first() == Some(&NULL_VALUE);
        if is_null == self.value.is_some() {
            return None;
        }
        let mut bytes = timestamp.to_vec();
        put(&mut bytes, self.key.as_deref())?;
        bytes.push(u8::try_from(self.headers.len()).ok()?);
        for (name, value) in &self.headers {
            put(&mut bytes, Some(name))?;
            put(&mut bytes, value.as_deref())?;
        }
        bytes.extend(self.value.iter().flatten());
        Some(bytes)
    }
}

fn first(rest: &mut &[u8]) -> u8 {
    let Some((first, tail)) = rest.split_first() else {
        return 0;
    };
    *rest = tail;
    *first
}

fn part(rest: &mut &[u8]) -> Option<Vec<u8>> {
    let length = first(rest);
    if length == NULL {
        return None;
    }
    let (part, tail) = rest.split_at_checked(length.into()).unwrap_or((rest, &[]));
    *rest = tail;
    Some(part.to_vec())
}

fn put(bytes: &mut Vec<u8>, part: Option<&[u8]>) -> Option<()> {
    let Some(part) = part else {
        bytes.push(NULL);
        return Some(());
    };
    let length = u8::try_from(part.len())
        .ok()
        .filter(|&length| length != NULL)?;
    bytes.push(length);
    bytes.extend_from_slice(part);
    Some(())
}
