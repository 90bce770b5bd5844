//! Waiting without Ruby's global lock. The only unsafe code of the gem stands here.

use std::any::Any;
use std::ffi::c_void;
use std::panic::{catch_unwind, AssertUnwindSafe};

/// How a call without the lock ended.
pub(crate) enum Outcome<R> {
    /// It returned.
    Done(R),
    /// It panicked.
    Panicked(Box<dyn Any + Send>),
    /// An interrupt (a signal, `Thread#kill`, `Timeout`) was pending and it was not called at all.
    Interrupted,
}

/// Calls `func` while other Ruby threads run. `unblock` must make `func` return soon; Ruby calls it, from any thread, when
/// this one is to be interrupted. The caller then asks `Ruby::thread_check_ints`, which raises what is pending.
///
/// `Send` keeps Ruby values out of `func`: touching one without the lock ends the process.
pub(crate) fn without_gvl<R, F, U>(func: F, unblock: U) -> Outcome<R>
where
    R: Send,
    F: FnOnce() -> R + Send,
    U: Fn() + Sync,
{
    let mut call = Call { func: Some(func), result: None };
    let data = std::ptr::from_mut(&mut call).cast::<c_void>();
    let unblock_data = std::ptr::from_ref(&unblock).cast_mut().cast::<c_void>();
    // SAFETY: both pointers are to locals that outlive the call, which is synchronous, and each function gets the pointer to
    // the type that it is instantiated for. We hold the lock, since every function of the binding is called by Ruby. This
    // variant never raises: an exception would jump over Rust frames.
    #[allow(unsafe_code)]
    unsafe {
        rb_sys::rb_thread_call_without_gvl2(Some(run::<R, F>), data, Some(wake::<U>), unblock_data);
    }
    match call.result {
        Some(Ok(value)) => Outcome::Done(value),
        Some(Err(payload)) => Outcome::Panicked(payload),
        None => Outcome::Interrupted,
    }
}

struct Call<R, F> {
    func: Option<F>,
    result: Option<std::thread::Result<R>>,
}

// SAFETY: `data` is the `Call<R, F>` of `without_gvl`, which nothing else touches until this returns. A panic is caught, so
// that it does not unwind into Ruby's C frames.
#[allow(unsafe_code)]
unsafe extern "C" fn run<R, F: FnOnce() -> R>(data: *mut c_void) -> *mut c_void {
    let call = unsafe { &mut *data.cast::<Call<R, F>>() };
    if let Some(func) = call.func.take() {
        call.result = Some(catch_unwind(AssertUnwindSafe(func)));
    }
    std::ptr::null_mut()
}

// SAFETY: `data` is the `U` of `without_gvl`, only read, and `Sync`, since Ruby may call this from another thread. A panic is
// caught as above; there is nobody to tell.
#[allow(unsafe_code)]
unsafe extern "C" fn wake<U: Fn()>(data: *mut c_void) {
    let unblock = unsafe { &*data.cast::<U>() };
    let _ = catch_unwind(AssertUnwindSafe(unblock));
}
