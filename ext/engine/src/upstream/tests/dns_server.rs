//! A DNS server of a few lines: UDP on a free port, one reply for every name.

use std::net::{IpAddr, SocketAddr};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::Arc;

use parking_lot::Mutex;
use tokio::net::UdpSocket;
use tokio::task::JoinHandle;

use super::super::Dns;

#[derive(Debug, Clone)]
pub(in super::super) enum Reply {
    Addresses {
        ttl: u32,
        addresses: Vec<IpAddr>,
    },
    /// The same, but questions for AAAA get no answer at all.
    OnlyV4 {
        ttl: u32,
        addresses: Vec<IpAddr>,
    },
    /// Records of priority, weight, port and host; every host has the same addresses.
    Service {
        ttl: u32,
        records: Vec<(u16, u16, u16, String)>,
        addresses: Vec<IpAddr>,
    },
    ServerFailure,
    NoSuchName,
}

impl Reply {
    pub(in super::super) fn service(ttl: u32, records: &[(u16, u16, u16, &str)], addresses: &[&str]) -> Self {
        let records = records.iter().map(|(priority, weight, port, host)| (*priority, *weight, *port, (*host).into()));
        let addresses = addresses.iter().map(|ip| ip.parse().expect("an address"));
        Self::Service { ttl, records: records.collect(), addresses: addresses.collect() }
    }

    pub(in super::super) fn addresses(ttl: u32, addresses: &[&str]) -> Self {
        Self::Addresses { ttl, addresses: addresses.iter().map(|ip| ip.parse().expect("an address")).collect() }
    }
}

pub(in super::super) struct DnsServer {
    address: SocketAddr,
    reply: Arc<Mutex<Reply>>,
    questions: Arc<AtomicUsize>,
    task: JoinHandle<()>,
}

impl DnsServer {
    pub(in super::super) async fn start(reply: Reply) -> Self {
        let socket = UdpSocket::bind("127.0.0.1:0").await.expect("a port");
        let address = socket.local_addr().expect("an address");
        let reply = Arc::new(Mutex::new(reply));
        let questions = Arc::new(AtomicUsize::new(0));
        let (replies, asked) = (reply.clone(), questions.clone());
        let task = tokio::spawn(async move {
            let mut packet = [0; 1500];
            while let Ok((length, client)) = socket.recv_from(&mut packet).await {
                asked.fetch_add(1, Ordering::SeqCst);
                let reply = replies.lock().clone();
                if let Some(answer) = respond(&packet[..length], &reply) {
                    socket.send_to(&answer, client).await.expect("sent");
                }
            }
        });
        Self { address, reply, questions, task }
    }

    /// A resolver that asks this server.
    pub(in super::super) fn dns(&self) -> Arc<Dns> {
        Arc::new(Dns::given(&[self.address]).expect("a resolver"))
    }

    pub(in super::super) fn answer(&self, reply: Reply) {
        *self.reply.lock() = reply;
    }

    /// How many questions have come in.
    pub(in super::super) fn questions(&self) -> usize {
        self.questions.load(Ordering::SeqCst)
    }
}

impl Drop for DnsServer {
    fn drop(&mut self) {
        self.task.abort();
    }
}

const A: u16 = 1;
const AAAA: u16 = 28;
const SRV: u16 = 33;

/// RFC 1035, section 4: header, the question as it came, answers whose name points to the question's.
fn respond(packet: &[u8], reply: &Reply) -> Option<Vec<u8>> {
    let name_end = 12 + packet[12..].iter().position(|byte| *byte == 0)? + 1;
    let question = &packet[12..name_end + 4];
    let kind = u16::from_be_bytes([packet[name_end], packet[name_end + 1]]);
    let (code, ttl, addresses) = match reply {
        Reply::OnlyV4 { .. } if kind == AAAA => return None,
        Reply::Addresses { ttl, addresses }
        | Reply::OnlyV4 { ttl, addresses }
        | Reply::Service { ttl, addresses, .. } => (0, *ttl, addresses.as_slice()),
        Reply::ServerFailure => (2, 0, [].as_slice()),
        Reply::NoSuchName => (3, 0, [].as_slice()),
    };
    let mut matching: Vec<Vec<u8>> = addresses
        .iter()
        .filter_map(|ip| match ip {
            IpAddr::V4(ip) if kind == A => Some(ip.octets().to_vec()),
            IpAddr::V6(ip) if kind == AAAA => Some(ip.octets().to_vec()),
            _ => None,
        })
        .collect();
    if let (Reply::Service { records, .. }, SRV) = (reply, kind) {
        matching.extend(records.iter().map(|(priority, weight, port, host)| {
            let mut data: Vec<u8> = [priority, weight, port].iter().flat_map(|number| number.to_be_bytes()).collect();
            for label in host.split('.').filter(|label| !label.is_empty()) {
                data.push(u8::try_from(label.len()).expect("short"));
                data.extend(label.as_bytes());
            }
            data.push(0);
            data
        }));
    }
    let count = u16::try_from(matching.len()).expect("a few");
    let mut answer = packet[..2].to_vec();
    answer.extend([0x81, 0x80 | code, 0, 1]);
    answer.extend(count.to_be_bytes());
    answer.extend([0, 0, 0, 0]);
    answer.extend(question);
    for data in matching {
        answer.extend([0xc0, 12]);
        answer.extend(kind.to_be_bytes());
        answer.extend([0, 1]);
        answer.extend(ttl.to_be_bytes());
        answer.extend(u16::try_from(data.len()).expect("short").to_be_bytes());
        answer.extend(data);
    }
    Some(answer)
}
