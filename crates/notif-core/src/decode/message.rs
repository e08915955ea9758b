//! Where a message's payload is.

use std::borrow::Cow;

use super::cloudevents;
use super::headers::Headers;
use super::json::{Document, Members, Name, Value};
use super::opening;

/// How a message carries its payload.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Form {
    /// It is its own payload.
    Whole,
    /// In its member `payload`.
    Envelope,
    /// In its member `data`, or nowhere.
    CloudEvent,
}

impl Form {
    /// The form of the message in `document`.
    ///
    /// A CloudEvent without data but with a member `payload` is read as the guide's envelope.
    pub(super) fn of(document: &Document<'_>, headers: &Headers<'_>) -> Self {
        if !document.root.is_object() {
            return Self::Whole;
        }
        let members = &document.members;
        let has_payload = members.member(Name::Payload).is_some();
        let has_data = members.member(Name::Data).is_some() || has_value(members, Name::DataBase64);
        if cloudevents::is_structured(members, headers) && (has_data || !has_payload) {
            Self::CloudEvent
        } else if has_payload {
            Self::Envelope
        } else {
            Self::Whole
        }
    }

    /// The member that is the payload.
    pub(super) fn payload_name(self) -> Option<Name> {
        match self {
            Self::Whole => None,
            Self::Envelope => Some(Name::Payload),
            Self::CloudEvent => Some(Name::Data),
        }
    }

    /// The payload as it stands in the message.
    pub(super) fn payload<'a>(self, document: &Document<'a>) -> Value<'a> {
        match self.payload_name() {
            None => document.root,
            Some(name) => document.members.value(name).unwrap_or(Value::NULL),
        }
    }
}

/// A message taken apart.
#[derive(Debug)]
pub(super) struct Message<'a> {
    /// All of it (of a string that holds an object, the object).
    pub(super) document: &'a Document<'a>,
    /// How it carries its payload.
    pub(super) form: Form,
    /// Whether it was a string that holds an object.
    pub(super) opened: bool,
    /// The object that its payload, a string, holds.
    pub(super) payload_document: Option<&'a Document<'a>>,
}

impl<'a> Message<'a> {
    /// The payload.
    pub(super) fn payload(&self) -> Value<'a> {
        self.payload_document
            .map_or_else(|| self.form.payload(self.document), |inner| inner.root)
    }

    /// The ids in the payload.
    pub(super) fn payload_ids(&self) -> &'a Members<'a> {
        match (self.payload_document, self.form) {
            (Some(inner), _) => &inner.members,
            (None, Form::Whole) => &self.document.members,
            (None, Form::Envelope) => &self.document.payload_ids,
            (None, Form::CloudEvent) => &self.document.data_ids,
        }
    }

    /// Whether its data is bytes in `data_base64`, which no JSON payload can show.
    pub(super) fn has_binary_data(&self) -> bool {
        let members = &self.document.members;
        self.form == Form::CloudEvent
            && has_value(members, Name::DataBase64)
            && !has_value(members, Name::Data)
    }
}

fn has_value(members: &Members<'_>, name: Name) -> bool {
    members.value(name).is_some_and(|value| !value.is_null())
}

/// The text of the object that the payload, a string, holds.
pub(super) fn payload_text<'a>(document: &Document<'a>, form: Form) -> Option<Cow<'a, str>> {
    match form {
        // a message that is such a string was opened already, once
        Form::Whole => None,
        _ => opening::object_text(form.payload(document)),
    }
}
