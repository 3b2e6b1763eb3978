//! Who is at the other end of a connection to a listener on the loopback interface, which every user of the machine can
//! reach.
//!
//! TCP tells no users. On Linux the kernel does: it is asked for the one socket at the other end (`sock_diag`, over
//! netlink), which takes microseconds, while `/proc/net/tcp` grows with all connections of the machine. Elsewhere, and
//! where the kernel does not answer such questions, everybody is let in: functions have to run there too, and nothing that
//! a stranger does brings it about.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, Ordering};

/// Lets in whoever runs as a user.
pub(super) struct Peers {
    user: u32,
    warned: AtomicBool,
}

impl Peers {
    /// Those that run as this process does: functions have no other user.
    pub(super) fn of_this_user() -> Self {
        Self::of(rustix::process::geteuid().as_raw())
    }

    pub(super) fn of(user: u32) -> Self {
        Self {
            user,
            warned: AtomicBool::new(false),
        }
    }

    /// Whether the peer of an accepted connection may stay.
    pub(super) fn lets_in(&self, local: SocketAddr, peer: SocketAddr) -> bool {
        match owner(local, peer) {
            Owner::User(user) => user == self.user,
            Owner::Gone => false,
            Owner::Unknown => {
                if !self.warned.swap(true, Ordering::Relaxed) {
                    tracing::warn!(
                        "this system does not tell who calls: every user of the machine can take the work of functions"
                    );
                }
                true
            }
        }
    }
}

/// Whose a socket is.
#[derive(Debug, PartialEq, Eq)]
enum Owner {
    User(u32),
    /// There is no such socket any more, or nobody can be asked just now.
    Gone,
    /// The system does not tell.
    Unknown,
}

#[cfg(not(target_os = "linux"))]
fn owner(_: SocketAddr, _: SocketAddr) -> Owner {
    Owner::Unknown
}

#[cfg(target_os = "linux")]
fn owner(local: SocketAddr, peer: SocketAddr) -> Owner {
    use rustix::io::Errno;
    let (SocketAddr::V4(local), SocketAddr::V4(peer)) = (local, peer) else {
        return Owner::Unknown;
    };
    match kernel::user_of(peer, local) {
        Ok(Some(user)) => Owner::User(user),
        Ok(None) => Owner::Gone,
        // A kernel without the answer says the same as one that does not find the socket. It finds this end.
        Err(Errno::NOENT) if kernel::user_of(local, peer).is_ok() => Owner::Gone,
        // A stranger may have used these up.
        Err(Errno::MFILE | Errno::NFILE | Errno::NOBUFS | Errno::NOMEM) => Owner::Gone,
        Err(_) => Owner::Unknown,
    }
}

/// One question to the kernel (`sock_diag(7)`, `inet_diag.h`).
#[cfg(target_os = "linux")]
mod kernel {
    use std::net::SocketAddrV4;

    use rustix::io::{Errno, Result};
    use rustix::net::{
        AddressFamily, RecvFlags, SendFlags, SocketFlags, SocketType, netlink, recv, send,
        socket_with,
    };

    const QUESTION_BYTES: u32 = 72;
    const BY_FAMILY: u16 = 20;
    const IS_REQUEST: u16 = 1;
    const IPV4: u8 = 2;
    const TCP: u8 = 6;
    const ANY_STATE: u32 = u32::MAX;
    const NO_COOKIE: u64 = u64::MAX;

    /// An answer is of type [`BY_FAMILY`], or of this one and has an error, negative, behind its header.
    const IS_ERROR: u16 = 2;
    const TYPE_AT: usize = 4;
    const ERROR_AT: usize = 16;
    const USER_AT: usize = 80;
    const INODE_AT: usize = 84;
    const STATE_AT: usize = 17;
    const IS_LISTENING: u8 = 10;
    const ANSWER_BYTES_MAX: usize = 1_024;

    /// The user whose socket is at one end of a connection; none if only the kernel has it any more.
    pub(super) fn user_of(end: SocketAddrV4, other: SocketAddrV4) -> Result<Option<u32>> {
        let socket = socket_with(
            AddressFamily::NETLINK,
            SocketType::DGRAM,
            SocketFlags::CLOEXEC | SocketFlags::NONBLOCK,
            Some(netlink::SOCK_DIAG),
        )?;
        send(&socket, &question(end, other), SendFlags::empty())?;
        // The answer is there when the question has been sent.
        let mut answer = [0; ANSWER_BYTES_MAX];
        let (_, length) = recv(&socket, &mut answer[..], RecvFlags::empty())?;
        user(&answer[..length.min(ANSWER_BYTES_MAX)])
    }

    fn question(end: SocketAddrV4, other: SocketAddrV4) -> Vec<u8> {
        let mut out = Vec::with_capacity(QUESTION_BYTES as usize);
        out.extend(QUESTION_BYTES.to_ne_bytes());
        out.extend(BY_FAMILY.to_ne_bytes());
        out.extend(IS_REQUEST.to_ne_bytes());
        // Number of the question, and who asks: of no matter.
        out.extend([0; 8]);
        // No extensions.
        out.extend([IPV4, TCP, 0, 0]);
        out.extend(ANY_STATE.to_ne_bytes());
        out.extend(end.port().to_be_bytes());
        out.extend(other.port().to_be_bytes());
        for address in [end.ip(), other.ip()] {
            out.extend(address.octets());
            out.extend([0; 12]);
        }
        // Any interface.
        out.extend([0; 4]);
        out.extend(NO_COOKIE.to_ne_bytes());
        out
    }

    fn user(answer: &[u8]) -> Result<Option<u32>> {
        let number = |at| bytes(answer, at).map(u32::from_ne_bytes);
        match bytes(answer, TYPE_AT).map(u16::from_ne_bytes) {
            // A socket that its program has closed has no inode, and root for a user. Without one, a listener is found.
            Some(BY_FAMILY)
                if number(INODE_AT) == Some(0) || answer.get(STATE_AT) == Some(&IS_LISTENING) =>
            {
                Ok(None)
            }
            Some(BY_FAMILY) => number(USER_AT).map(Some).ok_or(Errno::PROTO),
            Some(IS_ERROR) => {
                let error = bytes(answer, ERROR_AT).map_or(0, i32::from_ne_bytes);
                Err(Errno::from_raw_os_error(error.saturating_neg()))
            }
            _ => Err(Errno::PROTO),
        }
    }

    fn bytes<const N: usize>(from: &[u8], at: usize) -> Option<[u8; N]> {
        from.get(at..)?.first_chunk().copied()
    }
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use std::net::{TcpListener, TcpStream};

    use super::*;

    #[test]
    fn the_kernel_tells_whose_the_other_end_is() {
        let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
        let client = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let (server, peer) = listener.accept().unwrap();
        let local = server.local_addr().unwrap();
        let me = rustix::process::geteuid().as_raw();
        assert_eq!(owner(local, peer), Owner::User(me));
        assert!(Peers::of_this_user().lets_in(local, peer));
        assert!(!Peers::of(me + 1).lets_in(local, peer));
        drop(client);
        assert_eq!(owner(local, peer), Owner::Gone);
        let other = TcpListener::bind(("127.0.0.1", 0)).unwrap();
        let never = other.local_addr().unwrap();
        assert_eq!(owner(local, never), Owner::Gone);
        assert_eq!(owner(never, peer), Owner::Gone);
    }

    #[test]
    fn who_cannot_be_known_is_let_in() {
        let any: SocketAddr = "[::1]:1".parse().unwrap();
        assert_eq!(owner(any, any), Owner::Unknown);
        assert!(Peers::of_this_user().lets_in(any, any));
    }
}
