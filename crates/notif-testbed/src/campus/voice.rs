//! How each service speaks: its topic, its name, its spelling, its habits.
//!
//! CampusG grew: the newer services write to topics named with `-`, in `snake_case`; what is older
//! writes to topics named with `_`, in `camelCase`, and often encodes twice. Most events of payments
//! and users name no order and no customer: only the correlation id leads there.

use super::json::Style;
use super::life::Step;

/// How the members of the payload are spelt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Case {
    Snake,
    Camel,
}

/// What is wrapped as a string into JSON once more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Twice {
    Never,
    Payload,
    Message,
}

/// How the envelope's time is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Clock {
    /// `2026-03-01T12:00:00.123Z`
    Zulu,
    /// Python's `utcnow().isoformat()`: no zone
    Naive,
    /// Seconds since 1970 with a fraction
    Epoch,
}

/// What becomes the record's key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Key {
    Order,
    Correlation,
    Customer,
    None,
}

/// The habits of one kind of message.
#[derive(Debug, Clone, Copy)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "the habits are independent of each other"
)]
pub(super) struct Voice {
    pub(super) topic: &'static str,
    pub(super) source: &'static str,
    pub(super) event_type: &'static str,
    pub(super) case: Case,
    pub(super) style: Style,
    pub(super) twice: Twice,
    pub(super) clock: Clock,
    pub(super) key: Key,
    pub(super) names_order: bool,
    pub(super) names_customer: bool,
    pub(super) names_runner: bool,
    /// Ids of the old numbering are JSON numbers instead of strings.
    pub(super) numeric_ids: bool,
    /// Also sends the correlation id and a content type as headers.
    pub(super) headers: bool,
}

impl Voice {
    const fn new(topic: &'static str, source: &'static str, event_type: &'static str) -> Self {
        Self {
            topic,
            source,
            event_type,
            case: Case::Snake,
            style: Style::Compact,
            twice: Twice::Never,
            clock: Clock::Zulu,
            key: Key::Correlation,
            names_order: false,
            names_customer: false,
            names_runner: false,
            numeric_ids: false,
            headers: false,
        }
    }

    /// The saga orchestrator, which sends commands.
    const fn saga(event_type: &'static str) -> Self {
        Self::new("saga-events", "saga-orchestrator", event_type).with_headers()
    }

    const fn order(event_type: &'static str) -> Self {
        let mut voice = Self::new("order-events", "order-service", event_type);
        voice.key = Key::Order;
        voice.names_order = true;
        voice
    }

    /// The runners' app, an old client of an old topic.
    const fn runner_app(event_type: &'static str) -> Self {
        let mut voice = Self::new("order_events", "runner-app-gateway", event_type);
        voice.key = Key::Order;
        voice.case = Case::Camel;
        voice.twice = Twice::Message;
        voice.names_order = true;
        voice.names_runner = true;
        voice.numeric_ids = true;
        voice
    }

    const fn payment(event_type: &'static str) -> Self {
        let mut voice = Self::new("payment-events", "payment-service", event_type);
        voice.style = Style::Python;
        voice.clock = Clock::Naive;
        voice
    }

    const fn escrow(event_type: &'static str) -> Self {
        let mut voice = Self::new("escrow-events", "escrow-service", event_type).with_headers();
        voice.case = Case::Camel;
        voice
    }

    const fn scheduler(event_type: &'static str) -> Self {
        let mut voice = Self::new("scheduler-events", "scheduler-service", event_type);
        voice.style = Style::Python;
        voice.clock = Clock::Epoch;
        voice.key = Key::None;
        voice.names_order = true;
        voice
    }

    const fn notification(event_type: &'static str) -> Self {
        let mut voice = Self::new("notification-events", "notification-gateway", event_type);
        voice.key = Key::Customer;
        voice.twice = Twice::Payload;
        voice.case = Case::Camel;
        voice.names_customer = true;
        voice.names_order = true;
        voice
    }

    const fn user(event_type: &'static str) -> Self {
        let mut voice = Self::new("user-events", "user-service", event_type);
        voice.key = Key::Customer;
        voice.style = Style::Python;
        voice.clock = Clock::Naive;
        voice
    }

    /// The first user service, still running.
    const fn old_user(event_type: &'static str) -> Self {
        let mut voice = Self::user(event_type);
        voice.topic = "user_events";
        voice.source = "legacy-user-service";
        voice.case = Case::Camel;
        voice.twice = Twice::Message;
        voice
    }

    const fn with_headers(mut self) -> Self {
        self.headers = true;
        self
    }

    const fn with_order(mut self) -> Self {
        self.names_order = true;
        self
    }

    const fn with_customer(mut self) -> Self {
        self.names_customer = true;
        self
    }

    const fn with_runner(mut self) -> Self {
        self.names_runner = true;
        self
    }

    /// Ids of the old numbering as numbers.
    const fn with_numbers(mut self) -> Self {
        self.numeric_ids = true;
        self
    }

    pub(super) const fn of(step: Step) -> Self {
        match step {
            // these three tie a correlation id to an order and a customer
            Step::CreateOrder => Self::saga("create_order").with_order().with_customer(),
            Step::OrderCreated => Self::order("order.created").with_customer().with_numbers(),
            Step::AuthorizePayment => Self::saga("authorize_payment").with_order().with_customer(),
            Step::SagaStarted => Self::saga("saga.started"),
            Step::HoldEscrow => Self::saga("hold_escrow"),
            Step::AssignRunner => Self::saga("assign_runner"),
            Step::ReleaseEscrow => Self::saga("release_escrow"),
            Step::SagaCompleted => Self::saga("saga.completed"),
            Step::SagaCompensating => Self::saga("saga.compensating"),
            Step::OrderConfirmed => Self::order("order.confirmed").with_customer(),
            Step::OrderAssigned => Self::order("order.assigned").with_runner(),
            Step::OrderPickedUp => Self::order("order.picked_up").with_runner(),
            Step::OrderDelivered => Self::order("order.delivered").with_runner().with_customer(),
            Step::OrderCancelled => Self::order("order.cancelled")
                .with_customer()
                .with_numbers(),
            Step::StatusAccepted | Step::StatusPickedUp | Step::StatusDelivered => {
                Self::runner_app("order.status_changed")
            }
            Step::PaymentAuthorized => Self::payment("payment.authorized"),
            Step::PaymentFailed => Self::payment("payment.failed"),
            Step::PaymentCaptured => Self::payment("payment.captured"),
            Step::PaymentRefunded => Self::payment("payment.refunded"),
            Step::ReceiptIssued => {
                let mut voice = Self::payment("payment.receipt_issued");
                voice.topic = "payment_events";
                voice.source = "legacy-billing";
                voice.case = Case::Camel;
                voice.twice = Twice::Message;
                voice
            }
            Step::EscrowHeld => Self::escrow("escrow.held").with_order(),
            Step::EscrowReleased => Self::escrow("escrow.released").with_runner(),
            Step::EscrowRefunded => Self::escrow("escrow.refunded"),
            Step::RetryScheduled => Self::scheduler("scheduler.retry_scheduled"),
            Step::TimeoutScheduled => Self::scheduler("scheduler.timeout_scheduled"),
            Step::TimeoutFired => Self::scheduler("scheduler.timeout_fired"),
            Step::TimeoutCancelled => Self::scheduler("scheduler.timeout_cancelled"),
            Step::NotifyConfirmed | Step::NotifyDelivered | Step::NotifyCancelled => {
                Self::notification("notification.requested")
            }
            Step::UserRegistered => Self::user("user.registered"),
            Step::ProfileUpdated => Self::user("user.profile_updated"),
            Step::RatingGiven => Self::user("user.rating_given"),
            Step::UserLoggedIn => Self::old_user("user.logged_in"),
            Step::PointsAdded => Self::old_user("user.points_added"),
        }
    }
}
