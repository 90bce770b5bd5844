//! Keys of session tickets. A client that returns with a ticket saves half of the handshake.

use std::sync::{Arc, OnceLock, PoisonError, RwLock};
use std::time::Duration;

use aws_lc_rs::aead::{Aad, Nonce, RandomizedNonceKey, AES_256_GCM, NONCE_LEN};
use aws_lc_rs::rand;
use base64::engine::general_purpose::STANDARD;
use base64::Engine;
use rustls::server::ProducesTickets;
use serde::{Deserialize, Serialize};
use tokio::time::Instant;

/// Time that a key makes tickets. For as long again it reads those that it has made.
const LIFE: Duration = Duration::from_secs(6 * 60 * 60);
/// Bytes of a key's name, with which each of its tickets begins (RFC 5077, section 4).
const NAME: usize = 16;
const SECRET: usize = 32;

/// Ticket keys for one policy of a bind, shared by the engine threads. The keys change every six hours and are
/// forgotten after twelve. A resumed session is not asked for its client certificate again, so a ticket is invalid
/// where clients are asked for other certificates.
#[derive(Debug, Default)]
pub(super) struct Tickets(OnceLock<Option<Arc<Keys>>>);

/// Ticket keys, until they are replaced: the newest, and the one before.
#[derive(Debug)]
struct Keys(RwLock<Box<[Arc<TicketKey>]>>);

/// One key of AES-256 in Galois/Counter Mode. Each ticket has a random nonce, of which there are enough for the few
/// tickets of six hours.
struct TicketKey {
    name: [u8; NAME],
    secret: [u8; SECRET],
    cipher: RandomizedNonceKey,
    since: Instant,
}

/// A key as another process takes it over.
#[derive(Debug, Clone, Deserialize, Serialize)]
pub(crate) struct PassedKey {
    /// Name and secret, one behind the other, in Base64.
    key: String,
    /// Seconds since it was made.
    age: u64,
}

impl std::fmt::Debug for TicketKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("TicketKey").field("since", &self.since).finish_non_exhaustive()
    }
}

impl TicketKey {
    /// A new key. `None` if the system gives no random numbers.
    fn random() -> Option<Self> {
        let mut bytes = [0; NAME + SECRET];
        rand::fill(&mut bytes).ok()?;
        Self::of(&bytes, Instant::now())
    }

    fn of(bytes: &[u8], since: Instant) -> Option<Self> {
        let (name, secret) = bytes.split_at_checked(NAME)?;
        let secret: [u8; SECRET] = secret.try_into().ok()?;
        let cipher = RandomizedNonceKey::new(&AES_256_GCM, &secret).ok()?;
        Some(Self { name: name.try_into().ok()?, secret, cipher, since })
    }

    fn encrypt(&self, plain: &[u8]) -> Option<Vec<u8>> {
        let mut sealed = plain.to_vec();
        let nonce = self.cipher.seal_in_place_append_tag(Aad::from(&self.name), &mut sealed).ok()?;
        Some([&self.name[..], nonce.as_ref(), &sealed].concat())
    }

    fn decrypt(&self, ticket: &[u8]) -> Option<Vec<u8>> {
        let (nonce, sealed) = ticket.strip_prefix(&self.name[..])?.split_at_checked(NONCE_LEN)?;
        let nonce = Nonce::try_assume_unique_for_key(nonce).ok()?;
        let mut plain = sealed.to_vec();
        let length = self.cipher.open_in_place(nonce, Aad::from(&self.name), &mut plain).ok()?.len();
        plain.truncate(length);
        Some(plain)
    }

    fn passed(&self) -> PassedKey {
        let key = STANDARD.encode([&self.name[..], &self.secret].concat());
        PassedKey { key, age: self.since.elapsed().as_secs() }
    }

    /// `None` if it is too old, or not of this version.
    fn take(passed: &PassedKey) -> Option<Self> {
        let since = Instant::now().checked_sub(Duration::from_secs(passed.age))?;
        Self::of(&STANDARD.decode(&passed.key).ok()?, since)
    }
}

impl Keys {
    fn of(keys: Vec<Arc<TicketKey>>) -> Arc<Self> {
        Arc::new(Self(RwLock::new(keys.into())))
    }

    fn all(&self) -> Box<[Arc<TicketKey>]> {
        self.0.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The key for new tickets. After six hours it is another one.
    fn newest(&self) -> Option<Arc<TicketKey>> {
        let is_young = |key: &Arc<TicketKey>| key.since.elapsed() < LIFE;
        let newest = |keys: &[Arc<TicketKey>]| keys.first().filter(|key| is_young(key)).cloned();
        if let Some(key) = newest(&self.0.read().unwrap_or_else(PoisonError::into_inner)) {
            return Some(key);
        }
        let key = Arc::new(TicketKey::random()?);
        let mut keys = self.0.write().unwrap_or_else(PoisonError::into_inner);
        if let Some(key) = newest(&keys) {
            return Some(key);
        }
        let before = keys.first().cloned();
        *keys = [Some(Arc::clone(&key)), before].into_iter().flatten().collect();
        Some(key)
    }

    fn decrypt(&self, ticket: &[u8]) -> Option<Vec<u8>> {
        let keys = self.0.read().unwrap_or_else(PoisonError::into_inner);
        keys.iter().filter(|key| key.since.elapsed() < LIFE * 2).find_map(|key| key.decrypt(ticket))
    }
}

impl Tickets {
    /// The keys, made on first use. `None` if the system gives no random numbers.
    fn keys(&self) -> Option<&Arc<Keys>> {
        self.0.get_or_init(|| Some(Keys::of(vec![Arc::new(TicketKey::random()?)]))).as_ref()
    }

    /// Invalidates all tickets so far. Their clients do a full handshake.
    pub(super) fn forget(&self) {
        if let (Some(keys), Some(new)) = (self.keys(), TicketKey::random()) {
            *keys.0.write().unwrap_or_else(PoisonError::into_inner) = [Arc::new(new)].into();
        }
    }

    /// Carries the keys of `old` over, so that tickets outlive a reload. Must be called before the first use of a key.
    pub(super) fn carry_over(&self, old: &Tickets) {
        let _ = self.0.set(old.keys().cloned());
    }

    /// The keys for another process, newest first. There are none if no ticket was made.
    pub(super) fn pass(&self) -> Vec<PassedKey> {
        let keys = self.0.get().and_then(Option::as_ref).map(|keys| keys.all());
        keys.iter().flatten().map(|key| key.passed()).collect()
    }

    /// Takes the keys of another process over. Must be called before the first use of a key.
    pub(super) fn take(&self, passed: &[PassedKey]) {
        let keys: Vec<_> = passed.iter().filter_map(TicketKey::take).map(Arc::new).collect();
        if !keys.is_empty() {
            let _ = self.0.set(Some(Keys::of(keys)));
        }
    }
}

impl ProducesTickets for Tickets {
    fn enabled(&self) -> bool {
        self.keys().is_some()
    }

    fn lifetime(&self) -> u32 {
        LIFE.as_secs() as u32
    }

    fn encrypt(&self, plain: &[u8]) -> Option<Vec<u8>> {
        self.keys()?.newest()?.encrypt(plain)
    }

    fn decrypt(&self, cipher: &[u8]) -> Option<Vec<u8>> {
        self.keys()?.decrypt(cipher)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tickets_outlive_a_reload_and_no_others_are_taken() {
        let (old, new, other) = (Tickets::default(), Tickets::default(), Tickets::default());
        new.carry_over(&old);
        let ticket = old.encrypt(b"a session").expect("a ticket");
        assert_eq!(new.decrypt(&ticket).as_deref(), Some(&b"a session"[..]));
        assert_eq!(other.decrypt(&ticket), None);
    }

    #[test]
    fn tickets_are_worth_nothing_once_their_keys_are_forgotten() {
        let (old, new) = (Tickets::default(), Tickets::default());
        new.carry_over(&old);
        let ticket = old.encrypt(b"a session").expect("a ticket");
        new.forget();
        assert!([&old, &new].iter().all(|tickets| tickets.decrypt(&ticket).is_none()), "before the reload and after");
        let ticket = new.encrypt(b"a session").expect("a ticket");
        assert_eq!(old.decrypt(&ticket).as_deref(), Some(&b"a session"[..]));
    }

    #[test]
    fn tickets_of_another_process_are_read_and_what_is_no_key_is_left_out() {
        let (old, new) = (Tickets::default(), Tickets::default());
        assert!(old.pass().is_empty(), "no ticket was made");
        let ticket = old.encrypt(b"a session").expect("a ticket");
        let passed = serde_json::to_string(&old.pass()).expect("JSON");
        let mut keys: Vec<PassedKey> = serde_json::from_str(&passed).expect("keys");
        keys.insert(0, PassedKey { key: "AAAA".into(), age: 0 });
        new.take(&keys);
        assert_eq!(new.decrypt(&ticket).as_deref(), Some(&b"a session"[..]));
        let other = Tickets::default();
        other.take(&keys[..1]);
        assert_eq!(other.decrypt(&ticket), None);
    }

    #[test]
    fn what_was_changed_on_its_way_is_no_ticket() {
        let tickets = Tickets::default();
        let ticket = tickets.encrypt(b"a session").expect("a ticket");
        for at in 0..ticket.len() {
            let mut other = ticket.clone();
            other[at] ^= 1;
            assert_eq!(tickets.decrypt(&other), None, "byte {at}");
        }
        assert!((0..ticket.len()).all(|length| tickets.decrypt(&ticket[..length]).is_none()));
    }

    #[tokio::test(start_paused = true)]
    async fn keys_change_every_six_hours_and_are_forgotten_after_twelve() {
        let hours = |number: u64| tokio::time::advance(Duration::from_secs(number * 3600));
        let tickets = Tickets::default();
        let first = tickets.encrypt(b"1").expect("a ticket");
        hours(7).await;
        let second = tickets.encrypt(b"2").expect("a ticket");
        assert_ne!(first[..NAME], second[..NAME]);
        assert!([&first, &second].iter().all(|ticket| tickets.decrypt(ticket).is_some()));
        let other = Tickets::default();
        other.take(&tickets.pass());
        hours(6).await;
        for tickets in [&tickets, &other] {
            assert_eq!(tickets.decrypt(&first), None);
            assert!(tickets.decrypt(&second).is_some());
        }
    }
}
