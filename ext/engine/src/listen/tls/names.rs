//! Table from host names to certificates.

use rustc_hash::FxHashMap;

/// Length limit for lookups: no DNS name is longer.
const LONGEST: usize = 255;

/// Names and wildcard names, each with the index of its certificate.
#[derive(Debug, Default)]
pub(super) struct CertificateNames {
    exact: FxHashMap<Box<[u8]>, usize>,
    /// Domains of wildcard names: `example.com` for `*.example.com`.
    below: FxHashMap<Box<[u8]>, usize>,
}

impl CertificateNames {
    /// Adds a name; `*.example.com` stands for all names below `example.com`. If the name is taken, the error is its
    /// index.
    pub(super) fn add(&mut self, name: &str, index: usize) -> Result<(), usize> {
        let name = name.strip_suffix('.').unwrap_or(name).to_ascii_lowercase();
        let (names, key) = match name.strip_prefix("*.") {
            Some(suffix) => (&mut self.below, suffix),
            None => (&mut self.exact, &*name),
        };
        match names.get(key.as_bytes()) {
            Some(other) => Err(*other),
            None => {
                names.insert(key.as_bytes().into(), index);
                Ok(())
            }
        }
    }

    /// Whether one of the names is this name, which may begin with `*.`, or a wildcard for it.
    pub(super) fn covers(&self, name: &str) -> bool {
        match name.strip_prefix("*.") {
            Some(domain) => self.below.contains_key(domain.as_bytes()),
            None => self.find(name.as_bytes()).is_some(),
        }
    }

    /// The index for a host in any letter case, with or without a trailing dot. An exact name comes before the nearest
    /// wildcard above the host, at any depth: locations are matched in this way too.
    ///
    /// For a host that is too long for DNS, only its end is looked up. It has no exact name, but a wildcard may apply
    /// to it, and a location for that wildcard would take it.
    pub(super) fn find(&self, host: &[u8]) -> Option<usize> {
        let host = host.strip_suffix(b".").unwrap_or(host);
        let cut = host.len().saturating_sub(LONGEST);
        let mut memory = [0; LONGEST];
        let name = memory.get_mut(..host.len() - cut)?;
        name.copy_from_slice(&host[cut..]);
        name.make_ascii_lowercase();
        if let Some(index) = self.exact.get(&*name).filter(|_| cut == 0) {
            return Some(*index);
        }
        if self.below.is_empty() {
            return None;
        }
        let dots = memchr::memchr_iter(b'.', name).filter(|dot| cut + *dot > 0);
        dots.filter_map(|dot| self.below.get(&name[dot + 1..])).next().copied()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(all: &[&str]) -> CertificateNames {
        let mut names = CertificateNames::default();
        for (index, name) in all.iter().enumerate() {
            names.add(name, index).expect("a new name");
        }
        names
    }

    #[test]
    fn a_name_of_its_own_goes_before_a_star_and_the_nearest_star_before_others() {
        let names = names(&["*.example.com", "www.Example.com", "*.b.example.com", "plain"]);
        for (host, expected) in [
            ("www.example.com", Some(1)),
            ("WWW.EXAMPLE.COM.", Some(1)),
            ("a.example.com", Some(0)),
            ("a.x.example.com", Some(0)),
            ("a.b.example.com", Some(2)),
            ("b.example.com", Some(0)),
            ("example.com", None),
            (".example.com", None),
            ("badexample.com", None),
            ("plain", Some(3)),
            ("", None),
            ("[::1]", None),
        ] {
            assert_eq!(names.find(host.as_bytes()), expected, "{host}");
        }
    }

    #[test]
    fn a_name_that_is_too_long_for_dns_is_held_to_the_star_above_it() {
        let names = names(&["*.a", "*.b.example", "c.example"]);
        for (host, expected) in [
            (format!("{}.a", "b".repeat(253)), Some(0)),
            ("a.".repeat(40_000), Some(0)),
            (format!("{}.B.Example", "x".repeat(255)), Some(1)),
            (format!("{}.b.example.", "x.".repeat(200)), Some(1)),
            // The remaining suffix begins with the dot.
            (format!("xx.{}.a", "b".repeat(252)), Some(0)),
            ("a".repeat(256), None),
            (format!("{}.c.example", "x".repeat(255)), None),
            (format!("{}c.example", "x".repeat(255)), None),
        ] {
            assert_eq!(names.find(host.as_bytes()), expected, "{host}");
        }
        let longest = CertificateNames {
            exact: [("c".repeat(255).into_bytes().into(), 7)].into_iter().collect(),
            ..CertificateNames::default()
        };
        assert_eq!(longest.find("c".repeat(255).as_bytes()), Some(7));
        assert_eq!(longest.find("c".repeat(256).as_bytes()), None, "only the end of it");
    }

    #[test]
    fn a_name_stands_for_one_thing() {
        let mut names = names(&["a.example", "*.a.example"]);
        assert_eq!(names.add("A.example.", 7), Err(0));
        assert_eq!(names.add("*.A.example", 7), Err(1));
    }
}
