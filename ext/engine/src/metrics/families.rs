//! Every family of series.

use super::exposition::{FamilyKind, MetricFamily};

macro_rules! families {
    ($($NAME:ident = $kind:ident $name:literal $unit:literal $help:literal;)*) => {
        $(#[doc = $help] pub(crate) const $NAME: MetricFamily =
            MetricFamily { name: $name, kind: FamilyKind::$kind, unit: $unit, help: $help };)*
    };
}

families! {
    REQUESTS = Counter "proxy_requests" ""
        "Requests that were answered, refused or given up.";
    REQUEST_DURATION = Histogram "proxy_request_duration_seconds" "seconds"
        "Time from the first byte of a request to the end of its response.";
    REQUESTS_IN_FLIGHT = Gauge "proxy_requests_in_flight" ""
        "Requests that are being served, tunnels and event streams included.";
    REQUEST_BYTES = Counter "proxy_request_bytes" "bytes"
        "Bytes of request bodies, and of tunnels from their clients.";
    RESPONSE_BYTES = Counter "proxy_response_bytes" "bytes"
        "Bytes of response bodies, and of tunnels to their clients.";
    RATE_LIMITED = Counter "proxy_rate_limited" ""
        "Requests that a rate_limit refused.";
    CONNECTIONS = Gauge "proxy_connections" ""
        "Open client connections.";
    TLS_HANDSHAKES = Counter "proxy_tls_handshakes" ""
        "TLS handshakes with clients.";
    FIRST_BYTE = Histogram "proxy_response_first_byte_seconds" "seconds"
        "Time from the first byte of a request to the head of the backend's response.";
    QUEUE = Histogram "proxy_queue_seconds" "seconds"
        "Time that a request waited for a backend.";
    UPSTREAM_REQUESTS = Counter "proxy_upstream_requests" ""
        "Requests that a backend answered.";
    UPSTREAM_FAILURES = Counter "proxy_upstream_failures" ""
        "Attempts that failed at a backend.";
    UPSTREAM_RETRIES = Counter "proxy_upstream_retries" ""
        "Further attempts of requests after one that failed.";
    UPSTREAM_BACKEND_UP = Gauge "proxy_upstream_backend_up" ""
        "Whether a backend gets requests.";
    UPSTREAM_BACKEND_STATE = Gauge "proxy_upstream_backend_state" ""
        "1 for the state of a backend, 0 for the other states.";
    UPSTREAM_CONNECTIONS = Gauge "proxy_upstream_connections" ""
        "Open connections to a backend.";
    UPSTREAM_OPENED = Counter "proxy_upstream_connections_opened" ""
        "Connections that were opened for a request.";
    UPSTREAM_REUSED = Counter "proxy_upstream_connections_reused" ""
        "Requests that were sent over a connection that was there.";
    UPSTREAM_QUEUE_LENGTH = Gauge "proxy_upstream_queue_length" ""
        "Requests that wait for a backend.";
    CACHE_REQUESTS = Counter "proxy_cache_requests" ""
        "Requests that a cache had to do with, by what it did.";
    CACHE_BYTES = Gauge "proxy_cache_bytes" "bytes"
        "Memory that stored responses take.";
    CACHE_DISK_BYTES = Gauge "proxy_cache_disk_bytes" "bytes"
        "Space on a disk that stored responses take.";
    CACHE_DISK_FILES = Gauge "proxy_cache_disk_files" ""
        "Files with stored responses.";
    CACHE_DISK_EVICTIONS = Counter "proxy_cache_disk_evictions" ""
        "Files with stored responses that were removed to make room.";
    BLOCK_CALLS = Counter "proxy_block_calls" ""
        "Calls of Ruby blocks.";
    CONFIG_RELOADS = Counter "proxy_config_reloads" ""
        "Reloads of the configuration.";
    CONFIG_LAST_RELOAD = Gauge "proxy_config_last_reload_success_timestamp_seconds" "seconds"
        "When the configuration that is in use was taken, in seconds since 1970.";
    CERTIFICATE_NOT_AFTER = Gauge "proxy_certificate_not_after_timestamp_seconds" "seconds"
        "When the certificate for a name expires, in seconds since 1970.";
    LOG_LINES_DROPPED = Counter "proxy_log_lines_dropped" ""
        "Lines of the logs that were lost: they could not be written, or came faster than they could.";
    BUILD = Info "proxy_build" ""
        "Version of the proxy.";
    PROCESS_CPU = Counter "process_cpu_seconds" "seconds"
        "Processor time of the process.";
    PROCESS_MEMORY = Gauge "process_resident_memory_bytes" "bytes"
        "Memory of the process that is in use.";
    PROCESS_OPEN_FILES = Gauge "process_open_fds" ""
        "Open files of the process.";
    PROCESS_MOST_FILES = Gauge "process_max_fds" ""
        "Limit of open files of the process.";
    PROCESS_START = Gauge "process_start_time_seconds" "seconds"
        "Start of the process, in seconds since 1970.";
}
