//! Descriptors of Ruby's IO objects.

use std::io;
use std::os::fd::{BorrowedFd, OwnedFd, RawFd};

/// `EBADF` of every system that Ruby runs on.
const BAD_DESCRIPTOR: i32 = 9;

/// Calls `with` with the file or socket that is open under `number`. If nothing is, what `with` asks of the system
/// fails.
///
/// # Errors
/// If no descriptor has that number.
pub(crate) fn borrow<R>(number: RawFd, with: impl FnOnce(BorrowedFd<'_>) -> R) -> io::Result<R> {
    if number < 0 {
        return Err(io::Error::from_raw_os_error(BAD_DESCRIPTOR));
    }
    // SAFETY: the number is not -1. The IO object that it belongs to is in a local variable of our caller in Ruby, and
    // no Ruby code runs meanwhile that could close it.
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
