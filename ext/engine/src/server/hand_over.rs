//! Hand-over: another process goes on with the listening sockets, and this one finishes what it has.

use std::sync::mpsc;
use std::time::Duration;

use tokio::time::Instant;

use super::threads::Change;
use super::Server;
use crate::listen::BindKey;
use crate::listening_socket::ListeningSocket;
use crate::passed_state::PassedState;

/// Time for the copies of the sockets.
const COPYING: Duration = Duration::from_secs(5);
/// Time that the begin of a hand-over waits until nothing is accepted any more. It takes longer only where more
/// connections wait than may be served.
const LEAVING: Duration = Duration::from_secs(1);

/// Whether another process takes the place of this one. Changes at run time are refused meanwhile: it would not know
/// them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) enum Succession {
    /// None does.
    #[default]
    Unplanned,
    /// Another one was told the state. It may still fail.
    Told,
    /// Another one serves.
    Done,
}

impl Succession {
    /// Why nothing can be changed here. `None`: it can.
    pub(super) fn refusal(self) -> Option<&'static str> {
        match self {
            Self::Unplanned => None,
            Self::Told => Some("another process is about to take the place of this one: try again once it serves"),
            Self::Done => Some("another process serves now: try again"),
        }
    }
}

impl Server {
    /// A copy of each listening socket, with the URL of its bind as it is written, in the order of the binds. The
    /// server goes on accepting. A child of `fork` does not get the copies.
    pub fn listening_copies(&self) -> Vec<(String, ListeningSocket)> {
        let (reply, answers) = mpsc::channel();
        self.control.change(Change::Copy(reply));
        let end = Instant::now() + COPYING;
        let mut copies = Vec::new();
        while let Ok(copy) = answers.recv_timeout(end.saturating_duration_since(Instant::now())) {
            copies.push(copy);
        }
        let running = self.running.lock();
        let place = |key: &BindKey| running.listening.iter().position(|(bind, _)| bind.key == *key);
        copies.sort_by_key(|(bind, _)| place(&bind.key));
        copies.into_iter().map(|(bind, copy)| (bind.url.as_ref().into(), copy)).collect()
    }

    /// Copies of the sockets where the control API is served.
    pub fn control_copies(&self) -> Vec<(String, ListeningSocket)> {
        self.control_api.copies()
    }

    /// What the other process is to know: [`Config::passed`](crate::Config) takes it. From now on
    /// changes at run time are refused, until [`Server::cancel_hand_over`]: the other process would not know them.
    pub fn state_to_pass(&self) -> PassedState {
        // Both locks, as in a reload: a change is told, or refused.
        let _running = self.running.lock();
        let _steady = self.steering.hold();
        self.steering.succession.send_replace(Succession::Told);
        self.snapshot.load().pass()
    }

    /// Takes changes at run time again: the other process did not come to serve. After the begin of a hand-over it does
    /// nothing.
    pub fn cancel_hand_over(&self) {
        self.steering.succession.send_if_modified(|succession| {
            let is_told = *succession == Succession::Told;
            if is_told {
                *succession = Succession::Unplanned;
            }
            is_told
        });
    }

    /// Begins to leave everything to another process, which serves on the same sockets, and returns as soon as it
    /// has them alone. What waits to be accepted is left to the other one. What was accepted is served. Idle
    /// connections are told with their next answer, and close shortly before `timeout` (default: the configured
    /// `shutdown_timeout`) is over. Tunnels and event streams end after the configured `tunnel_grace`. Requests that a
    /// pause holds are answered 503: its end is told to the other process alone. Deploys that have not switched fail.
    ///
    /// The sockets with these places among [`Server::listening_copies`] are not the other's: there the connections that
    /// wait are accepted here, and then they close.
    pub fn begin_hand_over(&self, timeout: Option<Duration>, closing: &[usize]) {
        let (configured, grace) = {
            let running = self.running.lock();
            let _steady = self.steering.hold();
            self.steering.succession.send_replace(Succession::Done);
            let (closed, hears) = mpsc::channel();
            drop(hears);
            for (bind, _) in closing.iter().filter_map(|place| running.listening.get(*place)) {
                self.control.change(Change::Leave(bind.key.clone(), closed.clone()));
            }
            (running.shutdown_timeout, running.tunnel_grace)
        };
        self.control_api.pass_on(LEAVING);
        self.release_state();
        self.life.begin_hand_over(timeout.unwrap_or(configured), grace);
        self.snapshot.load().hold_nobody();
        self.life.wait_until_left(LEAVING);
    }

    /// Whether every engine thread and the background tasks have turned within `limit`. `true` also for a server that
    /// stops: its threads take no questions then.
    pub fn turns(&self, limit: Duration) -> bool {
        let Some(threads) = self.control.threads.upgrade() else { return true };
        let (answers, heard) = mpsc::channel();
        let mut missing = threads.feel_pulse(&answers) + 1;
        drop(threads);
        drop(self.control.background.spawn(async move {
            let _ = answers.send(());
        }));
        let end = Instant::now() + limit;
        while missing > 0 && heard.recv_timeout(end.saturating_duration_since(Instant::now())).is_ok() {
            missing -= 1;
        }
        missing == 0 || self.life.is_stopping()
    }
}
