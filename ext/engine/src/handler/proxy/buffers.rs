//! Compilation of `buffering` and `request_buffering`.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use nix::unistd::{access, AccessFlags};

use super::{BodyFileConfig, BufferingConfig, ProxyConfig};
use crate::cache::body::LagRules;
use crate::compile::Report;
use crate::disk_threads::DiskThreads;
use crate::relay::{DiskRules, HoldRules};
use crate::unnamed_file;

/// Whether responses are taken in, and how much of one may wait.
pub(super) fn responses(config: &ProxyConfig, report: &mut Report<'_>) -> (bool, HoldRules) {
    let memory = report.within("buffer_size").unbounded(config.buffer_size);
    let (is_on, disk) = match &config.buffering {
        BufferingConfig::Switch(is_on) => (*is_on, None),
        BufferingConfig::File(file) => (true, Some(disk(file, &mut report.within("buffering")))),
    };
    (is_on, HoldRules { memory: usize::try_from(memory).unwrap_or(usize::MAX), disk })
}

/// Where what slow clients have missed of a response waits that others read along with them: where responses wait, or
/// in the usual folder.
pub(super) fn shared(hold: &HoldRules) -> LagRules {
    let usual = || DiskRules {
        folder: Arc::from(unnamed_file::usual_folder()),
        most: BodyFileConfig::default().disk.unsigned_abs(),
        threads: DiskThreads::default(),
    };
    LagRules { takes_in: hold.disk.is_some(), disk: hold.disk.clone().unwrap_or_else(usual) }
}

/// Where bodies of requests wait that are taken in whole. `None`: they are not.
pub(super) fn requests(config: &ProxyConfig, report: &mut Report<'_>) -> Option<DiskRules> {
    let usual = BodyFileConfig::default();
    let file = match &config.request_buffering {
        BufferingConfig::Switch(false) => return None,
        BufferingConfig::Switch(true) => &usual,
        BufferingConfig::File(file) => file,
    };
    Some(disk(file, &mut report.within("request_buffering")))
}

fn disk(config: &BodyFileConfig, report: &mut Report<'_>) -> DiskRules {
    let most = report.within("disk").unbounded(config.disk);
    let folder = config.path.as_ref().map_or_else(unnamed_file::usual_folder, PathBuf::from);
    if let Err(why) = is_of_use(&folder) {
        report.within("path").error(format!("{folder:?} {why}: write the path of a folder that this process may use"));
    }
    DiskRules { folder: Arc::from(folder), most, threads: DiskThreads::default() }
}

fn is_of_use(folder: &Path) -> Result<(), String> {
    match folder.metadata() {
        Ok(found) if found.is_dir() => {
            access(folder, AccessFlags::W_OK | AccessFlags::X_OK).map_err(|why| format!("cannot be used ({why})"))
        }
        Ok(_) => Err("is no folder".into()),
        Err(why) => Err(format!("cannot be used ({why})")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(buffering: BufferingConfig) -> Vec<String> {
        let config =
            ProxyConfig { buffering: buffering.clone(), request_buffering: buffering, ..ProxyConfig::default() };
        Report::told(|report| (responses(&config, report), requests(&config, report))).1
    }

    #[test]
    fn what_is_wrong_is_said_of_each() {
        let file = |disk, path: &str| BufferingConfig::File(BodyFileConfig { disk, path: Some(path.into()) });
        assert_eq!(told(file(10, "/")), [""; 0]);
        assert_eq!(told(BufferingConfig::Switch(true)), [""; 0]);
        assert_eq!(
            told(file(-1, "/nowhere")).len(),
            4,
            "a negative size, and a folder that is not there, each of both"
        );
        let no_folder = "path: \"/dev/null\" is no folder: write the path of a folder that this process may use";
        assert_eq!(
            told(file(10, "/dev/null")),
            [format!("buffering: {no_folder}"), format!("request_buffering: {no_folder}"),]
        );
    }
}
