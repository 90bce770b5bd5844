use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::time::{timeout, Instant};

use super::{Manners, Mood, Network, Pipe};
use crate::stream::{Departure, Stream};

const DELAY: Duration = Duration::from_millis(20);

fn pair(keeps_unread: bool) -> (Pipe, Pipe) {
    let manners = Manners { delay: (DELAY, DELAY), capacity: 1000, piece: 100, keeps_unread };
    Pipe::pair(manners, 1, &Arc::default())
}

#[tokio::test(start_paused = true)]
async fn bytes_arrive_in_order_after_their_delay_and_then_the_end() {
    let (mut near, mut far) = pair(true);
    let begun = Instant::now();
    near.write_all(b"hello").await.expect("room");
    near.shutdown().await.expect("an end");
    let mut read = String::new();
    far.read_to_string(&mut read).await.expect("an end");
    assert_eq!((read.as_str(), begun.elapsed() >= DELAY), ("hello", true));
    assert_eq!(Stream::Memory(far).departure(), Some(Departure::Ended));
}

#[tokio::test(start_paused = true)]
async fn a_writer_waits_for_a_reader() {
    let (mut near, mut far) = pair(true);
    let data = vec![7; 3000];
    assert!(timeout(DELAY * 10, near.write_all(&data)).await.is_err(), "there is room for a third of it");
    let (written, read) = tokio::join!(near.write_all(&data[1000..]), async {
        let mut read = vec![0; 3000];
        far.read_exact(&mut read).await.map(|_| read)
    });
    assert_eq!((written.is_ok(), read.ok()), (true, Some(data)));
}

#[tokio::test(start_paused = true)]
async fn a_close_with_bytes_unread_is_a_reset() {
    for keeps_unread in [true, false] {
        let (mut near, mut far) = pair(keeps_unread);
        near.write_all(b"for nobody").await.expect("room");
        far.write_all(b"answer").await.expect("room");
        tokio::time::sleep(DELAY).await;
        drop(far);
        tokio::time::sleep(DELAY).await;
        let mut read = Vec::new();
        let end = near.read_to_end(&mut read).await.expect_err("a reset").kind();
        let left = if keeps_unread { "answer".len() } else { 0 };
        assert_eq!((end, read.len()), (std::io::ErrorKind::ConnectionReset, left));
        assert!(near.write_all(b"more").await.is_err());
    }
}

#[tokio::test(start_paused = true)]
async fn who_writes_to_a_side_that_is_gone_hears_of_it() {
    let (mut near, far) = pair(true);
    drop(far);
    near.write_all(b"too late").await.expect("nobody knows yet");
    assert_eq!(near.read(&mut [0; 9]).await.expect("an end"), 0);
    tokio::time::sleep(DELAY).await;
    assert!(near.write_all(b"more").await.is_err());
    assert_eq!(Stream::Memory(near).departure(), Some(Departure::Reset));
}

#[tokio::test(start_paused = true)]
async fn addresses_accept_refuse_or_say_nothing() {
    let network = Network::new(1);
    let address = "10.0.0.1:80".parse().expect("an address");
    assert!(network.connect(address).await.is_err());
    let mut accepted = network.listen(address);
    let near = network.connect(address).await.expect("it accepts");
    let far = accepted.recv().await.expect("a connection");
    assert_eq!(network.open_ends(), 2);
    drop((near, far));
    assert_eq!(network.open_ends(), 0);
    network.set_mood(address, Mood::Refuses);
    assert!(network.connect(address).await.is_err());
    network.set_mood(address, Mood::Silent);
    assert!(timeout(Duration::from_secs(10), network.connect(address)).await.is_err());
}
