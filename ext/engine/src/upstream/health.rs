//! Active health checks of backends on a schedule ([`check`], [`schedule`]), gRPC's own among them. Outlier ejection,
//! from what requests find, stands with the backend.

pub(super) mod ask;
mod check;
mod grpc;
pub(super) mod schedule;

pub(crate) use check::Check;

#[cfg(test)]
mod tests;
