//! What the sandbox sends by itself. It goes to this machine and nowhere else: what it signs with is
//! worth nothing, but a stand-in that can be made to call strangers would be a tool for mischief.

use std::net::SocketAddr;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

/// How long a receiver may take. Meta has little patience too.
const TIMEOUT: Duration = Duration::from_secs(10);

/// Longest answer that is read.
const MAX_ANSWER_BYTES: u64 = 64 << 10;

/// `http://127.0.0.1:8377/webhooks/meta`: an address on this machine, of IP number and port.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Loopback {
    addr: SocketAddr,
    path: String,
}

impl TryFrom<String> for Loopback {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        const EXPECTED: &str = "expected http:// with a loopback address, a port, and a path";
        let rest = text.strip_prefix("http://").ok_or(EXPECTED)?;
        let (host, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
        let host = host.replace("localhost:", "127.0.0.1:");
        let addr: SocketAddr = host.parse().map_err(|_| EXPECTED)?;
        let is_plain = path.bytes().all(|b| b.is_ascii_graphic());
        if !addr.ip().is_loopback() || !is_plain {
            return Err(EXPECTED);
        }
        Ok(Self { addr, path: if path.is_empty() { "/".to_owned() } else { path.to_owned() } })
    }
}

impl From<Loopback> for String {
    fn from(url: Loopback) -> Self {
        format!("http://{}{}", url.addr, url.path)
    }
}

/// One request, ready to go.
#[derive(Debug, Clone)]
pub struct Push {
    pub url: Loopback,
    pub content_type: &'static str,
    /// Name and value of the header that signs it, where a header does.
    pub signature: Option<(&'static str, String)>,
    pub body: Vec<u8>,
}

/// What the receiver answered.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Pushed {
    pub status: u16,
    pub body: String,
}

impl Push {
    pub async fn send(self) -> std::io::Result<Pushed> {
        let late = |_| std::io::Error::from(std::io::ErrorKind::TimedOut);
        tokio::time::timeout(TIMEOUT, self.exchange()).await.map_err(late)?
    }

    /// Written out, because a client of HTTP that may only reach this machine is ten lines.
    async fn exchange(self) -> std::io::Result<Pushed> {
        let mut stream = TcpStream::connect(self.url.addr).await?;
        let signature = self.signature.map(|(name, value)| format!("{name}: {value}\r\n"));
        let head = format!(
            "POST {} HTTP/1.1\r\nHost: {}\r\nContent-Type: {}\r\nContent-Length: {}\r\n{}\
             User-Agent: facebookexternalua\r\nConnection: close\r\n\r\n",
            self.url.path,
            self.url.addr,
            self.content_type,
            self.body.len(),
            signature.unwrap_or_default(),
        );
        stream.write_all(head.as_bytes()).await?;
        stream.write_all(&self.body).await?;
        let mut answer = Vec::new();
        stream.take(MAX_ANSWER_BYTES).read_to_end(&mut answer).await?;
        let text = String::from_utf8_lossy(&answer).into_owned();
        let status = text.split(' ').nth(1).and_then(|status| status.parse().ok());
        let nonsense = || std::io::Error::from(std::io::ErrorKind::InvalidData);
        let body = text.split_once("\r\n\r\n").map_or("", |(_, body)| body).to_owned();
        Ok(Pushed { status: status.ok_or_else(nonsense)?, body })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_this_machine_is_called() {
        let read = |text: &str| Loopback::try_from(text.to_owned()).map(String::from);
        for (text, url) in [
            ("http://127.0.0.1:80/x?y=1", "http://127.0.0.1:80/x?y=1"),
            ("http://localhost:80", "http://127.0.0.1:80/"),
            ("http://[::1]:80/x", "http://[::1]:80/x"),
        ] {
            assert_eq!(read(text).unwrap(), url);
        }
        for bad in [
            "https://127.0.0.1:80/x",
            "http://10.0.0.1:80/x",
            "http://example.com:80/x",
            "http://127.0.0.1/x",
            "http://127.0.0.1:80@10.0.0.1:80/x",
            "http://127.0.0.1:80/x y",
            "",
        ] {
            assert!(read(bad).is_err(), "{bad}");
        }
    }
}
