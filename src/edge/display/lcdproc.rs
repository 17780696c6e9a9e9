//! A display that LCDproc drives. LCDd takes our screen away when this connection ends, however it ends.

use std::io::{self, ErrorKind, Read as _};
use std::net::{SocketAddr, TcpStream};
use std::os::fd::{AsFd as _, BorrowedFd};
use std::time::Duration;

use rustix::event::PollFlags;

use super::glass::{Fault, Glass, State, wait, write_all};
use crate::scene::lcd::{self, Heard};
use crate::scene::line::Size;
use crate::words::LaneId;

/// An open connection with a screen on it.
pub(super) struct Lcdproc {
    stream: TcpStream,
    address: SocketAddr,
    heard: Vec<u8>,
    size: Size,
}

impl Lcdproc {
    /// Connects, and makes the screen.
    pub(super) fn open(address: SocketAddr, lane: &LaneId) -> Result<Self, Fault> {
        let fail = |error: io::Error| {
            Fault::new(
                State::Gone,
                format!("no LCDd answers at {address} ({error}); start it, or correct display.address"),
            )
        };
        let stream = TcpStream::connect_timeout(&address, ANSWER).map_err(fail)?;
        stream.set_nonblocking(true).and_then(|()| stream.set_nodelay(true)).map_err(fail)?;
        let mut this = Self { stream, address, heard: Vec::new(), size: Size::USUAL };
        this.write(lcd::HELLO.as_bytes())?;
        this.size = this.greeting()?;
        this.write(&lcd::screen(lane.as_str(), this.size))?;
        Ok(this)
    }

    fn greeting(&mut self) -> Result<Size, Fault> {
        loop {
            while let Some(line) = self.line() {
                match lcd::hear(&line) {
                    Heard::Greeting(size) => return Ok(size),
                    Heard::Fine => {}
                    Heard::Refused(why) => return Err(self.refused(&why)),
                    Heard::Bye => return Err(self.gone()),
                }
            }
            if !wait(self.stream.as_fd(), PollFlags::IN, ANSWER).unwrap_or(false) {
                let address = self.address;
                return Err(Fault::new(
                    State::Stuck,
                    format!("what listens at {address} does not greet as LCDd does; correct display.address"),
                ));
            }
            self.read()?;
        }
    }

    /// Reads what there is.
    fn read(&mut self) -> Result<(), Fault> {
        let mut buffer = [0; 1024];
        match self.stream.read(&mut buffer) {
            Ok(0) => Err(self.gone()),
            Ok(count) => {
                self.heard.extend(buffer.get(..count).unwrap_or_default());
                if self.heard.len() > LINE_MAX && !self.heard.contains(&b'\n') {
                    return Err(self.refused("a line without end"));
                }
                Ok(())
            }
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted) => Ok(()),
            Err(_) => Err(self.gone()),
        }
    }

    /// The next whole line.
    fn line(&mut self) -> Option<String> {
        let end = self.heard.iter().position(|byte| *byte == b'\n')?;
        let line: Vec<u8> = self.heard.drain(..=end).collect();
        Some(String::from_utf8_lossy(&line).trim_end().to_owned())
    }

    fn write(&self, bytes: &[u8]) -> Result<(), Fault> {
        write_all(self.stream.as_fd(), bytes, ANSWER).map_err(|errno| match errno {
            rustix::io::Errno::TIMEDOUT => {
                Fault::new(State::Stuck, format!("LCDd at {} takes nothing any more; start it anew", self.address))
            }
            _ => self.gone(),
        })
    }

    fn gone(&self) -> Fault {
        Fault::new(State::Gone, format!("LCDd at {} ended the connection; start it again", self.address))
    }

    fn refused(&self, why: &str) -> Fault {
        Fault::new(State::Gone, format!("LCDd at {} refuses the screen: {why}", self.address))
    }
}

impl Glass for Lcdproc {
    fn size(&self) -> Size {
        self.size
    }

    fn show(&mut self, rows: &[String], _whole: bool) -> Result<(), Fault> {
        self.write(&lcd::rows(rows))
    }

    fn brightness(&mut self, _level: u8) -> Result<(), Fault> {
        Ok(())
    }

    fn watched(&self) -> Option<(BorrowedFd<'_>, PollFlags)> {
        Some((self.stream.as_fd(), PollFlags::IN))
    }

    fn hear(&mut self) -> Result<(), Fault> {
        self.read()?;
        while let Some(line) = self.line() {
            match lcd::hear(&line) {
                Heard::Fine | Heard::Greeting(_) => {}
                Heard::Refused(why) => return Err(self.refused(&why)),
                Heard::Bye => return Err(self.gone()),
            }
        }
        Ok(())
    }

    /// The screen goes with the connection.
    fn leave(self: Box<Self>, _rows: &[String]) {}
}

/// How long LCDd may take for anything.
const ANSWER: Duration = Duration::from_secs(1);
/// LCDd's lines are shorter than a hundredth of this.
const LINE_MAX: usize = 16 * 1024;
