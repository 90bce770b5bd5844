//! Accounts at authorities (RFC 8555, section 7.3): made once, and kept in storage for all instances.

use std::sync::Arc;
use std::time::Duration;

use base64::prelude::{Engine, BASE64_URL_SAFE_NO_PAD};
use bytes::Bytes;
use http::header::CONTENT_TYPE;
use http::Request;
use instant_acme::{Account, AccountCredentials, Error, ExternalAccountKey, NewAccount};
use parking_lot::Mutex;
use serde::{Deserialize, Serialize};
use tokio::time::{sleep, timeout};

use super::authority::{own, Authority, Binding};
use super::directory::Directory;
use super::failure::{short, FailureKind, OrderFailure};
use super::nonce::with_good_nonce;
use super::transport::{Seen, Transport};
use crate::storage::StorageLock;

/// Time to wait for another instance that makes the account.
const LOCK_TIME: Duration = Duration::from_secs(60);
/// Time between two looks at the lock. It cannot be waited for.
const LOCK_PAUSE: Duration = Duration::from_millis(200);

/// An account as it is stored.
#[derive(Serialize, Deserialize)]
struct StoredAccount {
    /// Of instant-acme: the URL and the key.
    credentials: serde_json::Map<String, serde_json::Value>,
    #[serde(default)]
    email: Option<String>,
    /// Identifier of the binding that it was made with.
    #[serde(default)]
    binding: Option<String>,
}

/// An account with what responses to its requests say.
pub(super) type AccountSession = (Account, Arc<Mutex<Seen>>);

impl Authority {
    /// The account, which is made if there is none.
    pub(super) async fn account(&self, directory: &Arc<Directory>) -> Result<AccountSession, OrderFailure> {
        if let Some(stored) = self.stored_account().await? {
            return self.open(stored, directory).await;
        }
        let _lock = self.account_lock().await?;
        match self.stored_account().await? {
            Some(stored) => self.open(stored, directory).await,
            None => self.make_account(directory).await,
        }
    }

    /// Makes another account the next time, because the authority does not know this one any more.
    pub(super) async fn forget_account(&self, url: &str) -> Result<(), OrderFailure> {
        let _lock = self.account_lock().await?;
        let stored = self.stored_account().await?;
        let is_it = |stored: &StoredAccount| stored.credentials.get("id").is_some_and(|id| id == url);
        match stored.as_ref().is_some_and(is_it) {
            true => self.storage.delete(&self.account_key()).await.map_err(own),
            false => Ok(()),
        }
    }

    /// Where the account is kept. Messages name it.
    pub(super) fn account_key(&self) -> String {
        format!("accounts/{}.json", self.file())
    }

    async fn stored_account(&self) -> Result<Option<StoredAccount>, OrderFailure> {
        let Some(json) = self.storage.load(&self.account_key()).await.map_err(own)? else { return Ok(None) };
        // A damaged one is replaced: an account is nothing but a key that the authority has seen.
        let stored: Option<StoredAccount> = serde_json::from_slice(&json).ok();
        Ok(stored.filter(|stored| match &self.binding {
            Some(binding) => stored.binding.as_ref() == Some(&binding.id),
            None => true,
        }))
    }

    async fn account_lock(&self) -> Result<StorageLock, OrderFailure> {
        let key = format!("locks/account-{}", self.file());
        let taken = timeout(LOCK_TIME, async {
            loop {
                match self.storage.lock(&key).await.map_err(own)? {
                    Some(lock) => return Ok(lock),
                    None => sleep(LOCK_PAUSE).await,
                }
            }
        });
        taken.await.unwrap_or_else(|_| {
            let message = format!("another process holds {key} in the storage for more than {LOCK_TIME:?}");
            Err(OrderFailure::new(FailureKind::Own, message))
        })
    }

    /// The account of credentials, with the email address that is written now.
    async fn open(
        &self,
        mut stored: StoredAccount,
        directory: &Arc<Directory>,
    ) -> Result<AccountSession, OrderFailure> {
        let step = format!("{}: account", self.name());
        stored.credentials.insert("directory".into(), self.url().into());
        let credentials: AccountCredentials =
            serde_json::from_value(stored.credentials.clone().into()).map_err(|error| {
                let key = self.account_key();
                let message = format!("{step}: {key} in the storage is damaged: {error}; delete it, to make another");
                OrderFailure::new(FailureKind::Own, message)
            })?;
        let seen = Arc::default();
        let transport = Transport::new(&self.client, directory, &seen);
        let opened = Account::builder_with_http(transport).from_credentials(credentials).await;
        let account = opened.map_err(|error| OrderFailure::of_step(&step, error, &seen.lock()))?;
        if stored.email != self.email {
            let contact = self.contact();
            let contact: Vec<_> = contact.iter().map(String::as_str).collect();
            let updated = with_good_nonce!(account.update_contacts(&contact));
            match updated {
                // The order finds out, too, and another account is made, with this address.
                Err(Error::Api(problem)) if short(&problem) == "accountDoesNotExist" => return Ok((account, seen)),
                updated => {
                    updated.map_err(|error| OrderFailure::of_step(&format!("{step}: email"), error, &seen.lock()))?;
                }
            }
            stored.email.clone_from(&self.email);
            self.store_account(&stored).await?;
        }
        Ok((account, seen))
    }

    async fn make_account(&self, directory: &Arc<Directory>) -> Result<AccountSession, OrderFailure> {
        let step = format!("{}: new account", self.name());
        let binding = match &self.binding {
            Some(binding) => Some(binding.clone()),
            None if self.needs_binding || directory.needs_binding => Some(self.new_binding().await?),
            None => None,
        };
        let external = binding.as_ref().map(|binding| ExternalAccountKey::new(binding.id.clone(), &binding.key));
        let contact = self.contact();
        let contact: Vec<_> = contact.iter().map(String::as_str).collect();
        let wanted = NewAccount { contact: &contact, terms_of_service_agreed: true, only_return_existing: false };
        let seen = Arc::default();
        let made = with_good_nonce!(Account::builder_with_http(Transport::new(&self.client, directory, &seen)).create(
            &wanted,
            self.url().to_owned(),
            external.as_ref()
        ));
        let (account, credentials) =
            made.map_err(|error| misconfigured(OrderFailure::of_step(&step, error, &seen.lock())))?;
        let damaged = |error| OrderFailure::new(FailureKind::Own, format!("{step}: {error}"));
        let credentials = serde_json::to_value(credentials).map_err(damaged)?;
        let credentials = credentials.as_object().cloned().unwrap_or_default();
        let binding = binding.map(|binding| binding.id);
        self.store_account(&StoredAccount { credentials, email: self.email.clone(), binding }).await?;
        Ok((account, seen))
    }

    async fn store_account(&self, account: &StoredAccount) -> Result<(), OrderFailure> {
        let json =
            serde_json::to_vec(account).map_err(|error| OrderFailure::new(FailureKind::Own, error.to_string()))?;
        self.storage.store(&self.account_key(), &json).await.map_err(own)
    }

    fn contact(&self) -> Option<String> {
        self.email.as_ref().map(|email| format!("mailto:{email}"))
    }

    /// A binding for the email address, if the authority gives one.
    async fn new_binding(&self) -> Result<Binding, OrderFailure> {
        let step = format!("{}: external account binding", self.name());
        let failed = |kind, why: &str| OrderFailure::new(kind, format!("{step}: {why}"));
        let (Some(source), Some(email)) = (&self.binding_source, &self.email) else {
            return Err(failed(
                FailureKind::Misconfigured,
                "it is needed: write eab: with the id and the key that the authority gives you",
            ));
        };
        let form: String = form_urlencoded::Serializer::new(String::new()).append_pair("email", email).finish();
        let request = Request::post(source).header(CONTENT_TYPE, "application/x-www-form-urlencoded").body(form.into());
        let request: Request<Bytes> =
            request.map_err(|error| failed(FailureKind::Misconfigured, &error.to_string()))?;
        let answer = self.client.send(request).await;
        let answer = answer.map_err(|error| failed(FailureKind::Unavailable, &error.to_string()))?;
        if !answer.status().is_success() {
            return Err(OrderFailure::of_answer(&step, &answer));
        }
        let given: Option<GivenBinding> = serde_json::from_slice(answer.body()).ok();
        let key = given.as_ref().and_then(|given| BASE64_URL_SAFE_NO_PAD.decode(&given.eab_hmac_key).ok());
        match (given, key) {
            (Some(given), Some(key)) => Ok(Binding { id: given.eab_kid, key }),
            _ => Err(failed(FailureKind::Misconfigured, "it has given none for this email: write eab:")),
        }
    }
}

/// What ZeroSSL answers.
#[derive(Deserialize)]
struct GivenBinding {
    eab_kid: String,
    eab_hmac_key: String,
}

/// A refusal of an account, which is the same for every name.
fn misconfigured(failure: OrderFailure) -> OrderFailure {
    match failure.kind {
        FailureKind::Refused => OrderFailure { kind: FailureKind::Misconfigured, ..failure },
        _ => failure,
    }
}
