//! What the configuration means: the terminal, the ledger and the local API. Every value is in its range.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use super::reader::{Reader, text};
use super::secrets::{FileError, Secrets};
use crate::words::{Currency, Language, Money, Secret, TerminalId};

/// The longest path of a Unix socket, in bytes (`sun_path` less its final NUL).
const SOCKET_PATH_MAX: usize = 107;

/// WeChat Pay's limit of `body` and `description`, in bytes: nobody says whether it counts bytes or characters.
const DESCRIPTION_MAX: usize = 127;

/// The shortest token: 256 bits as hexadecimal digits have 64 characters, as base64 43; 32 is 192 bits of base64.
const TOKEN_MIN: usize = 32;

/// The longest token that still is one, and not a wrong file.
const TOKEN_MAX: usize = 512;

/// Languages a display shows at once.
const DISPLAY_LANGUAGES_MAX: usize = 3;

/// Pages of one POS have one origin; a few for tests.
const ORIGINS_MAX: usize = 16;

/// `[terminal]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Terminal {
    /// Starts every `out_trade_no`; sent as `device_info`.
    pub id: TerminalId,
    /// The store's number, where there is one.
    pub store_id: Option<String>,
    /// The store's name for people; may be empty.
    pub store_name: String,
    /// Of texts for the cashier.
    pub language: Language,
    /// Of texts for the customer, the first on top. At least one, none twice.
    pub display_languages: Vec<Language>,
    /// The currency amounts are in.
    pub currency: Currency,
    /// Merchant category code.
    pub mcc: Option<String>,
    /// A larger amount is refused as a typing error.
    pub amount_max: Money,
    /// What a payment is for when the POS does not say: never empty.
    pub description: String,
}

/// `[api]`.
#[derive(Clone, Debug)]
pub struct Api {
    /// The Unix socket.
    pub socket: PathBuf,
    /// The TCP door, on loopback, with its token. `None`: there is none.
    pub tcp: Option<Tcp>,
    /// What a supervisor shows to refund more than an operator may; at least 32 characters.
    pub supervisor: Option<Secret>,
    /// Origins whose pages may call.
    pub origins: Vec<String>,
}

/// `[refund]`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Refund {
    /// A refund of more, in the currency's smallest unit, needs the supervisor. `None`: no refund does.
    pub operator_max: Option<u64>,
}

/// The TCP door of the API.
#[derive(Clone, Debug)]
pub struct Tcp {
    /// A loopback address.
    pub listen: SocketAddr,
    /// The bearer token, at least 32 characters.
    pub token: Secret,
}

pub(super) fn terminal(r: &mut Reader<'_>) -> Option<Terminal> {
    let id = r.parsed("id");
    let store_id = r.text("store_id", |text| one_line(text, 32));
    let store_name = r.text("store_name", |text| one_line(text, 64));
    let language = r.parsed("language");
    let display_languages = r.list("display_languages", DISPLAY_LANGUAGES_MAX, |value| text(value)?.parse().ok());
    let display_languages = display_languages.filter(|languages: &Vec<Language>| {
        let repeated = languages
            .iter()
            .zip(1_usize..)
            .any(|(language, next)| languages.iter().skip(next).any(|other| other == language));
        if languages.is_empty() || repeated {
            r.refuse("display_languages", "one to three different languages");
        }
        !languages.is_empty() && !repeated
    });
    let currency = r.parsed("currency");
    let mcc = r.text("mcc", |text| text.is_empty() || (text.len() == 4 && text.bytes().all(|c| c.is_ascii_digit())));
    let amount_max = r.whole("amount_max", 1, Money::MAX_MINOR);
    let description = r.text("description", |text| text.len() <= DESCRIPTION_MAX && one_line(text, DESCRIPTION_MAX));
    let (id, store_name, currency): (TerminalId, _, _) = (id?, store_name?, currency?);
    let said = description?;
    let description =
        [said.as_str(), store_name.as_str(), id.as_str()].into_iter().find(|text| !text.trim().is_empty());
    Some(Terminal {
        description: cut(description.unwrap_or_default(), DESCRIPTION_MAX).to_owned(),
        store_id: store_id.map(some)?,
        language: language?,
        display_languages: display_languages?,
        mcc: mcc.map(some)?,
        amount_max: Money::new(amount_max?, currency).ok()?,
        id,
        store_name,
        currency,
    })
}

pub(super) fn ledger(r: &mut Reader<'_>, beside: &Path) -> Option<PathBuf> {
    let path = r.text("path", |text| !text.is_empty() && !text.contains('\0'))?;
    Some(beside.join(path))
}

/// The API's Unix socket.
pub(super) fn socket(r: &mut Reader<'_>, beside: &Path) -> Option<PathBuf> {
    let socket = r.text("socket", |text| !text.is_empty() && !text.contains('\0'));
    socket.map(|path| beside.join(path)).filter(|path| {
        let fits = path.as_os_str().len() <= SOCKET_PATH_MAX;
        if !fits {
            r.refuse("socket", "a path of at most 107 bytes, the folder included");
        }
        fits
    })
}

pub(super) fn api(r: &mut Reader<'_>, secrets: &Secrets<'_>) -> Option<Api> {
    let socket = socket(r, secrets.beside);
    let listen = r.optional::<SocketAddr>("listen").and_then(|listen| {
        let outside = listen.is_some_and(|address| !address.ip().is_loopback());
        if outside {
            r.refuse(
                "listen",
                "a loopback address with a port, such as \"127.0.0.1:8750\"; the API is for this terminal only",
            );
        }
        (!outside).then_some(listen)
    });
    let token_file = r.file("token_file");
    let origins = r.list("origins", ORIGINS_MAX, |value| text(value).filter(|text| is_origin(text)).map(str::to_owned));
    let supervisor_file = r.file("supervisor_token_file");
    let tcp = match (listen?, token_file?) {
        (None, _) => Some(None),
        (Some(_), file) if file.is_empty() => {
            r.missing(
                "token_file",
                "the name of a file with a token in it, because api.listen is set (openssl rand -hex 32)",
            );
            None
        }
        (Some(listen), file) => token(r, secrets, "token_file", &file).map(|token| Some(Tcp { listen, token })),
    };
    let supervisor = match supervisor_file?.as_str() {
        "" => Some(None),
        file => token(r, secrets, "supervisor_token_file", file).map(Some),
    };
    let (socket, tcp, supervisor) = (socket?, tcp?, supervisor?);
    let same = |tcp: &Tcp| supervisor.as_ref().is_some_and(|it| it.expose() == tcp.token.expose());
    if tcp.as_ref().is_some_and(same) {
        r.clash("supervisor_token_file", "holds the token of api.token_file: then every program is a supervisor");
    }
    Some(Api { socket, tcp, supervisor, origins: origins? })
}

/// `[refund]`; `supervised`: there is a supervisor's token.
pub(super) fn refund(r: &mut Reader<'_>, supervised: bool) -> Option<Refund> {
    let operator_max = r.whole_or_none("operator_max", 0, Money::MAX_MINOR)?;
    if operator_max.is_some() && !supervised {
        r.clash(
            "operator_max",
            "is set, and nobody could refund more; name a file with the supervisor's token in api.supervisor_token_file",
        );
    }
    Some(Refund { operator_max })
}

fn token(r: &mut Reader<'_>, secrets: &Secrets<'_>, name: &str, file: &str) -> Option<Secret> {
    let token = secrets.secret(file).and_then(|token| {
        let bytes = token.expose();
        let good = (TOKEN_MIN..=TOKEN_MAX).contains(&bytes.len()) && bytes.iter().all(u8::is_ascii_graphic);
        let expected = "a token of 32 to 512 letters, digits and signs without spaces (openssl rand -hex 32)";
        if good { Ok(token) } else { Err(FileError::Content { name: file.to_owned(), expected }) }
    });
    r.content_of(name, token)
}

/// Whether `text` is what a browser writes into `Origin`: scheme, host and perhaps a port, and nothing after them.
fn is_origin(text: &str) -> bool {
    reqwest::Url::parse(text).is_ok_and(|url| {
        matches!(url.scheme(), "http" | "https")
            && url.origin().is_tuple()
            && url.origin().ascii_serialization() == text
    })
}

/// Whether `text` has at most `max` characters and no control character.
fn one_line(text: &str, max: usize) -> bool {
    text.chars().count() <= max && !text.chars().any(char::is_control)
}

/// The start of `text` that has at most `max` bytes, cut between characters.
fn cut(text: &str, max: usize) -> &str {
    text.get(..text.floor_char_boundary(max)).unwrap_or(text)
}

/// The text, unless it is empty.
pub(super) fn some(text: String) -> Option<String> {
    Some(text).filter(|text| !text.is_empty())
}
