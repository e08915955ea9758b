//! The life of an order as a chain of steps: what comes next, and after how long.
//!
//! How a step is written as a message is in `voice.rs` and `payload.rs`.

use super::random::Random;

/// One message of an order's life, or of what users do beside it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) enum Step {
    CreateOrder,
    SagaStarted,
    OrderCreated,
    AuthorizePayment,
    PaymentAuthorized,
    PaymentFailed,
    RetryScheduled,
    HoldEscrow,
    EscrowHeld,
    OrderConfirmed,
    NotifyConfirmed,
    TimeoutScheduled,
    AssignRunner,
    TimeoutFired,
    OrderAssigned,
    TimeoutCancelled,
    StatusAccepted,
    OrderPickedUp,
    StatusPickedUp,
    OrderDelivered,
    StatusDelivered,
    ReleaseEscrow,
    EscrowReleased,
    PaymentCaptured,
    ReceiptIssued,
    NotifyDelivered,
    SagaCompleted,
    PointsAdded,
    RatingGiven,
    SagaCompensating,
    EscrowRefunded,
    PaymentRefunded,
    OrderCancelled,
    NotifyCancelled,
    UserRegistered,
    UserLoggedIn,
    ProfileUpdated,
}

/// What the messages of one order have in common.
#[derive(Debug, Clone)]
pub(super) struct Order {
    pub(super) id: u128,
    pub(super) correlation: u128,
    pub(super) payment: u128,
    /// Index among the customers.
    pub(super) customer: u32,
    /// Index among the runners; changes when nobody accepted in time.
    pub(super) runner: u32,
    pub(super) amount_cents: u32,
    pub(super) payment_attempt: u32,
    pub(super) search: u32,
    pub(super) escrow_held: bool,
}

/// How many students order, and how many of them carry.
const CUSTOMERS: u32 = 12_000;
const RUNNERS: u32 = 400;

/// How often a payment or the search for a runner is tried.
const ATTEMPTS: u32 = 3;

impl Order {
    pub(super) fn new(random: &mut Random) -> Self {
        Self {
            id: random.uuid(),
            correlation: random.uuid(),
            payment: random.uuid(),
            customer: random.below(CUSTOMERS),
            runner: random.below(RUNNERS),
            amount_cents: random.between(350, 4_800),
            payment_attempt: 1,
            search: 1,
            escrow_held: false,
        }
    }

    /// What follows `step` and how many milliseconds later; None at the end of the order's life.
    pub(super) fn advance(&mut self, step: Step, random: &mut Random) -> Option<(Step, u32)> {
        let (next, low, high) = match step {
            Step::AuthorizePayment if random.chance(85) => (Step::PaymentAuthorized, 200, 1_500),
            Step::AuthorizePayment => (Step::PaymentFailed, 200, 3_000),
            Step::PaymentFailed if self.payment_attempt < ATTEMPTS => {
                (Step::RetryScheduled, 20, 60)
            }
            Step::RetryScheduled => {
                self.payment_attempt = self.payment_attempt.saturating_add(1);
                (Step::AuthorizePayment, 5_000, 30_000)
            }
            Step::EscrowHeld => {
                self.escrow_held = true;
                (Step::OrderConfirmed, 30, 120)
            }
            Step::AssignRunner if random.chance(80) => (Step::OrderAssigned, 5_000, 120_000),
            Step::AssignRunner => (Step::TimeoutFired, 300_000, 300_100),
            Step::TimeoutFired if self.search < ATTEMPTS => {
                self.search = self.search.saturating_add(1);
                self.runner = random.below(RUNNERS);
                (Step::AssignRunner, 40, 200)
            }
            Step::PaymentFailed | Step::TimeoutFired => (Step::SagaCompensating, 20, 60),
            Step::PointsAdded if random.chance(40) => (Step::RatingGiven, 30_000, 600_000),
            Step::SagaCompensating if self.escrow_held => (Step::EscrowRefunded, 100, 500),
            Step::SagaCompensating => (Step::OrderCancelled, 40, 120),
            other => straight_on(other)?,
        };
        Some((next, random.between(low, high)))
    }
}

/// The steps that have only one successor, and the bounds of the delay before it.
fn straight_on(step: Step) -> Option<(Step, u32, u32)> {
    let next = match step {
        Step::CreateOrder => (Step::SagaStarted, 20, 60),
        Step::SagaStarted => (Step::OrderCreated, 40, 150),
        Step::OrderCreated => (Step::AuthorizePayment, 20, 80),
        Step::PaymentAuthorized => (Step::HoldEscrow, 20, 80),
        Step::HoldEscrow => (Step::EscrowHeld, 60, 300),
        Step::OrderConfirmed => (Step::NotifyConfirmed, 10, 90),
        Step::NotifyConfirmed => (Step::TimeoutScheduled, 10, 40),
        Step::TimeoutScheduled => (Step::AssignRunner, 10, 40),
        Step::OrderAssigned => (Step::TimeoutCancelled, 10, 40),
        Step::TimeoutCancelled => (Step::StatusAccepted, 100, 900),
        Step::StatusAccepted => (Step::OrderPickedUp, 240_000, 900_000),
        Step::OrderPickedUp => (Step::StatusPickedUp, 100, 900),
        Step::StatusPickedUp => (Step::OrderDelivered, 240_000, 1_200_000),
        Step::OrderDelivered => (Step::StatusDelivered, 100, 900),
        Step::StatusDelivered => (Step::ReleaseEscrow, 10, 50),
        Step::ReleaseEscrow => (Step::EscrowReleased, 60, 300),
        Step::EscrowReleased => (Step::PaymentCaptured, 100, 1_000),
        Step::PaymentCaptured => (Step::ReceiptIssued, 50, 400),
        Step::ReceiptIssued => (Step::NotifyDelivered, 10, 90),
        Step::NotifyDelivered => (Step::SagaCompleted, 10, 40),
        Step::SagaCompleted => (Step::PointsAdded, 100, 2_000),
        Step::EscrowRefunded => (Step::PaymentRefunded, 200, 2_000),
        Step::PaymentRefunded => (Step::OrderCancelled, 40, 120),
        Step::OrderCancelled => (Step::NotifyCancelled, 10, 90),
        _ => return None,
    };
    Some(next)
}
