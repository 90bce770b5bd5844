//! What only Ruby can do for the control API, such as reading the configuration again: orders that a Ruby thread takes.

use std::collections::{HashMap, VecDeque};
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::time::Duration;

use http::StatusCode;
use serde_json::Value;
use tokio::sync::oneshot;

use super::Refusal;
use crate::fork_safe::{Condvar, Mutex};

/// Orders that may wait.
const MOST: usize = 4;

/// Something for Ruby to do.
#[derive(Debug, Clone)]
pub struct Order {
    /// Its number, for the answer.
    pub id: u64,
    /// What is to be done, such as `reload`.
    pub name: &'static str,
    /// The body of the call, as JSON text.
    pub body: String,
}

/// One thread that waits for an order.
#[derive(Debug, Default)]
pub struct OrderWaiter(AtomicBool);

/// Orders on their way, and the answers to them.
#[derive(Debug, Default)]
pub(crate) struct Orders {
    state: Mutex<OrderState>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct OrderState {
    next_id: u64,
    waiting: VecDeque<Order>,
    /// Who waits for the answer to each order.
    asked: HashMap<u64, oneshot::Sender<(StatusCode, Value)>>,
    closed: bool,
}

impl Orders {
    /// Gives an order and waits for its answer.
    ///
    /// # Errors
    /// 503 if too many wait or the server ends, 504 if no answer comes in time. An order that was not taken by then is
    /// taken back.
    pub(crate) async fn give(
        &self,
        name: &'static str,
        body: &Value,
        limit: Duration,
    ) -> Result<(StatusCode, Value), Refusal> {
        let (id, answer) = self.add(name, body)?;
        let ended = || Refusal::new(StatusCode::SERVICE_UNAVAILABLE, format!("{name}: the proxy has ended meanwhile"));
        match tokio::time::timeout(limit, answer).await {
            Ok(answer) => answer.map_err(|_| ended()),
            Err(_) => {
                let mut state = self.state.lock();
                state.asked.remove(&id);
                let before = state.waiting.len();
                state.waiting.retain(|order| order.id != id);
                let what = if state.waiting.len() < before { "was not begun" } else { "is not over" };
                let error = format!("{name}: it {what} after {} s: look at the log", limit.as_secs_f64());
                Err(Refusal::new(StatusCode::GATEWAY_TIMEOUT, error))
            }
        }
    }

    #[allow(clippy::type_complexity, reason = "it is taken apart at once")]
    fn add(&self, name: &'static str, body: &Value) -> Result<(u64, oneshot::Receiver<(StatusCode, Value)>), Refusal> {
        let mut state = self.state.lock();
        if state.closed || state.waiting.len() >= MOST {
            let why = if state.closed { "the proxy has stopped" } else { "too many orders wait: try again later" };
            return Err(Refusal::new(StatusCode::SERVICE_UNAVAILABLE, format!("{name}: {why}")));
        }
        let (asked, answer) = oneshot::channel();
        let id = state.next_id;
        state.next_id += 1;
        state.waiting.push_back(Order { id, name, body: body.to_string() });
        state.asked.insert(id, asked);
        drop(state);
        self.changed.notify_one();
        Ok((id, answer))
    }

    /// Waits for the next order. `Ok(None)` once there will be none; `Err` after [`Self::interrupt`].
    pub(crate) fn next(&self, waiter: &OrderWaiter) -> Result<Option<Order>, ()> {
        let mut state = self.state.lock();
        loop {
            if let Some(order) = state.waiting.pop_front() {
                return Ok(Some(order));
            }
            if state.closed {
                return Ok(None);
            }
            if waiter.0.load(Relaxed) {
                return Err(());
            }
            state = self.changed.wait(state);
        }
    }

    /// Makes the wait of `waiter` return.
    pub(crate) fn interrupt(&self, waiter: &OrderWaiter) {
        let _state = self.state.lock();
        waiter.0.store(true, Relaxed);
        self.changed.notify_all();
    }

    /// Answers an order. Nothing happens if nobody waits for it any more.
    pub(crate) fn answer(&self, id: u64, status: StatusCode, body: Value) {
        if let Some(asked) = self.state.lock().asked.remove(&id) {
            let _ = asked.send((status, body));
        }
    }

    /// Takes no more orders, and gives up those that nobody has taken. Those that were taken may still be answered.
    pub(crate) fn close(&self) {
        let mut state = self.state.lock();
        state.closed = true;
        for order in std::mem::take(&mut state.waiting) {
            state.asked.remove(&order.id);
        }
        drop(state);
        self.changed.notify_all();
    }

    /// Gives up all orders.
    pub(crate) fn give_up(&self) {
        self.state.lock().asked.clear();
    }
}
