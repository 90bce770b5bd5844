//! Descriptors of Ruby's IO objects.

use std::os::fd::{AsRawFd, BorrowedFd};

use magnus::{prelude::*, Error, RFile, Ruby};

/// Calls `func` with the descriptor of an IO, which must not call Ruby.
///
/// # Errors
/// An `ArgumentError` if the IO is closed.
pub(crate) fn with_descriptor<R>(ruby: &Ruby, io: RFile, func: impl FnOnce(BorrowedFd<'_>) -> R) -> Result<R, Error> {
    if io.funcall("closed?", ())? {
        return Err(Error::new(ruby.exception_arg_error(), "is closed: write one that is open"));
    }
    let number = io.as_raw_fd();
    // SAFETY: the IO is open, and only Ruby code closes it. None runs before the call returns: this thread has the GVL.
    #[allow(unsafe_code)]
    let descriptor = unsafe { BorrowedFd::borrow_raw(number) };
    Ok(func(descriptor))
}
