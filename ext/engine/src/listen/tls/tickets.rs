//! Keys of session tickets. A client that returns with a ticket saves half of the handshake.

use std::sync::{Arc, OnceLock, PoisonError, RwLock};

use rustls::crypto::aws_lc_rs::Ticketer;
use rustls::server::ProducesTickets;

/// Ticket keys for one policy of a bind, shared by the engine threads. The keys change every six hours and are
/// forgotten after twelve. A resumed session is not asked for its client certificate again, so a ticket is invalid
/// where clients are asked for other certificates.
#[derive(Debug, Default)]
pub(super) struct Tickets(OnceLock<Option<Arc<Keys>>>);

/// Ticket keys, until they are replaced.
#[derive(Debug)]
struct Keys(RwLock<Arc<dyn ProducesTickets>>);

impl Keys {
    fn now(&self) -> Arc<dyn ProducesTickets> {
        Arc::clone(&self.0.read().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Tickets {
    /// The keys, made on first use. `None` if the system gives no random numbers.
    fn keys(&self) -> Option<&Arc<Keys>> {
        self.0.get_or_init(|| Some(Arc::new(Keys(RwLock::new(Ticketer::new().ok()?))))).as_ref()
    }

    /// Invalidates all tickets so far. Their clients do a full handshake.
    pub(super) fn forget(&self) {
        if let (Some(keys), Ok(new)) = (self.keys(), Ticketer::new()) {
            *keys.0.write().unwrap_or_else(PoisonError::into_inner) = new;
        }
    }

    /// Carries the keys of `old` over, so that tickets outlive a reload. Must be called before the first use of a key.
    pub(super) fn carry_over(&self, old: &Tickets) {
        let _ = self.0.set(old.keys().cloned());
    }
}

impl ProducesTickets for Tickets {
    fn enabled(&self) -> bool {
        self.keys().is_some()
    }

    fn lifetime(&self) -> u32 {
        self.keys().map_or(0, |keys| keys.now().lifetime())
    }

    fn encrypt(&self, plain: &[u8]) -> Option<Vec<u8>> {
        self.keys()?.now().encrypt(plain)
    }

    fn decrypt(&self, cipher: &[u8]) -> Option<Vec<u8>> {
        self.keys()?.now().decrypt(cipher)
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
}
