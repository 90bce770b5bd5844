//! Names of files: hashes of what they answer. The file itself has all of it, and that is compared.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};

use xxhash_rust::xxh3::xxh3_64;

use super::super::entry::CacheEntry;
use super::super::key;

/// The name of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct StoredName {
    /// Hash of the URL.
    pub(super) url: u64,
    /// Hash of the whole key.
    pub(super) key: u64,
    /// Hash of what else a request must have.
    variant: u64,
}

/// The hash of a key.
pub(super) fn hash(key: &[u8]) -> u64 {
    xxh3_64(key)
}

/// The folder for the files with this hash of their key: one of 4,096, two levels of them.
pub(super) fn leaf(key: u64) -> u16 {
    (key >> 52) as u16
}

/// The path of a folder for files.
pub(super) fn leaf_path(root: &Path, leaf: u16) -> PathBuf {
    root.join(format!("{:x}", leaf >> 8)).join(format!("{:02x}", leaf & 0xff))
}

impl StoredName {
    /// The name for a response.
    pub(super) fn of(key: &[u8], entry: &CacheEntry) -> Self {
        let mut variant = Vec::new();
        entry.write_variant(&mut variant);
        Self { url: hash(key::url(key)), key: hash(key), variant: xxh3_64(&variant) }
    }

    /// Reads a name.
    pub(super) fn read(text: &OsStr) -> Option<Self> {
        let text = text.to_str()?;
        let digits = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
        if text.len() != 48 || !text.bytes().all(digits) {
            return None;
        }
        let number = |part: usize| u64::from_str_radix(text.get(part * 16..part * 16 + 16)?, 16).ok();
        Some(Self { key: number(0)?, url: number(1)?, variant: number(2)? })
    }

    /// The path below the folder `root`.
    pub(super) fn path(&self, root: &Path) -> PathBuf {
        let Self { url, key, variant } = self;
        leaf_path(root, leaf(*key)).join(format!("{key:016x}{url:016x}{variant:016x}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_found_where_it_was_written_and_no_other_text_is_one() {
        let name = StoredName { url: 1, key: 0xabc0_0000_0000_0002, variant: 3 };
        let path = name.path(Path::new("/x"));
        assert_eq!(path.to_str(), Some("/x/a/bc/abc000000000000200000000000000010000000000000003"));
        assert_eq!(StoredName::read(path.file_name().expect("a name")), Some(name));
        for other in ["", "notes.txt", "abc00000000000020000000000000001000000000000000g", "ABC00000"] {
            assert_eq!(StoredName::read(other.as_ref()), None);
        }
    }
}
