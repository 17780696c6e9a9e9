//! Reading the ledger's file itself: it works with the daemon stopped, and beside a running one.

use std::path::Path;

use crate::config::Local;
use crate::ledger::{PaymentRow, Reader};
use crate::words::{ClientRef, Language, RefundRef};

/// The ledger of a configuration, open for reading.
pub(super) struct Books {
    pub(super) reader: Reader,
    /// Of texts for the cashier.
    pub(super) language: Language,
}

impl Books {
    /// Opens the ledger the configuration at `path` names.
    ///
    /// # Errors
    /// When the configuration or the ledger cannot be read.
    pub(super) fn open(path: &Path) -> anyhow::Result<Self> {
        let local = Local::load(path)?;
        Ok(Self { reader: Reader::open(&local.ledger_path)?, language: local.language })
    }

    /// The payment with our name or the POS's name `name`, or the one that the refund of this name gives back.
    ///
    /// # Errors
    /// When the ledger cannot be read.
    pub(super) fn find(&self, name: &str) -> anyhow::Result<Option<PaymentRow>> {
        if let Some(row) = self.reader.payment(name)? {
            return Ok(Some(row));
        }
        if let Ok(name) = name.parse::<ClientRef>()
            && let Some(row) = self.reader.by_client_ref(&name)?
        {
            return Ok(Some(row));
        }
        let refund = name.parse::<RefundRef>().ok().map(|name| self.reader.refund(&name)).transpose()?.flatten();
        match refund {
            Some(refund) => Ok(self.reader.payment(refund.record.facts.payment.as_str())?),
            None => Ok(None),
        }
    }
}
