//! The last two lines: how many rows there are, and what their amounts add up to.

use super::layout::Layout;
use crate::reconcile::decimal;

/// The name of the number of rows.
const COUNT: &str = "总交易单数";

/// Whether a statement is all there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Wholeness {
    /// The summary stands at the end, and every figure of it is that of the rows.
    Whole,
    /// The summary and the rows agree, but rows follow it: it was not made like that.
    GoesOn,
    /// There is no summary: the end may be missing.
    NoSummary,
    /// The summary and the rows do not agree: something was altered, lost or added.
    Altered(Vec<Mismatch>),
}

/// A figure of the summary that is not what the rows add up to.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, thiserror::Error)]
#[error("{name}: the summary says {said}, the rows make {found}")]
pub struct Mismatch {
    /// The figure's name.
    pub name: String,
    /// What the summary says.
    pub said: String,
    /// What the rows add up to.
    pub found: String,
}

/// The summary as it stands in the file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Summary {
    names: Vec<String>,
    values: Vec<Vec<u8>>,
}

impl Summary {
    /// Reads the two lines. `None` when they do not belong together.
    pub(super) fn read(heading: &[u8], values: &[u8]) -> Option<Self> {
        let heading = std::str::from_utf8(heading).ok()?;
        let names: Vec<String> = heading.split(',').map(|name| name.trim().to_owned()).collect();
        let fields = std::str::from_utf8(values).ok()?.strip_prefix('`')?;
        let values: Vec<Vec<u8>> = fields.split(",`").map(|value| value.trim().as_bytes().to_vec()).collect();
        (names.len() == values.len() && names.iter().any(|name| name == COUNT)).then_some(Self { names, values })
    }

    /// Compares it with `rows` rows whose amounts add up to `sums`, one for each column of `layout` that holds amounts.
    pub(super) fn check(&self, layout: &Layout, rows: u64, sums: &[i128]) -> Wholeness {
        let mut wrong = Vec::new();
        let mut checked: u32 = 0;
        for (name, value) in self.names.iter().zip(&self.values) {
            let found = if name == COUNT {
                Some(i128::from(rows).saturating_mul(decimal::ONE))
            } else {
                column(layout, name).and_then(|at| sums.get(at)).copied()
            };
            // A figure of a column that is not there proves nothing, but it must be written out.
            let Some(found) = found.or_else(|| value.is_empty().then_some(0)) else { continue };
            checked = checked.saturating_add(u32::from(name != COUNT));
            if decimal::total(value) != Some(found) {
                let said = String::from_utf8_lossy(value).chars().filter(|c| !c.is_control()).take(40).collect();
                wrong.push(Mismatch { name: name.clone(), said, found: decimal::shown(found) });
            }
        }
        match (wrong.is_empty(), checked) {
            (false, _) => Wholeness::Altered(wrong),
            // A number of rows alone does not tell whether a digit was altered.
            (true, 0) => Wholeness::NoSummary,
            (true, _) => Wholeness::Whole,
        }
    }
}

/// Whether `line` may be the summary's first line: names, and no field of a row.
pub(super) fn may_be_heading(line: &[u8]) -> bool {
    !line.starts_with(b"`") && memchr::memmem::find(line, b",`").is_none() && memchr::memchr(b',', line).is_some()
}

/// Which of the amount columns `name` is the sum of: its name without 总, or, in older statements, what it stood for.
fn column(layout: &Layout, name: &str) -> Option<usize> {
    let plain = name.replace('总', "");
    let names = [plain.as_str(), plain.trim_end_matches("金额"), if name == "总交易额" { "总金额" } else { name }];
    let at = names.iter().find_map(|name| layout.names.iter().position(|it| it == name))?;
    layout.money.iter().position(|money| *money == at)
}
