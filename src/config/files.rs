//! Which files a configuration was made of beside its own, and whether one of them has changed since.

use std::collections::BTreeMap;
use std::fmt;

use super::keys::{KEYS, Key};
use super::raw::Raw;
use super::reader::Reader;
use super::secrets::{Print, Secrets};

/// Keys and certificates by the key of the configuration that names them: their names and digests, never what is in them.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Files(BTreeMap<String, (String, Print)>);

impl Files {
    /// What was read for the API in use.
    pub(super) fn read(raw: &Raw, secrets: &Secrets<'_>, v3: bool) -> Self {
        let idle = if v3 { "gateway.v2" } else { "gateway.v3" };
        let named = KEYS.iter().filter(|key| key.name.ends_with("_file") && key.section != idle);
        let file = |key: &Key| {
            let name = Reader::new(key.section, raw.one(key.section), &mut Vec::new()).file(key.name)?;
            let print = secrets.print_of(&name)?;
            Some((key.path(), (name, print)))
        };
        Self(named.filter_map(file).collect())
    }

    /// The keys whose file has the same name in both and holds something else.
    #[must_use]
    pub fn changed(&self, after: &Self) -> Vec<String> {
        let differs = |key: &String, (name, print): &(String, Print)| {
            after.0.get(key).is_some_and(|(other, now)| name == other && print != now)
        };
        self.0.iter().filter(|(key, file)| differs(key, file)).map(|(key, _)| key.clone()).collect()
    }
}

/// Keys of the configuration only: by its digest a short secret could be guessed.
impl fmt::Debug for Files {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.0.keys()).finish()
    }
}
