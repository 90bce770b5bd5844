//! Certificates by themselves: accounts, orders, challenges and renewals at authorities that speak ACME (RFC 8555).
//!
//! All of it runs on the background runtime. Handshakes know [`crate::certificates`] alone.

#![allow(dead_code, reason = "not used yet")]

mod account;
pub(crate) mod authority;
pub(crate) mod directive;
mod csr;
mod directory;
pub(crate) mod dns;
pub(crate) mod early_renewal;
pub(crate) mod failure;
mod issued;
pub(crate) mod inventory;
pub(crate) mod keeper;
pub(crate) mod names;
mod known;
pub(crate) mod order;
mod pending;
pub(crate) mod solver;
mod transport;
