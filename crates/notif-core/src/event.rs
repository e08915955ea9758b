//! What decoding makes of a record: data only. How it is made is in `decode`; how it becomes a row
//! is in `notification`.

/// Why a message's bytes are kept beside `event`: the closed list of `raw_reason` (design,
/// section 5).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum RawReason {
    /// The value is not UTF-8.
    NotUtf8,
    /// The value is text, but no JSON.
    NotJson,
    /// The value has no bytes at all (a null value is no raw row: it has nothing to keep).
    Empty,
    /// A schema registry's frame before something that is no JSON.
    SchemaRegistry,
    /// JSON after a byte order mark.
    ByteOrderMark,
    /// A CloudEvent whose data is `data_base64`.
    BinaryData,
    /// A `\u0000` that `jsonb` refuses.
    NulCharacter,
    /// A surrogate without its pair, which `jsonb` refuses.
    LoneSurrogate,
    /// An object with the same key twice: `jsonb` keeps the last one only.
    DuplicateKeys,
    /// A number that is no finite f64 or prints in more than 400 digits.
    NumberRange,
    /// Nested deeper than 100.
    TooDeep,
    /// The value, or `event` as PostgreSQL prints it, is over 16 MiB.
    TooLarge,
    /// PostgreSQL refused the row (SQLSTATE class 22 or 54).
    RefusedByDatabase,
}

impl RawReason {
    /// Every reason, in the order of the design.
    pub const ALL: [Self; 13] = [
        Self::NotUtf8,
        Self::NotJson,
        Self::Empty,
        Self::SchemaRegistry,
        Self::ByteOrderMark,
        Self::BinaryData,
        Self::NulCharacter,
        Self::LoneSurrogate,
        Self::DuplicateKeys,
        Self::NumberRange,
        Self::TooDeep,
        Self::TooLarge,
        Self::RefusedByDatabase,
    ];

    /// The text in the column `raw_reason`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::NotUtf8 => "not-utf8",
            Self::NotJson => "not-json",
            Self::Empty => "empty",
            Self::SchemaRegistry => "schema-registry",
            Self::ByteOrderMark => "byte-order-mark",
            Self::BinaryData => "binary-data",
            Self::NulCharacter => "nul-character",
            Self::LoneSurrogate => "lone-surrogate",
            Self::DuplicateKeys => "duplicate-keys",
            Self::NumberRange => "number-range",
            Self::TooDeep => "too-deep",
            Self::TooLarge => "too-large",
            Self::RefusedByDatabase => "refused-by-database",
        }
    }
}

/// The column `status` of a recorded row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Status {
    /// The message was opened, or a CloudEvents header named its type.
    Captured,
    /// The value is none that could be opened.
    Unparseable,
}

impl Status {
    /// The text in the column `status`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Captured => "captured",
            Self::Unparseable => "unparseable",
        }
    }
}

/// What a record says, taken apart. Every text fits its column (255 characters) and can be stored
/// by PostgreSQL (UTF-8 without NUL).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Event {
    /// What happened, `unknown` where the message does not say.
    pub event_type: String,
    /// The saga or request that it belongs to.
    pub correlation_id: Option<String>,
    /// Who sent it, `unknown` where the message does not say.
    pub source_service: String,
    /// The customer it names.
    pub customer_id: Option<String>,
    /// The runner it names.
    pub runner_id: Option<String>,
    /// The order it names.
    pub order_id: Option<String>,
    /// `captured` or `unparseable`.
    pub status: Status,
    /// The column `event`: JSON text that `jsonb` takes and gives back as an equal value.
    pub json: String,
    /// How many bytes `event` has as PostgreSQL prints it (`event::text`).
    pub json_printed_bytes: u32,
    /// Why the message's bytes are kept in `raw`; `None` where `event` holds it faithfully.
    pub raw_reason: Option<RawReason>,
}
