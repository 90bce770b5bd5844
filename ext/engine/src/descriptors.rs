//! Open files: how many this process may have, and the reserve among them.
//!
//! The system gives out the lowest free descriptor, so the number of a new socket shows how many are left. The last
//! ones are a reserve for work that must go on when clients have taken all others: health checks, DNS, logs, and files
//! that a reload reads.

use std::io;
use std::os::fd::RawFd;
use std::sync::atomic::{AtomicI32, Ordering::Relaxed};

use nix::libc;
use nix::sys::resource::{getrlimit, setrlimit, Resource};

/// The first descriptor of the reserve.
static RESERVED_FROM: AtomicI32 = AtomicI32::new(i32::MAX);

/// The limit of open files, and the number of files that were open before the server had clients.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Descriptors {
    allowed: u64,
    open: u64,
}

/// Raises the process's limit of open files to what the system allows. Programs that this process starts inherit the
/// limit.
pub(crate) fn raise_limit() {
    let Ok((soft, hard)) = getrlimit(Resource::RLIMIT_NOFILE) else { return };
    // Limit to set where "unlimited" is refused, as on macOS.
    const MANY: u64 = 10_240;
    if soft < hard && setrlimit(Resource::RLIMIT_NOFILE, hard, hard).is_err() && soft < MANY {
        let _ = setrlimit(Resource::RLIMIT_NOFILE, MANY.min(hard), hard);
    }
}

impl Descriptors {
    /// The current numbers.
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

    /// Clients that may be accepted while they wait for a place.
    pub(crate) fn guests(self) -> usize {
        (self.allowed / 64).clamp(2, 256) as usize
    }

    fn free(self) -> u64 {
        self.allowed.saturating_sub(self.open + self.reserve() + self.guests() as u64)
    }

    /// Maximum of clients at once if `wanted` is configured. That many fit if a quarter of the free descriptors remains
    /// for backends. Otherwise the maximum leaves each client one connection to a backend.
    pub(crate) fn clients(self, wanted: usize) -> usize {
        let fit = |part: u64| usize::try_from(part).unwrap_or(usize::MAX);
        if wanted <= fit(self.free() / 4 * 3) {
            return wanted;
        }
        wanted.min(fit(self.free() / 2)).max(1)
    }

    /// The problem with a `max_connections` that does not fit, and what to do.
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

/// Whether a socket took a descriptor of the reserve.
pub(crate) fn is_reserved(number: RawFd) -> bool {
    number >= RESERVED_FROM.load(Relaxed)
}

/// Checks a new socket for a request to a backend: an error if its descriptor belongs to the reserve.
pub(crate) fn admit(number: RawFd) -> io::Result<()> {
    match is_reserved(number) {
        true => Err(io::Error::from_raw_os_error(libc::EMFILE)),
        false => Ok(()),
    }
}

/// Whether a resource of this machine has run out: descriptors, memory of the system, local ports. Such an error says
/// nothing about the other side.
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
