//! Verification of passwords that does not block the server.

use std::collections::HashMap;
use std::sync::Arc;

use parking_lot::Mutex;
use tokio::sync::OnceCell;
use tokio::time::Instant;

use super::accounts::Accounts;
use super::known::{CredentialsDigest, KnownCredentials};
use super::queue::{Busy, Source, VerificationQueue};

/// Limit for the processors that passwords can keep busy, for all filters of a server.
#[derive(Debug)]
pub(crate) struct Verifications(Arc<VerificationQueue>);

impl Default for Verifications {
    /// Half of the processors, so that the other half goes on serving.
    fn default() -> Self {
        let processors = std::thread::available_parallelism().map_or(1, usize::from);
        Self::new((processors / 2).max(1))
    }
}

impl Verifications {
    fn new(parallel: usize) -> Self {
        Self(Arc::new(VerificationQueue::new(parallel)))
    }

    /// Runs `work` on a thread of its own, when its turn comes.
    async fn run(&self, source: Source, work: impl FnOnce() -> bool + Send + 'static) -> Result<bool, Busy> {
        let turn = self.0.turn(source).await?;
        let queue = Arc::clone(&self.0);
        let done = tokio::task::spawn_blocking(move || {
            let right = work();
            // A failure is noted even if the client has gone.
            if !right {
                queue.note_failure(source);
            }
            drop(turn);
            right
        });
        done.await.map_err(|_| Busy)
    }
}

/// Verifies passwords against a set of accounts.
#[derive(Debug)]
pub(in crate::filter) struct Verifier {
    accounts: Accounts,
    known: KnownCredentials,
    /// Verifications in progress. A browser sends its credentials over six connections at once: one hash serves them
    /// all.
    pending: Mutex<HashMap<CredentialsDigest, Arc<OnceCell<bool>>>>,
    verifications: Arc<Verifications>,
}

impl Verifier {
    pub(super) fn new(accounts: Accounts, known: KnownCredentials, verifications: Arc<Verifications>) -> Self {
        Self { accounts, known, pending: Mutex::default(), verifications }
    }

    /// Whether both have equal users with equal hashes.
    pub(in crate::filter) fn has_the_accounts_of(&self, other: &Self) -> bool {
        self.accounts == other.accounts
    }

    /// Whether `password` is the password of `user`. `source` decides how long it waits while others wait.
    pub(super) async fn verify(&self, source: Source, user: &[u8], password: &[u8]) -> Result<bool, Busy> {
        let digest = self.known.digest(user, password);
        if self.known.has(&digest, Instant::now()) {
            return Ok(true);
        }
        // Boxed: the state that is kept while waiting is large, and rarely needed.
        Box::pin(self.verify_slowly(source, user, password, digest)).await
    }

    async fn verify_slowly(
        &self,
        source: Source,
        user: &[u8],
        password: &[u8],
        digest: CredentialsDigest,
    ) -> Result<bool, Busy> {
        let share = Share::join(&self.pending, digest);
        let verify = || async {
            let trial = self.accounts.trial(user);
            let password = password.to_vec();
            self.verifications.run(source, move || trial.passes(&password)).await
        };
        let right = *share.cell.get_or_try_init(verify).await?;
        if right {
            self.known.add(digest, Instant::now());
        }
        Ok(right)
    }
}

/// A share in a verification. The last one that is dropped ends it.
struct Share<'a> {
    pending: &'a Mutex<HashMap<CredentialsDigest, Arc<OnceCell<bool>>>>,
    digest: CredentialsDigest,
    cell: Arc<OnceCell<bool>>,
}

impl<'a> Share<'a> {
    fn join(pending: &'a Mutex<HashMap<CredentialsDigest, Arc<OnceCell<bool>>>>, digest: CredentialsDigest) -> Self {
        let cell = Arc::clone(pending.lock().entry(digest).or_default());
        Self { pending, digest, cell }
    }
}

impl Drop for Share<'_> {
    fn drop(&mut self) {
        let mut pending = self.pending.lock();
        // Under the lock, so that of two dropped at once the second finds the table as the only owner.
        let cell = std::mem::take(&mut self.cell);
        drop(cell);
        if pending.get(&self.digest).is_some_and(|cell| Arc::strong_count(cell) == 1) {
            pending.remove(&self.digest);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::accounts::Gathering;
    use super::*;
    use crate::compiler::CarriedFilters;

    const HERE: Source = Source::nowhere();

    /// Hash of "secret".
    const HASH: &str = "$2y$04$abcdefghijklmnopqrstuu2r9OfJnfCsdneAXAGHnS4UpFFP8WIrW";

    fn verifier(parallel: usize) -> Verifier {
        let mut gathering = Gathering::default();
        gathering.add("", "ann", HASH);
        let known = KnownCredentials::new().expect("random numbers");
        Verifier::new(gathering.finish().expect("an account"), known, Arc::new(Verifications::new(parallel)))
    }

    #[tokio::test]
    async fn a_reload_keeps_what_was_verified_of_unchanged_accounts() {
        let (mut first, mut second, mut third) =
            (CarriedFilters::default(), CarriedFilters::default(), CarriedFilters::default());
        let before = first.alike(None, verifier(1), Verifier::has_the_accounts_of);
        assert_eq!(before.verify(HERE, b"ann", b"secret").await, Ok(true));
        let same = second.alike(Some(&first), verifier(1), Verifier::has_the_accounts_of);
        assert!(same.known.has(&same.known.digest(b"ann", b"secret"), Instant::now()));
        let mut gathering = Gathering::default();
        gathering.add("", "ann", &HASH.replace("$04$", "$05$"));
        let known = KnownCredentials::new().expect("random numbers");
        let other = Verifier::new(gathering.finish().expect("an account"), known, Arc::new(Verifications::new(1)));
        let other = third.alike(Some(&second), other, Verifier::has_the_accounts_of);
        assert!(!other.known.has(&other.known.digest(b"ann", b"secret"), Instant::now()));
    }

    #[tokio::test]
    async fn the_right_password_opens_and_nothing_else_does() {
        let verifier = verifier(1);
        assert_eq!(verifier.verify(HERE, b"ann", b"secret").await, Ok(true));
        for (user, password) in [("ann", "Secret"), ("ann", ""), ("bob", "secret"), ("", ""), ("Ann", "secret")] {
            assert_eq!(
                verifier.verify(HERE, user.as_bytes(), password.as_bytes()).await,
                Ok(false),
                "{user}:{password}"
            );
        }
        assert!(verifier.pending.lock().is_empty());
    }

    #[tokio::test]
    async fn known_credentials_cost_no_verification() {
        let verifier = verifier(1);
        assert_eq!(verifier.verify(HERE, b"ann", b"secret").await, Ok(true));
        // No verification can run from here on.
        let _turn = verifier.verifications.0.turn(HERE).await.expect("a turn");
        assert_eq!(verifier.verify(HERE, b"ann", b"secret").await, Ok(true));
        assert!(futures_pending(std::pin::pin!(verifier.verify(HERE, b"ann", b"Secret"))).await);
    }

    #[tokio::test]
    async fn a_user_who_does_not_exist_costs_a_verification_as_well() {
        let verifier = verifier(1);
        // No verification can run, so an answer means that no hash was computed.
        let _turn = verifier.verifications.0.turn(HERE).await.expect("a turn");
        assert!(futures_pending(std::pin::pin!(verifier.verify(HERE, b"bob", b"secret"))).await);
    }

    #[tokio::test]
    async fn a_failure_is_not_remembered() {
        let verifier = verifier(1);
        assert_eq!(verifier.verify(HERE, b"ann", b"Secret").await, Ok(false));
        let _turn = verifier.verifications.0.turn(HERE).await.expect("a turn");
        assert!(futures_pending(std::pin::pin!(verifier.verify(HERE, b"ann", b"Secret"))).await);
    }

    #[tokio::test]
    async fn the_same_credentials_are_verified_once_for_all_who_wait() {
        let verifier = verifier(1);
        let turn = verifier.verifications.0.turn(HERE).await.expect("a turn");
        let mut waiting: Vec<_> = (0..100).map(|_| Box::pin(verifier.verify(HERE, b"ann", b"secret"))).collect();
        for verification in &mut waiting {
            assert!(futures_pending(verification.as_mut()).await);
        }
        assert_eq!(verifier.verifications.0.waiting(), 1);
        drop(turn);
        for verification in waiting {
            assert_eq!(verification.await, Ok(true));
        }
        assert!(verifier.pending.lock().is_empty());
    }

    #[tokio::test]
    async fn clients_that_go_away_leave_the_queue() {
        let verifier = verifier(1);
        let turn = verifier.verifications.0.turn(HERE).await.expect("a turn");
        let mut waiting = Box::pin(verifier.verify(HERE, b"ann", b"Secret"));
        assert!(futures_pending(waiting.as_mut()).await);
        drop(waiting);
        assert!(verifier.pending.lock().is_empty());
        assert_eq!(verifier.verifications.0.waiting(), 0);
        drop(turn);
        assert_eq!(verifier.verify(HERE, b"ann", b"secret").await, Ok(true));
    }

    async fn futures_pending<F: std::future::Future>(mut future: std::pin::Pin<&mut F>) -> bool {
        std::future::poll_fn(|cx| std::task::Poll::Ready(future.as_mut().poll(cx).is_pending())).await
    }
}
