//! How long a file system may make its readers wait.

use std::io;
use std::os::fd::AsFd;

/// Kind of a file system, by what a read costs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Speed {
    /// Its files are in memory.
    Memory,
    /// A disk of this machine: what was read lately is in memory.
    Disk,
    /// A file server or a program, or a file system that is not known: even opening a file may take long.
    Remote,
}

impl Speed {
    /// Speed of the file system on which a file is.
    #[cfg(target_os = "linux")]
    pub(super) fn of(file: impl AsFd) -> io::Result<Self> {
        // Numbers of statfs(2).
        const MEMORY: [u32; 2] = [0x0102_1994, 0x8584_58f6];
        const DISKS: [u32; 11] = [
            0xef53,      // ext2, ext3, ext4
            0x5846_5342, // XFS
            0x9123_683e, // Btrfs
            0xf2f5_2010, // F2FS
            0x794c_7630, // overlayfs
            0x7371_7368, // SquashFS
            0xe0f5_e1e2, // EROFS
            0x2fc1_2fc1, // ZFS
            0xca45_1a4e, // bcachefs
            0x3153_464a, // JFS
            0x5265_4973, // ReiserFS
        ];
        let kind = rustix::fs::fstatfs(file)?.f_type as u32;
        Ok(match kind {
            kind if MEMORY.contains(&kind) => Self::Memory,
            kind if DISKS.contains(&kind) => Self::Disk,
            _ => Self::Remote,
        })
    }

    /// Speed of the file system on which a file is: other systems do not say what is in memory.
    #[cfg(not(target_os = "linux"))]
    pub(super) fn of(_: impl AsFd) -> io::Result<Self> {
        Ok(Self::Remote)
    }
}
