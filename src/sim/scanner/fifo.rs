//! A FIFO that plays a device's node: who opens it reads what comes from then on, and its end when the plug is pulled.

use std::fs::{self, Metadata};
use std::io::{self, ErrorKind};
use std::os::fd::OwnedFd;
use std::os::unix::fs::{FileTypeExt as _, MetadataExt as _};
use std::path::{Path, PathBuf};

use rustix::event::{PollFd, PollFlags, Timespec};
use rustix::fs::{CWD, FileType, Mode, OFlags};
use rustix::io::Errno;

use super::cable::unplugged;

/// A FIFO at a path of our choosing, its writing end with us.
#[derive(Debug)]
pub(super) struct Fifo {
    pub(super) link: PathBuf,
    /// Each write is one read (Linux 4.5 and later), and this many bytes are one.
    packet: Option<usize>,
    plug: Option<Plug>,
}

#[derive(Debug)]
struct Plug {
    end: OwnedFd,
    /// Device and inode: whether what stands at the link is still this.
    identity: (u64, u64),
}

impl Fifo {
    /// One that is not plugged in yet and will carry a stream.
    pub(super) fn stream(link: PathBuf) -> Self {
        Self { link, packet: None, plug: None }
    }

    /// One that is not plugged in yet and will carry packets of at most `size` bytes.
    pub(super) fn packets(link: PathBuf, size: usize) -> Self {
        Self { link, packet: Some(size), plug: None }
    }

    pub(super) fn is_plugged(&self) -> bool {
        self.plug.is_some()
    }

    /// Makes it. It is whole before it stands at the link, so nobody meets it without a writer.
    pub(super) fn plug(&mut self) -> io::Result<()> {
        self.unplug()?;
        if fs::symlink_metadata(&self.link).is_ok_and(|there| !there.file_type().is_fifo()) {
            let text = format!("{} is there and is no FIFO", self.link.display());
            return Err(io::Error::new(ErrorKind::AlreadyExists, text));
        }
        let mut fresh = self.link.clone().into_os_string();
        fresh.push(".new");
        fs::remove_file(&fresh).ok();
        rustix::fs::mknodat(CWD, &fresh, FileType::Fifo, Mode::RUSR | Mode::WUSR, 0)?;
        // A reader must be there for a moment: without one a writer that does not wait is refused.
        let reader = rustix::fs::open(&fresh, READER, Mode::empty())?;
        let end = rustix::fs::open(&fresh, OFlags::WRONLY | OFlags::NONBLOCK | OFlags::CLOEXEC, Mode::empty())?;
        drop(reader);
        if self.packet.is_some() {
            rustix::pipe::fcntl_setpipe_size(&end, PACKETS.saturating_mul(rustix::param::page_size()))?;
            rustix::fs::fcntl_setfl(&end, OFlags::NONBLOCK | OFlags::DIRECT)?;
        }
        let identity = identity(&fs::symlink_metadata(&fresh)?);
        fs::rename(&fresh, &self.link)?;
        self.plug = Some(Plug { end, identity });
        Ok(())
    }

    /// The link goes first, then the writing end: a reader gets what was sent, and then the end.
    pub(super) fn unplug(&mut self) -> io::Result<()> {
        let Some(plug) = self.plug.take() else { return Ok(()) };
        let ours = fs::symlink_metadata(&self.link).is_ok_and(|there| identity(&there) == plug.identity);
        if ours { fs::remove_file(&self.link) } else { Ok(()) }
    }

    /// Whether a program has it open for reading. A writing end shows an error when nobody has.
    pub(super) fn is_open(&self) -> bool {
        let Some(plug) = &self.plug else { return false };
        let mut polled = [PollFd::new(&plug.end, PollFlags::empty())];
        let seen = rustix::event::poll(&mut polled, Some(&Timespec { tv_sec: 0, tv_nsec: 0 }));
        seen.is_ok() && polled.iter().all(|end| !end.revents().contains(PollFlags::ERR))
    }

    /// Bytes that nobody has read yet.
    pub(super) fn waiting(&self) -> io::Result<usize> {
        let bytes = rustix::io::ioctl_fionread(&self.plug.as_ref().ok_or_else(unplugged)?.end)?;
        usize::try_from(bytes).map_err(io::Error::other)
    }

    /// Writes `bytes`, at most a page, whole. They are lost when there is no room for them or nobody has it open, as
    /// on a device's node.
    pub(super) fn write(&self, bytes: &[u8]) -> io::Result<()> {
        let plug = self.plug.as_ref().ok_or_else(unplugged)?;
        if !self.is_open() {
            return self.empty();
        }
        if self.packet.is_some_and(|size| self.waiting().is_ok_and(|waiting| waiting >= size.saturating_mul(HELD))) {
            return Ok(());
        }
        match rustix::io::retry_on_intr(|| rustix::io::write(&plug.end, bytes)) {
            Ok(_) | Err(Errno::AGAIN | Errno::PIPE) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }

    /// Throws away what nobody has read.
    pub(super) fn empty(&self) -> io::Result<()> {
        let reader = rustix::fs::open(&self.link, READER, Mode::empty())?;
        let mut waste = [0; 4096];
        loop {
            match rustix::io::read(&reader, &mut waste) {
                Ok(0) | Err(Errno::AGAIN) => return Ok(()),
                Ok(_) | Err(Errno::INTR) => {}
                Err(error) => return Err(error.into()),
            }
        }
    }
}

impl Drop for Fifo {
    fn drop(&mut self) {
        self.unplug().ok();
    }
}

/// Where a file's companion of this name stands: `scanner.descriptor` beside `scanner`.
pub(super) fn beside(link: &Path, name: &str) -> PathBuf {
    let mut path = link.to_path_buf().into_os_string();
    path.push(name);
    PathBuf::from(path)
}

fn identity(file: &Metadata) -> (u64, u64) {
    (file.dev(), file.ino())
}

const READER: OFlags = OFlags::RDONLY.union(OFlags::NONBLOCK).union(OFlags::CLOEXEC);

/// Places of a packet FIFO: each packet takes a page.
const PACKETS: usize = 64;

/// Packets that wait before new ones are dropped. hidraw's ring has 64 places and keeps one free (hardware notes 2.1:
/// of 80 scans 1 to 63 arrived).
const HELD: usize = 63;

#[cfg(test)]
mod tests {
    use std::fs::File;
    use std::io::Read as _;

    use super::*;

    fn plugged(make: impl Fn(PathBuf) -> Fifo) -> (Fifo, tempfile::TempDir) {
        let folder = tempfile::tempdir().expect("a folder");
        let mut fifo = make(folder.path().join("scanner"));
        fifo.plug().expect("plugged in");
        (fifo, folder)
    }

    /// A reader that does not wait: what was written is there.
    fn open(fifo: &Fifo) -> File {
        File::from(rustix::fs::open(&fifo.link, READER, Mode::empty()).expect("opens"))
    }

    fn read(from: &mut File) -> Vec<u8> {
        let mut buffer = [0; 256];
        let count = from.read(&mut buffer).expect("something to read");
        buffer[..count].to_vec()
    }

    #[test]
    fn two_packets_are_two_reads_and_a_stream_is_one() {
        let (fifo, _folder) = plugged(|link| Fifo::packets(link, 4));
        let mut reader = open(&fifo);
        fifo.write(b"one").expect("written");
        fifo.write(b"two!").expect("written");
        assert_eq!(read(&mut reader), b"one");
        assert_eq!(read(&mut reader), b"two!");

        let (fifo, _folder) = plugged(Fifo::stream);
        let mut reader = open(&fifo);
        fifo.write(b"one").expect("written");
        fifo.write(b"two!").expect("written");
        assert_eq!(read(&mut reader), b"onetwo!");
    }

    #[test]
    fn who_opens_it_hears_nothing_of_the_past() {
        let (fifo, _folder) = plugged(|link| Fifo::packets(link, 4));
        assert!(!fifo.is_open());
        fifo.write(b"lost").expect("nobody minds");
        let mut reader = open(&fifo);
        assert!(fifo.is_open());
        fifo.write(b"read").expect("written");
        assert_eq!(read(&mut reader), b"read");
        fifo.write(b"left").expect("written");
        drop(reader);
        assert!(!fifo.is_open());
        fifo.write(b"lost").expect("nobody minds");
        let mut reader = open(&fifo);
        fifo.write(b"next").expect("written");
        assert_eq!(read(&mut reader), b"next");
    }

    #[test]
    fn of_many_packets_the_first_63_stay() {
        let (fifo, _folder) = plugged(|link| Fifo::packets(link, 1));
        let mut reader = open(&fifo);
        for number in 1..=80 {
            fifo.write(&[number]).expect("written or dropped");
        }
        let heard: Vec<_> = (0..63).flat_map(|_| read(&mut reader)).collect();
        assert_eq!(heard, (1..=63).collect::<Vec<_>>());
        fifo.write(&[81]).expect("written");
        assert_eq!(read(&mut reader), [81]);
    }

    #[test]
    fn a_pulled_plug_is_the_end_and_another_is_a_new_node() {
        let (mut fifo, _folder) = plugged(Fifo::stream);
        let mut reader = open(&fifo);
        fifo.write(b"half").expect("written");
        fifo.unplug().expect("unplugged");
        assert!(!fifo.link.exists());
        assert_eq!(read(&mut reader), b"half");
        assert_eq!(read(&mut reader), b"");
        assert_eq!(fifo.write(b"more").expect_err("unplugged").kind(), ErrorKind::NotConnected);
        fifo.plug().expect("plugged in");
        assert_eq!(read(&mut reader), b"", "the old node stays dead");
        let mut reader = open(&fifo);
        fifo.write(b"again").expect("written");
        assert_eq!(read(&mut reader), b"again");
    }

    #[test]
    fn a_fifo_that_a_killed_simulator_left_is_replaced_and_a_file_is_not() {
        let folder = tempfile::tempdir().expect("a folder");
        let link = folder.path().join("scanner");
        rustix::fs::mknodat(CWD, &link, FileType::Fifo, Mode::RUSR, 0).expect("a FIFO");
        let mut fifo = Fifo::stream(link.clone());
        fifo.plug().expect("plugged in");
        fs::remove_file(&link).expect("removed");
        fs::write(&link, "mine").expect("a file");
        fifo.unplug().expect("nothing to remove");
        assert!(fifo.plug().expect_err("a file").to_string().ends_with("is there and is no FIFO"));
        assert_eq!(fs::read_to_string(&link).expect("still there"), "mine");
    }
}
