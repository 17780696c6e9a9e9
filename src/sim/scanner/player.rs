use std::io;
use std::time::Duration;

use super::cable::{Carry, Encoding, Scanner, only_for};
use super::manner::{Kind, Malformed, Manner, Scan};
use super::nap;
use super::script::Command;

/// Plays a script on a scanner.
#[derive(Debug)]
pub struct Player<E, C> {
    /// The scanner.
    pub scanner: Scanner<E, C>,
    last: String,
    codes: u64,
    noise: u64,
    /// Between two scans of a flood.
    between: Duration,
    /// Which character the next scan loses.
    lost: Option<usize>,
    /// How much of the next scan comes before its plug is pulled.
    cut: Option<usize>,
}

impl<E: Encoding, C: Carry<E::Piece>> Player<E, C> {
    /// Plays on `scanner`.
    #[must_use]
    pub fn new(scanner: Scanner<E, C>) -> Self {
        let last = "134539517967686076".to_owned();
        Self { scanner, last, codes: 0, noise: 0, between: Duration::ZERO, lost: None, cut: None }
    }

    /// Does what `command` says. Returns when it is done, pauses included.
    ///
    /// # Errors
    /// When the scanner is unplugged or of another kind than the command, nobody reads it, or nobody opens it within a
    /// minute.
    pub fn play(&mut self, command: Command) -> io::Result<()> {
        match command {
            Command::Scan { code, ended } => {
                self.scan(code.as_bytes(), ended)?;
                self.last = code;
            }
            Command::Fragment { code, length } => {
                self.scan(code.chars().take(length).collect::<String>().as_bytes(), false)?;
            }
            Command::Bounce(code) => {
                self.last = code.unwrap_or_else(|| self.last.clone());
                let code = self.last.clone();
                self.scan(code.as_bytes(), true)?;
                nap(BOUNCE);
                self.scan(code.as_bytes(), true)?;
            }
            Command::Flood(count) => {
                for _ in 0..count {
                    let code = self.next_code();
                    self.scan(code.as_bytes(), true)?;
                    self.catch_breath();
                }
            }
            Command::Garbage(count) => {
                let manner = Manner { prefix: Vec::new(), aim: Vec::new(), ..self.scanner.manner.clone() };
                for _ in 0..count {
                    let noise = self.next_noise();
                    self.send(manner.scan(&noise))?;
                    self.catch_breath();
                }
            }
            Command::Rate(between) => self.between = between,
            Command::Lose(character) => self.lost = Some(character),
            Command::Cut(pieces) => self.cut = Some(pieces),
            Command::Malformed(how) => self.malformed(how)?,
            Command::Type(gap) => self.scanner.manner.gap = gap,
            Command::Prefix(prefix) => self.scanner.manner.prefix = prefix,
            Command::Suffix(suffix) => self.scanner.manner.suffix = suffix,
            Command::Aim(aim) => self.scanner.manner.aim = aim,
            Command::Alt(on) => self.keyboard("alt")?.typing.alt = on,
            Command::Caps(on) => self.keyboard("caps")?.typing.caps = on,
            Command::Country(country) => self.keyboard("country")?.typing.country = country,
            Command::Pause(time) => nap(time),
            Command::Unplug => self.scanner.unplug()?,
            Command::Replug => self.scanner.replug()?,
            Command::Wait => self.wait()?,
        }
        Ok(())
    }
}

impl<E: Encoding, C: Carry<E::Piece>> Player<E, C> {
    fn scan(&mut self, code: &[u8], ended: bool) -> io::Result<()> {
        let manner = self.scanner.manner.clone();
        let scan = manner.scan(code);
        self.send(if ended { scan } else { Scan { suffix: &[], ..scan } })
    }

    /// Sends a scan with what was to happen to the next one.
    fn send(&mut self, scan: Scan<'_>) -> io::Result<()> {
        let gap = self.scanner.manner.gap;
        let pieces = self.scanner.encoding().pieces(&Scan { lost: self.lost.take(), ..scan })?;
        let Some(count) = self.cut.take() else { return self.scanner.send(&pieces, gap) };
        self.scanner.send(pieces.get(..count).unwrap_or(&pieces), gap)?;
        nap(SETTLES);
        self.scanner.unplug()
    }

    fn malformed(&mut self, how: Option<Malformed>) -> io::Result<()> {
        let all = Malformed::ALL;
        for how in how.as_ref().map_or(&all[..], std::slice::from_ref) {
            let code = self.next_code();
            let pieces = self.scanner.encoding().malformed(*how, code.as_bytes())?;
            self.scanner.send(&pieces, self.scanner.manner.gap)?;
        }
        Ok(())
    }

    /// The manner of a keyboard, for a command that no other kind has.
    fn keyboard(&mut self, command: &str) -> io::Result<&mut Manner> {
        match E::KIND {
            Kind::Keyboard => Ok(&mut self.scanner.manner),
            kind @ (Kind::Serial | Kind::HidPos) => Err(only_for(Kind::Keyboard, command, kind)),
        }
    }

    fn wait(&self) -> io::Result<()> {
        if !self.scanner.wait_open(OPENED_WITHIN) {
            return Err(io::Error::new(io::ErrorKind::TimedOut, "no program has opened the scanner within a minute"));
        }
        nap(SETTLES);
        Ok(())
    }

    fn catch_breath(&self) {
        if !self.between.is_zero() {
            nap(self.between);
        }
    }

    fn next_code(&mut self) -> String {
        self.codes = self.codes.saturating_add(1);
        format!("13{:016}", self.codes)
    }

    /// Eighteen characters that are no code: a linear congruential generator's, with Knuth's numbers.
    fn next_noise(&mut self) -> Vec<u8> {
        let step = |_| {
            self.noise = self.noise.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            let [noise, ..] = self.noise.to_be_bytes();
            self.scanner.encoding().noise(noise)
        };
        (0..18).map(step).collect()
    }
}

/// Between the two scans of a bounce. Presentation scanners read a phone again after 0.5 s or a little less.
const BOUNCE: Duration = Duration::from_millis(400);

/// How long `wait` waits.
const OPENED_WITHIN: Duration = Duration::from_secs(60);

/// What a program that has opened a scanner needs until it listens, for it throws away first what was waiting; and
/// what a hand needs between half a scan and the plug.
const SETTLES: Duration = Duration::from_millis(100);

#[cfg(test)]
mod tests {
    use super::super::hid::HidScanner;
    use super::super::keyboard::KeyboardScanner;
    use super::super::layout::Layout;
    use super::super::pty::PtyScanner;
    use super::*;

    #[test]
    fn noise_is_no_code_and_no_end_and_changes_no_code() {
        let folder = tempfile::tempdir().expect("a folder");
        let mut player = Player::new(PtyScanner::new(folder.path().join("scanner")).expect("a pty"));
        assert!((0..100).flat_map(|_| player.next_noise()).all(|byte| byte >= 0x80));
        assert_eq!(player.next_code(), "130000000000000001");
    }

    #[test]
    fn a_plug_that_was_cut_stays_out_until_it_is_plugged_in_again() {
        let folder = tempfile::tempdir().expect("a folder");
        let mut player = Player::new(KeyboardScanner::new(folder.path().join("scanner")).expect("a FIFO"));
        let mut play = |line| player.play(Command::parse(line).expect("a command").expect("no comment"));
        play("cut 2").expect("said");
        assert!(folder.path().join("scanner").exists(), "until the next scan");
        play("scan 1345").expect("two of it");
        assert!(!folder.path().join("scanner").exists());
        assert_eq!(play("scan 1345").expect_err("unplugged").kind(), io::ErrorKind::NotConnected);
        play("replug").expect("plugged in");
        play("scan 1345").expect("all of it");
    }

    #[test]
    fn a_command_for_another_kind_says_which() {
        let folder = tempfile::tempdir().expect("a folder");
        let mut serial = Player::new(PtyScanner::new(folder.path().join("serial")).expect("a pty"));
        let said = serial.play(Command::Malformed(None)).expect_err("no reports").to_string();
        assert_eq!(said, "\"malformed\" is for --kind hid-pos, this scanner is serial");
        let scanner = HidScanner::new(folder.path().join("hid"), Layout::Zebra).expect("a FIFO");
        let said = Player::new(scanner).play(Command::Alt(true)).expect_err("no keys").to_string();
        assert_eq!(said, "\"alt\" is for --kind keyboard, this scanner is hid-pos");
    }
}
