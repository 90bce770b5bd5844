//! `Proxy::Native::Fork`: safe `fork` for a process with a running engine.
//!
//! Ruby calls `Process._fork` for `fork`, `Kernel#fork` and `IO.popen("-")`; `Process.daemon` makes its own child and
//! continues in it.

use std::process;

use magnus::scan_args::scan_args;
use magnus::{method, prelude::*, Error, RModule, Ruby, Value};
use proxy_engine::Hold;

pub(crate) fn init(ruby: &Ruby, native: RModule) -> Result<(), Error> {
    let module = native.define_module("Fork")?;
    module.define_method("_fork", method!(fork, 0))?;
    module.define_method("daemon", method!(daemon, -1))?;
    let process: RModule = ruby.class_object().const_get("Process")?;
    process.singleton_class()?.prepend_module(module)
}

/// `_fork`: forks with the engines paused.
fn fork(ruby: &Ruby, _process: Value) -> Result<Value, Error> {
    held(|| ruby.call_super(()))
}

/// `daemon(nochdir = nil, noclose = nil)`: detaches with the engines paused.
fn daemon(ruby: &Ruby, _process: Value, arguments: &[Value]) -> Result<Value, Error> {
    let arguments = scan_args::<(), (Option<Value>, Option<Value>), (), (), (), ()>(arguments)?.optional;
    held(|| match arguments {
        (Some(nochdir), Some(noclose)) => ruby.call_super((nochdir, noclose)),
        (Some(nochdir), None) => ruby.call_super((nochdir,)),
        _ => ruby.call_super(()),
    })
}

/// Forks while every engine of this process is paused. The child gets none of their sockets.
fn held(fork: impl FnOnce() -> Result<Value, Error>) -> Result<Value, Error> {
    let (hold, parent) = (Hold::take(), process::id());
    let result = fork();
    match hold {
        Some(hold) if process::id() == parent => hold.go_on_in_parent(),
        Some(hold) => hold.close_in_child(),
        None => {}
    }
    result
}
