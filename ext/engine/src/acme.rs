//! Certificates by themselves: accounts, orders, challenges and renewals at authorities that speak ACME (RFC 8555).
//!
//! All of it runs on the background runtime. Handshakes know [`crate::certificates`] alone.

mod account;
pub(crate) mod authority;
pub(crate) mod carried;
mod check;
mod course;
mod csr;
pub(crate) mod directive;
mod directory;
pub(crate) mod dns;
pub(crate) mod early_renewal;
pub(crate) mod failure;
mod history;
pub(crate) mod inventory;
mod issued;
pub(crate) mod keeper;
mod known;
pub(crate) mod names;
mod nonce;
pub(crate) mod on_demand;
pub(crate) mod order;
pub(crate) mod schedule;
pub(crate) mod solver;
pub(crate) mod stapling;
mod transport;

#[cfg(test)]
mod tests;
