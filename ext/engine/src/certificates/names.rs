//! Names of managed certificates.

use rustc_hash::FxHashMap;

/// Longest host name (RFC 1035, section 2.3.4).
const LONGEST: usize = 253;
/// Longest part of it between two dots.
const LONGEST_LABEL: usize = 63;

/// The host name that a client has sent, in lower case and without a trailing dot. `None` if it is none: it could be a
/// part of a path otherwise.
pub(super) fn host_name(sent: &[u8]) -> Option<String> {
    let sent = sent.strip_suffix(b".").unwrap_or(sent);
    let is_label = |label: &[u8]| {
        (1..=LONGEST_LABEL).contains(&label.len())
            && label.iter().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'))
    };
    let sound = sent.len() <= LONGEST && sent.split(|byte| *byte == b'.').all(is_label);
    sound.then(|| String::from_utf8_lossy(sent).to_ascii_lowercase())
}

/// Written names, each with the subject of its certificate.
#[derive(Debug, Default)]
pub(super) struct WrittenNames {
    subjects: Vec<Box<str>>,
    exact: FxHashMap<Box<str>, usize>,
    /// Domains of wildcard names: `example.com` for `*.example.com`.
    below: FxHashMap<Box<str>, usize>,
}

impl WrittenNames {
    /// A table of subjects and their names.
    pub(super) fn new(subjects: &[(Box<str>, Vec<Box<str>>)]) -> Self {
        let mut table = Self::default();
        for (index, (subject, names)) in subjects.iter().enumerate() {
            table.subjects.push(subject.clone());
            for name in names {
                match name.strip_prefix("*.") {
                    Some(domain) => table.below.insert(domain.into(), index),
                    None => table.exact.insert(name.clone(), index),
                };
            }
        }
        table
    }

    /// The subject of the certificate for a host name. A wildcard stands for one label, as clients see it.
    pub(super) fn subject(&self, name: &str) -> Option<&str> {
        let wildcard = || self.below.get(name.split_once('.')?.1);
        let index = self.exact.get(name).or_else(wildcard)?;
        self.subjects.get(*index).map(|subject| &**subject)
    }

    /// Whether a location for a written name takes requests for this host: there a wildcard stands for any number of
    /// labels.
    pub(super) fn covers(&self, name: &str) -> bool {
        let above = || name.match_indices('.').any(|(dot, _)| self.below.contains_key(&name[dot + 1..]));
        self.exact.contains_key(name) || above()
    }

    /// The first subject.
    pub(super) fn first(&self) -> Option<&str> {
        self.subjects.first().map(|subject| &**subject)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wildcard_stands_for_one_label_and_a_name_of_its_own_goes_first() {
        let names = WrittenNames::new(&[
            ("example.com".into(), vec!["example.com".into(), "*.example.com".into()]),
            ("www.example.com".into(), vec!["www.example.com".into()]),
        ]);
        for (name, subject) in [
            ("example.com", Some("example.com")),
            ("a.example.com", Some("example.com")),
            ("www.example.com", Some("www.example.com")),
            ("a.b.example.com", None),
            ("com", None),
            ("badexample.com", None),
        ] {
            assert_eq!(names.subject(name), subject, "{name}");
            let is_covered = subject.is_some() || name == "a.b.example.com";
            assert_eq!(names.covers(name), is_covered, "{name}");
        }
        assert_eq!(names.first(), Some("example.com"));
        assert_eq!(WrittenNames::default().first(), None);
    }

    #[test]
    fn what_could_be_part_of_a_path_is_no_host_name() {
        let longest = format!("{}.a", "b.".repeat(125));
        for (sent, name) in [
            ("Example.COM", Some("example.com")),
            ("example.com.", Some("example.com")),
            ("_acme.xn--bcher-kva.example", Some("_acme.xn--bcher-kva.example")),
            ("localhost", Some("localhost")),
            ("", None),
            (".", None),
            ("..", None),
            ("a..b", None),
            ("../accounts/key", None),
            ("a/b.example", None),
            ("*.example.com", None),
            ("a\0.example", None),
            ("b\u{fc}cher.example", None),
            (&longest, None),
            (&"a".repeat(64), None),
        ] {
            assert_eq!(host_name(sent.as_bytes()).as_deref(), name, "{sent:?}");
        }
    }
}
