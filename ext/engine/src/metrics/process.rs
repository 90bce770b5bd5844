//! Figures of the process, as far as the system tells them.

use nix::sys::resource::{getrlimit, getrusage, Resource, UsageWho};

/// Figures of the process.
#[derive(Debug, Default, Clone, Copy)]
pub(crate) struct ProcessFigures {
    /// Bytes of memory that are in use.
    pub(crate) resident: Option<u64>,
    pub(crate) open_files: Option<u64>,
    pub(crate) most_files: Option<u64>,
    /// Seconds of processor time, in the program and in the kernel.
    pub(crate) processor: Option<f64>,
    /// Time of its start, in seconds since 1970.
    pub(crate) started: Option<f64>,
}

impl ProcessFigures {
    /// The current figures.
    pub(crate) fn now() -> Self {
        let times = getrusage(UsageWho::RUSAGE_SELF).ok().map(|usage| [usage.user_time(), usage.system_time()]);
        let seconds = |times: [nix::sys::time::TimeVal; 2]| {
            times.iter().map(|time| time.tv_sec() as f64 + time.tv_usec() as f64 / 1e6).sum()
        };
        Self {
            resident: resident(),
            // Without the folder that is being listed.
            open_files: std::fs::read_dir("/proc/self/fd").ok().map(|files| files.count().saturating_sub(1) as u64),
            most_files: getrlimit(Resource::RLIMIT_NOFILE).ok().map(|(soft, _)| soft),
            processor: times.map(seconds),
            started: started(),
        }
    }
}

fn resident() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    line.trim().trim_end_matches(" kB").parse::<u64>().ok().map(|kib| kib * 1024)
}

/// Clock ticks of a second in /proc, on every processor that Rust supports.
const TICKS: f64 = 100.0;

fn started() -> Option<f64> {
    let own = std::fs::read_to_string("/proc/self/stat").ok()?;
    // The name of the program, in parentheses, may hold spaces.
    let behind = own.rsplit_once(')')?.1;
    let ticks: f64 = behind.split_whitespace().nth(19)?.parse().ok()?;
    let system = std::fs::read_to_string("/proc/stat").ok()?;
    let boot: f64 = system.lines().find_map(|line| line.strip_prefix("btime "))?.trim().parse().ok()?;
    Some(boot + ticks / TICKS)
}
