//! `WWW-Authenticate`: the credentials that a refused client should send (RFC 9110, section 11.6.1).

use crate::compile::Report;

/// Realm that a browser shows, unless the configuration sets one.
pub(super) const USUAL_REALM: &str = "Restricted";

/// The value of the field: `SCHEME realm="…"`.
pub(super) fn challenge(scheme: &str, realm: &str, report: &mut Report<'_>) -> String {
    if realm.chars().any(char::is_control) {
        report.within("realm").error(format!("{realm:?} holds a control character: leave it out"));
    }
    let quoted = realm.replace('\\', "\\\\").replace('"', "\\\"");
    format!("{scheme} realm=\"{quoted}\"")
}
