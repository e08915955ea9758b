//! JSON numbers: how many digits PostgreSQL's `numeric` prints for one, without computing it.
//!
//! `numeric` keeps a number's written scale and spells its exponent out: `1.50` stays `1.50`,
//! `1e3` is `1000`, `1E-5` is `0.00001`, and `-0.0` is `0.0`.

/// The most digits that a number may have when printed. `numeric` itself would take 147,455: ten
/// bytes of message would become that many on every read.
const MAX_DIGITS: i64 = 400;
/// No exponent beyond this is looked at; PostgreSQL itself refuses those near 2^30, for zero too.
const MAX_EXPONENT: i64 = 100_000;
/// The fewest integer digits of a number that may be beyond an f64, whose largest has 309.
const F64_DIGITS: i64 = 309;

/// A number at the beginning of a text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Number {
    /// How many bytes it has in the text.
    pub(super) length: usize,
    /// How many bytes PostgreSQL prints for it; means nothing where it is not in range.
    pub(super) printed: usize,
    /// Whether it is finite as f64 and prints in at most 400 digits.
    pub(super) in_range: bool,
}

/// Reads the number that `text` begins with; `None` where it begins with none.
pub(super) fn scan(text: &str) -> Option<Number> {
    let bytes = text.as_bytes();
    let (negative, bytes) = match bytes.strip_prefix(b"-") {
        Some(rest) => (true, rest),
        None => (false, bytes),
    };
    let (integer, rest) = digits(bytes);
    match integer {
        [] | [b'0', _, ..] => return None,
        _ => {}
    }
    let (fraction, rest) = match rest.strip_prefix(b".") {
        Some(rest) => non_empty(digits(rest))?,
        None => (&[][..], rest),
    };
    let (exponent, rest) = match rest.split_first() {
        Some((b'e' | b'E', rest)) => exponent(rest)?,
        _ => (0, rest),
    };
    let length = text.len().saturating_sub(rest.len());
    let (integer_digits, scale, zero) = printed_digits(integer, fraction, exponent);
    let sign = usize::from(negative && !zero);
    let point = usize::from(scale > 0);
    let all = integer_digits.saturating_add(scale);
    let in_range = all <= MAX_DIGITS
        && exponent.abs() <= MAX_EXPONENT
        && (integer_digits < F64_DIGITS || is_finite(text, length));
    let printed = usize::try_from(all).unwrap_or(usize::MAX);
    Some(Number {
        length,
        printed: printed.saturating_add(sign).saturating_add(point),
        in_range,
    })
}

/// How many digits are printed before and after the point, and whether all of them are zero.
fn printed_digits(integer: &[u8], fraction: &[u8], exponent: i64) -> (i64, i64, bool) {
    let written = i64::try_from(integer.len()).unwrap_or(i64::MAX);
    let scale = i64::try_from(fraction.len())
        .unwrap_or(i64::MAX)
        .saturating_sub(exponent)
        .max(0);
    let leading_zeros = integer
        .iter()
        .chain(fraction)
        .position(|&digit| digit != b'0');
    let Some(leading_zeros) = leading_zeros else {
        return (1, scale, true);
    };
    let leading_zeros = i64::try_from(leading_zeros).unwrap_or(i64::MAX);
    let before_point = written
        .saturating_sub(leading_zeros)
        .saturating_add(exponent)
        .max(1);
    (before_point, scale, false)
}

fn is_finite(text: &str, length: usize) -> bool {
    text.get(..length)
        .and_then(|number| number.parse::<f64>().ok())
        .is_some_and(f64::is_finite)
}

fn digits(bytes: &[u8]) -> (&[u8], &[u8]) {
    let length = bytes
        .iter()
        .position(|byte| !byte.is_ascii_digit())
        .unwrap_or(bytes.len());
    bytes.split_at_checked(length).unwrap_or((bytes, &[]))
}

fn non_empty<'a>((digits, rest): (&'a [u8], &'a [u8])) -> Option<(&'a [u8], &'a [u8])> {
    (!digits.is_empty()).then_some((digits, rest))
}

/// The exponent behind its `e`, cut off far beyond what is in range.
fn exponent(bytes: &[u8]) -> Option<(i64, &[u8])> {
    let (negative, bytes) = match bytes.split_first()? {
        (b'-', rest) => (true, rest),
        (b'+', rest) => (false, rest),
        _ => (false, bytes),
    };
    let (digits, rest) = non_empty(digits(bytes))?;
    let size = digits.iter().fold(0_i64, |size, &digit| {
        let digit = i64::from(digit.wrapping_sub(b'0'));
        size.saturating_mul(10)
            .saturating_add(digit)
            .min(MAX_EXPONENT.saturating_add(1))
    });
    Some((
        if negative {
            size.saturating_neg()
        } else {
            size
        },
        rest,
    ))
}
