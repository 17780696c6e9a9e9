//! The merchant's certificate: whose it is, and for how long.

use std::time::Duration;

use crate::cli::exit::BadData;
use crate::cli::say;
use crate::config::Config;
use crate::dialect::Paper;
use crate::words::WallTime;

/// A certificate that ends within this time is worth a note: a new one takes the merchant a few days.
const SOON: Duration = Duration::from_secs(30 * 86_400);

/// What is worth a note about the merchant's certificate.
///
/// # Errors
/// When it is another merchant's, or its time is over or has not come.
pub(super) fn check(config: &Config, now: WallTime) -> anyhow::Result<Vec<String>> {
    let Some(Paper { name, from, until, .. }) = crate::daemon::certificate(config) else { return Ok(Vec::new()) };
    let ours = config.gateway.mch_id.as_str();
    let is_number = !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_digit());
    if is_number && name != ours {
        let text = format!(
            "the certificate is merchant {name}'s, and mch_id says {ours}: one of the two is wrong; in institution mode both \
             are the institution's"
        );
        return Err(BadData(text).into());
    }
    if until < now {
        let text = format!("the certificate ended on {until}: download a new one from the merchant platform");
        return Err(BadData(text).into());
    }
    if now < from {
        let text =
            format!("the certificate begins on {from}, and this machine's clock says {now}: is the clock right?");
        return Err(BadData(text).into());
    }
    let mut notes = Vec::new();
    if until < now.after(SOON) {
        notes.push(format!("the certificate ends on {until}: renew it on the merchant platform in time"));
    }
    if !is_number {
        notes.push(format!("the certificate does not name a merchant number, but \"{}\"", say::plain(&name)));
    }
    Ok(notes)
}
