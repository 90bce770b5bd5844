//! Following one name through its DNS answers, on the control thread.

use std::sync::{Arc, Weak};
use std::time::Duration;

use super::dns::Dns;
use super::Upstream;

/// Pause after the first failure; it doubles with every further one.
const FIRST_RETRY: Duration = Duration::from_secs(1);
/// Longest pause between two failures.
const LAST_RETRY: Duration = Duration::from_secs(10);

/// Resolves the name in slot `index` again and again, whenever its time to live has run out, until the upstream is gone.
/// Whatever goes wrong, the addresses that are known stay in use: a name that has vanished or a server that fails is no
/// reason to stop using a backend that may be well.
pub(super) async fn follow(upstream: Weak<Upstream>, index: usize, host: String, dns: Arc<Dns>) {
    let mut retry = FIRST_RETRY;
    loop {
        let Some(known) = upstream.upgrade().map(|upstream| upstream.known(index)) else { return };
        let answer = dns.lookup(&host, &known).await;
        let Some(upstream) = upstream.upgrade() else { return };
        let pause = match &answer {
            Ok(answer) => {
                upstream.resolved(index, Some(&answer.addresses));
                retry = FIRST_RETRY;
                answer.ttl
            }
            Err(_) => {
                upstream.resolved(index, None);
                let pause = retry;
                retry = (retry * 2).min(LAST_RETRY);
                pause
            }
        };
        // Only a weak reference may live through the pause, or the upstream would never end.
        drop(upstream);
        tokio::time::sleep(pause).await;
    }
}
