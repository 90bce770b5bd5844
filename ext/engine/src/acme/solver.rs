//! Challenges of an order: which one is taken, its answer shown, and removed again.

use std::collections::BTreeMap;

use instant_acme::{AuthorizationStatus, Challenge, ChallengeStatus, ChallengeType, Error, Identifier};
use serde::{Deserialize, Serialize};

use super::authority::{own, Authority};
use super::course::Course;
use super::csr::alpn_answer;
use super::dns::persist::PersistentRecord;
use super::failure::{told, FailureKind, OrderFailure};
use super::nonce::with_good_nonce;
use crate::certificates::challenges::{is_token, Challenges};
use crate::clock::time_of_day;

/// Kinds of challenges that can be answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum ChallengeKind {
    /// RFC 8737.
    #[serde(rename = "tls-alpn-01")]
    TlsAlpn01,
    /// RFC 8555, section 8.3.
    #[serde(rename = "http-01")]
    Http01,
    /// RFC 8555, section 8.4.
    #[serde(rename = "dns-01")]
    Dns01,
    /// draft-ietf-acme-dns-persist.
    #[serde(rename = "dns-persist-01")]
    DnsPersist01,
}

impl ChallengeKind {
    /// Names, in the order of the kinds.
    pub(crate) const NAMES: [&'static str; 4] = ["tls-alpn-01", "http-01", "dns-01", "dns-persist-01"];

    /// The kind with this name.
    pub(crate) fn of(name: &str) -> Option<Self> {
        let at = Self::NAMES.iter().position(|known| *known == name)?;
        Some([Self::TlsAlpn01, Self::Http01, Self::Dns01, Self::DnsPersist01][at])
    }

    pub(crate) fn as_str(self) -> &'static str {
        Self::NAMES[self as usize]
    }

    /// Whether it can prove the control of all names below one.
    pub(crate) fn proves_wildcards(self) -> bool {
        matches!(self, Self::Dns01 | Self::DnsPersist01)
    }

    /// As instant-acme calls it.
    fn kind(self) -> ChallengeType {
        match self {
            Self::TlsAlpn01 => ChallengeType::TlsAlpn01,
            Self::Http01 => ChallengeType::Http01,
            Self::Dns01 => ChallengeType::Dns01,
            Self::DnsPersist01 => ChallengeType::Unknown(self.as_str().into()),
        }
    }
}

/// One challenge that is taken, and its answer.
#[derive(Debug)]
pub(super) struct Proof {
    kind: ChallengeKind,
    /// Name without a star.
    name: String,
    wildcard: bool,
    url: String,
    token: String,
    /// Key authorization (RFC 8555, section 8.1), its SHA-256, and that in base64url.
    authorization: String,
    digest: Vec<u8>,
    dns_value: String,
    /// Whether the authority still waits to hear that the answer is there.
    is_pending: bool,
}

/// Takes the answers out of memory when it is dropped: also if nobody waits for the order any more.
pub(super) struct ShownProofs<'a>(pub(super) &'a Challenges, pub(super) &'a [Proof]);

impl Drop for ShownProofs<'_> {
    fn drop(&mut self) {
        for proof in self.1 {
            match proof.kind {
                ChallengeKind::Http01 => self.0.forget_http(&proof.token),
                ChallengeKind::TlsAlpn01 => self.0.forget_alpn(&proof.name),
                ChallengeKind::Dns01 | ChallengeKind::DnsPersist01 => {}
            }
        }
    }
}

impl Course<'_> {
    /// The challenges to answer: one of each name whose control is not proved yet.
    pub(super) async fn choose(&mut self) -> Result<Vec<Proof>, OrderFailure> {
        if self.order.state().authorizations.len() > MOST_AUTHORIZATIONS {
            return Err(nonsense(self.authority, "the order has more authorizations than a certificate has names"));
        }
        // Those that are read stay read.
        let read = with_good_nonce!(async {
            let mut authorizations = self.order.authorizations();
            while let Some(read) = authorizations.next().await {
                read?;
            }
            Ok(())
        });
        read.map_err(|error| OrderFailure::of_step(&self.step("authorization"), error, &self.seen.lock()))?;
        let mut proofs = Vec::new();
        let mut authorizations = self.order.authorizations();
        while let Some(Ok(mut authorization)) = authorizations.next().await {
            if authorization.status != AuthorizationStatus::Pending {
                continue;
            }
            let wildcard = authorization.wildcard;
            let identifier = authorization.identifier();
            let Identifier::Dns(name) = identifier.identifier else { continue };
            let name = name.to_ascii_lowercase();
            if !self.wanted.names.iter().any(|wanted| is_within(wanted, &name)) {
                return Err(nonsense(self.authority, &format!("it wants a proof for {name:?}, which was not ordered")));
            }
            let preferred = &self.authority.challenges;
            let Some(kind) = choice(preferred, &authorization.challenges, wildcard, &self.history.failed) else {
                let message = none_fits(&name, wildcard, &authorization.challenges, preferred);
                return Err(OrderFailure::new(
                    FailureKind::Misconfigured,
                    format!("{}: {message}", self.authority.name()),
                ));
            };
            let Some(challenge) = authorization.challenge(kind.kind()) else { continue };
            if kind != ChallengeKind::DnsPersist01 && !is_token(challenge.token.as_bytes()) {
                let token = &challenge.token;
                return Err(nonsense(self.authority, &format!("its token for {name} is not in base64url: {token:?}")));
            }
            let authorization = challenge.key_authorization();
            proofs.push(Proof {
                kind,
                name,
                wildcard,
                url: challenge.url.clone(),
                token: challenge.token.clone(),
                digest: authorization.digest().as_ref().to_vec(),
                dns_value: authorization.dns_value(),
                authorization: authorization.as_str().to_owned(),
                is_pending: challenge.status == ChallengeStatus::Pending,
            });
        }
        Ok(proofs)
    }

    /// Shows the answers, until the authority could see each of them.
    pub(super) async fn present(&mut self, proofs: &[Proof]) -> Result<(), OrderFailure> {
        let authority = self.authority;
        let storage = &authority.storage;
        for proof in proofs {
            match proof.kind {
                ChallengeKind::Http01 => {
                    self.challenges.add_http(storage, &proof.token, &proof.authorization).await.map_err(own)?;
                }
                ChallengeKind::TlsAlpn01 => {
                    let pem = alpn_answer(&proof.name, &proof.digest)
                        .map_err(|error| OrderFailure::new(FailureKind::Own, error))?;
                    self.challenges.add_alpn(storage, &proof.name, &pem).await.map_err(own)?;
                }
                ChallengeKind::DnsPersist01 => self.check_persistent(proof).await?,
                ChallengeKind::Dns01 => self.history.records.push((record(&proof.name), proof.dns_value.clone())),
            }
        }
        // A process that crashes leaves them to the next one.
        if self.writes_records(proofs) {
            self.store_history().await?;
            self.add_records(proofs).await?;
        }
        Ok(())
    }

    /// Whether TXT records are added and removed.
    pub(super) fn writes_records(&self, proofs: &[Proof]) -> bool {
        proofs.iter().any(|proof| proof.kind == ChallengeKind::Dns01)
    }

    async fn add_records(&self, proofs: &[Proof]) -> Result<(), OrderFailure> {
        let Some(provider) = &self.authority.provider else { return Ok(()) };
        let failed =
            |name: &str, why: String| OrderFailure::new(FailureKind::Own, format!("dns-01: TXT record {name}: {why}"));
        // A name and its wildcard share one record with two values: both must be there before the authority looks.
        let mut values = BTreeMap::<String, Vec<String>>::new();
        for proof in proofs.iter().filter(|proof| proof.kind == ChallengeKind::Dns01) {
            let name = record(&proof.name);
            provider.add(&name, &proof.dns_value).await.map_err(|why| failed(&name, why))?;
            values.entry(name).or_default().push(proof.dns_value.clone());
        }
        for (name, values) in &values {
            provider.wait_until_seen(name, values).await.map_err(|why| failed(name, why))?;
        }
        Ok(())
    }

    /// Looks whether the record is there that a person has to write: a look of the authority would count as a failure.
    async fn check_persistent(&self, proof: &Proof) -> Result<(), OrderFailure> {
        let issuers = self.seen.lock().issuers.get(&proof.url).cloned().unwrap_or_default();
        let name = if proof.wildcard { format!("*.{}", proof.name) } else { proof.name.clone() };
        let refused = |why: String| OrderFailure::new(FailureKind::Refused, format!("dns-persist-01: {name}: {why}"));
        let record = PersistentRecord::new(&name, &issuers, self.account.id())
            .ok_or_else(|| refused("the authority names no issuer for the record".into()))?;
        record.check(&self.authority.dns, time_of_day()).await.map_err(refused)
    }

    /// Tells the authority that the answers are there.
    pub(super) async fn announce(&mut self, proofs: &[Proof]) -> Result<(), OrderFailure> {
        for proof in proofs.iter().filter(|proof| proof.is_pending) {
            let kind = proof.kind.as_str();
            self.log.debug(format_args!("acme: {}: {kind} of {} is ready", self.subject(), proof.name));
            let told = with_good_nonce!(async {
                let mut authorizations = self.order.authorizations();
                while let Some(authorization) = authorizations.next().await {
                    let mut authorization = authorization?;
                    let Some(mut challenge) = authorization.challenge(proof.kind.kind()) else { continue };
                    if challenge.url == proof.url {
                        return challenge.set_ready().await;
                    }
                }
                Ok(())
            });
            match told {
                // The challenge has failed by now, which the state of the order tells too.
                Err(Error::Api(_)) if self.seen.lock().status.is_some_and(|status| status.is_success()) => {}
                Err(error) => {
                    let step = format!("{} of {}", proof.kind.as_str(), proof.name);
                    return Err(OrderFailure::of_step(&self.step(&step), error, &self.seen.lock()));
                }
                Ok(()) => {}
            }
        }
        Ok(())
    }

    /// Why the order has become invalid: what the authority says of its challenges.
    pub(super) async fn refusals(&mut self, proofs: &[Proof]) -> String {
        let mut reasons = Vec::new();
        let mut failed = Vec::new();
        let mut authorizations = self.order.authorizations();
        while let Some(Ok(mut authorization)) = authorizations.next().await {
            if with_good_nonce!(async { authorization.refresh().await.map(drop) }).is_err() {
                continue;
            }
            let errors =
                authorization.challenges.iter().filter_map(|challenge| Some((challenge, challenge.error.as_ref()?)));
            for (challenge, problem) in errors {
                let proof = proofs.iter().find(|proof| proof.url == challenge.url);
                let kind = proof.map_or("challenge", |proof| proof.kind.as_str());
                failed.extend(proof.map(|proof| proof.kind));
                reasons.push(format!("{kind} of {}: {}", authorization.identifier(), told(problem)));
            }
        }
        failed.into_iter().for_each(|kind| self.history.has_failed(kind));
        if let (true, Some(problem)) = (reasons.is_empty(), &self.order.state().error) {
            reasons.push(told(problem));
        }
        match reasons.is_empty() {
            true => "it is invalid".into(),
            false => reasons.join("; "),
        }
    }

    /// Removes the answers, and the records that an earlier process has left.
    pub(super) async fn clean(&mut self, proofs: &[Proof]) {
        let storage = &self.authority.storage;
        for proof in proofs {
            match proof.kind {
                ChallengeKind::Http01 => self.challenges.remove_http(storage, &proof.token).await,
                ChallengeKind::TlsAlpn01 => self.challenges.remove_alpn(storage, &proof.name).await,
                ChallengeKind::Dns01 | ChallengeKind::DnsPersist01 => {}
            }
        }
        let Some(provider) = &self.authority.provider else { return };
        let mut left = Vec::new();
        for (name, value) in std::mem::take(&mut self.history.records) {
            if let Err(why) = provider.remove(&name, &value).await {
                self.log.warn(format_args!("acme: {}: TXT record {name} stays: {why}", self.subject()));
                left.push((name, value));
            }
        }
        // A record that stays does no harm, and one that cannot be removed must not be tried for ever.
        left.truncate(LEFT);
        self.history.records = left;
    }
}

/// TXT records of one certificate that could not be removed, at most.
const LEFT: usize = 20;

/// Authorizations of one order that are read.
const MOST_AUTHORIZATIONS: usize = 100;

/// The failure of an authority that does not do what RFC 8555 says.
fn nonsense(authority: &Authority, what: &str) -> OrderFailure {
    OrderFailure::new(FailureKind::Unavailable, format!("{}: authorization: {what}", authority.name()))
}

/// Whether the control of `name` can be what a certificate for `wanted` needs: that of a domain above it may do
/// (RFC 8555, section 7.1.3).
fn is_within(wanted: &str, name: &str) -> bool {
    let above = wanted.strip_suffix(name);
    !name.is_empty() && above.is_some_and(|rest| rest.is_empty() || rest.ends_with('.'))
}

/// Name of the TXT record for dns-01.
fn record(name: &str) -> String {
    format!("_acme-challenge.{name}")
}

/// The preferred of the challenges that are offered and can prove the name. One that has failed comes last, so that
/// another has its turn with the next order.
fn choice(
    preferred: &[ChallengeKind],
    offered: &[Challenge],
    wildcard: bool,
    failed: &[ChallengeKind],
) -> Option<ChallengeKind> {
    let can = |kind: &&ChallengeKind| {
        (!wildcard || kind.proves_wildcards()) && offered.iter().any(|offered| offered.r#type == kind.kind())
    };
    let failed_at = |kind: &&ChallengeKind| failed.iter().position(|failed| failed == *kind).map_or(0, |at| at + 1);
    preferred.iter().filter(can).min_by_key(failed_at).copied()
}

/// Why no challenge can prove a name.
fn none_fits(name: &str, wildcard: bool, offered: &[Challenge], preferred: &[ChallengeKind]) -> String {
    let offered: Vec<_> = offered
        .iter()
        .map(|offered| match &offered.r#type {
            ChallengeType::Http01 => "http-01",
            ChallengeType::TlsAlpn01 => "tls-alpn-01",
            ChallengeType::Dns01 => "dns-01",
            ChallengeType::Unknown(kind) => kind,
            _ => "another",
        })
        .collect();
    let preferred: Vec<_> = preferred.iter().map(|kind| kind.as_str()).collect();
    let (offered, preferred) = (offered.join(", "), preferred.join(", "));
    match wildcard {
        true => format!("*.{name} needs dns-01 or dns-persist-01: challenges are {preferred}; it offers {offered}"),
        false => format!("{name}: it offers {offered}, and challenges are {preferred}: write another in challenge:"),
    }
}

#[cfg(test)]
mod tests;
