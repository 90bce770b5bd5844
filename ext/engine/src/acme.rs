//! Certificates by themselves: accounts, orders, challenges and renewals at authorities that speak ACME (RFC 8555).
//!
//! All of it runs on the background runtime. Handshakes know [`crate::certificates`] alone.

#![allow(dead_code, reason = "not used yet")]

pub(crate) mod authority;
pub(crate) mod directive;
pub(crate) mod dns;
pub(crate) mod failure;
pub(crate) mod keeper;
pub(crate) mod names;
pub(crate) mod on_demand;
pub(crate) mod order;
pub(crate) mod schedule;
