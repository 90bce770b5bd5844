//! tmp
pub(crate) fn escape(_out: &mut Vec<u8>, _start: usize) {}
