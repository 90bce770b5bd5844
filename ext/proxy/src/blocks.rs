//! `Proxy::Native::Blocks`: the queue through which the engine calls Ruby blocks, as Ruby's threads see it.
//!
//! In a forked child nothing here touches the engine: its threads do not exist there, and a lock may be held for ever.

use std::cell::RefCell;
use std::process;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::sync::Arc;
use std::time::Duration;

use magnus::{function, method, prelude::*, Error, IntoValue, RArray, RModule, Ruby, Value};
use proxy_engine::blocks::{BlockArgument, BlockCall, BlockQueue, BlockSet, BlockValue, NextCall, QueueWaiter};

use crate::error;
use crate::gvl::without_gvl;

pub(crate) fn init(ruby: &Ruby, native: RModule) -> Result<(), Error> {
    let class = native.define_class("Blocks", ruby.class_object())?;
    class.undef_default_alloc_func();
    class.define_singleton_method("new", function!(Blocks::new, 0))?;
    class.define_method("set", method!(Blocks::set, 0))?;
    class.define_method("next", method!(Blocks::next, 1))?;
    class.define_method("promise", method!(Blocks::promise, 0))?;
    class.define_method("break_promise", method!(Blocks::break_promise, 0))?;
    class.define_method("wait_until_quiet", method!(Blocks::wait_until_quiet, 2))?;
    class.define_method("close", method!(Blocks::close, 0))?;
    native.define_class("BlockSet", ruby.class_object())?.undef_default_alloc_func();
    let class = native.define_class("BlockCall", ruby.class_object())?;
    class.undef_default_alloc_func();
    class.define_method("set", method!(Call::set, 0))?;
    class.define_method("index", method!(Call::index, 0))?;
    class.define_method("argument", method!(Call::argument, 0))?;
    class.define_method("answer", method!(Call::answer, 1))?;
    class.define_method("fail", method!(Call::fail, 1))?;
    class.define_method("warn", method!(Call::warn, 1))?;
    Ok(())
}

/// A value of the process that made it. A forked child's copy is never used and never dropped.
pub(crate) struct OfProcess<T> {
    value: Option<T>,
    pid: u32,
}

impl<T> OfProcess<T> {
    pub(crate) fn new(value: T) -> Self {
        Self { value: Some(value), pid: process::id() }
    }

    pub(crate) fn get(&self) -> Option<&T> {
        self.value.as_ref().filter(|_| self.pid == process::id())
    }

    fn get_mut(&mut self) -> Option<&mut T> {
        self.value.as_mut().filter(|_| self.pid == process::id())
    }

    fn take(&mut self) -> Option<T> {
        if self.pid == process::id() {
            self.value.take()
        } else {
            None
        }
    }
}

impl<T> Drop for OfProcess<T> {
    fn drop(&mut self) {
        if self.pid != process::id() {
            std::mem::forget(self.value.take());
        }
    }
}

/// The queue of one server.
#[magnus::wrap(class = "Proxy::Native::Blocks", free_immediately)]
struct Blocks(OfProcess<Arc<BlockQueue>>);

impl Blocks {
    fn new() -> Self {
        Self(OfProcess::new(Arc::default()))
    }

    /// `set`: the number of a new set of blocks, and the set, which `Server.start` and `reload` take.
    fn set(ruby: &Ruby, blocks: &Self) -> Result<RArray, Error> {
        let (number, set) = match blocks.0.get() {
            Some(queue) => queue.set(),
            None => (0, BlockSet::default()),
        };
        let set = Set(RefCell::new(OfProcess::new(set)));
        let pair = ruby.ary_new_capa(2);
        pair.push(number)?;
        pair.push(set)?;
        Ok(pair)
    }

    /// `next(promised)`: waits for something to do, while other Ruby threads run. Returns a `BlockCall`, an Array with
    /// the numbers of the sets to let go of, or nil when the thread has to end.
    fn next(ruby: &Ruby, blocks: &Self, was_promised: bool) -> Result<Option<Value>, Error> {
        let mut was_promised = was_promised;
        loop {
            let Some(queue) = blocks.0.get() else { return Ok(None) };
            let waiter = QueueWaiter::default();
            // Without a wait, if there is something to do: the lock is kept from call to call.
            let next = match queue.take(was_promised) {
                Some(next) => next,
                None => {
                    let has_begun = AtomicBool::new(false);
                    let wait = || {
                        has_begun.store(true, Relaxed);
                        queue.next(&waiter, was_promised)
                    };
                    let waited = without_gvl(wait, || queue.interrupt(&waiter));
                    if was_promised && !has_begun.load(Relaxed) {
                        queue.break_promise();
                    }
                    waited?.map_err(|payload| error::panicked(ruby, payload.as_ref()))?
                }
            };
            was_promised = false;
            return Ok(match next {
                NextCall::Call(call) => Some(Call(RefCell::new(OfProcess::new(call))).into_value_with(ruby)),
                NextCall::Release(numbers) => Some(ruby.ary_from_vec(numbers).as_value()),
                NextCall::End => None,
                // A signal handler ran without raising: the wait goes on.
                NextCall::Interrupted => continue,
            });
        }
    }

    /// `promise`: whether the caller must start another thread.
    fn promise(&self) -> bool {
        self.0.get().is_some_and(|queue| queue.promise())
    }

    /// `break_promise`: the thread that was promised could not be started.
    fn break_promise(&self) {
        if let Some(queue) = self.0.get() {
            queue.break_promise();
        }
    }

    /// `wait_until_quiet(own, seconds)`: waits until no block runs and none waits, but for `own` that the caller itself
    /// runs. `false` if the time is over before.
    fn wait_until_quiet(ruby: &Ruby, blocks: &Self, own: usize, seconds: f64) -> Result<bool, Error> {
        let limit = crate::server::duration(ruby, Some(seconds))?.unwrap_or(Duration::ZERO);
        let end = std::time::Instant::now().checked_add(limit);
        loop {
            let Some(queue) = blocks.0.get() else { return Ok(true) };
            let waiter = QueueWaiter::default();
            let left = end.map_or(limit, |end| end.saturating_duration_since(std::time::Instant::now()));
            let wait = || queue.wait_until_quiet(&waiter, own, left);
            match without_gvl(wait, || queue.interrupt_quiet(&waiter))? {
                Ok(Some(is_quiet)) => return Ok(is_quiet),
                Ok(None) => {}
                Err(payload) => return Err(error::panicked(ruby, payload.as_ref())),
            }
        }
    }

    /// `close`: gives up all calls that still wait.
    fn close(&self) {
        if let Some(queue) = self.0.get() {
            queue.close();
        }
    }
}

/// A set of blocks on its way into the engine, which takes it out.
#[magnus::wrap(class = "Proxy::Native::BlockSet", free_immediately)]
pub(crate) struct Set(RefCell<OfProcess<BlockSet>>);

impl Set {
    /// The set, once. A set that was taken before, and a forked child's copy, have no blocks.
    pub(crate) fn take(&self) -> BlockSet {
        self.0.borrow_mut().take().unwrap_or_default()
    }
}

/// A call that a Ruby thread runs.
#[magnus::wrap(class = "Proxy::Native::BlockCall", free_immediately)]
struct Call(RefCell<OfProcess<BlockCall>>);

impl Call {
    /// `set`: the number of the set that the block belongs to.
    fn set(&self) -> u64 {
        self.0.borrow().get().map_or(0, BlockCall::set)
    }

    /// `index`: the place of the block in its set.
    fn index(&self) -> u32 {
        self.0.borrow().get().map_or(0, |call| call.index().0)
    }

    /// `argument`: what the block is called with, a String or a plain value. It is there once.
    fn argument(ruby: &Ruby, call: &Self) -> Result<Value, Error> {
        let argument = call.0.borrow_mut().get_mut().and_then(BlockCall::take_argument);
        match argument {
            Some(BlockArgument::Bytes(bytes)) => Ok(ruby.str_from_slice(&bytes).as_value()),
            Some(BlockArgument::Value(value)) => serde_magnus::serialize(ruby, &value),
            None => Ok(ruby.qnil().as_value()),
        }
    }

    /// `answer(value)`: answers with nil, true, false, a number, a text, an Array or a Hash.
    fn answer(ruby: &Ruby, call: &Self, value: Value) -> Result<(), Error> {
        let value: BlockValue = serde_magnus::deserialize(ruby, value)?;
        if let Some(call) = call.0.borrow_mut().get_mut() {
            call.answer(Ok(value));
        }
        Ok(())
    }

    /// `fail(message)`: logs the message. The block counts as failed, unless it was answered.
    fn fail(&self, message: String) {
        if let Some(call) = self.0.borrow_mut().get_mut() {
            call.answer(Err(&message));
        }
    }

    /// `warn(message)`: logs a warning about the block.
    fn warn(&self, message: String) {
        if let Some(call) = self.0.borrow().get() {
            call.warn(&message);
        }
    }
}
