//! The gateway's own keys: what is known of them, and the file they are kept in between two lives.
//!
//! Source: protocol 7.3, "Platform certificates".

use std::io::{self, Write as _};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tracing::{info, warn};

use super::doubt::{Doubt, NotSent};
use super::hosts::Host;
use super::{Gateway, lock};
use crate::dialect::{Dialect, Distrust, HttpReply, Notices, Platform, PlatformKeys, Proof};
use crate::payment::{Answer, Call, RefundNotice};
use crate::words::Tick;

/// A reply under an unknown key has the list fetched at most this often, or whoever forges replies would have it
/// fetched without end.
const ASK_APART: Duration = Duration::from_secs(60);
/// A notification under an unknown key has it fetched more rarely still: whoever can reach the door can send one, and
/// WeChat sends a true one again.
const NOTICE_APART: Duration = Duration::from_secs(600);

/// The keys and their file.
#[derive(Debug)]
pub(super) struct Keys {
    configured: PlatformKeys,
    known: Mutex<Arc<PlatformKeys>>,
    file: Option<PathBuf>,
    /// Held while the list is under way.
    asking: tokio::sync::Mutex<Asked>,
}

/// When the list was asked for.
#[derive(Debug, Default)]
struct Asked {
    came: Option<Tick>,
    for_unknown: Option<Tick>,
    for_notice: Option<Tick>,
}

impl Asked {
    /// Whether a reply under an unknown key may have the list fetched now.
    fn may_ask(&mut self, now: Tick) -> bool {
        let may = self.for_unknown.is_none_or(|at| now.since(at) >= ASK_APART);
        if may {
            self.for_unknown = Some(now);
        }
        may
    }

    /// Whether a notification under an unknown key may. Anybody can send one, so it has a count of its own: whoever
    /// sends them without end must not take from replies what they may ask for.
    fn may_ask_for_notice(&mut self, now: Tick) -> bool {
        let may = self.for_notice.is_none_or(|at| now.since(at) >= NOTICE_APART);
        if may {
            self.for_notice = Some(now);
        }
        may
    }
}

impl Keys {
    /// What is configured, and what was kept in `file`.
    pub(super) fn new(dialect: &dyn Dialect, file: Option<&Path>) -> Self {
        let mut configured = PlatformKeys::default();
        let mut known = PlatformKeys::default();
        if let Some(platform) = dialect.platform() {
            configured = platform.configured();
            known = configured.clone();
            match file.map(std::fs::read) {
                None => {}
                Some(Ok(kept)) => match platform.reopen(&kept) {
                    Ok(keys) => known.extend(keys),
                    Err(why) => warn!(%why, "the kept platform certificates are of no use, they are fetched anew"),
                },
                Some(Err(error)) if error.kind() == io::ErrorKind::NotFound => {}
                Some(Err(error)) => {
                    warn!(%error, "the kept platform certificates cannot be read, they are fetched anew");
                }
            }
        }
        let file = file.map(Path::to_owned);
        Self { configured, known: Mutex::new(Arc::new(known)), file, asking: tokio::sync::Mutex::default() }
    }

    /// The keys that are known now.
    pub(super) fn known(&self) -> Arc<PlatformKeys> {
        Arc::clone(&lock(&self.known))
    }

    /// Believes `carried` from now on, beside what is configured, and keeps the list for the next life. What the list
    /// no longer carries is no longer believed.
    fn learn(&self, carried: PlatformKeys, list: &HttpReply) {
        let mut keys = self.configured.clone();
        keys.extend(carried);
        let before = self.known();
        let changed = !before.serials().eq(keys.serials());
        if changed {
            info!(serials = %keys.serials().collect::<Vec<_>>().join(" "), "the gateway's certificates");
        }
        *lock(&self.known) = Arc::new(keys);
        if let Some(file) = &self.file
            && (changed || !file.exists())
            && let Err(error) = keep(file, &list.body)
        {
            warn!(%error, file = %file.display(), "the platform certificates cannot be kept: a restart will need the network");
        }
    }
}

impl Gateway {
    /// What a reply means. One under a key nobody knows has the certificates fetched, and is read once more.
    pub(super) async fn judge(&self, call: &Call, reply: &HttpReply, left: Duration) -> Result<Answer, Distrust> {
        let came = self.clock.now();
        self.heed(reply);
        let read = || {
            let proof = Proof { at: came.wall, keys: &self.keys.known() };
            self.dialect.read(call, reply, &proof)
        };
        self.read_with_keys(came.tick, left, Asked::may_ask, read).await
    }

    /// What a notification means; `limit` is how long it may take to fetch a key. Its signature is judged as a reply's.
    ///
    /// # Errors
    /// When it must not be believed, or the dialect has none.
    pub async fn notice(&self, sent: &HttpReply, limit: Duration) -> Result<RefundNotice, Distrust> {
        let notices = self.dialect.notices().ok_or(Distrust::Malformed("this version has no notifications"))?;
        let came = self.clock.now();
        let read = || notices.read(sent, &Proof { at: came.wall, keys: &self.keys.known() });
        self.read_with_keys(came.tick, limit, Asked::may_ask_for_notice, read).await
    }

    /// Reads, and reads once more with fresh certificates when the key is not known and `may_ask` says yes.
    async fn read_with_keys<T>(
        &self,
        came: Tick,
        limit: Duration,
        may_ask: fn(&mut Asked, Tick) -> bool,
        read: impl Fn() -> Result<T, Distrust>,
    ) -> Result<T, Distrust> {
        let first = read();
        let unknown = matches!(first, Err(Distrust::UnknownKey));
        if unknown && self.renew_keys_where(may_ask, came, limit).await { read() } else { first }
    }

    /// Fetches the certificates because what came at `came` is signed with a key nobody knows. False when they could
    /// not be had, or were fetched for such a thing just now, as `may_ask` counts.
    async fn renew_keys_where(&self, may_ask: fn(&mut Asked, Tick) -> bool, came: Tick, limit: Duration) -> bool {
        let Some(platform) = self.dialect.platform() else { return false };
        let mut asking = self.keys.asking.lock().await;
        // Somebody else may have fetched them while this one waited.
        let fresh = asking.came.is_some_and(|at| at >= came);
        fresh || (may_ask(&mut asking, came) && self.fetch_keys(platform, limit, &mut asking).await.is_ok())
    }

    /// The same for a reply.
    pub(super) async fn renew_keys(&self, came: Tick, limit: Duration) -> bool {
        self.renew_keys_where(Asked::may_ask, came, limit).await
    }

    /// What the dialect answers notifications with; none where it has none.
    #[must_use]
    pub fn notices(&self) -> Option<&dyn Notices> {
        self.dialect.notices()
    }

    /// Has a key that replies can be signed with, or proves that there is none to be had. Nothing of a call leaves
    /// before that: its reply could not be believed.
    pub(super) async fn have_keys(&self, limit: Duration) -> Result<(), NotSent> {
        let Some(platform) = self.dialect.platform() else { return Ok(()) };
        let some = || self.keys.known().any_valid(self.clock.wall());
        if some() {
            return Ok(());
        }
        let mut asking = self.keys.asking.lock().await;
        if some() {
            return Ok(());
        }
        match self.fetch_keys(platform, limit, &mut asking).await {
            Ok(()) if some() => Ok(()),
            Err(Doubt::NotSent(why)) => Err(why),
            Ok(()) | Err(Doubt::NoAnswer(_) | Doubt::Distrust(_)) => Err(NotSent::NoKeys),
        }
    }

    /// Fetches the gateway's certificates anew, where it has some and they did not come just now.
    ///
    /// # Errors
    /// When they could not be had; those that are known go on.
    pub async fn refresh_keys(&self) -> Result<(), Doubt> {
        let Some(platform) = self.dialect.platform() else { return Ok(()) };
        let mut asking = self.keys.asking.lock().await;
        if asking.came.is_some_and(|at| self.clock.tick().since(at) < ASK_APART) {
            return Ok(());
        }
        self.fetch_keys(platform, self.policy.query_timeout, &mut asking).await
    }

    /// Whether the gateway has keys of its own that change.
    #[must_use]
    pub fn has_keys(&self) -> bool {
        self.dialect.platform().is_some()
    }

    /// Whether a key of the gateway's is configured, so that its certificates are not needed: public-key mode.
    #[must_use]
    pub fn has_a_key_of_its_own(&self) -> bool {
        self.keys.configured.serials().next().is_some()
    }

    async fn fetch_keys(&self, platform: &dyn Platform, limit: Duration, asked: &mut Asked) -> Result<(), Doubt> {
        let host = lock(&self.hosts).preferred(self.clock.tick());
        let mut result = self.fetch_keys_from(host, platform, limit).await;
        if self.fallback.is_some() && matches!(result, Err(Doubt::NotSent(_) | Doubt::NoAnswer(_))) {
            result = self.fetch_keys_from(host.other(), platform, limit).await;
        }
        match &result {
            Ok(()) => asked.came = Some(self.clock.tick()),
            Err(why) => warn!(%why, "the gateway's certificates cannot be fetched"),
        }
        result
    }

    async fn fetch_keys_from(&self, host: Host, platform: &dyn Platform, limit: Duration) -> Result<(), Doubt> {
        let reply = self.ask(host, platform.write(&self.stamp()), limit).await?;
        let proof = Proof { at: self.clock.wall(), keys: &self.keys.known() };
        let carried = platform.read(&reply, &proof).map_err(Doubt::Distrust)?;
        self.signature.accept();
        self.keys.learn(carried, &reply);
        Ok(())
    }
}

/// Writes the file, whole or not at all, readable for us alone.
fn keep(file: &Path, list: &[u8]) -> io::Result<()> {
    let folder = file.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    // Mode 600 from its first moment.
    let mut fresh = tempfile::NamedTempFile::new_in(folder)?;
    fresh.write_all(list)?;
    if rustix::process::geteuid().is_root() {
        // `sudo shroff resolve` keeps them where the daemon reads them, and it is another user.
        let owner = std::fs::metadata(folder)?;
        std::os::unix::fs::fchown(fresh.as_file(), Some(owner.uid()), Some(owner.gid()))?;
    }
    fresh.as_file().sync_all()?;
    fresh.persist(file).map_err(|error| error.error)?;
    std::fs::File::open(folder)?.sync_all()
}
