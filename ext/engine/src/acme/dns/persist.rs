//! The record of dns-persist-01 (draft-ietf-acme-dns-persist), which a person writes once.

use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use super::authority::Authorities;
use super::full_name;
use crate::upstream::dns::Dns;

/// The TXT record by which the owner of a name lets one account order certificates for it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct PersistentRecord {
    /// Name of the record: `_validation-persist.example.com`.
    pub(crate) name: String,
    /// Its value: `letsencrypt.org; accounturi=https://…`, with `; policy=wildcard` for a wildcard.
    pub(crate) value: String,
    issuers: Vec<String>,
    account: String,
    is_wildcard: bool,
}

impl PersistentRecord {
    /// The record for a name of a certificate, such as `example.com` or `*.example.com`. `issuers` are the challenge's
    /// `issuer-domain-names`; `account` is the account's URL. `None` if the challenge names no issuer.
    pub(crate) fn new(name: &str, issuers: &[String], account: &str) -> Option<Self> {
        let issuer = issuers.first()?;
        let is_wildcard = name.starts_with("*.");
        let policy = if is_wildcard { "; policy=wildcard" } else { "" };
        Some(Self {
            name: format!("_validation-persist.{}", name.trim_start_matches("*.")),
            value: format!("{issuer}; accounturi={account}{policy}"),
            issuers: issuers.to_vec(),
            account: account.to_owned(),
            is_wildcard,
        })
    }

    /// Looks whether such a record is there, and holds `now`.
    ///
    /// # Errors
    /// Which record is to be written, for a person.
    pub(crate) async fn check(&self, dns: &Arc<Dns>, now: SystemTime) -> Result<(), String> {
        self.check_at(&Authorities { dns: Arc::clone(dns), port: 53 }, now).await
    }

    async fn check_at(&self, authorities: &Authorities, now: SystemTime) -> Result<(), String> {
        let found = match authorities.texts(&full_name(&self.name)?).await {
            Ok(found) => found,
            Err(why) => return Err(format!("{} (it could not be looked for: {why})", self.remedy())),
        };
        let mut why = None;
        for answer in &found.answers {
            // A server that does not answer is no reason to doubt the others.
            let Ok(texts) = &answer.texts else { continue };
            let judged: Vec<_> = texts.iter().map(|text| self.judge(text, now)).collect();
            if judged.contains(&Ok(())) {
                continue;
            }
            let wrong = judged.into_iter().filter_map(Result::err).flatten().next();
            let wrong = wrong.unwrap_or_else(|| "has no such record".into());
            why = Some(format!("{} {wrong}", answer.server));
        }
        why.map_or(Ok(()), |why| Err(format!("{} ({why})", self.remedy())))
    }

    fn remedy(&self) -> String {
        format!("write this record, once: {} IN TXT {:?}", self.name, self.value)
    }

    /// Whether a text lets the account order. The error says what is wrong with it; `None` if it is about somebody
    /// else.
    fn judge(&self, text: &str, now: SystemTime) -> Result<(), Option<String>> {
        let mut parts = text.split(';').map(str::trim);
        let issuer = parts.next().unwrap_or_default().trim_end_matches('.');
        if !self.issuers.iter().any(|known| known.trim_end_matches('.').eq_ignore_ascii_case(issuer)) {
            return Err(None);
        }
        let wrong = |what: &str| Err(Some(format!("has {text:?}, {what}")));
        let (mut account, mut policy, mut until) = (None, None, None);
        for part in parts {
            let Some((tag, value)) = part.split_once('=') else {
                return wrong("in which a part has no `=`");
            };
            let (tag, value) = (tag.trim().to_ascii_lowercase(), value.trim());
            let place = match tag.as_str() {
                "accounturi" => &mut account,
                "policy" => &mut policy,
                "persistuntil" => &mut until,
                // Tags that are not known are passed over.
                _ => continue,
            };
            if place.replace(value).is_some() {
                return wrong(&format!("which has {tag} twice"));
            }
        }
        match account {
            None => return wrong("which names no accounturi"),
            // Several accounts may have a record each.
            Some(account) if account != self.account => return wrong("which is for another account"),
            Some(_) => {}
        }
        if self.is_wildcard && !policy.is_some_and(|policy| policy.eq_ignore_ascii_case("wildcard")) {
            return wrong("which lacks policy=wildcard");
        }
        let seconds = now.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
        match until.map(str::parse::<u64>) {
            Some(Err(_)) => wrong("whose persistUntil is no number of seconds since 1970"),
            Some(Ok(until)) if until < seconds => wrong("whose persistUntil is over"),
            Some(Ok(_)) | None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests;
