//! tmp
#![allow(missing_docs, dead_code)]
use crate::{config, rewrite::Scope};
use std::sync::Arc;
pub(crate) fn escape(_out: &mut Vec<u8>, _start: usize) {}
#[derive(Debug)]
pub struct AccessLog;
impl AccessLog {
    pub fn compile(_: &config::AccessLog, _: &mut Vec<config::Problem>) -> Option<Arc<AccessLog>> {
        None
    }
}
#[derive(Debug, Default)]
pub struct Buffer;
impl Buffer {
    pub fn push(&mut self, _: &Arc<AccessLog>, _: &Scope<'_>) -> bool {
        false
    }
    pub fn flush(&mut self) {}
}
