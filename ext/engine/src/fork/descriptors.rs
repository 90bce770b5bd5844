//! Which descriptors a runtime watches, as the system tells it.

use std::fs;
use std::os::fd::RawFd;

use nix::sys::stat::stat;

/// A descriptor and what it stands for, so that its number is not mistaken for another's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Descriptor {
    number: RawFd,
    inode: u64,
}

impl Descriptor {
    /// What stands behind a number now.
    pub(super) fn of(number: RawFd) -> Option<Self> {
        stat(format!("/proc/self/fd/{number}").as_str()).ok().map(|status| Self { number, inode: status.st_ino })
    }
}

/// The descriptors of every epoll instance that watches one of `beacons`, and those of the instance itself.
pub(super) fn watched_with(beacons: &[Descriptor]) -> Vec<RawFd> {
    let mut found = Vec::new();
    for instance in numbers("/proc/self/fd").into_iter().filter(|fd| is_epoll(*fd)) {
        let watched = watched_by(instance);
        if !watched.iter().any(|descriptor| beacons.contains(descriptor)) {
            continue;
        }
        found.push(instance);
        for descriptor in watched {
            if !found.contains(&descriptor.number) && Descriptor::of(descriptor.number) == Some(descriptor) {
                found.push(descriptor.number);
            }
        }
    }
    found
}

fn numbers(folder: &str) -> Vec<RawFd> {
    let Ok(entries) = fs::read_dir(folder) else { return Vec::new() };
    entries.flatten().filter_map(|entry| entry.file_name().to_str()?.parse().ok()).collect()
}

fn is_epoll(fd: RawFd) -> bool {
    fs::read_link(format!("/proc/self/fd/{fd}")).is_ok_and(|target| target.as_os_str() == "anon_inode:[eventpoll]")
}

/// What an epoll instance watches: lines such as `tfd: 9 events: 80002019 data: 0 pos:0 ino:1b4d sdev:9`.
fn watched_by(instance: RawFd) -> Vec<Descriptor> {
    let text = fs::read_to_string(format!("/proc/self/fdinfo/{instance}")).unwrap_or_default();
    text.lines().filter_map(read_line).collect()
}

fn read_line(line: &str) -> Option<Descriptor> {
    let number = line.strip_prefix("tfd:")?.split_ascii_whitespace().next()?.parse().ok()?;
    let inode = line.split_ascii_whitespace().find_map(|word| word.strip_prefix("ino:"))?;
    Some(Descriptor { number, inode: u64::from_str_radix(inode, 16).ok()? })
}

/// Closes them, whatever they are.
pub(super) fn close(descriptors: &[RawFd]) {
    for descriptor in descriptors {
        let _ = nix::unistd::close(*descriptor);
    }
}
