//! The kernel's word that something was plugged in, or pulled out.

use std::os::fd::OwnedFd;
use std::time::Duration;

use rustix::net::netlink::{KOBJECT_UEVENT, SocketAddrNetlink};
use rustix::net::{AddressFamily, SocketFlags, SocketType};

use super::{Shared, node};

/// Waits for `time`, until something is plugged in, or until the thread is to end.
///
/// It is a wake-up and nothing else: links and rights are udev's, which comes a moment later, and a sandbox may forbid
/// netlink, so the look every 500 ms is what counts.
pub(super) fn wait(time: Duration, shared: &Shared) {
    let Some(socket) = listen() else { return shared.wait(time) };
    let mut left = time;
    while !left.is_zero() && !shared.stopped() {
        match node::readable(&socket, left.min(SLICE)) {
            Ok(false) => left = left.saturating_sub(SLICE),
            Ok(true) => return shared.wait(UDEV),
            Err(_) => return shared.wait(left),
        }
    }
}

fn listen() -> Option<OwnedFd> {
    let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
    let socket =
        rustix::net::socket_with(AddressFamily::NETLINK, SocketType::DGRAM, flags, Some(KOBJECT_UEVENT)).ok()?;
    rustix::net::bind(&socket, &SocketAddrNetlink::new(0, KERNEL)).ok()?;
    Some(socket)
}

/// The multicast group of what the kernel itself says.
const KERNEL: u32 = 1;

/// A thread that is to end notices within this time.
const SLICE: Duration = Duration::from_millis(100);

/// What udev needs for its links and modes.
const UDEV: Duration = Duration::from_millis(100);
