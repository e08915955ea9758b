//! Customer, runner and order: where they are looked for.
//!
//! In the payload first, then at the top level; snake case before camel case in each. What counts
//! as absent is in `found`. Ids under other names or deeper down are not looked for: guessing
//! would tie events to orders that they do not belong to.

use super::found::Found;
use super::json::{Members, Name};

/// The ids of one message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Ids<'a> {
    /// The customer.
    pub(super) customer: Found<'a>,
    /// The runner.
    pub(super) runner: Found<'a>,
    /// The order.
    pub(super) order: Found<'a>,
}

impl<'a> Ids<'a> {
    /// No ids.
    pub(super) const NONE: Ids<'static> = Ids {
        customer: Found::Absent,
        runner: Found::Absent,
        order: Found::Absent,
    };

    /// Looks for them in `payload`, then in `top`.
    pub(super) fn read(payload: &Members<'a>, top: &Members<'a>) -> Self {
        let find = |snake, camel| {
            Found::in_value(payload.value(snake))
                .or_else(|| Found::in_value(payload.value(camel)))
                .or_else(|| Found::in_value(top.value(snake)))
                .or_else(|| Found::in_value(top.value(camel)))
        };
        Self {
            customer: find(Name::CustomerId, Name::CustomerIdCamel),
            runner: find(Name::RunnerId, Name::RunnerIdCamel),
            order: find(Name::OrderId, Name::OrderIdCamel),
        }
    }
}
