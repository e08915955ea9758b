//! What stands in each message's payload, and the envelope around it.

use std::fmt::Write as _;

use chrono::{DateTime, SecondsFormat, Utc};

use super::json::{Object, push_uuid, quote};
use super::life::{Order, Step};
use super::random::Random;
use super::voice::{Case, Clock, Twice, Voice};

const SHOPS: &[&str] = &[
    "Mensa Nord",
    "Café Zoë",
    "Bibliothek Kiosk",
    "Pizzeria Da Nino",
    "学食さくら",
    "Copy & Print",
    "Farmers' Stand",
    "The \"Green\" Bowl",
];
const PLACES: &[&str] = &[
    "Library, 2nd floor",
    "Dorm A 214",
    "Dorm C 017",
    "Physics Hall, Room 3",
    "Sports Centre",
    "Main Gate",
    "Botanical Garden",
    "Lecture Hall 1",
];
const ITEMS: &[&str] = &[
    "Flat white",
    "Bagel",
    "Ramen",
    "Pizza Margherita",
    "Printouts (42 p.)",
    "Textbook",
    "Müsli",
    "Umbrella",
];
const REASONS: &[&str] = &[
    "insufficient_funds",
    "card_expired",
    "issuer_unavailable",
    "3ds_abandoned",
];
const AGENTS: &[&str] = &["CampusG/4.2 (iOS 19.1)", "CampusG/4.1 (Android 16)", "web"];

/// Appends the id of a customer or runner. Every fifth has one of the old numbering.
pub(super) fn push_person(out: &mut String, kind: Person, index: u32) {
    if index.is_multiple_of(5) {
        write!(out, "{}", kind.first_number().saturating_add(index)).unwrap_or_default();
    } else {
        // the same person has the same id in every run and for every seed
        push_uuid(out, Random::new(kind.seed() ^ u64::from(index)).uuid());
    }
}

/// Customers and runners are numbered apart.
#[derive(Debug, Clone, Copy)]
pub(super) enum Person {
    Customer,
    Runner,
}

impl Person {
    fn first_number(self) -> u32 {
        match self {
            Self::Customer => 20_000,
            Self::Runner => 700,
        }
    }

    fn seed(self) -> u64 {
        match self {
            Self::Customer => 0xC057_0000_0000,
            Self::Runner => 0x4E44_0000_0000,
        }
    }
}

/// The whole value of a step's message.
pub(super) fn message(step: Step, order: &Order, time_ms: i64, random: &mut Random) -> String {
    let voice = Voice::of(step);
    let mut payload = String::with_capacity(384);
    write_payload(&mut payload, step, &voice, order, time_ms, random);
    let mut text = String::with_capacity(640);
    let mut envelope = Object::begin(&mut text, voice.style);
    envelope.text("type", voice.event_type);
    if voice.twice == Twice::Payload {
        envelope.text("payload", &payload);
    } else {
        envelope.raw("payload", format_args!("{payload}"));
    }
    envelope.uuid("correlation_id", order.correlation);
    envelope.text("source", voice.source);
    let time = DateTime::<Utc>::from_timestamp_millis(time_ms).unwrap_or_default();
    match voice.clock {
        Clock::Zulu => {
            envelope.text(
                "timestamp",
                &time.to_rfc3339_opts(SecondsFormat::Millis, true),
            );
        }
        Clock::Naive => {
            let zulu = time.to_rfc3339_opts(SecondsFormat::Micros, true);
            envelope.text("timestamp", zulu.trim_end_matches('Z'));
        }
        Clock::Epoch => {
            let milliseconds = time.timestamp_subsec_millis();
            envelope.raw(
                "timestamp",
                format_args!("{}.{milliseconds:03}", time.timestamp()),
            );
        }
    }
    envelope.end();
    if voice.twice == Twice::Message {
        let inner = std::mem::take(&mut text);
        quote(&mut text, &inner, voice.style);
    }
    text
}

fn write_payload(
    out: &mut String,
    step: Step,
    voice: &Voice,
    order: &Order,
    time_ms: i64,
    random: &mut Random,
) {
    let mut payload = Object::begin(out, voice.style);
    write_ids(&mut payload, voice, order);
    let fields = Fields {
        voice,
        order,
        time_ms,
    };
    match voice.topic {
        "saga-events" => fields.saga(step, &mut payload, random),
        "order-events" => fields.order(step, &mut payload, random),
        "order_events" => Fields::runner_app(step, &mut payload, random),
        "payment-events" | "payment_events" => fields.payment(step, &mut payload, random),
        "escrow-events" => fields.escrow(step, &mut payload),
        "scheduler-events" => fields.scheduler(step, &mut payload),
        "notification-events" => Fields::notification(step, &mut payload, random),
        _ => fields.user(step, &mut payload, random),
    }
    payload.end();
}

fn write_ids(payload: &mut Object<'_>, voice: &Voice, order: &Order) {
    let name = |snake, camel| {
        if voice.case == Case::Snake {
            snake
        } else {
            camel
        }
    };
    if voice.names_order {
        payload.uuid(name("order_id", "orderId"), order.id);
    }
    let mut person = |name: &str, kind: Person, index: u32| {
        let mut id = String::with_capacity(36);
        push_person(&mut id, kind, index);
        if voice.numeric_ids && id.len() < 36 {
            payload.raw(name, format_args!("{id}"));
        } else {
            payload.text(name, &id);
        }
    };
    if voice.names_customer {
        person(
            name("customer_id", "customerId"),
            Person::Customer,
            order.customer,
        );
    }
    if voice.names_runner {
        person(name("runner_id", "runnerId"), Person::Runner, order.runner);
    }
}

/// The members that belong to a topic, beside the ids.
struct Fields<'a> {
    voice: &'a Voice,
    order: &'a Order,
    time_ms: i64,
}

impl Fields<'_> {
    fn name(&self, snake: &'static str, camel: &'static str) -> &'static str {
        if self.voice.case == Case::Snake {
            snake
        } else {
            camel
        }
    }

    fn amount(&self, payload: &mut Object<'_>) {
        let cents = self.order.amount_cents;
        payload.raw("amount", format_args!("{}.{:02}", cents / 100, cents % 100));
        payload.text("currency", "EUR");
    }

    fn saga(&self, step: Step, payload: &mut Object<'_>, random: &mut Random) {
        payload.text("saga", "order_fulfilment");
        payload.uuid("command_id", random.uuid());
        match step {
            Step::CreateOrder => {
                payload.text("pickup", random.pick(SHOPS));
                payload.text("dropoff", random.pick(PLACES));
                self.amount(payload);
            }
            Step::AuthorizePayment => {
                payload.uuid("payment_id", self.order.payment);
                payload.number("attempt", self.order.payment_attempt);
                self.amount(payload);
            }
            Step::AssignRunner => {
                payload.number("attempt", self.order.search);
                payload.text("zone", random.pick(PLACES));
                payload.raw("candidates", format_args!("{}", random.between(1, 12)));
            }
            Step::HoldEscrow | Step::ReleaseEscrow => {
                payload.uuid("payment_id", self.order.payment);
                self.amount(payload);
            }
            _ => {
                payload.raw("step", format_args!("{}", random.between(1, 9)));
                payload.text("definition", "order_fulfilment@14");
                payload.null("compensates");
            }
        }
        payload.text("reply_to", "saga-events");
    }

    fn order(&self, step: Step, payload: &mut Object<'_>, random: &mut Random) {
        match step {
            Step::OrderCreated => {
                payload.text("pickup", random.pick(SHOPS));
                payload.text("dropoff", random.pick(PLACES));
                let (item, count) = (random.pick(ITEMS), random.between(1, 4));
                payload.raw(
                    "items",
                    format_args!("[{{\"name\":\"{item}\",\"count\":{count}}}]"),
                );
                self.amount(payload);
                payload.text("status", "created");
            }
            Step::OrderCancelled => {
                let paid = self.order.escrow_held;
                payload.text("status", "cancelled");
                payload.text(
                    "reason",
                    if paid {
                        "no_runner_found"
                    } else {
                        "payment_failed"
                    },
                );
                payload.raw("refund", format_args!("{paid}"));
                self.amount(payload);
            }
            _ => {
                payload.text("status", self.voice.event_type.trim_start_matches("order."));
                payload.text("location", random.pick(PLACES));
                let (lat, lon) = (random.between(1_000, 9_999), random.between(1_000, 9_999));
                payload.raw(
                    "position",
                    format_args!("{{\"lat\":48.{lat},\"lon\":11.{lon}}}"),
                );
                payload.raw("eta_minutes", format_args!("{}", random.between(2, 25)));
                payload.null("note");
            }
        }
        payload.raw("version", format_args!("{}", random.between(1, 9)));
    }

    fn runner_app(step: Step, payload: &mut Object<'_>, random: &mut Random) {
        let (from, to) = match step {
            Step::StatusAccepted => ("CONFIRMED", "ACCEPTED"),
            Step::StatusPickedUp => ("ACCEPTED", "PICKED_UP"),
            _ => ("PICKED_UP", "DELIVERED"),
        };
        payload.text("oldStatus", from);
        payload.text("newStatus", to);
        payload.text("device", random.pick(AGENTS));
        payload.raw("battery", format_args!("0.{:02}", random.between(5, 99)));
        payload.text("place", random.pick(PLACES));
    }

    fn payment(&self, step: Step, payload: &mut Object<'_>, random: &mut Random) {
        payload.uuid(self.name("payment_id", "paymentId"), self.order.payment);
        self.amount(payload);
        let digits = random.between(1_000, 9_999);
        payload.text("method", random.pick(&["card", "campus_card", "paypal"]));
        payload.raw(
            self.name("card_last4", "cardLast4"),
            format_args!("\"{digits}\""),
        );
        match step {
            Step::PaymentFailed => {
                payload.text("reason", random.pick(REASONS));
                payload.number("attempt", self.order.payment_attempt);
                let again = self.order.payment_attempt < 3;
                payload.raw("retryable", format_args!("{again}"));
            }
            Step::ReceiptIssued => {
                payload.raw(
                    "receiptNumber",
                    format_args!("{}", random.between(100_000, 999_999)),
                );
            }
            _ => payload.raw("psp_reference", format_args!("\"{:016x}\"", random.next())),
        }
    }

    fn escrow(&self, step: Step, payload: &mut Object<'_>) {
        payload.uuid("paymentId", self.order.payment);
        // the account belongs to the order, so that all its entries name the same one
        payload.uuid("escrowAccount", self.order.id ^ self.order.payment);
        self.amount(payload);
        payload.text(
            "state",
            match step {
                Step::EscrowHeld => "HELD",
                Step::EscrowReleased => "RELEASED",
                _ => "REFUNDED",
            },
        );
        payload.number("bookedAt", self.time_ms);
    }

    fn scheduler(&self, step: Step, payload: &mut Object<'_>) {
        let (timer, minutes) = match step {
            Step::RetryScheduled => ("payment_retry", 1_i64),
            _ => ("runner_acceptance", 5),
        };
        payload.text("timer", timer);
        payload.uuid("timer_id", self.order.id ^ u128::from(self.order.search));
        let due = self.time_ms.saturating_add(minutes.saturating_mul(60_000));
        payload.number("due_at_ms", due);
        payload.number("attempt", self.order.search.max(self.order.payment_attempt));
        payload.raw(
            "options",
            format_args!("{{\"max_attempts\": 3, \"backoff\": \"fixed\"}}"),
        );
    }

    fn notification(step: Step, payload: &mut Object<'_>, random: &mut Random) {
        let (template, text) = match step {
            Step::NotifyConfirmed => ("order_confirmed", "Your order has been placed"),
            Step::NotifyDelivered => ("order_delivered", "Enjoy! Your order was delivered"),
            _ => ("order_cancelled", "Sorry, your order was cancelled"),
        };
        payload.text("channel", random.pick(&["push", "email", "sms"]));
        payload.text("template", template);
        payload.text("text", text);
        payload.text("locale", random.pick(&["en", "de", "ja"]));
    }

    /// Users are named by `user_id` and their address: no customer id, not even for a customer.
    fn user(&self, step: Step, payload: &mut Object<'_>, random: &mut Random) {
        let mut id = String::with_capacity(36);
        push_person(&mut id, Person::Customer, self.order.customer);
        payload.text(self.name("user_id", "userId"), &id);
        payload.raw(
            "email",
            format_args!("\"student{}@campus.example\"", self.order.customer),
        );
        match step {
            Step::RatingGiven => {
                payload.raw("stars", format_args!("{}", random.between(1, 6)));
                payload.text(
                    "comment",
                    random.pick(&["", "Schnell & freundlich 👍", "late"]),
                );
            }
            Step::PointsAdded => {
                payload.number("points", self.order.amount_cents / 50);
                payload.text("programme", "CampusG Loyalty");
            }
            _ => {
                payload.text("agent", random.pick(AGENTS));
                let (a, b) = (random.below(256), random.below(256));
                payload.raw("ip", format_args!("\"10.{a}.{b}.17\""));
            }
        }
        payload.raw("session", format_args!("\"{:016x}\"", random.next()));
    }
}
