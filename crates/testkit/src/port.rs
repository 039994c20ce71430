//! Loopback ports that nobody listens on.

use std::io;
use std::net::{Ipv4Addr, TcpListener};

/// A port that was free a moment ago. Something else may take it before the caller does: a program
/// that can listen on port 0 and tell which one it got should do that instead.
///
/// # Errors
/// If no loopback port can be bound at all.
pub fn free_port() -> io::Result<u16> {
    Ok(TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?.port())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_port_can_be_bound() {
        let port = free_port().unwrap();
        assert!(TcpListener::bind((Ipv4Addr::LOCALHOST, port)).is_ok());
    }
}
