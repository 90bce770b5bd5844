//! `auth_jwt`: a signed token (RFC 7519).

mod keys;
mod token;
