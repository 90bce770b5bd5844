//! One question to one name server, and its answer.

use std::io::{Error, Result};
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use hickory_proto::op::{Edns, Message, MessageType, OpCode, Query};
use hickory_proto::rr::{Name, RecordType};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpStream, UdpSocket};
use tokio::time::timeout;

/// Time for an answer over UDP. Two datagrams are sent.
const UDP_PATIENCE: Duration = Duration::from_secs(2);
/// Time for an answer over TCP.
const TCP_PATIENCE: Duration = Duration::from_secs(10);
/// Largest answer over UDP. Larger ones could come in fragments, which firewalls drop (DNS flag day 2020).
const MAX_PAYLOAD: u16 = 1232;

/// Asks `server` for the records of `name`, without recursion.
pub(super) async fn query(server: SocketAddr, name: &Name, kind: RecordType) -> Result<Message> {
    let mut message = Message::new(fastrand::u16(..), MessageType::Query, OpCode::Query);
    message.metadata.recursion_desired = false;
    message.add_query(Query::query(name.clone(), kind));
    let mut edns = Edns::new();
    edns.set_max_payload(MAX_PAYLOAD);
    message.set_edns(edns);
    let bytes = message.to_vec().map_err(Error::other)?;
    let once = || async { timeout(UDP_PATIENCE, over_udp(server, &bytes, &message)).await? };
    let answer = match once().await {
        Ok(answer) => answer,
        Err(_) => once().await?,
    };
    if !answer.metadata.truncation {
        return Ok(answer);
    }
    let answer = Message::from_vec(&over_tcp(server, &bytes).await?).map_err(Error::other)?;
    match is_ours(&answer, &message) {
        true => Ok(answer),
        false => Err(Error::other("it answers something else")),
    }
}

/// Sends a message over UDP and waits for its answer. Datagrams that answer something else are not read.
async fn over_udp(server: SocketAddr, bytes: &[u8], asked: &Message) -> Result<Message> {
    let any = if server.is_ipv4() { Ipv4Addr::UNSPECIFIED.into() } else { Ipv6Addr::UNSPECIFIED.into() };
    let socket = UdpSocket::bind(SocketAddr::new(any, 0)).await?;
    socket.connect(server).await?;
    socket.send(bytes).await?;
    let mut buffer = vec![0; usize::from(u16::MAX)];
    loop {
        let length = socket.recv(&mut buffer).await?;
        let Ok(answer) = Message::from_vec(&buffer[..length]) else { continue };
        if is_ours(&answer, asked) {
            return Ok(answer);
        }
    }
}

fn is_ours(answer: &Message, asked: &Message) -> bool {
    answer.metadata.message_type == MessageType::Response
        && answer.metadata.id == asked.metadata.id
        && answer.queries == asked.queries
}

/// Sends a message over TCP and waits for the answer, which is returned as it came.
pub(super) async fn over_tcp(server: SocketAddr, bytes: &[u8]) -> Result<Vec<u8>> {
    let exchange = async {
        let length = u16::try_from(bytes.len()).map_err(Error::other)?;
        let mut stream = TcpStream::connect(server).await?;
        stream.write_all(&[&length.to_be_bytes(), bytes].concat()).await?;
        let mut answer = vec![0; usize::from(stream.read_u16().await?)];
        stream.read_exact(&mut answer).await?;
        Ok(answer)
    };
    timeout(TCP_PATIENCE, exchange).await?
}
