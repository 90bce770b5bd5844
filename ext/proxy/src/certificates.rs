//! `Proxy::Native.certificates` and `renew_certificate`: the certificates of a configuration, without a server.

use magnus::{function, prelude::*, Error, RModule, Ruby, Value};
use proxy_engine::{Config, StoredCertificates};

use crate::blocks::Set;
use crate::config;
use crate::error;
use crate::gvl::without_gvl;

pub(crate) fn init(native: RModule) -> Result<(), Error> {
    native.define_singleton_method("certificates", function!(list, 2))?;
    native.define_singleton_method("renew_certificate", function!(renew, 3))?;
    Ok(())
}

/// `certificates(hash, block_set)`: an Array of Hashes with Symbol keys.
fn list(ruby: &Ruby, hash: Value, blocks: Option<&Set>) -> Result<Value, Error> {
    let certificates = with(ruby, hash, blocks, StoredCertificates::list)?;
    serde_magnus::serialize(ruby, &certificates)
}

/// `renew_certificate(hash, block_set, name)`: waits for what becomes of it. Raises an `ArgumentError` if there is no
/// such certificate, or if storage cannot be used.
fn renew(ruby: &Ruby, hash: Value, blocks: Option<&Set>, name: String) -> Result<Value, Error> {
    match with(ruby, hash, blocks, |certificates| certificates.renew(&name))? {
        Ok(outcome) => serde_magnus::serialize(ruby, &outcome),
        Err(message) => Err(Error::new(ruby.exception_arg_error(), message)),
    }
}

/// What `call` returns. Other Ruby threads run meanwhile, and an interrupt ends it.
fn with<T: Send>(
    ruby: &Ruby,
    hash: Value,
    blocks: Option<&Set>,
    call: impl Fn(&StoredCertificates) -> Option<T> + Send + Sync,
) -> Result<T, Error> {
    let config = Config { blocks: blocks.map(Set::take).unwrap_or_default(), ..config::from_hash(ruby, hash)? };
    let opened = without_gvl(|| StoredCertificates::open(&config), || ())?;
    let opened = opened.map_err(|payload| error::panicked(ruby, payload.as_ref()))?;
    let certificates = opened.map_err(|error| Error::new(ruby.exception_runtime_error(), error.to_string()))?;
    loop {
        match without_gvl(|| call(&certificates), || certificates.interrupt())? {
            Ok(Some(result)) => return Ok(result),
            // A signal handler ran without raising: it goes on.
            Ok(None) => {}
            Err(payload) => return Err(error::panicked(ruby, payload.as_ref())),
        }
    }
}
