//! TCP ports on the loopback address.

use std::{io, net::TcpListener};

/// Below what the kernel takes for outgoing connections (32,768 and up): the port of a process that
/// is down for a while, as in a fault test, is still free when the process comes back, and nobody
/// who keeps trying to reach it ends up connected to himself.
const RANGE: std::ops::Range<u16> = 10_240..32_000;

/// A port that was free a moment ago.
///
/// # Errors
/// When the machine has none left.
pub fn free() -> io::Result<u16> {
    let start = rand::random_range(RANGE);
    let (later, earlier) = (start..RANGE.end, RANGE.start..start);
    let found = later.chain(earlier).find(|port| is_free(*port));
    found.ok_or_else(|| io::Error::new(io::ErrorKind::AddrInUse, "no port is free"))
}

/// Whether nobody listens there.
pub fn is_free(port: u16) -> bool {
    TcpListener::bind(("127.0.0.1", port)).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_port_that_is_listened_on_is_not_free() {
        let port = free().unwrap();
        assert!(is_free(port) && RANGE.contains(&port));
        let _listener = TcpListener::bind(("127.0.0.1", port)).unwrap();
        assert!(!is_free(port));
    }
}
