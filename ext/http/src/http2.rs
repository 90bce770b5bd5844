//! HTTP/2 on the wire (RFC 9113): one stream as an exchange sees it, on both sides, over the crate `h2`.
//!
//! hyper builds on `h2` too. The engine uses `h2` directly because a reverse proxy needs what hyper's server hides:
//! interim responses (a proxy has to forward them: RFC 9110, section 15.2), closing a connection with a reason, and a
//! stream's capacity before data is taken from the other side.

pub mod frame;

mod error;
mod fields;
mod flood;
mod handed_over;
mod lease;
mod sieve;
mod stream;
mod upgrade;

pub use error::into_io;
pub use fields::{read_fields, write_fields};
pub use flood::FloodBudget;
pub use frame::FrameScanner;
pub use handed_over::HandedOver;
pub use lease::{Lease, Load, UNSAID};
pub use sieve::{Pieces, Sieve, Tally};
pub use stream::Stream;
pub use upgrade::Upgrade;
