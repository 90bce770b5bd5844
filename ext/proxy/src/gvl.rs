//! Waiting without Ruby's global lock (GVL). This file has the only unsafe code of the gem, beside one call in
//! [`descriptor`](crate::descriptor).

use std::ffi::c_void;
use std::panic::{catch_unwind, AssertUnwindSafe};

use magnus::rb_sys::protect;
use magnus::Error;

/// The result of a call without the lock, or the payload of its panic.
pub(crate) type Returned<R> = std::thread::Result<R>;

/// Calls `func` while other Ruby threads run. `unblock` must make `func` return soon; Ruby calls it, from any thread,
/// to interrupt this thread. The error is the pending interrupt: a signal whose handler raises, `Thread#kill` or
/// `Timeout`.
///
/// `Send` keeps Ruby values out of `func`: touching one without the lock ends the process.
pub(crate) fn without_gvl<R, F, U>(func: F, unblock: U) -> Result<Returned<R>, Error>
where
    R: Send,
    F: FnOnce() -> R + Send,
    U: Fn() + Sync,
{
    let mut call = Call { func: Some(func), result: None };
    let data = std::ptr::from_mut(&mut call).cast::<c_void>();
    let unblock_data = std::ptr::from_ref(&unblock).cast_mut().cast::<c_void>();
    // Ruby checks for interrupts before and after the call. An exception from there is caught here, since no frame
    // below has anything to drop. (The variant that does not check refuses to run while an interrupt is pending, even
    // if only a time slice has ended, which can be for ever.)
    protect(|| {
        // SAFETY: both pointers are to locals that outlive the call, which is synchronous, and each function gets the
        // pointer to the type that it is instantiated for. We hold the lock, since every function of the binding is
        // called by Ruby.
        #[allow(unsafe_code)]
        unsafe {
            rb_sys::rb_thread_call_without_gvl(Some(run::<R, F>), data, Some(wake::<U>), unblock_data);
        }
        rb_sys::Qnil.into()
    })?;
    // `func` has run, or this line would not be reached. If it had not, this error would say so.
    Ok(call.result.unwrap_or_else(|| Err(Box::new("Ruby did not make the call"))))
}

struct Call<R, F> {
    func: Option<F>,
    result: Option<Returned<R>>,
}

// SAFETY: `data` is the `Call<R, F>` of `without_gvl`, which nothing else touches until this returns. A panic is
// caught, so that it does not unwind into Ruby's C frames.
#[allow(unsafe_code)]
unsafe extern "C" fn run<R, F: FnOnce() -> R>(data: *mut c_void) -> *mut c_void {
    let call = unsafe { &mut *data.cast::<Call<R, F>>() };
    if let Some(func) = call.func.take() {
        call.result = Some(catch_unwind(AssertUnwindSafe(func)));
    }
    std::ptr::null_mut()
}

// SAFETY: `data` is the `U` of `without_gvl`, only read, and `Sync`, since Ruby may call this from another thread. A
// panic is caught as above; it cannot be reported.
#[allow(unsafe_code)]
unsafe extern "C" fn wake<U: Fn()>(data: *mut c_void) {
    let unblock = unsafe { &*data.cast::<U>() };
    let _ = catch_unwind(AssertUnwindSafe(unblock));
}
