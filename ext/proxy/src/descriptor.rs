//! Descriptors of Ruby's IO objects.

use std::io;
use std::os::fd::{AsRawFd, BorrowedFd, OwnedFd, RawFd};

use magnus::{prelude::*, Error, RFile, Ruby};

/// `EBADF` of every system that Ruby runs on.
const BAD_DESCRIPTOR: i32 = 9;

/// Calls `with` with the descriptor of an IO.
///
/// # Errors
/// An `ArgumentError` if the IO is closed.
pub(crate) fn with_descriptor<R>(ruby: &Ruby, io: RFile, with: impl FnOnce(BorrowedFd<'_>) -> R) -> Result<R, Error> {
    let closed = || Error::new(ruby.exception_arg_error(), "is closed: write one that is open");
    if io.funcall("closed?", ())? {
        return Err(closed());
    }
    borrow(io.as_raw_fd(), with).map_err(|_| closed())
}

/// Calls `with`, which must not call Ruby, with the file or socket that is open under `number`. If nothing is, what
/// `with` asks of the system fails.
///
/// # Errors
/// If no descriptor has that number.
pub(crate) fn borrow<R>(number: RawFd, with: impl FnOnce(BorrowedFd<'_>) -> R) -> io::Result<R> {
    if number < 0 {
        return Err(io::Error::from_raw_os_error(BAD_DESCRIPTOR));
    }
    // SAFETY: the number is not -1. The IO object that it belongs to is in a local variable of our caller in Ruby, and
    // no Ruby code runs meanwhile that could close it: this thread has the GVL.
    #[allow(unsafe_code)]
    let borrowed = unsafe { BorrowedFd::borrow_raw(number) };
    Ok(with(borrowed))
}

/// A descriptor of our own for what is open under `number`.
///
/// # Errors
/// If nothing is.
pub(crate) fn duplicate(number: RawFd) -> io::Result<OwnedFd> {
    borrow(number, |descriptor| descriptor.try_clone_to_owned())?
}
