//! How many idle connections are kept, and how long.

use std::time::Duration;

use proxy_http::headers::framing::list_members;
use proxy_http::message::{Fields, Known};

use crate::compile::Report;
use crate::config;

/// Limits of idle connections.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Keep {
    /// Connections per backend and engine thread; 0 keeps none.
    pub connections: usize,
    /// Time after which an idle connection is closed.
    pub timeout: Duration,
}

impl Keep {
    /// Checks `keepalive` and `keepalive_timeout`.
    pub(super) fn compile(pool: &config::PoolConfig, report: &mut Report<'_>) -> Self {
        Self {
            connections: report.within("keepalive").count(pool.keepalive, 0..=u32::MAX.into()) as usize,
            timeout: report.within("keepalive_timeout").seconds(pool.keepalive_timeout),
        }
    }
}

impl Keep {
    /// Limits for a connection whose backend says in `Keep-Alive` how long it keeps it, and for how many requests
    /// more. It is closed a second earlier, so that no request meets the backend's own close.
    #[inline]
    pub(crate) fn believing(self, fields: &Fields) -> Self {
        if fields.lacks(Known::KeepAlive) {
            return self;
        }
        self.believing_said(fields)
    }

    #[cold]
    fn believing_said(mut self, fields: &Fields) -> Self {
        for parameter in fields.all(Known::KeepAlive).flat_map(list_members) {
            let mut halves = parameter.splitn(2, |byte| *byte == b'=').map(<[u8]>::trim_ascii);
            let (Some(name), Some(value)) = (halves.next(), halves.next()) else { continue };
            // A number that is none, or too large to be one, says nothing.
            let digits = !value.is_empty() && value.iter().all(u8::is_ascii_digit);
            let number = std::str::from_utf8(value).ok().filter(|_| digits).and_then(|text| text.parse::<u64>().ok());
            let Some(number) = number else { continue };
            if name.eq_ignore_ascii_case(b"timeout") {
                self.timeout = self.timeout.min(Duration::from_secs(number.saturating_sub(1)));
            } else if name.eq_ignore_ascii_case(b"max") && number == 0 {
                self.connections = 0;
            }
        }
        if self.timeout.is_zero() {
            self.connections = 0;
        }
        self
    }
}

#[cfg(test)]
impl Keep {
    /// A few connections, for a while.
    pub(super) const FEW: Self = Self { connections: 4, timeout: Duration::from_secs(60) };
}
