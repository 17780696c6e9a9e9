//! Sessions of the cashier page: a short-lived code, handed out over the Unix socket, becomes a token of its own that
//! ends after a shift or at logout.
//!
//! The page brings its token as `Authorization: Bearer` and never as a cookie. A browser sends a host's cookies to every
//! port of that host, so that any other web server on this machine would be handed the session, and it sends them by
//! itself, which is what cross-site request forgery lives on. A page of another port or site cannot read this one's
//! storage, and cannot make the browser send what is in it.

use std::collections::BTreeMap;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;
use subtle::ConstantTimeEq as _;
use tracing::warn;

use super::dice::Dice;
use crate::words::{Now, Secret, Tick, WallTime};

/// How long a code may be used: long enough to be typed on another screen.
pub const CODE_LIFE: Duration = Duration::from_secs(300);
/// How long a session lasts: the longest day of a shop.
pub const SESSION_LIFE: Duration = Duration::from_secs(16 * 3600);
/// Characters of a code: 50 bits, which nobody guesses in five minutes.
const CODE: usize = 10;
/// Codes that wait to be used; the oldest makes room.
const CODES_MAX: usize = 8;
/// Sessions at a time; the one that ends first makes room.
const SESSIONS_MAX: usize = 32;
/// Bytes the file may have: so many lines of 64 digits, a space and a time.
const FILE_MAX: u64 = 4096;

/// The sessions that are open. What is kept of a session is a keyed digest, in memory and in the file, under the key of
/// the TCP token: whoever reads the file cannot sign in with it, and a new token ends every session.
#[derive(Debug)]
pub struct Sessions {
    key: Secret,
    file: Option<PathBuf>,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    codes: Vec<Code>,
    open: BTreeMap<Mark, Open>,
}

#[derive(Debug)]
struct Code {
    text: Secret,
    ends: Tick,
}

/// When a session ends. The tick decides; the wall time carries it into the next process.
#[derive(Clone, Copy, Debug)]
struct Open {
    ends: Tick,
    ends_wall: WallTime,
}

type Mark = [u8; 32];

/// A session that was just opened.
#[derive(Debug)]
pub struct Session {
    /// What the page brings from now on.
    pub token: Secret,
    /// When it ends, for people.
    pub ends: WallTime,
}

impl Sessions {
    /// The sessions of the door whose token is `key`, with those that `file` kept of the process before.
    #[must_use]
    pub fn open(key: Secret, file: Option<PathBuf>, now: Now) -> Self {
        let open = match file.as_deref().map(read) {
            None => BTreeMap::new(),
            Some(Ok(kept)) => kept.into_iter().filter_map(|(mark, ends)| Some((mark, carried(ends, now)?))).collect(),
            Some(Err(error)) => {
                warn!(%error, "the kept sessions cannot be read; cashiers sign in anew");
                BTreeMap::new()
            }
        };
        Self { key, file, state: Mutex::new(State { codes: Vec::new(), open }) }
    }

    /// A code that opens one session, once, within [`CODE_LIFE`].
    #[must_use]
    pub fn mint(&self, now: Now) -> String {
        let mut text = Dice.nonce();
        text.truncate(CODE);
        let mut state = self.lock();
        state.codes.retain(|code| code.ends > now.tick);
        if state.codes.len() >= CODES_MAX {
            state.codes.remove(0);
        }
        let ends = now.tick.after(CODE_LIFE);
        state.codes.push(Code { text: Secret::new(text.clone().into_bytes()), ends });
        drop(state);
        text.insert(CODE / 2, '-');
        text
    }

    /// Opens a session for whoever brings a code, which is then used up. Small letters and dashes are no matter.
    #[must_use]
    pub fn redeem(&self, code: &str, now: Now) -> Option<Session> {
        let plain: Vec<u8> = code.bytes().filter(u8::is_ascii_alphanumeric).map(|it| it.to_ascii_uppercase()).collect();
        let plain = Secret::new(plain);
        let mut state = self.lock();
        state.codes.retain(|code| code.ends > now.tick);
        let at = state.codes.iter().position(|code| bool::from(code.text.expose().ct_eq(plain.expose())))?;
        state.codes.remove(at);
        drop(state);
        Some(self.begin(now))
    }

    /// Opens a session for whoever has shown a token of the door.
    #[must_use]
    pub fn begin(&self, now: Now) -> Session {
        let bytes: [u8; 32] = Dice.bytes();
        let token = Secret::new(hex(&bytes).into_bytes());
        let ends = Open { ends: now.tick.after(SESSION_LIFE), ends_wall: now.wall.after(SESSION_LIFE) };
        let mut state = self.lock();
        state.open.retain(|_, open| open.ends > now.tick);
        if state.open.len() >= SESSIONS_MAX
            && let Some(first) = state.open.iter().min_by_key(|(_, open)| open.ends).map(|(mark, _)| *mark)
        {
            state.open.remove(&first);
        }
        state.open.insert(self.mark(token.expose()), ends);
        self.keep(&state);
        Session { token, ends: ends.ends_wall }
    }

    /// Whether this is the token of an open session. Only digests are compared, so that time tells nothing.
    #[must_use]
    pub fn knows(&self, token: &[u8], now: Tick) -> bool {
        let mark = self.mark(token);
        self.lock().open.get(&mark).is_some_and(|open| open.ends > now)
    }

    /// Ends a session; false when there was none.
    pub fn end(&self, token: &[u8]) -> bool {
        let mark = self.mark(token);
        let mut state = self.lock();
        let was = state.open.remove(&mark).is_some();
        if was {
            self.keep(&state);
        }
        was
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn mark(&self, token: &[u8]) -> Mark {
        // HMAC takes a key of any length, so there is no error to report; one mark for all would still open nothing,
        // because none is ever kept under it before a session begins.
        let Ok(mac) = Hmac::<Sha256>::new_from_slice(self.key.expose()) else { return [0; 32] };
        mac.chain_update(b"session ").chain_update(token).finalize().into_bytes().into()
    }

    /// Keeps the sessions for the next process. Without the file cashiers sign in anew after a restart, no more.
    fn keep(&self, state: &State) {
        let Some(file) = &self.file else { return };
        let lines = state.open.iter().map(|(mark, open)| format!("{} {}\n", hex(mark), open.ends_wall.millis()));
        if let Err(error) = write(file, &lines.collect::<String>()) {
            warn!(%error, file = %file.display(), "the sessions cannot be kept: cashiers sign in anew after a restart");
        }
    }
}

/// When a kept session ends in this process. A clock that was set back must not lengthen it.
fn carried(ends_wall: WallTime, now: Now) -> Option<Open> {
    let left = u64::try_from(ends_wall.millis().saturating_sub(now.wall.millis())).ok().map(Duration::from_millis)?;
    let fits = !left.is_zero() && left <= SESSION_LIFE;
    fits.then(|| Open { ends: now.tick.after(left), ends_wall })
}

fn read(file: &Path) -> io::Result<Vec<(Mark, WallTime)>> {
    let length = match std::fs::metadata(file) {
        Ok(found) => found.len(),
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(error),
    };
    if length > FILE_MAX {
        return Err(io::Error::new(io::ErrorKind::InvalidData, "it is too large"));
    }
    let text = std::fs::read_to_string(file)?;
    let line = |line: &str| {
        let (mark, ends) = line.split_once(' ')?;
        Some((unhex(mark)?, WallTime::from_millis(ends.parse().ok()?)))
    };
    Ok(text.lines().filter_map(line).take(SESSIONS_MAX).collect())
}

/// Writes the file, whole or not at all, readable for us alone.
fn write(file: &Path, text: &str) -> io::Result<()> {
    let folder = file.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let mut fresh = tempfile::NamedTempFile::new_in(folder)?;
    fresh.write_all(text.as_bytes())?;
    fresh.persist(file).map_err(|error| error.error)?;
    Ok(())
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn unhex(text: &str) -> Option<Mark> {
    let mut mark = [0; 32];
    if text.len() != 64 || !text.is_ascii() {
        return None;
    }
    for (at, byte) in mark.iter_mut().enumerate() {
        let from = at.checked_mul(2)?;
        *byte = u8::from_str_radix(text.get(from..from.checked_add(2)?)?, 16).ok()?;
    }
    Some(mark)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn now(seconds: u64) -> Now {
        let wall = WallTime::from_millis(1_795_232_306_000).after(Duration::from_secs(seconds));
        Now { tick: Tick::default().after(Duration::from_secs(seconds)), wall }
    }

    fn sessions(file: Option<PathBuf>) -> Sessions {
        Sessions::open(Secret::new(b"token".to_vec()), file, now(0))
    }

    #[test]
    fn a_code_opens_one_session_however_it_is_typed() {
        let sessions = sessions(None);
        let code = sessions.mint(now(1));
        assert_eq!((code.len(), code.find('-')), (11, Some(5)), "{code}");
        let typed = format!(" {} ", code.to_lowercase().replace('-', " "));
        let session = sessions.redeem(&typed, now(2)).expect("a session");
        assert!(sessions.knows(session.token.expose(), now(3).tick));
        assert!(sessions.redeem(&code, now(4)).is_none(), "used up");
    }

    #[test]
    fn a_code_dies_after_five_minutes_and_the_ninth_pushes_out_the_first() {
        let sessions = sessions(None);
        let code = sessions.mint(now(0));
        assert!(sessions.redeem(&code, now(300)).is_none());
        let first = sessions.mint(now(301));
        let others: Vec<String> = (0..8).map(|_| sessions.mint(now(302))).collect();
        assert!(sessions.redeem(&first, now(303)).is_none());
        assert!(others.iter().all(|code| sessions.redeem(code, now(303)).is_some()));
    }

    #[test]
    fn a_session_ends_after_its_time_and_at_logout() {
        let sessions = sessions(None);
        let [one, other] = [0, 0].map(|at| sessions.begin(now(at)).token);
        let last = SESSION_LIFE.as_secs();
        assert!(sessions.knows(one.expose(), now(last - 1).tick));
        assert!(!sessions.knows(one.expose(), now(last).tick));
        assert!(sessions.end(other.expose()) && !sessions.knows(other.expose(), now(1).tick));
        assert!(!sessions.end(other.expose()) && sessions.knows(one.expose(), now(1).tick));
        assert!(!sessions.knows(b"", now(1).tick));
    }

    #[test]
    fn there_are_never_more_than_thirty_two() {
        let sessions = sessions(None);
        let all: Vec<Secret> = (0..40).map(|at| sessions.begin(now(at)).token).collect();
        let open: Vec<bool> = all.iter().map(|token| sessions.knows(token.expose(), now(50).tick)).collect();
        assert_eq!(open.iter().filter(|open| **open).count(), SESSIONS_MAX);
        assert!(open.last() == Some(&true) && open.first() == Some(&false));
    }

    #[test]
    fn sessions_outlive_a_restart_but_no_logout_and_no_other_token() {
        let folder = tempfile::tempdir().expect("a folder");
        let file = Some(folder.path().join("sessions"));
        let before = sessions(file.clone());
        let [stays, goes] = [0, 0].map(|_| before.begin(now(0)).token);
        before.end(goes.expose());
        let kept = std::fs::read_to_string(folder.path().join("sessions")).expect("a file");
        assert!(!kept.contains(std::str::from_utf8(stays.expose()).expect("hex")), "only a digest is kept");
        let after = sessions(file.clone());
        assert!(after.knows(stays.expose(), now(10).tick) && !after.knows(goes.expose(), now(10).tick));
        let later = Sessions::open(Secret::new(b"token".to_vec()), file.clone(), now(SESSION_LIFE.as_secs()));
        assert!(!later.knows(stays.expose(), now(SESSION_LIFE.as_secs()).tick));
        let renewed = Sessions::open(Secret::new(b"another".to_vec()), file, now(0));
        assert!(!renewed.knows(stays.expose(), now(1).tick));
    }

    #[test]
    fn a_file_that_is_none_of_ours_opens_nothing() {
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("sessions");
        for text in ["", "\n\n", "zz 1\n", &"0".repeat(5000), "é 1", &format!("{} x\n", "0".repeat(64))] {
            std::fs::write(&file, text).expect("a file");
            assert!(sessions(Some(file.clone())).lock().open.is_empty(), "{text:.10}");
        }
    }
}
