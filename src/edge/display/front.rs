//! What the shop itself puts on its displays: its name, a picture, and what the POS shows while nobody pays.

use std::collections::BTreeMap;
use std::fmt;
use std::io::Read as _;
use std::path::Path;
use std::sync::Arc;

use bytes::Bytes;
use sha2::{Digest as _, Sha256};
use tokio::sync::watch;

use crate::scene::Basket;
use crate::words::{LaneId, PaymentRef, Tick};

/// Bytes of a picture: a photograph for a 4K screen has two or three million.
const PICTURE_MAX: u64 = 8 * 1024 * 1024;

/// The shop's side of its displays. Cheap to clone; clones share the baskets.
#[derive(Clone, Debug, Default)]
pub struct Front {
    /// The shop's name, if it has one.
    pub name: Option<Arc<str>>,
    /// How the pages of lanes are set, where they are set at all.
    pub pages: BTreeMap<LaneId, PageFront>,
    /// The baskets.
    pub shelf: Shelf,
}

/// How a lane's page is set.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PageFront {
    /// It says nothing.
    pub mute: bool,
    /// Its colours.
    pub theme: Theme,
    /// What it shows while nobody pays.
    pub picture: Option<Arc<Picture>>,
}

/// A page's colours.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Theme {
    /// As the browser says.
    #[default]
    Auto,
    /// For a bright shop.
    Light,
    /// For a dark bar.
    Dark,
}

impl Theme {
    /// The word of the configuration and of the page.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Auto => "auto",
            Self::Light => "light",
            Self::Dark => "dark",
        }
    }
}

/// A picture of a kind that cannot run anything.
#[derive(PartialEq, Eq)]
pub struct Picture {
    bytes: Bytes,
    kind: &'static str,
    mark: String,
}

impl Picture {
    /// Reads a PNG, JPEG or WebP file of at most 8 MiB. What it is its first bytes say, not its name.
    ///
    /// # Errors
    /// When it cannot be read, is larger, or is something else.
    pub fn read(path: &Path) -> Result<Self, PictureError> {
        let file = std::fs::File::open(path).map_err(PictureError::Unreadable)?;
        let mut bytes = Vec::new();
        let limit = PICTURE_MAX.saturating_add(1);
        let length = file.take(limit).read_to_end(&mut bytes).map_err(PictureError::Unreadable)?;
        if u64::try_from(length).map_or(true, |length| length >= limit) {
            return Err(PictureError::TooLarge);
        }
        let kind = kind_of(&bytes).ok_or(PictureError::NoPicture)?;
        let mark = Sha256::digest(&bytes).iter().take(6).map(|byte| format!("{byte:02x}")).collect();
        Ok(Self { bytes: bytes.into(), kind, mark })
    }

    /// The file.
    #[must_use]
    pub fn bytes(&self) -> Bytes {
        self.bytes.clone()
    }

    /// Its media type.
    #[must_use]
    pub fn kind(&self) -> &'static str {
        self.kind
    }

    /// Changes with its content.
    #[must_use]
    pub fn mark(&self) -> &str {
        &self.mark
    }
}

impl fmt::Debug for Picture {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Picture({}, {} bytes, {})", self.kind, self.bytes.len(), self.mark)
    }
}

fn kind_of(bytes: &[u8]) -> Option<&'static str> {
    if bytes.starts_with(b"\x89PNG\r\n\x1a\n") {
        Some("image/png")
    } else if bytes.starts_with(b"\xff\xd8\xff") {
        Some("image/jpeg")
    } else if bytes.starts_with(b"RIFF") && bytes.get(8..12) == Some(b"WEBP") {
        Some("image/webp")
    } else {
        None
    }
}

/// Why there is no picture.
#[derive(Debug, thiserror::Error)]
pub enum PictureError {
    /// The file.
    #[error("it cannot be read: {0}")]
    Unreadable(#[source] std::io::Error),
    /// Its size.
    #[error("it has more than 8 MiB; save it smaller, 3840x2160 is the most a screen shows")]
    TooLarge,
    /// Its kind.
    #[error("it is neither PNG nor JPEG nor WebP; save it as one of them")]
    NoPicture,
}

/// What the POS shows at each lane while nobody pays.
#[derive(Clone, Debug)]
pub struct Shelf(Arc<watch::Sender<BTreeMap<LaneId, Posted>>>);

/// A basket at its lane.
#[derive(Clone, Debug)]
pub struct Posted {
    /// What is in it.
    pub basket: Arc<Basket>,
    /// From then on it is not shown any more.
    pub until: Tick,
    /// The payment the lane showed when it came. With the next one it is over: its articles are paid for.
    pub beside: Option<PaymentRef>,
}

impl Default for Shelf {
    fn default() -> Self {
        Self(Arc::new(watch::Sender::new(BTreeMap::new())))
    }
}

impl Shelf {
    /// Puts a basket on `lane` in place of the one before, or takes that away.
    pub fn put(&self, lane: &LaneId, posted: Option<Posted>) {
        self.0.send_modify(|lanes| match posted {
            Some(posted) => drop(lanes.insert(lane.clone(), posted)),
            None => drop(lanes.remove(lane)),
        });
    }

    /// The baskets, and the news of them.
    #[must_use]
    pub fn watch(&self) -> watch::Receiver<BTreeMap<LaneId, Posted>> {
        self.0.subscribe()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_picture_is_what_its_first_bytes_say() {
        let folder = tempfile::tempdir().expect("a folder");
        let read = |bytes: &[u8]| {
            let path = folder.path().join("picture.png");
            std::fs::write(&path, bytes).expect("written");
            Picture::read(&path)
        };
        let png = read(b"\x89PNG\r\n\x1a\nrest").expect("a PNG");
        assert_eq!((png.kind(), png.bytes().len(), png.mark().len()), ("image/png", 12, 12));
        assert_ne!(read(b"\x89PNG\r\n\x1a\nlist").expect("a PNG").mark(), png.mark());
        assert_eq!(read(b"\xff\xd8\xff\xe0").expect("a JPEG").kind(), "image/jpeg");
        assert_eq!(read(b"RIFF\0\0\0\0WEBPVP8 ").expect("a WebP").kind(), "image/webp");
        for none in [&b""[..], b"<svg onload=alert(1)>", b"GIF89a", b"RIFF\0\0\0\0WAVE", b"%PDF-1.7", b"\x89PNG"] {
            assert!(matches!(read(none), Err(PictureError::NoPicture)), "{none:?}");
        }
    }

    #[test]
    fn a_picture_has_an_end() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("large.jpg");
        let large = std::fs::File::create(&path).expect("a file");
        large.set_len(PICTURE_MAX + 1).expect("a sparse file");
        assert!(matches!(Picture::read(&path), Err(PictureError::TooLarge)));
        assert!(matches!(Picture::read(Path::new("/dev/zero")), Err(PictureError::TooLarge)));
        assert!(matches!(Picture::read(&folder.path().join("none.png")), Err(PictureError::Unreadable(_))));
    }
}
