//! How long the system tries to get bytes acknowledged before a TCP connection counts as dead.
//!
//! Left to itself it tries for a quarter of an hour or more, and a heartbeat gets no answer by which an agent would know. Each
//! system has its own word for it; QUIC's own silence is the measure.

use std::io;
use std::time::Duration;

use tokio::net::TcpStream;

/// How long bytes may stay without an acknowledgement.
const UNACKNOWLEDGED_FOR: Duration = Duration::from_secs(15);

/// Ends the connection when bytes stay without an acknowledgement for 15 s.
///
/// # Errors
///
/// When the system refuses, or does not know it.
#[cfg(target_os = "linux")]
pub(super) fn limit(stream: &TcpStream) -> io::Result<()> {
    let ms = u32::try_from(UNACKNOWLEDGED_FOR.as_millis()).unwrap_or(u32::MAX);
    Ok(rustix::net::sockopt::set_tcp_user_timeout(stream, ms)?)
}

/// Ends the connection when bytes stay without an acknowledgement for 15 s.
///
/// # Errors
///
/// When the system refuses, or does not know it.
#[cfg(target_os = "macos")]
#[expect(unsafe_code, reason = "the standard library does not have this option")]
pub(super) fn limit(stream: &TcpStream) -> io::Result<()> {
    use std::os::fd::AsRawFd as _;

    /// Seconds of retransmission after which the connection is dropped (`netinet/tcp.h`).
    const TCP_RXT_CONNDROPTIME: libc::c_int = 0x80;

    let seconds = libc::c_int::try_from(UNACKNOWLEDGED_FOR.as_secs()).unwrap_or(libc::c_int::MAX);
    let bytes = libc::socklen_t::try_from(size_of::<libc::c_int>()).unwrap_or_default();
    // SAFETY: the descriptor is the stream's and open, and the value is read before the call returns, as long as
    // it says that it is.
    let outcome = unsafe {
        libc::setsockopt(
            stream.as_raw_fd(),
            libc::IPPROTO_TCP,
            TCP_RXT_CONNDROPTIME,
            (&raw const seconds).cast(),
            bytes,
        )
    };
    if outcome == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

/// Ends the connection when bytes stay without an acknowledgement for 15 s.
///
/// # Errors
///
/// When the system refuses, or does not know it.
#[cfg(windows)]
#[expect(unsafe_code, reason = "the standard library does not have this option")]
pub(super) fn limit(stream: &TcpStream) -> io::Result<()> {
    use std::os::windows::io::AsRawSocket as _;

    use windows_sys::Win32::Networking::WinSock::{IPPROTO_TCP, SOCKET, TCP_MAXRT, setsockopt};

    // In seconds.
    let seconds = u32::try_from(UNACKNOWLEDGED_FOR.as_secs()).unwrap_or(u32::MAX).to_ne_bytes();
    let bytes = i32::try_from(seconds.len()).unwrap_or_default();
    let socket = SOCKET::try_from(stream.as_raw_socket()).map_err(io::Error::other)?;
    // SAFETY: the socket is the stream's and open, and the value is read before the call returns, as long as it says
    // that it is.
    let outcome = unsafe { setsockopt(socket, IPPROTO_TCP, TCP_MAXRT, seconds.as_ptr(), bytes) };
    if outcome == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

#[cfg(test)]
#[cfg(target_os = "linux")]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_connection_is_given_as_long_as_a_silent_one_of_quic() {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("bound");
        let stream = TcpStream::connect(address).await.expect("connected");
        limit(&stream).expect("it is set");
        let set = rustix::net::sockopt::tcp_user_timeout(&stream).expect("it is there");
        assert_eq!(Duration::from_millis(set.into()), UNACKNOWLEDGED_FOR);
    }
}
