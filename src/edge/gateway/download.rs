//! A day's statement from the gateway to a file: streaming, whole or not at all.
//!
//! Source: protocol 5.7 and 7.7. Nothing is asked here that could move money, so everything may be asked twice.

use std::fs::File;
use std::io::{self, Seek as _};
use std::time::Duration;

use tokio::time::timeout;

use super::doubt::{self, Doubt, NoAnswer, NotSent};
use super::hosts::Host;
use super::intake::{Intake, Landed, Taken};
use super::seal::Seal;
use super::{Gateway, lock, prepare};
use crate::dialect::{Distrust, HttpReply, NoStatement, Proof, Stamp, StatementHead, Statements, Warrant};
use crate::words::Day;

/// The longest a download takes in all. At a hundredth of a shop's usual line it fetches a million rows.
const LONGEST: Duration = Duration::from_secs(3600);

/// How far a download has come.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Progress {
    /// Bytes that came over the wire.
    pub received: u64,
    /// How many there will be, where the gateway said so.
    pub expected: Option<u64>,
}

/// What came of asking for a statement.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fetched {
    /// The file holds it, and all of it. It is not flushed.
    File(Statement),
    /// There is none.
    None(NoStatement),
}

/// A statement in a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Statement {
    /// Its size, unpacked.
    pub bytes: u64,
    /// What came over the wire.
    pub received: u64,
    /// How many rows its summary says there are, where it has one.
    pub rows_said: Option<u64>,
    /// How many rows there are.
    pub rows: u64,
    /// WeChat signed its digest, and the digest is that of the file.
    pub signed: bool,
}

/// Why a statement could not be fetched. The file holds nothing that may be used.
#[derive(Debug, thiserror::Error)]
pub enum DownloadError {
    /// The gateway could not be reached, did not answer, or said something that is not believed.
    #[error(transparent)]
    Doubt(#[from] Doubt),
    /// The dialect has no statements here.
    #[error("this dialect has no statements: download it from the merchant platform")]
    Unsupported,
    /// The packed body does not unpack.
    #[error("the packed statement is damaged or cut short")]
    Packed,
    /// It ends too early.
    #[error("the statement is not whole: {0}")]
    Cut(Distrust),
    /// More than any statement has.
    #[error("what was sent unpacks to more than any statement has")]
    TooLarge,
    /// The digest is another one.
    #[error("the file is not the one whose digest WeChat Pay signed")]
    Digest,
    /// The disk.
    #[error("the statement cannot be written down")]
    Disk(#[source] io::Error),
}

impl DownloadError {
    /// Whether the other host may do better.
    fn is_the_hosts(&self) -> bool {
        match self {
            Self::Doubt(Doubt::NotSent(why)) => why.blames_host(),
            Self::Doubt(Doubt::NoAnswer(_) | Doubt::Distrust(_))
            | Self::Packed
            | Self::Cut(_)
            | Self::TooLarge
            | Self::Digest => true,
            Self::Disk(_) | Self::Unsupported => false,
        }
    }
}

impl Gateway {
    /// Writes the statement of `day` into `file`, which holds nothing else, and tells `told` how far it has come.
    /// Each piece is waited for as long as for the answer to a pay (`pay_timeout`). The calling thread writes to the
    /// disk itself: this is for a command, not for the daemon.
    ///
    /// # Errors
    /// When neither host gives a whole statement or says why there is none, or the file cannot be written.
    pub async fn statement(
        &self,
        day: Day,
        file: &mut File,
        told: &mut (dyn FnMut(Progress) + Send),
    ) -> Result<Fetched, DownloadError> {
        let work = async {
            let first = lock(&self.hosts).preferred(self.clock.tick());
            let one = match self.statement_from(first, day, file, told).await {
                Err(error) if self.fallback.is_some() && error.is_the_hosts() => error,
                outcome => return outcome,
            };
            match self.statement_from(first.other(), day, file, told).await {
                Err(DownloadError::Doubt(Doubt::NotSent(_))) => Err(one),
                outcome => outcome,
            }
        };
        timeout(LONGEST, work).await.unwrap_or(Err(Doubt::NoAnswer(NoAnswer::TimedOut).into()))
    }

    async fn statement_from(
        &self,
        host: Host,
        day: Day,
        file: &mut File,
        told: &mut (dyn FnMut(Progress) + Send),
    ) -> Result<Fetched, DownloadError> {
        let mut outcome = self.statement_once(host, day, true, file, told).await;
        if matches!(outcome, Ok(Fetched::None(NoStatement::CannotPack))) {
            outcome = self.statement_once(host, day, false, file, told).await;
        }
        let unknown = matches!(outcome, Err(DownloadError::Doubt(Doubt::Distrust(Distrust::UnknownKey))));
        if unknown && self.renew_keys(self.clock.tick(), self.policy.query_timeout).await {
            outcome = self.statement_once(host, day, true, file, told).await;
        }
        let mut hosts = lock(&self.hosts);
        match &outcome {
            Err(DownloadError::Doubt(Doubt::NotSent(why))) if why.blames_host() => {
                hosts.missed(host, self.clock.tick());
            }
            Err(DownloadError::Doubt(Doubt::NotSent(_)) | DownloadError::Disk(_)) => {}
            Ok(_) | Err(_) => hosts.reached(host),
        }
        outcome
    }

    /// Asks one host once.
    async fn statement_once(
        &self,
        host: Host,
        day: Day,
        packed: bool,
        file: &mut File,
        told: &mut (dyn FnMut(Progress) + Send),
    ) -> Result<Fetched, DownloadError> {
        file.set_len(0).and_then(|()| file.rewind()).map_err(DownloadError::Disk)?;
        let statements = self.dialect.statements().ok_or(DownloadError::Unsupported)?;
        self.have_keys(self.policy.query_timeout).await.map_err(Doubt::NotSent)?;
        let stamp = Stamp { nonce: self.dice.nonce(), time: self.clock.wall() };
        let request = statements.write(day, packed, &stamp);
        let seal = Seal::new(self.clock);
        let request = prepare(&self.plain, self.url(host), request, &seal).ok_or(Doubt::NotSent(NotSent::Request))?;
        let wait = self.policy.pay_timeout;
        let mut response = timed(wait, self.plain.execute(request)).await?;
        let status = response.status().as_u16();
        let headers: Vec<(String, Vec<u8>)> = response
            .headers()
            .iter()
            .map(|(name, value)| (name.as_str().to_owned(), value.as_bytes().to_vec()))
            .collect();
        let front = HttpReply { status, headers, body: Vec::new() };
        self.heed(&front);
        let headers = front.headers;
        let end_is_told = frames(&headers)?;
        let keys = self.keys.known();
        // Of the moment at which the head came: a large file takes longer than a signature is fresh.
        let proof = Proof { at: self.clock.wall(), keys: &keys };
        let judge = |start: &[u8]| statements.read_head(&StatementHead { status, headers: &headers, start, proof });
        let expected = response.content_length();
        let mut intake = Intake::new(file, &judge);
        told(Progress { received: 0, expected });
        while let Some(piece) = timed(wait, response.chunk()).await? {
            intake.take(&piece)?;
            told(Progress { received: intake.received(), expected });
        }
        let received = intake.received();
        match intake.finish()? {
            Taken::File(landed) => whole(statements, &landed, received, end_is_told).map(Fetched::File),
            Taken::Words(body) => {
                let reply = HttpReply { status, headers: headers.clone(), body };
                let none = statements.read_none(&reply, &proof).map_err(Doubt::Distrust)?;
                Ok(Fetched::None(none))
            }
        }
    }
}

/// What stands in the file, once its end has been looked at.
fn whole(
    statements: &dyn Statements,
    landed: &Landed,
    received: u64,
    end_is_told: bool,
) -> Result<Statement, DownloadError> {
    let signed = match landed.warrant {
        Warrant::Sha1(_) => true,
        Warrant::Summary => false,
    };
    if !(end_is_told || landed.packed || signed) {
        let why = "neither its length nor a checksum came with it, so that a cut would not be seen";
        return Err(DownloadError::Cut(Distrust::Malformed(why)));
    }
    let rows_said = statements.read_end(&landed.tail).map_err(DownloadError::Cut)?;
    // The values of a summary begin as a row does.
    let rows = landed.ticked.saturating_sub(u64::from(rows_said.is_some()));
    Ok(Statement { bytes: landed.bytes, received, rows_said, rows, signed })
}

/// Waits, and not for ever.
async fn timed<T>(wait: Duration, work: impl Future<Output = reqwest::Result<T>>) -> Result<T, Doubt> {
    match timeout(wait, work).await {
        Ok(Ok(it)) => Ok(it),
        Ok(Err(error)) if error.is_connect() => Err(Doubt::NotSent(doubt::not_sent(&error))),
        Ok(Err(error)) => Err(Doubt::NoAnswer(doubt::no_answer(&error))),
        Err(_) => Err(Doubt::NoAnswer(NoAnswer::TimedOut)),
    }
}

/// Whether HTTP itself says where the body ends. A body that ends with its connection could have been cut.
fn frames(headers: &[(String, Vec<u8>)]) -> Result<bool, Doubt> {
    let all = |wanted: &'static str| headers.iter().filter(move |(name, _)| name == wanted).map(|(_, value)| value);
    // Ours to unpack, like the body of v2, which does not say so here.
    let known = all("content-encoding").all(|value| [&b"identity"[..], b"gzip"].contains(&value.as_slice()));
    if !known {
        return Err(Doubt::Distrust(Distrust::Malformed("a Content-Encoding")));
    }
    Ok(all("content-length").next().is_some() || all("transfer-encoding").next().is_some())
}
