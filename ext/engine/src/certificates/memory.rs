//! The certificates in memory, of a bounded number.

use std::sync::Arc;
use std::time::SystemTime;

use rustc_hash::FxHashMap;
use tokio::time::Instant;

use super::loaded::LoadedCertificate;

/// Places that are compared when one must be given up. The one that was used longest ago of a few goes: that is as good
/// as the oldest of all, and takes the same time whatever their number is.
const COMPARED: usize = 8;

/// What is known of a certificate.
#[derive(Debug, Clone)]
pub(super) enum Known {
    Loaded(Arc<LoadedCertificate>),
    /// Storage had none. It is not asked again before this moment.
    Missing(Instant),
}

#[derive(Debug)]
struct CachePlace {
    subject: Arc<str>,
    known: Known,
    /// Whether storage may have another by now.
    is_stale: bool,
    used: u64,
}

/// Certificates by subject.
#[derive(Debug, Default)]
pub(super) struct Memory {
    limit: usize,
    places: Vec<CachePlace>,
    by_subject: FxHashMap<Arc<str>, usize>,
    /// Number of uses so far.
    uses: u64,
    /// Number of times that storage was said to have other certificates.
    epoch: u64,
}

impl Memory {
    /// Keeps at most so many certificates, but one at least.
    pub(super) fn set_limit(&mut self, limit: usize) {
        self.limit = limit.max(1);
        while self.places.len() > self.limit {
            self.give_up_one();
        }
    }

    /// What is known of a certificate, and whether it should be loaded again.
    pub(super) fn get(&mut self, subject: &str) -> Option<(Known, bool)> {
        self.uses += 1;
        let uses = self.uses;
        let place = self.place(subject)?;
        place.used = uses;
        Some((place.known.clone(), place.is_stale))
    }

    /// Calls `visit` with the subject and the end of every certificate.
    pub(super) fn each_end(&self, visit: &mut dyn FnMut(&str, SystemTime)) {
        for place in &self.places {
            if let Known::Loaded(loaded) = &place.known {
                visit(&place.subject, loaded.not_after);
            }
        }
    }

    /// Keeps a certificate, or the knowledge that there is none.
    pub(super) fn put(&mut self, subject: &str, known: Known) {
        self.uses += 1;
        let used = self.uses;
        if let Some(place) = self.place(subject) {
            (place.known, place.is_stale, place.used) = (known, false, used);
            return;
        }
        while self.places.len() >= self.limit.max(1) {
            self.give_up_one();
        }
        let subject: Arc<str> = subject.into();
        self.by_subject.insert(Arc::clone(&subject), self.places.len());
        self.places.push(CachePlace { subject, known, is_stale: false, used });
    }

    /// The moment of a load that begins now.
    pub(super) fn epoch(&self) -> u64 {
        self.epoch
    }

    /// Keeps what a load has brought that began at that moment: a certificate, or `missing`. One that came in the
    /// meantime is newer, and one in memory is better than none. Says what is known now.
    pub(super) fn keep(
        &mut self,
        subject: &str,
        loaded: Option<Arc<LoadedCertificate>>,
        missing: Known,
        begun: u64,
    ) -> Known {
        let is_outdated = self.epoch != begun;
        let before = self.place(subject).filter(|place| matches!(place.known, Known::Loaded(_)));
        if let Some(place) = before.filter(|place| loaded.is_none() || !place.is_stale) {
            place.is_stale &= is_outdated;
            return place.known.clone();
        }
        let known = loaded.map_or(missing, Known::Loaded);
        self.put(subject, known.clone());
        if let Some(place) = self.place(subject).filter(|_| is_outdated) {
            place.is_stale = true;
        }
        known
    }

    /// Notes that storage may have another certificate. What was missing may be there.
    pub(super) fn outdate(&mut self, subject: &str) {
        self.epoch += 1;
        let Some(index) = self.by_subject.get(subject).copied() else { return };
        match &mut self.places[index] {
            CachePlace { known: Known::Missing(_), .. } => self.remove(index),
            place => place.is_stale = true,
        }
    }

    /// Notes that storage may have a certificate that was missing.
    pub(super) fn outdate_missing(&mut self, subject: &str) {
        if self.place(subject).is_some_and(|place| matches!(place.known, Known::Missing(_))) {
            self.outdate(subject);
        }
    }

    /// Notes that storage may have other certificates.
    pub(super) fn outdate_all(&mut self) {
        self.epoch += 1;
        self.places.retain(|place| matches!(place.known, Known::Loaded(_)));
        self.by_subject.clear();
        for (index, place) in self.places.iter_mut().enumerate() {
            place.is_stale = true;
            self.by_subject.insert(Arc::clone(&place.subject), index);
        }
    }

    /// The certificates, by subject.
    pub(super) fn loaded(&self) -> impl Iterator<Item = (&Arc<str>, &Arc<LoadedCertificate>)> {
        self.places.iter().filter_map(|place| match &place.known {
            Known::Loaded(loaded) => Some((&place.subject, loaded)),
            Known::Missing(_) => None,
        })
    }

    /// The certificate of a subject. That does not count as a use.
    pub(super) fn loaded_mut(&mut self, subject: &str) -> Option<&mut Arc<LoadedCertificate>> {
        match self.place(subject).map(|place| &mut place.known) {
            Some(Known::Loaded(loaded)) => Some(loaded),
            Some(Known::Missing(_)) | None => None,
        }
    }

    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.places.len()
    }

    fn place(&mut self, subject: &str) -> Option<&mut CachePlace> {
        self.places.get_mut(*self.by_subject.get(subject)?)
    }

    fn give_up_one(&mut self) {
        let many = self.places.len();
        let some = (0..COMPARED.min(many)).map(|nth| if many <= COMPARED { nth } else { fastrand::usize(..many) });
        if let Some(oldest) = some.min_by_key(|index| self.places[*index].used) {
            self.remove(oldest);
        }
    }

    fn remove(&mut self, index: usize) {
        let gone = self.places.swap_remove(index);
        self.by_subject.remove(&gone.subject);
        if let Some(moved) = self.places.get(index) {
            self.by_subject.insert(Arc::clone(&moved.subject), index);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn missing() -> Known {
        Known::Missing(Instant::now())
    }

    fn loaded() -> Arc<LoadedCertificate> {
        let made = rcgen::generate_simple_self_signed(["a.example".to_owned()]).expect("a certificate");
        let pem = made.signing_key.serialize_pem() + &made.cert.pem();
        let record = super::super::record::CertificateRecord::read(pem.as_bytes()).expect("sound");
        Arc::new(LoadedCertificate::new(record))
    }

    #[test]
    fn what_was_used_longest_ago_goes() {
        let mut memory = Memory::default();
        memory.set_limit(3);
        for name in ["a", "b", "c"] {
            memory.put(name, missing());
        }
        memory.get("a").expect("kept");
        memory.put("d", missing());
        assert!(memory.get("b").is_none(), "the oldest went");
        memory.set_limit(1);
        assert!(memory.get("d").is_some() && memory.len() == 1);
        memory.set_limit(0);
        memory.put("e", missing());
        assert!(memory.get("e").is_some() && memory.len() == 1, "one is kept in any case");
    }

    #[test]
    fn a_load_does_not_replace_what_came_in_the_meantime() {
        let mut memory = Memory::default();
        memory.set_limit(3);
        let (old, new) = (loaded(), loaded());
        let begun = memory.epoch();
        memory.put("a", Known::Loaded(Arc::clone(&new)));
        let known = memory.keep("a", Some(Arc::clone(&old)), missing(), begun);
        assert!(matches!(known, Known::Loaded(kept) if Arc::ptr_eq(&kept, &new)));
        memory.outdate("a");
        let known = memory.keep("a", Some(Arc::clone(&old)), missing(), memory.epoch());
        assert!(matches!(known, Known::Loaded(kept) if Arc::ptr_eq(&kept, &old)), "it was outdated");
        assert!(matches!(memory.get("a"), Some((_, false))));
    }

    #[test]
    fn what_is_outdated_during_a_load_is_loaded_again() {
        let mut memory = Memory::default();
        memory.set_limit(3);
        let begun = memory.epoch();
        memory.outdate("a");
        memory.keep("a", Some(loaded()), missing(), begun);
        assert!(matches!(memory.get("a"), Some((Known::Loaded(_), true))));
    }
}
