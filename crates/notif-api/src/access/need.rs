//! What an address needs.
//!
//! Decided on the very text that the router matches (`match_info`, decoded by actix), and on the
//! ids as the handlers read them: were one of them understood differently here, another spelling
//! of an address would be a way around. What is not named here needs the role of its method, so a
//! new address is closed to customers and to `metrics` until somebody opens it.

use actix_web::HttpRequest;
use actix_web::http::Method;
use actix_web::http::header::{ACCESS_CONTROL_REQUEST_METHOD, ORIGIN};

use super::role::Role;
use crate::request::{parameters, path};

/// What a request needs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Need {
    /// No token.
    Nothing,
    /// `metrics`.
    Metrics,
    /// `write`.
    Write,
    /// `read`.
    Read,
    /// `read`, or that it is this customer's own.
    ReadOf(String),
}

impl Need {
    /// What a request needs.
    pub(super) fn of(request: &HttpRequest) -> Self {
        let method = request.method();
        let is_read = matches!(*method, Method::GET | Method::HEAD);
        let routed = request.match_info().as_str();
        let mut segments = routed.split('/').skip(1);
        let segments: [Option<&str>; 4] = std::array::from_fn(|_| segments.next());
        match segments {
            _ if is_preflight(request) => Self::Nothing,
            [Some("health" | "livez" | "readyz"), None, ..] => Self::Nothing,
            _ if !is_read => Self::Write,
            [Some("metrics"), None, ..] => Self::Metrics,
            [Some("customer"), Some(_), Some("notifications"), None] => {
                path::id(request, 1, "customerId").map_or(Self::Read, Self::ReadOf)
            }
            [Some("events"), Some("stream"), None, _] => {
                parameters::only(request, "customerId").map_or(Self::Read, Self::ReadOf)
            }
            _ => Self::Read,
        }
    }

    /// Whether a role is enough.
    pub(super) fn is_met_by(&self, role: &Role) -> bool {
        match self {
            Self::Nothing => true,
            Self::Metrics => *role == Role::Metrics,
            Self::Write => *role == Role::Write,
            Self::Read => *role == Role::Read,
            Self::ReadOf(customer) => match role {
                Role::Read => true,
                Role::Customer(id) => id == customer,
                Role::Write | Role::Metrics => false,
            },
        }
    }
}

/// A browser asks so before it sends what a page of another origin wants, and cannot add a token.
fn is_preflight(request: &HttpRequest) -> bool {
    let headers = request.headers();
    request.method() == Method::OPTIONS
        && headers.contains_key(ORIGIN)
        && headers.contains_key(ACCESS_CONTROL_REQUEST_METHOD)
}

#[cfg(test)]
mod tests {
    use actix_web::test::TestRequest;

    use super::*;

    fn need(method: Method, uri: &str) -> Need {
        // as the router sees it: its path is decoded before it is matched
        let request = TestRequest::with_uri(uri).method(method).to_srv_request();
        Need::of(request.request())
    }

    #[test]
    fn each_address_needs_its_role() {
        let own = |id: &str| Need::ReadOf(id.to_owned());
        for (uri, expected) in [
            ("/health", Need::Nothing),
            ("/livez?x", Need::Nothing),
            ("/readyz", Need::Nothing),
            ("/readyz/", Need::Read),
            ("/health/x", Need::Read),
            ("/metrics", Need::Metrics),
            ("/%6detrics", Need::Metrics),
            ("/metrics/", Need::Read),
            ("/", Need::Read),
            ("/order/o-1", Need::Read),
            ("/notifications?customerId=c-1", Need::Read),
            ("/runner/c-1/notifications", Need::Read),
            ("/customer/c-1", Need::Read),
            ("/customer/c-1/notifications", own("c-1")),
            ("/customer/c-1/notifications?customerId=c-2", own("c-1")),
            ("/%63ustomer/c-1/notifications", own("c-1")),
            ("/customer/c-1/notifications/", Need::Read),
            ("/customer/c-1/notifications/x", Need::Read),
            ("/customer/a/b/notifications", Need::Read),
            ("/customer/a%2Fb/notifications", own("a/b")),
            ("/customer/a%2fb/notifications", own("a/b")),
            ("/customer/%2e%2e/notifications", own("..")),
            ("/customer/c%2D1/notifications", own("c-1")),
            ("/customer/c%252D1/notifications", own("c%2D1")),
            ("/customer/c+1/notifications", own("c+1")),
            ("/customer/%FF/notifications", Need::Read),
            ("/customer/c-1%00/notifications", Need::Read),
            ("/customer//notifications", Need::Read),
            ("//customer/c-1/notifications", Need::Read),
            ("/events/stream", Need::Read),
            ("/events/stream?customerId=c-1", own("c-1")),
            ("/events/stream?x=1&customer%49d=c%2D1", own("c-1")),
            ("/events/stream?customerId=c-1&customerId=c-1", Need::Read),
            ("/events/stream?customerId=c-1&customer%49d=c-2", Need::Read),
            ("/events/stream?customerId=", Need::Read),
            ("/events/stream?customerid=c-1", Need::Read),
            ("/events/stream/?customerId=c-1", Need::Read),
        ] {
            assert_eq!(need(Method::GET, uri), expected, "{uri}");
            assert_eq!(need(Method::HEAD, uri), expected, "HEAD {uri}");
        }
    }

    #[test]
    fn what_is_neither_read_nor_asked_before_needs_write() {
        for method in [Method::POST, Method::PUT, Method::DELETE, Method::OPTIONS] {
            for uri in [
                "/send-notification",
                "/customer/c-1/notifications",
                "/metrics",
            ] {
                assert_eq!(need(method.clone(), uri), Need::Write, "{method} {uri}");
            }
        }
        let preflight = TestRequest::with_uri("/order/o-1")
            .method(Method::OPTIONS)
            .insert_header((ORIGIN, "https://app.example"))
            .insert_header((ACCESS_CONTROL_REQUEST_METHOD, "GET"))
            .to_srv_request();
        assert_eq!(Need::of(preflight.request()), Need::Nothing);
    }

    #[test]
    fn no_role_implies_another() {
        let roles = ["read", "write", "metrics", "customer:c-1", "customer:c-2"];
        let met = |need: &Need| -> Vec<&str> {
            let meets = |role: &&&str| need.is_met_by(&Role::typed(role).unwrap());
            roles.iter().filter(meets).copied().collect()
        };
        assert_eq!(met(&Need::Nothing), roles);
        assert_eq!(met(&Need::Metrics), ["metrics"]);
        assert_eq!(met(&Need::Write), ["write"]);
        assert_eq!(met(&Need::Read), ["read"]);
        assert_eq!(
            met(&Need::ReadOf("c-1".to_owned())),
            ["read", "customer:c-1"]
        );
        assert_eq!(met(&Need::ReadOf("c-1 ".to_owned())), ["read"]);
    }
}
