//! Authorities of a configuration.

mod compile;

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use http::{Request, Uri};
use instant_acme::{CertificateIdentifier, RenewalInfo};
use parking_lot::Mutex;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::CertificateDer;
use tokio::time::Instant;

use super::csr::KeyKind;
use super::directory::Directory;
use super::dns::DnsProvider;
use super::failure::{FailureKind, OrderFailure};
use super::solver::ChallengeKind;
use super::transport::retry_after;
use crate::certificates::record::PendingOrder;
use crate::clock::time_of_day;
use crate::control::client::HttpClient;
use crate::storage::{Storage, StorageError};
use crate::upstream::Dns;

/// Time for which a directory is kept.
const DIRECTORY_KEPT: Duration = Duration::from_secs(60 * 60);
/// Time for which renewal information holds, if the authority does not say.
const WINDOW_KEPT: Duration = Duration::from_secs(6 * 60 * 60);

/// One authority of the configuration, with the account at it.
#[derive(Debug)]
pub(crate) struct Authority {
    name: String,
    url: Uri,
    written_url: String,
    pub(super) storage: Arc<Storage>,
    pub(super) client: HttpClient,
    pub(super) email: Option<String>,
    pub(super) binding: Option<Binding>,
    /// URL where a binding is made for an email address.
    pub(super) binding_source: Option<String>,
    pub(super) needs_binding: bool,
    pub(super) common_name: bool,
    pub(super) profile: Option<String>,
    pub(super) key: KeyKind,
    pub(super) challenges: Vec<ChallengeKind>,
    pub(super) provider: Option<Arc<DnsProvider>>,
    pub(super) dns: Arc<Dns>,
    directory: Mutex<Option<(Instant, Arc<Directory>)>>,
    rehearsal: Option<Box<Authority>>,
}

/// An external account binding (RFC 8555, section 7.3.4).
#[derive(Clone, PartialEq)]
pub(super) struct Binding {
    pub(super) id: String,
    pub(super) key: Vec<u8>,
}

impl std::fmt::Debug for Binding {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Binding").field("id", &self.id).finish_non_exhaustive()
    }
}

impl Authority {
    /// URL of its directory. It identifies the authority.
    pub(crate) fn url(&self) -> &str {
        &self.written_url
    }

    /// Name for a person: as it was written, such as `letsencrypt`.
    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// Authority where an order is tried first after a failure, so that this one does not count it: the staging of
    /// Let's Encrypt. What it issues is not served.
    pub(crate) fn rehearsal(&self) -> Option<&Authority> {
        self.rehearsal.as_deref()
    }

    /// The window that the authority suggests for the renewal of a certificate, and how long the answer holds
    /// (RFC 9773). `None` if it suggests none.
    pub(crate) async fn renewal_window(
        &self,
        pem: &[u8],
    ) -> Result<Option<((SystemTime, SystemTime), Duration)>, OrderFailure> {
        let directory = self.directory().await?;
        let (Some(base), Some(id)) = (&directory.renewal_info, identifier(pem)) else { return Ok(None) };
        let step = format!("{}: renewal information", self.name);
        let unavailable = |why: String| OrderFailure::new(FailureKind::Unavailable, format!("{step}: {why}"));
        let request = Request::get(format!("{base}/{id}")).body(Bytes::new());
        let answer = self.client.send(request.map_err(|error| unavailable(error.to_string()))?).await;
        let answer = answer.map_err(|error| unavailable(error.to_string()))?;
        if !answer.status().is_success() {
            return Err(OrderFailure::of_answer(&step, &answer));
        }
        let info: RenewalInfo = serde_json::from_slice(answer.body())
            .map_err(|error| unavailable(format!("its answer is not understood: {error}")))?;
        let moment = |seconds: i64| SystemTime::UNIX_EPOCH + Duration::from_secs(u64::try_from(seconds).unwrap_or(0));
        let (from, to) =
            (moment(info.suggested_window.start.unix_timestamp()), moment(info.suggested_window.end.unix_timestamp()));
        // A window that ends before it begins is none (RFC 9773, section 4.2).
        let now = time_of_day();
        let kept = retry_after(answer.headers(), now).and_then(|until| until.duration_since(now).ok());
        Ok((from < to).then_some(((from, to), kept.unwrap_or(WINDOW_KEPT))))
    }

    /// URL of the account. Made at the authority if there is none yet. Records of dns-persist-01 name it.
    #[cfg(test)]
    pub(crate) async fn account_url(&self) -> Result<String, OrderFailure> {
        let directory = self.directory().await?;
        Ok(self.account(&directory).await?.0.id().to_owned())
    }

    /// Forgets the order of a certificate: called once the certificate is in storage. Until then an order goes on
    /// where it was, even in another process.
    pub(crate) async fn settle(&self, subject: &str) {
        let pending = PendingOrder::load(&self.storage, subject).await;
        if matches!(pending, Ok(Some(order)) if order.authority == self.url()) {
            // What cannot be removed now is found to be over when the certificate is renewed.
            let _ = PendingOrder::delete(&self.storage, subject).await;
        }
    }

    /// The directory, read if need be.
    pub(super) async fn directory(&self) -> Result<Arc<Directory>, OrderFailure> {
        let kept = self.directory.lock().clone();
        if let Some((_, directory)) = kept.filter(|(since, _)| since.elapsed() < DIRECTORY_KEPT) {
            return Ok(directory);
        }
        let directory = Arc::new(Directory::read(&self.client, &self.url, &self.name).await?);
        *self.directory.lock() = Some((Instant::now(), Arc::clone(&directory)));
        Ok(directory)
    }

    /// The URL as a part of keys in storage: `acme-v02.api.letsencrypt.org-directory`.
    pub(super) fn file(&self) -> String {
        let url = self.written_url.split_once("://").map_or(&*self.written_url, |(_, rest)| rest);
        let mut file: String =
            url.chars().map(|c| if c.is_ascii_alphanumeric() || c == '.' { c } else { '-' }).take(150).collect();
        if file.starts_with('.') {
            file.insert(0, '-');
        }
        file
    }
}

/// A failure of storage as a failure of an order.
pub(super) fn own(error: StorageError) -> OrderFailure {
    OrderFailure::new(FailureKind::Own, error.to_string())
}

/// How the authority calls the first certificate of a chain (RFC 9773, section 4.1).
pub(super) fn identifier(pem: &[u8]) -> Option<CertificateIdentifier<'static>> {
    let own = CertificateDer::pem_slice_iter(pem).next()?.ok()?;
    CertificateIdentifier::try_from(&own).ok().map(CertificateIdentifier::into_owned)
}
