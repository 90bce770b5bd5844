//! `Proxy::Native::Inbox`: requests on their way to a Rack application of this process, for its Ruby threads.

use std::os::fd::{IntoRawFd, RawFd};
use std::sync::atomic::AtomicBool;
use std::sync::Arc;

use magnus::{function, method, prelude::*, Error, RModule, Ruby};
use proxy_engine::TakenRequest;

use crate::blocks::OfProcess;
use crate::error;
use crate::gvl::without_gvl;

pub(crate) fn init(ruby: &Ruby, native: RModule) -> Result<(), Error> {
    let class = native.define_class("Inbox", ruby.class_object())?;
    class.undef_default_alloc_func();
    class.define_singleton_method("new_id", function!(proxy_engine::Inbox::new_id, 0))?;
    class.define_singleton_method("open", function!(Inbox::open, 1))?;
    class.define_method("take", method!(Inbox::take, 0))?;
    class.define_method("leave", method!(Inbox::leave, 1))?;
    class.define_method("done", method!(Inbox::done, 1))?;
    class.define_method("failed", method!(Inbox::failed, 3))?;
    class.define_method("close", method!(Inbox::close, 0))?;
    Ok(())
}

/// An inbox. It belongs to the process that opened it: in a forked child no request comes out of it.
#[magnus::wrap(class = "Proxy::Native::Inbox", free_immediately)]
struct Inbox(OfProcess<Arc<proxy_engine::Inbox>>);

impl Inbox {
    /// `Proxy::Native::Inbox.open(id)`: opens the inbox that a configuration names by `id`.
    fn open(id: u64) -> Self {
        Self(OfProcess::new(proxy_engine::Inbox::open(id)))
    }

    /// `take`: waits for a request, and returns the descriptor of its connection and its number. `nil` if no more
    /// requests come. Other Ruby threads run meanwhile.
    fn take(ruby: &Ruby, inbox: &Self) -> Result<Option<(RawFd, u64)>, Error> {
        let Some(inbox) = inbox.owned() else { return Ok(None) };
        loop {
            // Without giving the lock away, if a request waits.
            if let Some(TakenRequest { socket, number }) = inbox.try_take() {
                return Ok(Some((socket.into_raw_fd(), number)));
            }
            if inbox.is_over() {
                return Ok(None);
            }
            let interrupted = AtomicBool::new(false);
            // The request itself is taken with Ruby's lock: an interrupt that raises would lose it here.
            let waited = without_gvl(|| inbox.wait(&interrupted), || inbox.interrupt(&interrupted));
            match waited {
                Ok(Ok(())) => {}
                Ok(Err(payload)) => return Err(error::panicked(ruby, payload.as_ref())),
                Err(raised) => {
                    // This thread may be the only one that was told of a request.
                    inbox.tell_another();
                    return Err(raised);
                }
            }
        }
    }

    /// `leave(number)`: gives the place of a request back, which goes on.
    fn leave(&self, number: u64) {
        if let Some(inbox) = self.owned() {
            inbox.leave(number);
        }
    }

    /// `done(number)`: gives the place of a request back, which is over.
    fn done(&self, number: u64) {
        if let Some(inbox) = self.owned() {
            inbox.done(number);
        }
    }

    /// `failed(number, request_id or nil, message)`: logs that the application failed to answer a request.
    fn failed(&self, number: u64, request_id: Option<String>, message: String) {
        if let Some(inbox) = self.owned() {
            inbox.failed(number, request_id.as_deref().map(str::as_bytes), &message);
        }
    }

    /// `close`: lets no more requests in. Those that wait can still be taken.
    fn close(&self) {
        if let Some(inbox) = self.owned() {
            inbox.close();
        }
    }

    fn owned(&self) -> Option<&proxy_engine::Inbox> {
        self.0.get().map(|inbox| &**inbox)
    }
}
