//! Orders at a real authority: Pebble.

mod accounts;
mod challenges;
mod failures;
mod orders;
mod peers;
