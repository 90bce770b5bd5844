//! The keys of session tickets: whoever comes back with a ticket is spared half of the handshake.

use std::sync::{Arc, OnceLock, PoisonError, RwLock};

use rustls::crypto::aws_lc_rs::Ticketer;
use rustls::server::ProducesTickets;

/// The keys of all that one bind asks of its clients, shared by the engine threads. They change every six hours and are
/// forgotten after twelve. A session that was resumed is not asked for its certificate again, so a ticket is good for
/// nothing where clients are asked for others.
#[derive(Debug, Default)]
pub(super) struct Tickets(OnceLock<Option<Arc<Keys>>>);

/// Keys, until they are forgotten.
#[derive(Debug)]
struct Keys(RwLock<Arc<dyn ProducesTickets>>);

impl Keys {
    fn now(&self) -> Arc<dyn ProducesTickets> {
        Arc::clone(&self.0.read().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Tickets {
    /// The keys, made when they are first asked for. `None` if the system gives no random numbers.
    fn keys(&self) -> Option<&Arc<Keys>> {
        self.0.get_or_init(|| Some(Arc::new(Keys(RwLock::new(Ticketer::new().ok()?))))).as_ref()
    }

    /// Makes all tickets so far worthless: whoever has one shakes hands from the beginning.
    pub(super) fn forget(&self) {
        if let (Some(keys), Ok(new)) = (self.keys(), Ticketer::new()) {
            *keys.0.write().unwrap_or_else(PoisonError::into_inner) = new;
        }
    }

    /// Carries the keys of `old` over, so that tickets outlive a reload. To be called before a key was asked for.
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
