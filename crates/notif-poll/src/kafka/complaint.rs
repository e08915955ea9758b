//! Why the brokers cannot be reached: what the client complained about, in words for a person.
//!
//! A call that gets no answer only says that it timed out. The reason (a wrong password, a
//! certificate that nobody trusts, a port that speaks something else) comes from the client's
//! connections, one complaint at each attempt. The most telling of them is kept.

use rdkafka::error::RDKafkaErrorCode as Code;

/// A reason, and what to do about it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Complaint {
    /// What is wrong.
    pub(crate) cause: String,
    /// What to do next.
    pub(crate) hint: &'static str,
    /// How much it says, the most first.
    weight: Weight,
}

/// Of several complaints the heaviest is told, of equal ones the last.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Weight {
    /// Nothing is there, or it went away.
    Connection,
    /// Something is there that does not speak as we do.
    Protocol,
    /// Who we are, or who they are, was not believed.
    Identity,
}

const ADDRESS: &str = "check KAFKA_BOOTSTRAP_SERVERS, and that a broker is up";
const CLOSED: &str = "is a broker up, and is security.protocol what this port speaks (plaintext, ssl, sasl_plaintext, sasl_ssl)?";
const NAME: &str = "this name must mean something on this machine; where KAFKA_BOOTSTRAP_SERVERS does not have it, a broker told it: see its advertised.listeners";
const PROTOCOL: &str =
    "set security.protocol to what this port speaks: plaintext, ssl, sasl_plaintext or sasl_ssl";
const NOT_KAFKA: &str = "KAFKA_BOOTSTRAP_SERVERS must name the port of a broker";
const TRUST: &str = "ssl.ca.location must name the certificate of the authority that signed the broker's; the broker's must name the host that is connected to, and its time must not be over";
const SHOW: &str = "this port wants a certificate of the client, signed by an authority that the broker knows, its time not over: set ssl.certificate.location and ssl.key.location";
const PASSWORD: &str =
    "check sasl.mechanism, sasl.username and sasl.password in the file of KAFKA_CONFIG";

/// "HTTP", which librdkafka reads as the length of an answer, and advises to allow.
///
/// A port that speaks TLS cannot be told so: its alert is too short for an answer of Kafka's, and the
/// connection is only closed.
const HTTP_AS_LENGTH: &str = "Invalid response size 1213486160 ";

impl Complaint {
    /// What a complaint of librdkafka means; none for one that says nothing.
    pub(crate) fn of(code: Code, reason: &str) -> Option<Self> {
        let is_http = reason.contains(HTTP_AS_LENGTH);
        let (weight, hint) = match code {
            Code::Authentication | Code::SaslAuthenticationFailed => (Weight::Identity, PASSWORD),
            Code::Resolve => (Weight::Protocol, NAME),
            Code::SSL | Code::BrokerTransportFailure | Code::BadMessage if is_http => {
                (Weight::Protocol, NOT_KAFKA)
            }
            Code::SSL | Code::BrokerTransportFailure | Code::BadMessage => about_connection(reason),
            _ => return None,
        };
        let cause = if is_http {
            format!("{}: the port speaks HTTP", address(reason))
        } else {
            in_words(reason)
        };
        Some(Self {
            cause,
            hint,
            weight,
        })
    }

    /// A connection that the broker closed without a word, which librdkafka notes in its log alone.
    pub(crate) fn of_log(facility: &str, message: &str) -> Option<Self> {
        // "[thrd:NAME]: NAME: Disconnected: ..."
        let (_thread, reason) = message.split_once("]: ")?;
        (facility == "FAIL" && reason.contains("closed by peer")).then(|| Self {
            cause: in_words(reason),
            hint: CLOSED,
            weight: Weight::Connection,
        })
    }

    /// Does trying again lead nowhere?
    fn is_final(&self) -> bool {
        self.weight == Weight::Identity
    }
}

fn about_connection(reason: &str) -> (Weight, &'static str) {
    let has = |words: &[&str]| words.iter().any(|word| reason.contains(word));
    if has(&["PLAINTEXT broker", "wrong version number", "unexpected eof"]) {
        (Weight::Protocol, PROTOCOL)
    } else if has(&["SSL alert number"]) {
        (Weight::Identity, SHOW)
    } else if has(&["certificate verify failed"]) {
        (Weight::Identity, TRUST)
    } else if has(&["SSL handshake failed", "security.protocol"]) {
        (Weight::Protocol, PROTOCOL)
    } else if has(&["closed by peer"]) {
        (Weight::Connection, CLOSED)
    } else {
        (Weight::Connection, ADDRESS)
    }
}

/// The address in `ssl://host:9093/bootstrap: what happened (after 1ms in state CONNECT)`.
fn address(reason: &str) -> &str {
    let name = reason.split(": ").next().unwrap_or(reason);
    name.rsplit_once('/').map_or(name, |(address, _)| address)
}

/// The same in fewer words: without the client's name for the broker and its state, and without the
/// place in OpenSSL's source (`../ssl/x.c:1:function error:0A000086:SSL routines::`).
fn in_words(reason: &str) -> String {
    let Some((_, what)) = reason.split_once(": ") else {
        return reason.to_owned();
    };
    let what = what.split(" (after ").next().unwrap_or(what);
    let what = match (what.split_once("../"), what.rsplit_once("SSL routines::")) {
        (Some((before, _)), Some((_, after))) => format!("{before}{after}"),
        _ => what.to_owned(),
    };
    format!("{}: {what}", address(reason))
}

/// All complaints of a client.
#[derive(Debug, Default)]
pub(crate) struct Complaints {
    worst: Option<Complaint>,
    refused: bool,
}

impl Complaints {
    /// Takes an error that concerns no partition.
    pub(crate) fn add(&mut self, code: Code, reason: &str) {
        if code == Code::AllBrokersDown {
            self.refused = self.worst.as_ref().is_some_and(Complaint::is_final);
        }
        self.keep(Complaint::of(code, reason));
    }

    /// Takes a line of the client's log.
    pub(crate) fn add_log(&mut self, facility: &str, message: &str) {
        self.keep(Complaint::of_log(facility, message));
    }

    fn keep(&mut self, new: Option<Complaint>) {
        let Some(new) = new else { return };
        let worst = self.worst.as_ref();
        if worst.is_none_or(|worst| worst.weight <= new.weight) {
            self.worst = Some(new);
        }
    }

    /// The most telling one.
    pub(crate) fn worst(&self) -> Option<&Complaint> {
        self.worst.as_ref()
    }

    /// Did every broker that there is turn us away, so that waiting for one makes no sense?
    pub(crate) fn all_refuse(&self) -> bool {
        self.refused
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(code: Code, reason: &str) -> (String, &'static str) {
        let complaint = Complaint::of(code, reason).unwrap();
        (complaint.cause, complaint.hint)
    }

    #[test]
    fn librdkafkas_words_are_cut_to_what_a_person_needs() {
        assert_eq!(
            told(
                Code::SSL,
                "ssl://h:9093/bootstrap: SSL handshake failed: ../ssl/statem/statem_clnt.c:1889:tls_post_process_server_certificate error:0A000086:SSL routines::certificate verify failed: broker certificate could not be verified (after 11ms in state SSL_HANDSHAKE)"
            ),
            (
                "ssl://h:9093: SSL handshake failed: certificate verify failed: broker certificate could not be verified".to_owned(),
                TRUST
            )
        );
        assert_eq!(
            told(
                Code::Resolve,
                "no-such-broker:9092/1: Failed to resolve 'no-such-broker:9092': Name or service not known (after 1ms in state CONNECT, 1 identical error(s) suppressed)"
            ),
            (
                "no-such-broker:9092: Failed to resolve 'no-such-broker:9092': Name or service not known".to_owned(),
                NAME
            )
        );
        assert_eq!(
            told(Code::Authentication, "nothing that it usually says"),
            ("nothing that it usually says".to_owned(), PASSWORD)
        );
    }

    #[test]
    fn a_port_that_speaks_http_is_told_by_the_length_of_its_answer() {
        let reason = "h:80/bootstrap: Receive failed: Invalid response size 1213486160 (0..100000000): increase receive.message.max.bytes (after 3ms in state APIVERSION_QUERY)";
        assert_eq!(
            told(Code::BadMessage, reason),
            ("h:80: the port speaks HTTP".to_owned(), NOT_KAFKA)
        );
    }

    #[test]
    fn the_most_telling_complaint_is_kept() {
        let mut complaints = Complaints::default();
        complaints.add(Code::Authentication, "b/1: Invalid username or password");
        complaints.add(Code::BrokerTransportFailure, "a/1: Connection refused");
        assert_eq!(
            complaints.worst().unwrap().cause,
            "b: Invalid username or password"
        );
        assert!(!complaints.all_refuse(), "another broker may let us in");
        complaints.add(Code::AllBrokersDown, "2/2 brokers are down");
        assert!(complaints.all_refuse());
    }

    #[test]
    fn a_broker_that_is_down_is_waited_for() {
        let mut complaints = Complaints::default();
        complaints.add(Code::BrokerTransportFailure, "a/1: Connection refused");
        complaints.add(Code::AllBrokersDown, "1/1 brokers are down");
        assert!(!complaints.all_refuse());
        assert_eq!(complaints.worst().unwrap().hint, ADDRESS);
    }

    #[test]
    fn a_connection_that_is_closed_without_a_word_is_in_the_log_alone() {
        let mut complaints = Complaints::default();
        complaints.add_log(
            "FAIL",
            "[thrd:h:9093/bootstrap]: h:9093/bootstrap: Disconnected: connection closed by peer: receive 0 after POLLIN (after 3ms in state APIVERSION_QUERY)",
        );
        let complaint = complaints.worst().unwrap();
        assert_eq!(complaint.hint, CLOSED);
        assert!(
            complaint.cause.starts_with("h:9093: Disconnected"),
            "{complaint:?}"
        );
    }
}
