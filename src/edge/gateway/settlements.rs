//! The list of settlements, page by page, whole or not at all.
//!
//! Source: protocol 7.8. Nothing is asked here that could move money, so everything may be asked twice.

use super::doubt::Doubt;
use super::{Gateway, NotSent, lock};
use crate::dialect::{Batch, Distrust, Proof, ReportFault, Settled, SettledPage, Settlements, Settling};

/// Records of one list: ten years of two wallets and one payout a day.
const RECORDS_MAX: u64 = 8_000;

/// What came of asking.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Listed {
    /// All the records, in the gateway's order.
    All(Vec<Batch>),
    /// The gateway refuses.
    Refused {
        /// What is at fault.
        fault: ReportFault,
        /// Its words, for people.
        text: String,
    },
}

/// Why there is no list.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ListError {
    /// The gateway could not be reached, did not answer, or said something that is not believed.
    #[error(transparent)]
    Doubt(#[from] Doubt),
    /// The dialect has no settlements here.
    #[error(
        "settlements come over API v3 only: WeChat Pay does not say in which form v2 lists them; set gateway.api = \"v3\", \
         or look at the merchant platform"
    )]
    Unsupported,
    /// The pages do not make the number of records that they say there are.
    #[error(
        "the list changed while it was read, or is not whole: {said} records were announced, {came} came; try again"
    )]
    Torn {
        /// How many were announced last.
        said: u64,
        /// How many different ones came.
        came: u64,
    },
    /// More than anybody can use.
    #[error("{0} records are too many at once: ask for fewer days")]
    TooMany(u64),
}

impl Gateway {
    /// Asks for the settlements and tells `told` how many of how many there are.
    ///
    /// # Errors
    /// When neither host gives a whole list or says why there is none.
    pub async fn settlements(
        &self,
        which: Settling,
        told: &mut (dyn FnMut(u64, u64) + Send),
    ) -> Result<Listed, ListError> {
        let settlements = self.dialect.settlements().ok_or(ListError::Unsupported)?;
        let mut batches: Vec<Batch> = Vec::new();
        let mut said = None;
        let mut offset = 0_u64;
        loop {
            let SettledPage { total, batches: page } = match self.page(settlements, which, offset).await? {
                Settled::Page(page) => page,
                Settled::Refused { fault, text } => return Ok(Listed::Refused { fault, text }),
            };
            if total > RECORDS_MAX {
                return Err(ListError::TooMany(total));
            }
            let came = length(&page);
            // Whether the first record is number 0 or 1 is told in both ways. Where it is 1, two pages share a record.
            let before = batches.len();
            let shared = |batch: &Batch| batches.iter().take(before).any(|it| it == batch);
            let fresh: Vec<Batch> = page.into_iter().filter(|batch| !shared(batch)).collect();
            let moved = said.is_some_and(|said| said != total);
            let stuck = came > 0 && fresh.is_empty();
            batches.extend(fresh);
            said = Some(total);
            let all = length(&batches);
            told(all, total);
            if all == total && !moved {
                return Ok(Listed::All(batches));
            }
            if moved || stuck || came == 0 || all > total {
                return Err(ListError::Torn { said: total, came: all });
            }
            offset = offset.saturating_add(came);
        }
    }

    /// One page, from whichever host answers.
    async fn page(&self, settlements: &dyn Settlements, which: Settling, offset: u64) -> Result<Settled, Doubt> {
        let limit = self.policy.query_timeout;
        let wait = lock(&self.pace).take(false, self.clock.tick()).ok_or(Doubt::NotSent(NotSent::Busy))?;
        if !wait.is_zero() {
            tokio::time::sleep(wait).await;
        }
        self.have_keys(limit).await.map_err(Doubt::NotSent)?;
        let first = lock(&self.hosts).preferred(self.clock.tick());
        let mut asked = self.ask(first, settlements.write(which, offset, &self.stamp()), limit).await;
        if self.fallback.is_some() && matches!(asked, Err(Doubt::NotSent(_) | Doubt::NoAnswer(_))) {
            asked = self.ask(first.other(), settlements.write(which, offset, &self.stamp()), limit).await;
        }
        let reply = asked?;
        let came = self.clock.now();
        let read = || {
            let proof = Proof { at: came.wall, keys: &self.keys.known() };
            settlements.read(which, &reply, &proof)
        };
        let mut page = read();
        if matches!(page, Err(Distrust::UnknownKey)) && self.renew_keys(came.tick, limit).await {
            page = read();
        }
        page.map_err(Doubt::Distrust)
    }
}

fn length(batches: &[Batch]) -> u64 {
    u64::try_from(batches.len()).unwrap_or(u64::MAX)
}
