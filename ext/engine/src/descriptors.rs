//! Open files: how many this process may have, and what they are kept for.
//!
//! The system gives out the lowest number that is free, so the number of a new socket says how many are left. The last
//! ones are for what must go on when clients have taken everything else: health checks, DNS, logs, files that a reload
//! reads.

use std::io;
use std::os::fd::RawFd;
use std::sync::atomic::{AtomicI32, Ordering::Relaxed};

use nix::libc;
use nix::sys::resource::{getrlimit, setrlimit, Resource};

/// The first number that only the reserve may have.
static RESERVED_FROM: AtomicI32 = AtomicI32::new(i32::MAX);

/// How many files this process may open, and how many it had open before it served anybody.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Descriptors {
    allowed: u64,
    open: u64,
}

/// Raises the limit of open files to what the system allows this process, once for all of it: programs that it starts
/// inherit it.
pub(crate) fn raise_limit() {
    let Ok((soft, hard)) = getrlimit(Resource::RLIMIT_NOFILE) else { return };
    // Where "unlimited" cannot be had, as on macOS, this many can.
    const MANY: u64 = 10_240;
    if soft < hard && setrlimit(Resource::RLIMIT_NOFILE, hard, hard).is_err() && soft < MANY {
        let _ = setrlimit(Resource::RLIMIT_NOFILE, MANY.min(hard), hard);
    }
}

impl Descriptors {
    /// Those of this moment.
    pub(crate) fn now() -> Self {
        let allowed = getrlimit(Resource::RLIMIT_NOFILE).map_or(u64::MAX, |(soft, _)| soft);
        let listed = std::fs::read_dir("/proc/self/fd").or_else(|_| std::fs::read_dir("/dev/fd"));
        let this = Self { allowed, open: listed.map_or(0, |files| files.count() as u64) };
        RESERVED_FROM.store(i32::try_from(allowed.saturating_sub(this.reserve())).unwrap_or(i32::MAX), Relaxed);
        this
    }

    fn reserve(self) -> u64 {
        (self.allowed / 16).clamp(8, 64)
    }

    /// Clients that may wait for a place with a connection that was accepted.
    pub(crate) fn guests(self) -> usize {
        (self.allowed / 64).clamp(2, 256) as usize
    }

    fn free(self) -> u64 {
        self.allowed.saturating_sub(self.open + self.reserve() + self.guests() as u64)
    }

    /// How many clients are served at once where so many are wanted. They fit if a quarter of what is free remains for
    /// backends. If they do not, so many are served that each can have one connection to a backend.
    pub(crate) fn clients(self, wanted: usize) -> usize {
        let fit = |part: u64| usize::try_from(part).unwrap_or(usize::MAX);
        if wanted <= fit(self.free() / 4 * 3) {
            return wanted;
        }
        wanted.min(fit(self.free() / 2)).max(1)
    }

    /// What is wrong with a `max_connections` that does not fit, and what to do.
    pub(crate) fn complaint(self, wanted: usize) -> Option<String> {
        let served = self.clients(wanted);
        if served == wanted {
            return None;
        }
        let needed = (wanted as u64).saturating_mul(4) / 3 + 4 + self.open + self.reserve() + 256;
        Some(format!(
            "{wanted} do not fit: {} open files are allowed, so that {served} are served at once: allow {needed} \
             (ulimit -Hn, or LimitNOFILE= of systemd), or write max_connections {served}",
            self.allowed
        ))
    }
}

/// Whether a socket took what is kept for others.
pub(crate) fn is_reserved(number: RawFd) -> bool {
    number >= RESERVED_FROM.load(Relaxed)
}

/// The same for a socket that was just made for a request to a backend: an error if it may not be kept.
pub(crate) fn admit(number: RawFd) -> io::Result<()> {
    match is_reserved(number) {
        true => Err(io::Error::from_raw_os_error(libc::EMFILE)),
        false => Ok(()),
    }
}

/// Whether something of our own has run out: files, memory of the system, local ports. It says nothing of the other
/// side.
pub(crate) fn ran_out(error: &io::Error) -> bool {
    let ours = [libc::EMFILE, libc::ENFILE, libc::ENOBUFS, libc::ENOMEM, libc::EADDRNOTAVAIL];
    error.raw_os_error().is_some_and(|number| ours.contains(&number))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn so_many_clients_are_served_as_can_have_a_backend() {
        for (allowed, open, wanted, served) in [
            (1_048_576, 40, 10_000, 10_000),
            (20_000, 100, 10_000, 10_000),
            (4_096, 40, 10_000, 1_964),
            (1_024, 40, 500, 500),
            (256, 40, 10_000, 98),
            (64, 60, 10_000, 1),
            (u64::MAX, 0, 10_000_000, 10_000_000),
        ] {
            let descriptors = Descriptors { allowed, open };
            assert_eq!(descriptors.clients(wanted), served, "{allowed}");
            assert_eq!(descriptors.complaint(wanted).is_some(), served < wanted);
        }
    }

    #[test]
    fn what_is_asked_for_is_enough() {
        for (allowed, wanted) in [(256, 100), (4_096, 10_000), (1_024, 1_000_000)] {
            let complaint = Descriptors { allowed, open: 40 }.complaint(wanted).unwrap_or_default();
            let needed = complaint.split("allow ").nth(1).and_then(|rest| rest.split(' ').next()?.parse().ok());
            let enough = Descriptors { allowed: needed.unwrap_or(allowed), open: 40 };
            assert_eq!(enough.clients(wanted), wanted, "{complaint}");
            assert_eq!(
                Descriptors { allowed, open: 40 }.complaint(Descriptors { allowed, open: 40 }.clients(wanted)),
                None
            );
        }
    }

    #[test]
    fn what_ran_out_here_is_told_from_what_is_wrong_there() {
        for (number, ours) in [
            (libc::EMFILE, true),
            (libc::ENFILE, true),
            (libc::ENOBUFS, true),
            (libc::ENOMEM, true),
            (libc::EADDRNOTAVAIL, true),
            (libc::ECONNREFUSED, false),
            (libc::EHOSTUNREACH, false),
            (libc::ENOENT, false),
        ] {
            assert_eq!(ran_out(&io::Error::from_raw_os_error(number)), ours, "{number}");
        }
        assert!(!ran_out(&io::ErrorKind::OutOfMemory.into()));
    }
}
