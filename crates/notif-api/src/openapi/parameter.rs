//! What an address takes, for the document alone: it is read by `request`.

#![expect(
    dead_code,
    reason = "these are described, never made: `request` reads them"
)]

use utoipa::IntoParams;

/// What no id holds. Ids of `.` and `..` cannot stand in a path, they are asked with
/// `/notifications?orderId=..`.
macro_rules! path_id {
    ($(#[$meta:meta])* $name:ident, $field:ident, $example:literal) => {
        #[derive(IntoParams)]
        #[into_params(parameter_in = Path, rename_all = "camelCase")]
        pub(crate) struct $name {
            $(#[$meta])*
            #[param(min_length = 1, max_length = 255, pattern = r"^[^\x00]+$", example = $example)]
            $field: String,
        }
    };
}

path_id!(
    /// The order; percent-encoded where it holds what a path does not.
    OrderId, order_id, "order-1042"
);
path_id!(
    /// The customer; percent-encoded where it holds what a path does not.
    CustomerId, customer_id, "customer-7"
);
path_id!(
    /// The runner; percent-encoded where it holds what a path does not.
    RunnerId, runner_id, "runner-3"
);
path_id!(
    /// The id that the events of one saga or request share.
    CorrelationId, correlation_id, "saga-9f2c"
);

/// A notification by its id.
#[derive(IntoParams)]
#[into_params(parameter_in = Path, rename_all = "camelCase")]
pub(crate) struct NotificationId {
    /// The notification, as `notificationId` gives it.
    #[param(format = "uuid", example = "019b8d99-70d0-8c9d-acdd-1d0000000002")]
    notification_id: String,
}

/// A notification whose message's bytes are kept.
#[derive(IntoParams)]
#[into_params(parameter_in = Path, rename_all = "camelCase")]
pub(crate) struct RawId {
    /// The notification, as `notificationId` gives it.
    #[param(format = "uuid", example = "019b8d99-78a0-8c9d-acdd-1d0000000004")]
    notification_id: String,
}

/// A record by where it is in Kafka.
#[derive(IntoParams)]
#[into_params(parameter_in = Path, rename_all = "camelCase")]
pub(crate) struct Position {
    /// The topic.
    #[param(
        min_length = 1,
        max_length = 255,
        pattern = r"^[^\x00]+$",
        example = "order-events"
    )]
    topic: String,
    /// The partition.
    #[param(minimum = 0, example = 0)]
    partition: i32,
    /// The offset.
    #[param(minimum = 0, example = 2)]
    offset: i64,
}

/// Which life of a topic.
#[derive(IntoParams)]
#[into_params(parameter_in = Query, rename_all = "camelCase")]
pub(crate) struct Generation {
    /// Which life of the topic, from 0, where it was created again; the newest where it is not given.
    #[param(minimum = 0, example = 0)]
    generation: Option<i32>,
}

/// A page of a list that goes on behind its `Link`.
#[derive(IntoParams)]
#[into_params(parameter_in = Query, rename_all = "camelCase")]
pub(crate) struct Page {
    /// How many at most. A page may be shorter: it also ends at 8 MiB.
    #[param(minimum = 1, maximum = 500, example = 50)]
    limit: Option<i32>,
    /// Where the page begins: taken from `Link`, as it stands, with the rest of that address.
    cursor: Option<String>,
}

/// A page of a ledger that goes on behind its `Link`.
#[derive(IntoParams)]
#[into_params(parameter_in = Query, rename_all = "camelCase")]
pub(crate) struct LedgerPage {
    /// How many at most.
    #[param(minimum = 1, maximum = 500, example = 50)]
    limit: Option<i32>,
    /// Where the page begins: taken from `Link`, as it stands, with the rest of that address.
    cursor: Option<String>,
}

/// A page of a feed, which may also be asked for by its place.
#[derive(IntoParams)]
#[into_params(parameter_in = Query, rename_all = "camelCase")]
pub(crate) struct FeedPage {
    /// How many at most. A page may be shorter: it also ends at 8 MiB.
    #[param(minimum = 1, maximum = 500, default = 50, example = 50)]
    limit: Option<i32>,
    /// How many to skip; not together with `cursor`, which also reaches further.
    #[param(minimum = 0, maximum = 10_000, default = 0, example = 0)]
    offset: Option<i32>,
    /// Where the page begins: taken from `Link`, as it stands, with the rest of that address.
    cursor: Option<String>,
}

/// Where a stream goes on.
#[derive(IntoParams)]
#[into_params(parameter_in = Query, rename_all = "camelCase")]
pub(crate) struct Resume {
    /// The id of the last event that was seen, for who cannot send the header `Last-Event-ID`, which
    /// says the same.
    last_event_id: Option<String>,
}

/// The same as a browser says it.
#[derive(IntoParams)]
#[into_params(parameter_in = Header)]
pub(crate) struct ResumeHeader {
    /// The id of the last event that was seen. Browsers send it when they connect again; it wins over
    /// `lastEventId`.
    #[param(rename = "Last-Event-ID", required = false)]
    last_event_id: String,
}

/// What must fit, all of it at once.
#[derive(IntoParams)]
#[into_params(parameter_in = Query, rename_all = "camelCase")]
pub(crate) struct Filters {
    /// About this order.
    #[param(min_length = 1, max_length = 255, pattern = r"^[^\x00]+$")]
    order_id: Option<String>,
    /// About this customer.
    #[param(min_length = 1, max_length = 255, pattern = r"^[^\x00]+$")]
    customer_id: Option<String>,
    /// About this runner.
    #[param(min_length = 1, max_length = 255, pattern = r"^[^\x00]+$")]
    runner_id: Option<String>,
    /// One of these event types. One that ends in `*` stands for all that begin so; together at most
    /// 100 types.
    #[param(style = Form, explode, max_items = 100)]
    event_type: Option<Vec<String>>,
    /// From one of these topics.
    #[param(style = Form, explode, max_items = 100)]
    topic: Option<Vec<String>>,
    /// Of this service.
    #[param(min_length = 1, max_length = 255, pattern = r"^[^\x00]+$")]
    service: Option<String>,
    /// With this correlation id.
    #[param(min_length = 1, max_length = 255, pattern = r"^[^\x00]+$")]
    correlation_id: Option<String>,
    /// In this state.
    #[param(inline)]
    status: Option<super::schema::Status>,
    /// It happened then or later.
    #[param(format = DateTime)]
    since: Option<String>,
    /// It happened before.
    #[param(format = DateTime)]
    until: Option<String>,
}

/// What makes a request that is sent twice be done once.
#[derive(IntoParams)]
#[into_params(parameter_in = Header)]
pub(crate) struct IdempotencyKey {
    /// Made up by the client, new for each notification, the same when the same one is sent again.
    #[param(
        rename = "Idempotency-Key",
        min_length = 1,
        max_length = 255,
        pattern = "^[!-~]+$",
        required = false,
        example = "7d0c9f6e-2f0b-4c86-9a35-0d4d2f1b7c11"
    )]
    idempotency_key: String,
}

/// A file of the page.
#[derive(IntoParams)]
#[into_params(parameter_in = Path)]
pub(crate) struct DocsFile {
    /// Its name.
    #[param(inline, example = "start.js")]
    file: DocsFileName,
}

/// The files of the page.
#[derive(utoipa::ToSchema)]
enum DocsFileName {
    #[schema(rename = "start.js")]
    Start,
    #[schema(rename = "swagger-ui-5.35.0.js")]
    Script,
    #[schema(rename = "swagger-ui-5.35.0.css")]
    Style,
}
