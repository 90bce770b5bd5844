//! Keys: paths that stay where they belong, whatever a client has named.

use super::StorageError;

/// Bytes of one name of a key, at most. File systems take 255; temporary files have longer names.
const LONGEST: usize = 230;

/// Refuses a key that could leave its folder, or that no file system takes. A dot at the start is for temporary files.
pub(super) fn check(key: &str) -> Result<(), StorageError> {
    let is_sound = |name: &str| {
        !name.is_empty()
            && name.len() <= LONGEST
            && !name.starts_with('.')
            && name.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'\\')
    };
    if key.split('/').all(is_sound) {
        return Ok(());
    }
    Err(StorageError(format!("storage: {key:?} cannot be the name of a value")))
}
