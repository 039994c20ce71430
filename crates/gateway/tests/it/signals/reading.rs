//! Who sends slowly keeps nobody else waiting.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use serde_json::json;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpSocket, TcpStream};

use super::post::{Post, signature, until};

/// More than are read at once of one address.
const SLOW_ONES: usize = 40;

const HERE: Ipv4Addr = Ipv4Addr::LOCALHOST;
const ELSEWHERE: Ipv4Addr = Ipv4Addr::new(127, 0, 0, 2);

fn push() -> Vec<u8> {
    json!({"object": "application", "entry": []}).to_string().into_bytes()
}

/// Begins a push from this address, and sends this much of its body.
async fn begin(post: &Post, from: Ipv4Addr, signed: Option<&str>, sent: usize) -> TcpStream {
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind(SocketAddr::new(IpAddr::V4(from), 0)).unwrap();
    let url = url::Url::parse(&post.harness.url("/webhooks/meta")).unwrap();
    let to = url.socket_addrs(|| None).unwrap()[0];
    let mut stream = socket.connect(to).await.unwrap();
    let body = push();
    let signed = signed.map(|signed| format!("x-hub-signature-256: {signed}\r\n"));
    let head = format!(
        "POST /webhooks/meta HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\
         content-length: {}\r\n{}\r\n",
        body.len(),
        signed.unwrap_or_default()
    );
    stream.write_all(head.as_bytes()).await.unwrap();
    stream.write_all(&body[..sent]).await.unwrap();
    stream
}

async fn status(mut stream: TcpStream) -> u16 {
    let mut line = [0; 12];
    stream.read_exact(&mut line).await.unwrap();
    std::str::from_utf8(&line[9..]).unwrap().parse().unwrap()
}

async fn send(post: &Post, from: Ipv4Addr) -> u16 {
    let body = push();
    status(begin(post, from, Some(&signature(&post.secret, &body)), body.len()).await).await
}

#[tokio::test]
async fn slow_bodies_take_the_places_of_their_own_address_only_and_give_them_back() {
    let post = Post::open().await;
    let signed = signature(&post.secret, &push());
    let mut slow = Vec::new();
    for _ in 0..SLOW_ONES {
        slow.push(begin(&post, HERE, Some(&signed), 1).await);
    }
    assert!(until(async || send(&post, HERE).await == 503).await, "places are bounded");
    assert_eq!(send(&post, ELSEWHERE).await, 200, "others have theirs");
    drop(slow);
    assert!(until(async || send(&post, HERE).await == 200).await, "they are given back");
}

#[tokio::test]
async fn a_body_is_not_waited_for_if_nothing_could_come_of_it() {
    let post = Post::open().await;
    for signed in [None, Some("sha256=00"), Some("sha1=00")] {
        assert_eq!(status(begin(&post, HERE, signed, 0).await).await, 400);
    }
    let post = Post::without_secret().await;
    let signed = signature(&post.secret, &push());
    assert_eq!(status(begin(&post, HERE, Some(&signed), 0).await).await, 404);
}
