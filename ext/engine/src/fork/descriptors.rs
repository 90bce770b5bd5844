//! Descriptors that a runtime watches, as the system lists them.

use std::fs;
use std::os::fd::RawFd;

use nix::sys::stat::stat;

/// A descriptor with its inode, so that a reused number is not mistaken for the old one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Descriptor {
    number: RawFd,
    inode: u64,
}

impl Descriptor {
    /// The descriptor that has this number now.
    pub(super) fn of(number: RawFd) -> Option<Self> {
        stat(format!("/proc/self/fd/{number}").as_str()).ok().map(|status| Self { number, inode: status.st_ino })
    }
}

/// All descriptors in the epoll instances that watch one of `beacons`, and the instances themselves.
pub(super) fn watched_with(beacons: &[Descriptor]) -> Vec<Descriptor> {
    let mut found = Vec::new();
    for instance in numbers("/proc/self/fd").into_iter().filter(|fd| is_epoll(*fd)) {
        let watched = watched_by(instance);
        if watched.iter().any(|descriptor| beacons.contains(descriptor)) {
            found.extend(watched);
            found.extend(Descriptor::of(instance));
        }
    }
    // A runtime holds its epoll instance twice.
    found.sort_unstable_by_key(|descriptor| descriptor.number);
    found.dedup();
    found
}

fn numbers(folder: &str) -> Vec<RawFd> {
    let Ok(entries) = fs::read_dir(folder) else { return Vec::new() };
    entries.flatten().filter_map(|entry| entry.file_name().to_str()?.parse().ok()).collect()
}

fn is_epoll(fd: RawFd) -> bool {
    fs::read_link(format!("/proc/self/fd/{fd}")).is_ok_and(|target| target.as_os_str() == "anon_inode:[eventpoll]")
}

/// The descriptors of an epoll instance, from lines such as `tfd: 9 events: 80002019 data: 0 pos:0 ino:1b4d sdev:9`.
fn watched_by(instance: RawFd) -> Vec<Descriptor> {
    let text = fs::read_to_string(format!("/proc/self/fdinfo/{instance}")).unwrap_or_default();
    text.lines().filter_map(read_line).collect()
}

fn read_line(line: &str) -> Option<Descriptor> {
    let number = line.strip_prefix("tfd:")?.split_ascii_whitespace().next()?.parse().ok()?;
    let inode = line.split_ascii_whitespace().find_map(|word| word.strip_prefix("ino:"))?;
    Some(Descriptor { number, inode: u64::from_str_radix(inode, 16).ok()? })
}

/// Closes the descriptors whose number still has the recorded inode.
pub(super) fn close(descriptors: &[Descriptor]) {
    for descriptor in descriptors {
        if Descriptor::of(descriptor.number) == Some(*descriptor) {
            let _ = nix::unistd::close(descriptor.number);
        }
    }
}
