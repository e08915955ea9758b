//! The members that decoding asks for by name, and where they stood.

use super::Value;

/// Room for the known members that a usual message has.
const USUAL_MEMBERS: usize = 6;

/// A member that decoding knows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::decode) enum Name {
    /// What happened.
    Type,
    /// What it happened to.
    Payload,
    /// Who says so.
    Source,
    /// When, in the sender's words.
    Timestamp,
    /// A CloudEvent's payload.
    Data,
    /// A CloudEvent's payload in bytes.
    DataBase64,
    /// Which CloudEvents it follows.
    SpecVersion,
    /// A CloudEvent's own id.
    Id,
    /// When, in a CloudEvent.
    Time,
    /// The correlation id as the guide spells it.
    CorrelationId,
    /// The correlation id in camel case.
    CorrelationIdCamel,
    /// The correlation id as a CloudEvents extension.
    CorrelationIdLower,
    /// The customer.
    CustomerId,
    /// The customer in camel case.
    CustomerIdCamel,
    /// The runner.
    RunnerId,
    /// The runner in camel case.
    RunnerIdCamel,
    /// The order.
    OrderId,
    /// The order in camel case.
    OrderIdCamel,
}

impl Name {
    /// The name that `key` is, its escapes resolved.
    pub(in crate::decode) fn of(key: &str) -> Option<Self> {
        Some(match key {
            "type" => Self::Type,
            "payload" => Self::Payload,
            "source" => Self::Source,
            "timestamp" => Self::Timestamp,
            "data" => Self::Data,
            "data_base64" => Self::DataBase64,
            "specversion" => Self::SpecVersion,
            "id" => Self::Id,
            "time" => Self::Time,
            "correlation_id" => Self::CorrelationId,
            "correlationId" => Self::CorrelationIdCamel,
            "correlationid" => Self::CorrelationIdLower,
            _ => return Self::of_id(key),
        })
    }

    /// The name that `key` is, where it is one of an id within a payload.
    pub(in crate::decode) fn of_id(key: &str) -> Option<Self> {
        Some(match key {
            "customer_id" => Self::CustomerId,
            "customerId" => Self::CustomerIdCamel,
            "runner_id" => Self::RunnerId,
            "runnerId" => Self::RunnerIdCamel,
            "order_id" => Self::OrderId,
            "orderId" => Self::OrderIdCamel,
            _ => return None,
        })
    }
}

/// A member of an object.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::decode) struct Member<'a> {
    /// Its value.
    pub(in crate::decode) value: Value<'a>,
    /// Where its key begins in the document's text, in bytes.
    pub(in crate::decode) start: usize,
    /// Where its value ends in the document's text, in bytes.
    pub(in crate::decode) end: usize,
    /// How many bytes PostgreSQL prints for key, colon and value.
    pub(in crate::decode) printed: usize,
}

/// Members by name; each name once, however often the message repeats it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::decode) struct Members<'a>(Vec<(Name, Member<'a>)>);

impl<'a> Members<'a> {
    /// No members.
    pub(in crate::decode) const NONE: Members<'static> = Members(Vec::new());

    /// The member called `name`.
    pub(in crate::decode) fn member(&self, name: Name) -> Option<&Member<'a>> {
        self.0
            .iter()
            .find(|(known, _)| *known == name)
            .map(|(_, member)| member)
    }

    /// The value of the member called `name`.
    pub(in crate::decode) fn value(&self, name: Name) -> Option<Value<'a>> {
        self.member(name).map(|member| member.value)
    }

    /// Puts a member in, in place of an earlier one of that name.
    pub(super) fn put(&mut self, name: Name, member: Member<'a>) {
        if let Some((_, earlier)) = self.0.iter_mut().find(|(known, _)| *known == name) {
            *earlier = member;
            return;
        }
        if self.0.is_empty() {
            self.0.reserve(USUAL_MEMBERS);
        }
        self.0.push((name, member));
    }

    /// Forgets all.
    pub(super) fn clear(&mut self) {
        self.0.clear();
    }
}
