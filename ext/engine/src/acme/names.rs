//! Which certificates the written names need: one for each name, but none for a name that a written wildcard covers,
//! and one for a wildcard and its apex together.

use std::sync::Arc;

use rustc_hash::FxHashMap;

use crate::config::At;

/// A name that is written in the configuration, where a certificate is wanted.
#[derive(Debug, Clone)]
pub(crate) struct WrittenName {
    /// Lower case, as in `example.com` or `*.example.com`.
    pub(crate) name: Box<str>,
    /// Line that names it.
    pub(crate) at: Option<At>,
}

/// A certificate that is wanted.
#[derive(Debug, Clone)]
pub(crate) struct WrittenCertificate {
    /// Name under which it is kept: the first of its names.
    pub(crate) subject: Arc<str>,
    pub(crate) names: Arc<[String]>,
}

/// The certificates that these names need, in the order of the file.
pub(crate) fn certificates(written: &[WrittenName]) -> Vec<WrittenCertificate> {
    let known: FxHashMap<&str, &WrittenName> = written.iter().rev().map(|name| (&*name.name, name)).collect();
    let has_star = |domain: &str| known.contains_key(&*format!("*.{domain}"));
    let mut taken = FxHashMap::default();
    let mut certificates = Vec::new();
    for WrittenName { name, .. } in written {
        let domain = name.strip_prefix("*.").unwrap_or(name);
        let is_star = domain.len() < name.len();
        let is_covered = || name.split_once('.').is_some_and(|(_, above)| has_star(above));
        let names: Vec<String> = match (is_star, known.contains_key(domain)) {
            (true, true) => vec![domain.into(), name.to_string()],
            (true, false) => vec![name.to_string()],
            (false, _) if has_star(domain) => vec![name.to_string(), format!("*.{name}")],
            (false, _) if is_covered() => continue,
            (false, _) => vec![name.to_string()],
        };
        let Some(subject) = names.first().map(|subject| Arc::<str>::from(subject.as_str())) else { continue };
        if taken.insert(Arc::clone(&subject), ()).is_none() {
            certificates.push(WrittenCertificate { subject, names: names.into() });
        }
    }
    certificates
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(names: &[&str]) -> Vec<String> {
        let written: Vec<_> = names.iter().map(|name| WrittenName { name: (*name).into(), at: None }).collect();
        certificates(&written).iter().map(|one| one.names.join("+")).collect()
    }

    #[test]
    fn each_name_has_a_certificate_of_its_own() {
        assert_eq!(of(&["b.example", "a.example", "b.example"]), ["b.example", "a.example"]);
    }

    #[test]
    fn a_wildcard_and_its_apex_share_one_and_names_below_the_wildcard_need_none() {
        assert_eq!(of(&["www.a.example", "*.a.example"]), ["*.a.example"]);
        assert_eq!(of(&["*.a.example", "www.a.example", "a.example"]), ["a.example+*.a.example"]);
        assert_eq!(of(&["a.example", "*.a.example"]), ["a.example+*.a.example"]);
        // A wildcard of a certificate covers one label.
        assert_eq!(of(&["*.a.example", "x.y.a.example"]), ["*.a.example", "x.y.a.example"]);
        // An apex that a wildcard above covers still belongs to its own wildcard.
        assert_eq!(of(&["*.example", "*.a.example", "a.example"]), ["*.example", "a.example+*.a.example"]);
    }
}
