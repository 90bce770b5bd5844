//! Orders at a real authority: Pebble.

mod accounts;
mod challenges;
mod dns;
mod failures;
mod orders;
mod peers;
mod rogue;
