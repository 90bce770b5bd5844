//! The HTML page of an error response.

use crate::escape::Escaped;

/// A page that loads nothing else: no script, no font, no image. It follows the reader's choice of light or dark.
const PAGE: &str = r#"<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="robots" content="noindex">
<meta name="color-scheme" content="light dark">
<title>{status} {title}</title>
<style>
:root { --paper: #f6f7f9; --ink: #1d2330; --soft: #5d6678; --line: #e2e5eb; --accent: #c2412d; }
@media (prefers-color-scheme: dark) {
  :root { --paper: #12151c; --ink: #e8ebf2; --soft: #98a2b6; --line: #262c38; --accent: #ff8a70; }
}
* { box-sizing: border-box; margin: 0; }
body {
  min-height: 100vh; display: grid; place-items: center; padding: 2rem; background: var(--paper); color: var(--ink);
  font: 1.0625rem/1.6 system-ui, -apple-system, "Segoe UI", Roboto, "Helvetica Neue", sans-serif;
}
main { width: 100%; max-width: 34rem; }
p.status {
  font-size: clamp(4.5rem, 18vw, 8rem); font-weight: 750; line-height: 1; letter-spacing: -0.04em; color: var(--accent);
  font-variant-numeric: tabular-nums;
}
h1 { margin-top: 1.25rem; padding-top: 1.25rem; border-top: 1px solid var(--line); font-size: 1.5rem;
  line-height: 1.25; }
p.message { margin-top: 0.5rem; color: var(--soft); }
p.id { margin-top: 1.5rem; color: var(--soft); font-size: 0.8125rem; overflow-wrap: anywhere; }
</style>
</head>
<body>
<main>
<p class="status">{status}</p>
<h1>{title}</h1>
<p class="message">{message}</p>
<p class="id">Request ID: <code></code></p>
</main>
</body>
</html>
"#;

/// The page for a status code. The message is plain text, and may be the operator's own.
pub(super) fn html(status: u16, title: &str, message: &str) -> String {
    PAGE.replace("{status}", &status.to_string())
        .replace("{title}", &Escaped(title).to_string())
        .replace("{message}", &Escaped(message).to_string())
}
