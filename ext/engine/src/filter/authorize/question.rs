//! The request, as a block is shown it.

use crate::blocks::BlockArgument;
use crate::request::Exchange;
use crate::routing::host_span;

/// The parts of a request in one piece: the number of fields and that of captures, the length of every text, then the
/// texts. Those are method, scheme, host, path, query, address, user; names and values of the fields; names and values
/// of the captures, inner ones last. Numbers have 32 bits, big-endian. Ruby takes it apart when a block asks
/// (`lib/proxy/blocks/request.rb`).
///
/// Host and path are those that locations match, not as the client spelled them: a block decides by them too.
pub(super) fn of(exchange: &mut Exchange<'_>) -> BlockArgument {
    let authority = exchange.work.request.authority;
    exchange.work.request.authority = host_span(&mut exchange.work.request);
    let work = &*exchange.work;
    let request = &work.request;
    let client = exchange.client_info;
    let query = request.query();
    let parts: [&[u8]; 7] = [
        request.method_text(),
        client.scheme().as_bytes(),
        request.host(),
        request.plain_path(),
        query.strip_prefix(b"?").unwrap_or(query),
        client.addr.as_bytes(),
        &work.user,
    ];
    let fields = request.fields.iter().flat_map(|(name, value)| [name, value]);
    let captures = work.captured.iter().flat_map(|(name, value)| {
        let name = exchange.globals.capture_names.get(name as usize).map_or(&b""[..], |name| name.as_bytes());
        [name, request.fields.slice(value)]
    });
    let texts: Vec<&[u8]> = parts.into_iter().chain(fields).chain(captures).collect();
    let mut out = Vec::with_capacity(8 + texts.iter().map(|text| text.len() + 4).sum::<usize>());
    let lengths = texts.iter().map(|text| text.len());
    for number in [request.fields.len(), work.captured.len()].into_iter().chain(lengths) {
        out.extend_from_slice(&(number as u32).to_be_bytes());
    }
    for text in texts {
        out.extend_from_slice(text);
    }
    exchange.work.request.authority = authority;
    BlockArgument::Bytes(out)
}
