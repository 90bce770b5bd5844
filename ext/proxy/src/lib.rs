//! The binding between Ruby and `proxy-engine`.
//!
//! `lib/proxy` builds a Hash of the configuration; [`config`] turns it into the engine's structs, [`server`] starts and
//! stops an engine for it, [`descriptor`] takes over sockets and files of Ruby's, [`gvl`] lets other Ruby threads run
//! during a wait, [`fork`] keeps an engine's sockets out of forked children, [`blocks`] lets Ruby threads answer the
//! engine, [`inbox`] hands requests to Rack applications, [`error`] turns failures into exceptions.

#![expect(clippy::disallowed_types, reason = "Ruby's threads wait in real time")]
#![expect(missing_docs, reason = "the only public item is the entry point that magnus generates for Ruby")]

mod blocks;
mod certificates;
mod config;
mod descriptor;
mod error;
mod fork;
mod gvl;
mod inbox;
mod listeners;
mod server;

use magnus::{function, prelude::*, Error, Ruby};

// Ruby keeps its own allocator; this one serves the engine.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

#[magnus::init(name = "proxy")]
fn init(ruby: &Ruby) -> Result<(), Error> {
    let native = ruby.define_module("Proxy")?.define_module("Native")?;
    native.define_singleton_method("check", function!(config::check, 1))?;
    native.define_singleton_method("explain", function!(config::explain, 2))?;
    native.define_singleton_method("defaults", function!(config::defaults, 0))?;
    native.define_singleton_method("listening_url", function!(listeners::listening_url, 1))?;
    native.define_singleton_method("assign", function!(listeners::assign, 3))?;
    certificates::init(native)?;
    fork::init(ruby, native)?;
    blocks::init(ruby, native)?;
    inbox::init(ruby, native)?;
    server::init(ruby, native)
}
