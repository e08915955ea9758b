//! What holds for all operations, as the middleware makes it hold: headers, refusals, how a token is
//! shown, and that every member of a reply is always there.

use utoipa::Modify;
use utoipa::openapi::header::{Header, HeaderBuilder};
use utoipa::openapi::link::Link;
use utoipa::openapi::path::{Operation, Parameter};
use utoipa::openapi::response::{Response, ResponseBuilder};
use utoipa::openapi::schema::{
    AdditionalProperties, ArrayItems, ObjectBuilder, Schema, SchemaType, Type,
};
use utoipa::openapi::security::{Http, HttpAuthScheme, SecurityScheme};
use utoipa::openapi::{Components, Content, OpenApi, Ref, RefOr};

/// The tags of operations that answer without a token, for machines.
const PROBES: &str = "probes";
/// The tags of operations whose replies are not recorded data.
const UNRECORDED: [&str; 4] = [PROBES, "sending", "stream", "about"];
/// Schemas some of whose members may be absent.
const OPEN: [&str; 4] = ["SendNotification", "Event", "RecordHeader", "Problem"];

/// Adds what holds for all operations.
pub(crate) struct Finish;

impl Modify for Finish {
    fn modify(&self, document: &mut OpenApi) {
        let components = document.components.get_or_insert_default();
        close_schemas(components);
        components.security_schemes.insert(
            "token".to_owned(),
            RefOr::T(SecurityScheme::Http(Http::new(HttpAuthScheme::Bearer))),
        );
        for (name, (_, response)) in shared_answers() {
            components
                .responses
                .insert(name.to_owned(), RefOr::T(response));
        }
        for item in document.paths.paths.values_mut() {
            for operation in [&mut item.get, &mut item.post].into_iter().flatten() {
                finish(operation);
            }
        }
    }
}

/// Every member of a reply is always there, and no other.
fn close_schemas(components: &mut Components) {
    for (name, schema) in &mut components.schemas {
        if let RefOr::T(Schema::Object(object)) = schema
            && !OPEN.contains(&name.as_str())
            && !object.properties.is_empty()
        {
            object.required = object.properties.keys().cloned().collect();
            object.additional_properties = Some(Box::new(AdditionalProperties::FreeForm(false)));
        }
    }
    if let Some(RefOr::T(Schema::Object(sent))) = components.schemas.get_mut("SendNotification") {
        sent.additional_properties = Some(Box::new(AdditionalProperties::FreeForm(false)));
    }
}

fn finish(operation: &mut Operation) {
    let has_tag = |tag: &str| operation.tags.iter().flatten().any(|there| there == tag);
    let is_probe = has_tag(PROBES);
    let is_recorded = !UNRECORDED.iter().any(|tag| has_tag(tag));
    let is_list = operation.parameters.iter().flatten().any(is_cursor);
    for parameter in operation.parameters.iter_mut().flatten() {
        bound_texts(parameter);
    }
    // it asks nobody, and never ends while it answers
    let is_livez = operation.operation_id.as_deref() == Some("getLivez");
    let responses = &mut operation.responses.responses;
    for (status, response) in responses.iter_mut() {
        let RefOr::T(response) = response else {
            continue;
        };
        if status.starts_with('2') {
            if is_recorded {
                add_headers(response, TAGGED);
                add_headers(response, RECORDED);
            }
            if is_list {
                add_headers(response, LISTED);
            }
            add_links(response, operation.operation_id.as_deref());
        } else {
            describe_problem(response);
            if is_recorded && status == "404" {
                add_headers(response, RECORDED);
            }
        }
        add_headers(response, ALWAYS);
    }
    for (name, (status, _)) in shared_answers() {
        let fits = match name {
            "Unchanged" => is_recorded,
            "Unavailable" => !is_livez,
            _ => !is_probe,
        };
        if fits {
            let shared = RefOr::Ref(Ref::from_response_name(name));
            responses.entry(status.to_owned()).or_insert(shared);
        }
    }
}

fn is_cursor(parameter: &RefOr<Parameter>) -> bool {
    matches!(parameter, RefOr::T(parameter) if parameter.name == "cursor")
}

/// Each text of a parameter that takes several is bound as one is.
fn bound_texts(parameter: &mut RefOr<Parameter>) {
    let RefOr::T(Parameter {
        schema: Some(RefOr::T(Schema::Array(array))),
        ..
    }) = parameter
    else {
        return;
    };
    if let ArrayItems::RefOrSchema(items) = &mut array.items
        && let RefOr::T(Schema::Object(text)) = &mut **items
    {
        text.min_length = Some(1);
        text.max_length = Some(255);
        text.pattern = Some(r"^[^\x00]+$".to_owned());
    }
}

/// A header by name, with what it says.
type Told = (&'static str, &'static str);

const ALWAYS: &[Told] = &[(
    "X-Request-Id",
    "The request's id: the client's own where it sent one, else a new one. The log has it too.",
)];
const TAGGED: &[Told] = &[(
    "ETag",
    "Names this reply: sent back in `If-None-Match` it is answered with 304 while nothing changed.",
)];
const RECORDED: &[Told] = &[
    (
        "Recorded-Through",
        "Everything up to this time is recorded, RFC 3339; absent while that is not known.",
    ),
    (
        "X-Poll-Interval",
        "Seconds between two polls: asking more often shows nothing new.",
    ),
];
const LISTED: &[Told] = &[(
    "Link",
    "The address of the next page, `rel=\"next\"`; absent on the last one.",
)];
const RETRY: &[Told] = &[(
    "Retry-After",
    "Seconds after which another attempt makes sense.",
)];

/// Where the replies of an operation lead: from, to, and where they have the parameter.
const LINKS: &[(&str, Way, &str)] = &[
    (
        "listOrder",
        NOTIFICATION,
        "$response.body#/0/notificationId",
    ),
    ("listOrder", TIMELINE, "$request.path.orderId"),
    (
        "getLatestOfOrder",
        NOTIFICATION,
        "$response.body#/notificationId",
    ),
    ("getLatestOfOrder", TIMELINE, "$request.path.orderId"),
    (
        "getTimeline",
        NOTIFICATION,
        "$response.body#/events/0/notificationId",
    ),
    (
        "listOfCustomer",
        NOTIFICATION,
        "$response.body#/0/notificationId",
    ),
    (
        "listOfRunner",
        NOTIFICATION,
        "$response.body#/0/notificationId",
    ),
    (
        "listCorrelation",
        NOTIFICATION,
        "$response.body#/0/notificationId",
    ),
    (
        "listNotifications",
        NOTIFICATION,
        "$response.body#/0/notificationId",
    ),
    ("getNotification", RAW, "$request.path.notificationId"),
    ("getRecord", RAW, "$response.body#/notificationId"),
    (
        "sendNotification",
        NOTIFICATION,
        "$response.body#/notificationId",
    ),
    ("sendNotification", ORDER, "$response.body#/orderId"),
];

/// A name for where it leads, the operation there, and its parameter.
type Way = (&'static str, &'static str, &'static str);

const NOTIFICATION: Way = ("notification", "getNotification", "notificationId");
const RAW: Way = ("raw", "getRaw", "notificationId");
const TIMELINE: Way = ("timeline", "getTimeline", "orderId");
const ORDER: Way = ("order", "getLatestOfOrder", "orderId");

fn add_links(response: &mut Response, operation_id: Option<&str>) {
    let from_here = LINKS
        .iter()
        .filter(|(from, ..)| Some(*from) == operation_id);
    for (_, (name, to, parameter), value) in from_here {
        let link = Link::builder()
            .operation_id(*to)
            .parameter(*parameter, *value);
        response
            .links
            .insert((*name).to_owned(), link.build().into());
    }
}

fn add_headers(response: &mut Response, headers: &[Told]) {
    for (name, description) in headers {
        response
            .headers
            .insert((*name).to_owned(), RefOr::T(header(description)));
    }
}

fn header(description: &str) -> Header {
    let text = ObjectBuilder::new().schema_type(SchemaType::new(Type::String));
    HeaderBuilder::new()
        .schema(Some(text))
        .description(Some(description))
        .build()
}

fn describe_problem(response: &mut Response) {
    if response.content.is_empty() {
        let problem = Content::new(Some(Ref::from_schema_name("Problem")));
        response
            .content
            .insert("application/problem+json".to_owned(), RefOr::T(problem));
    }
}

/// The answers that any operation may give, by name, each with its status.
fn shared_answers() -> [(&'static str, (&'static str, Response)); 5] {
    let answer = |description: &str, headers: &[Told]| {
        let mut response = ResponseBuilder::new().description(description).build();
        describe_problem(&mut response);
        add_headers(&mut response, headers);
        add_headers(&mut response, ALWAYS);
        response
    };
    let mut unchanged = ResponseBuilder::new()
        .description("Nothing changed since the reply with the tag of `If-None-Match`")
        .build();
    add_headers(&mut unchanged, TAGGED);
    add_headers(&mut unchanged, RECORDED);
    add_headers(&mut unchanged, ALWAYS);
    let asks = [("WWW-Authenticate", "`Bearer`")];
    [
        ("Unchanged", ("304", unchanged)),
        (
            "BadRequest",
            (
                "400",
                answer(
                    "The request says something that it must not; `errors` names it",
                    &[],
                ),
            ),
        ),
        (
            "Unauthorized",
            (
                "401",
                answer(
                    "Tokens are configured, and none that is known was sent",
                    &asks,
                ),
            ),
        ),
        (
            "Forbidden",
            ("403", answer("The token may not do that", &[])),
        ),
        (
            "Unavailable",
            (
                "503",
                answer(
                    "Not now: too much is asked, or the database does not answer",
                    RETRY,
                ),
            ),
        ),
    ]
}
