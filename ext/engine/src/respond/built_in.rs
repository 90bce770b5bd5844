//! The error responses that come with the engine.

use std::sync::{Arc, LazyLock};

use proxy_http::message::reason;

use super::{page, BodyFormat, ErrorResponse, Rendered};

/// Status code, name in a configuration, and message to a person.
const TABLE: &[(u16, Option<&str>, &str)] = &[
    (400, Some("bad_request"), "The request could not be understood."),
    (401, Some("unauthorized"), "This is for those who have signed in."),
    (403, Some("forbidden"), "This is not for everybody."),
    (404, Some("not_found"), "There is nothing at this address."),
    (405, None, "This address does not take requests of that kind."),
    (408, None, "The request took too long to arrive."),
    (412, None, "What was asked for is not in the state that the request is about."),
    (413, Some("payload_too_large"), "What was sent is larger than what is accepted here."),
    (414, None, "The address is longer than what is accepted here."),
    (416, None, "What was asked for has no part like this."),
    (417, None, "The request expects something that is not done here."),
    (421, None, "This connection was made for another host. Please ask again over a new one."),
    (429, Some("too_many_requests"), "Too many requests came from here in too short a time. Please wait a little."),
    (431, None, "The header of the request is larger than what is accepted here."),
    (500, Some("internal_server_error"), "Something went wrong while the request was being served."),
    (501, None, "The request asks for something that this server cannot do."),
    (502, Some("bad_gateway"), "The server behind this one did not give a usable answer. Please try again soon."),
    (503, Some("service_unavailable"), "This service is not available at the moment. Please try again soon."),
    (504, Some("gateway_timeout"), "The server behind this one did not answer in time. Please try again soon."),
    (505, None, "The request speaks a version of HTTP that is not spoken here."),
];

static RENDERED: LazyLock<Vec<Arc<ErrorResponse>>> = LazyLock::new(|| {
    let render = |(status, _, message): &(u16, _, &str)| {
        Arc::new(ErrorResponse { forms: forms(*status, message, &[]), default: BodyFormat::Plain, custom: false })
    };
    TABLE.iter().map(render).collect()
});

/// The built-in response for a status code. There is one for each status that the engine itself answers with, and for
/// each that has a name: 400, 401, 403, 404, 405, 408, 412, 413, 414, 416, 417, 421, 429, 431 and 500 to 505. Any other
/// code gets the one for 500.
pub(crate) fn built_in(status: u16) -> &'static Arc<ErrorResponse> {
    let find = |status| TABLE.binary_search_by_key(&status, |(status, ..)| *status).ok();
    let index = find(status).or_else(|| find(500)).unwrap_or_default();
    &RENDERED[index]
}

/// The response to a request that nothing stored answers, and that may go no further (RFC 9111, section 5.2.1.7).
pub(crate) fn not_stored() -> &'static ErrorResponse {
    static NOT_STORED: LazyLock<ErrorResponse> = LazyLock::new(|| {
        let message = "Nothing is stored that could answer, and the request allows no other answer.";
        ErrorResponse { forms: forms(504, message, &[]), default: BodyFormat::Plain, custom: false }
    });
    &NOT_STORED
}

/// The built-in response with this name.
pub(super) fn named(name: &str) -> Option<&'static Arc<ErrorResponse>> {
    let (status, ..) = TABLE.iter().find(|(_, known, _)| *known == Some(name))?;
    Some(built_in(*status))
}

/// Names that a configuration may use.
pub(super) fn names() -> impl Iterator<Item = &'static str> {
    TABLE.iter().filter_map(|(_, name, _)| *name)
}

/// Status codes that have a built-in response.
pub(super) fn statuses() -> impl Iterator<Item = u16> {
    TABLE.iter().map(|(status, ..)| *status)
}

/// Message for a status code, for a configured response without a text.
pub(super) fn message(status: u16) -> &'static str {
    TABLE.iter().find(|(known, ..)| *known == status).map_or("The request could not be served.", |(.., text)| text)
}

/// The response for a status code in all three formats.
pub(super) fn forms(status: u16, message: &str, extra: &[(String, String)]) -> [Option<Rendered>; 3] {
    let title = match reason(status) {
        "" => "Error",
        reason => reason,
    };
    let plain = format!("{status} {title}\n{message}\n");
    let json = serde_json::json!({
        "error": title, "message": message, "code": status, "status": "error", "request_id": ""
    });
    let bodies = [plain, format!("{json}\n"), page::html(status, title, message)];
    let mut bodies = bodies.into_iter();
    BodyFormat::ALL.map(|format| {
        let rendered = Rendered::new(status, format, bodies.next()?, extra);
        Some(match format {
            BodyFormat::Plain => rendered,
            BodyFormat::Json => rendered.with_place_behind(format, r#""request_id":""#),
            BodyFormat::Html => rendered.with_place_behind(format, "<code>"),
        })
    })
}
