//! Directories of authorities (RFC 8555, section 7.1.1).

use std::collections::BTreeMap;

use bytes::Bytes;
use http::header::CONTENT_TYPE;
use http::{Request, Uri};
use serde::Deserialize;

use super::failure::{FailureKind, OrderFailure};
use crate::control::client::HttpClient;

/// A directory, read and understood.
#[derive(Debug)]
pub(super) struct Directory {
    pub(super) url: Uri,
    /// As the authority has sent it.
    pub(super) body: Bytes,
    /// URL of renewal information (RFC 9773), without a slash at its end.
    pub(super) renewal_info: Option<String>,
    /// Profiles that can be ordered, with what they are.
    pub(super) profiles: BTreeMap<String, String>,
    /// Whether an account needs an external account binding.
    pub(super) needs_binding: bool,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Read {
    new_nonce: String,
    new_account: String,
    new_order: String,
    renewal_info: Option<String>,
    #[serde(default)]
    meta: Meta,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Meta {
    #[serde(default)]
    profiles: BTreeMap<String, String>,
    #[serde(default)]
    external_account_required: bool,
}

impl Directory {
    /// Reads the directory at `url`. `name` is the authority's, for messages.
    pub(super) async fn read(client: &HttpClient, url: &Uri, name: &str) -> Result<Self, OrderFailure> {
        let request = Request::get(url.clone()).body(Bytes::new());
        let request = request.map_err(|error| {
            OrderFailure::new(
                FailureKind::Misconfigured,
                format!("{name}: the directory {url} cannot be asked: {error}"),
            )
        })?;
        let answer = client
            .send(request)
            .await
            .map_err(|error| OrderFailure::new(FailureKind::Unavailable, format!("{name}: directory: {error}")))?;
        if !answer.status().is_success() {
            return Err(OrderFailure::of_answer(&format!("{name}: directory"), &answer));
        }
        let read: Read = serde_json::from_slice(answer.body()).map_err(|_| {
            let kind = answer.headers().get(CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or("of no type");
            OrderFailure::new(
                FailureKind::Misconfigured,
                format!("{name}: {url} is no directory of an authority: its answer is {kind}; check the URL"),
            )
        })?;
        let can_be_asked = |written: &String| written.parse().is_ok_and(|at| is_safe(url, &at));
        let named = [("newNonce", &read.new_nonce), ("newAccount", &read.new_account), ("newOrder", &read.new_order)];
        if let Some((field, wrong)) = named.into_iter().find(|(_, written)| !can_be_asked(written)) {
            let message = format!(
                "{name}: the directory {url} names {wrong:?} as its {field}: it is no URL that is as safe as its own"
            );
            return Err(OrderFailure::new(FailureKind::Misconfigured, message));
        }
        Ok(Self {
            url: url.clone(),
            body: answer.into_body(),
            renewal_info: read.renewal_info.filter(can_be_asked).map(|url| url.trim_end_matches('/').to_owned()),
            profiles: read.meta.profiles,
            needs_binding: read.meta.external_account_required,
        })
    }

    /// Whether the profile can be ordered here.
    pub(super) fn check_profile(&self, profile: &str, name: &str) -> Result<(), OrderFailure> {
        if self.profiles.contains_key(profile) {
            return Ok(());
        }
        let offered: Vec<_> = self.profiles.keys().map(String::as_str).collect();
        let offered = match offered.is_empty() {
            true => "it has none: leave profile: out".into(),
            false => format!("it has {}", offered.join(", ")),
        };
        Err(OrderFailure::new(
            FailureKind::Misconfigured,
            format!("{name}: there is no profile {profile:?}: {offered}"),
        ))
    }
}

/// Whether `url`, which the authority with this directory has named, is one that can be asked: with TLS if the directory
/// is (RFC 8555, section 6.1).
pub(super) fn is_safe(directory: &Uri, url: &Uri) -> bool {
    let is_there = url.host().is_some_and(|host| !host.is_empty());
    match url.scheme_str() {
        Some("https") => is_there,
        Some("http") => is_there && directory.scheme_str() != Some("https"),
        _ => false,
    }
}

#[cfg(test)]
mod tests;
