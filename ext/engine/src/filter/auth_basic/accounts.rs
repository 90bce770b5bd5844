//! Who may come in: users and the hashes of their passwords.

use std::collections::HashMap;
use std::sync::Arc;

use super::hash::Hash;

/// The accounts of one `auth_basic`. There is at least one.
#[derive(Debug, PartialEq)]
pub(super) struct Accounts {
    hashes: HashMap<Box<str>, Arc<Hash>>,
    /// Takes the place of the hash of a user who does not exist, so that the time of an answer does not tell who does.
    dummy: Arc<Hash>,
}

/// Gathers accounts and what is wrong with them.
#[derive(Debug, Default)]
pub(super) struct Gathering {
    hashes: HashMap<Box<str>, Arc<Hash>>,
    first: Option<Arc<Hash>>,
    /// Every mistake, each with the user or the line it belongs to.
    pub(super) mistakes: Vec<String>,
}

impl Gathering {
    /// Adds one account. `place` begins a message about it.
    pub(super) fn add(&mut self, place: &str, user: &str, hash: &str) {
        if user.is_empty() {
            return self.mistakes.push(format!("{place}there is a user without a name: write one"));
        }
        if user.contains(':') || user.trim() != user || user.chars().any(char::is_control) {
            let message =
                "cannot be told from others: write a name without \":\", control characters and white space around it";
            return self.mistakes.push(format!("{place}the user {user:?} {message}"));
        }
        match Hash::parse(hash) {
            Err(message) => self.mistakes.push(format!("{place}{user:?}: {message}")),
            Ok(hash) => {
                let hash = Arc::new(hash);
                self.first.get_or_insert_with(|| Arc::clone(&hash));
                if self.hashes.insert(user.into(), hash).is_some() {
                    self.mistakes.push(format!("{place}the user {user:?} stands there twice: keep one of them"));
                }
            }
        }
    }

    /// Adds what stands in a file such as `htpasswd` writes: `USER:HASH` in each line, perhaps with more fields behind.
    pub(super) fn add_file(&mut self, text: &str) {
        for (index, line) in text.lines().enumerate() {
            let line = line.trim();
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            let place = format!("line {}: ", index + 1);
            let mut parts = line.split(':');
            match (parts.next(), parts.next()) {
                (Some(user), Some(hash)) => self.add(&place, user, hash),
                _ => self
                    .mistakes
                    .push(format!("{place}there is no \":\": write USER:HASH, as `htpasswd -nB USER` prints it")),
            }
        }
    }

    /// The accounts; `None` if there are none.
    pub(super) fn finish(self) -> Option<Accounts> {
        Some(Accounts { hashes: self.hashes, dummy: self.first? })
    }
}

impl Accounts {
    /// The hash to compare a password with, and whether the user exists at all.
    pub(super) fn find(&self, user: &[u8]) -> (Arc<Hash>, bool) {
        let hash = std::str::from_utf8(user).ok().and_then(|user| self.hashes.get(user));
        (Arc::clone(hash.unwrap_or(&self.dummy)), hash.is_some())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HASH: &str = "$2y$04$abcdefghijklmnopqrstuu2r9OfJnfCsdneAXAGHnS4UpFFP8WIrW";
    const OTHER: &str = "$5$saltsalt$0IyaXrmV7.sGNS6tirgqHLqX/G.FBvgkYA.lpPdS5sA";

    #[test]
    fn a_file_of_htpasswd_is_read_line_by_line() {
        let mut gathering = Gathering::default();
        gathering.add_file(&format!("# people\n\nann:{HASH}\r\n  bob:{OTHER}:Bob B., room 5  \n"));
        assert_eq!(gathering.mistakes, [""; 0]);
        let accounts = gathering.finish().expect("accounts");
        assert!(accounts.find(b"ann").1 && accounts.find(b"bob").1);
        assert_eq!(*accounts.find(b"bob").0, Hash::parse(OTHER).expect("a hash"));
        for unknown in [&b"Ann"[..], b"", b"ann ", b"ann\xff", b"# people"] {
            let (hash, known) = accounts.find(unknown);
            assert!(!known);
            assert_eq!(*hash, Hash::parse(HASH).expect("a hash"), "an unknown user costs what the first one does");
        }
    }

    #[test]
    fn every_mistake_is_told_with_its_line() {
        let mut gathering = Gathering::default();
        gathering.add_file(&format!("ann:{HASH}\nann:{HASH}\nbob\n:{HASH}\ncarl:secret\n"));
        let starts = [
            "line 2: the user \"ann\" stands there twice: keep one of them",
            "line 3: there is no \":\": write USER:HASH",
            "line 4: there is a user without a name: write one",
            "line 5: \"carl\": this is no hash",
        ];
        assert_eq!(gathering.mistakes.len(), starts.len(), "{:?}", gathering.mistakes);
        for (mistake, start) in gathering.mistakes.iter().zip(starts) {
            assert!(mistake.starts_with(start), "{mistake}");
        }
    }

    #[test]
    fn names_that_could_be_mistaken_are_refused() {
        for name in ["a:b", "a\nb", "a\u{7f}", " a", "a "] {
            let mut gathering = Gathering::default();
            gathering.add("", name, HASH);
            assert!(gathering.mistakes[0].contains("cannot be told from others"), "{:?}", gathering.mistakes);
            assert!(gathering.finish().is_none());
        }
    }
}
