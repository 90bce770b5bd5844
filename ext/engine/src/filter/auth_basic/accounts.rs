//! Accounts: users and the hashes of their passwords.

use std::collections::HashMap;
use std::sync::Arc;

use super::hash::Hash;

/// The accounts of one `auth_basic`, at least one.
#[derive(Debug, PartialEq)]
pub(super) struct Accounts {
    hashes: HashMap<Box<str>, Arc<Hash>>,
    /// One hash of each cost. A wrong password is compared with one of every cost, whoever the user is, so that the
    /// response time does not tell which users exist.
    costs: Arc<[Arc<Hash>]>,
}

/// The hashes that a password is compared with.
#[derive(Debug)]
pub(super) struct Trial {
    own: Option<Arc<Hash>>,
    costs: Arc<[Arc<Hash>]>,
}

/// Collects accounts and their mistakes.
#[derive(Debug, Default)]
pub(super) struct Gathering {
    hashes: HashMap<Box<str>, Arc<Hash>>,
    costs: Vec<Arc<Hash>>,
    /// Every mistake, each with the user or the line it belongs to.
    pub(super) mistakes: Vec<String>,
}

impl Gathering {
    /// Adds one account. `place` is the beginning of a message about it.
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
                if !self.costs.iter().any(|other| other.costs_what(&hash)) {
                    self.costs.push(Arc::clone(&hash));
                }
                if self.hashes.insert(user.into(), hash).is_some() {
                    self.mistakes.push(format!("{place}the user {user:?} is listed twice: keep one of them"));
                }
            }
        }
    }

    /// Adds the accounts of an `htpasswd` file: `USER:HASH` in each line, optionally followed by more fields.
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

    pub(super) fn finish(self) -> Option<Accounts> {
        let Self { hashes, costs, .. } = self;
        (!costs.is_empty()).then(|| Accounts { hashes, costs: costs.into() })
    }
}

impl Accounts {
    /// The hashes to compare a password of that user with. The user need not exist.
    pub(super) fn trial(&self, user: &[u8]) -> Trial {
        let own = std::str::from_utf8(user).ok().and_then(|user| self.hashes.get(user));
        Trial { own: own.map(Arc::clone), costs: Arc::clone(&self.costs) }
    }
}

impl Trial {
    /// Whether the user exists and the password is right. This takes a long time by design, and for a wrong password
    /// always the same time.
    pub(super) fn passes(&self, password: &[u8]) -> bool {
        if self.own.as_ref().is_some_and(|own| own.is_of(password)) {
            return true;
        }
        for hash in self.costs.iter() {
            let is_done = self.own.as_ref().is_some_and(|own| own.costs_what(hash));
            if !is_done {
                std::hint::black_box(hash.is_of(password));
            }
        }
        false
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
        assert!(accounts.trial(b"ann").own.is_some());
        assert_eq!(*accounts.trial(b"bob").own.expect("bob"), Hash::parse(OTHER).expect("a hash"));
        for unknown in [&b"Ann"[..], b"", b"ann ", b"ann\xff", b"# people"] {
            assert!(accounts.trial(unknown).own.is_none());
        }
    }

    #[test]
    fn a_wrong_password_costs_one_hash_of_every_cost() {
        let mut gathering = Gathering::default();
        let dearer = HASH.replace("$04$", "$05$");
        for (user, hash) in [("ann", HASH), ("bob", OTHER), ("carl", &dearer), ("dora", HASH), ("eve", OTHER)] {
            gathering.add("", user, hash);
        }
        let accounts = gathering.finish().expect("accounts");
        assert_eq!(accounts.costs.len(), 3);
        assert!(accounts.trial(b"ann").passes(b"secret") && accounts.trial(b"dora").passes(b"secret"));
        // The dummy hash for unknown users is ann's, but never makes a password right.
        for user in [&b"nobody"[..], b"carl", b""] {
            assert!(!accounts.trial(user).passes(b"secret"));
        }
    }

    #[test]
    fn every_mistake_is_told_with_its_line() {
        let mut gathering = Gathering::default();
        gathering.add_file(&format!("ann:{HASH}\nann:{HASH}\nbob\n:{HASH}\ncarl:secret\n"));
        let starts = [
            "line 2: the user \"ann\" is listed twice: keep one of them",
            "line 3: there is no \":\": write USER:HASH",
            "line 4: there is a user without a name: write one",
            "line 5: \"carl\": this is not a hash",
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
