//! Takes secrets out of text: those that are known, and whatever looks like one.

use std::path::{Path, PathBuf};

use zeroize::Zeroizing;

use crate::config::{KEYS, rows};

/// Shorter secrets would be found in innocent words.
const SECRET_MIN: usize = 8;
/// The largest file that is read for its secret.
const FILE_MAX: u64 = 512 * 1024;
/// So many digits in a row may hold a payment code: 18, and scanners add to them.
const DIGITS: usize = 16;
/// What stands in a secret's place.
const GONE: &str = "[removed: a secret]";

/// What must not be in a bundle.
#[derive(Default)]
pub(super) struct Scrub {
    secrets: Vec<Zeroizing<String>>,
}

impl Scrub {
    /// Knows the content of every secret file that the configuration at `path` names, whether or not the rest of it is
    /// right. What cannot be read cannot stand in a bundle that the same user makes.
    pub(super) fn of(path: &Path, credentials: Option<&Path>) -> Self {
        let mut this = Self::default();
        let beside = path.parent().unwrap_or(Path::new("."));
        let rows = rows(path).unwrap_or_default();
        let private = |key: &str| {
            let name = key.rsplit('.').next().unwrap_or_default();
            KEYS.iter().any(|known| known.private && known.name == name)
        };
        for row in rows.iter().filter(|row| private(&row.key)) {
            let file = row.value.trim_matches('"');
            let folders: Vec<PathBuf> =
                [credentials, Some(beside)].into_iter().flatten().map(|it| it.join(file)).collect();
            for file in folders.iter().filter(|it| it.is_file() && !row.value.is_empty()) {
                if std::fs::metadata(file).is_ok_and(|meta| meta.len() <= FILE_MAX)
                    && let Ok(content) = std::fs::read(file)
                {
                    this.knows(&String::from_utf8_lossy(&Zeroizing::new(content)));
                }
            }
        }
        this
    }

    /// Remembers a secret, and each line of one that has several.
    fn knows(&mut self, secret: &str) {
        let lines = secret.lines().map(str::trim).filter(|line| line.len() >= SECRET_MIN && !line.starts_with("-----"));
        self.secrets.extend(lines.map(|line| Zeroizing::new(line.to_owned())));
        // The longest first: one may be a part of another.
        self.secrets.sort_by_key(|secret| std::cmp::Reverse(secret.len()));
    }

    /// `text` without secrets and without payment codes.
    pub(super) fn clean(&self, text: &str) -> String {
        let mut text = text.to_owned();
        for secret in &self.secrets {
            if text.contains(secret.as_str()) {
                text = text.replace(secret.as_str(), GONE);
            }
        }
        digits(&bearer(&pem(&text)))
    }
}

/// Private keys go, whoever's they are.
fn pem(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find("-----BEGIN ") {
        let (before, block) = rest.split_at(at);
        out.push_str(before);
        let end =
            block.find("-----END ").and_then(|end| block.get(end..)?.find('\n').map(|more| end.saturating_add(more)));
        let (block, after) = block.split_at(end.unwrap_or(block.len()));
        let name = block.lines().next().unwrap_or_default();
        out.push_str(if name.contains("PRIVATE KEY") { GONE } else { block });
        rest = after;
    }
    out.push_str(rest);
    out
}

/// Tokens as HTTP carries them.
fn bearer(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find("Bearer ") {
        let (before, token) = rest.split_at(at.saturating_add("Bearer ".len()));
        out.push_str(before);
        let end = token.find(|c: char| c.is_whitespace() || matches!(c, '"' | '\'' | ',')).unwrap_or(token.len());
        let (token, after) = token.split_at(end);
        if !token.is_empty() {
            out.push_str(GONE);
        }
        rest = after;
    }
    out.push_str(rest);
    out
}

/// Long runs of digits keep their last four: they could be payment codes, and WeChat's numbers are known by ours.
fn digits(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find(|c: char| c.is_ascii_digit()) {
        let (before, run) = rest.split_at(at);
        out.push_str(before);
        let end = run.find(|c: char| !c.is_ascii_digit()).unwrap_or(run.len());
        let (run, after) = run.split_at(end);
        if run.len() >= DIGITS {
            out.push_str("..");
            out.push_str(run.get(run.len().saturating_sub(4)..).unwrap_or_default());
        } else {
            out.push_str(run);
        }
        rest = after;
    }
    out.push_str(rest);
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_secrets_keys_tokens_and_codes_go_and_order_numbers_stay() {
        let mut scrub = Scrub::default();
        scrub.knows("192006250b4c09247ec02edce69f6a2d\n");
        scrub.knows("-----BEGIN PRIVATE KEY-----\nMIIEvQIBADANBgkqhkiG9w0BAQEFAASC\n-----END PRIVATE KEY-----\n");
        let cases = [
            ("key=192006250b4c09247ec02edce69f6a2d.", "key=[removed: a secret]."),
            ("MIIEvQIBADANBgkqhkiG9w0BAQEFAASC", GONE),
            ("a\n-----BEGIN RSA PRIVATE KEY-----\nabc\n-----END RSA PRIVATE KEY-----\nb", "a\n[removed: a secret]\nb"),
            ("-----BEGIN RSA PRIVATE KEY-----\ncut short", GONE),
            (
                "-----BEGIN CERTIFICATE-----\nabc\n-----END CERTIFICATE-----\nb",
                "-----BEGIN CERTIFICATE-----\nabc\n-----END CERTIFICATE-----\nb",
            ),
            ("Authorization: Bearer abc.def, x", "Authorization: Bearer [removed: a secret], x"),
            ("code 134539517967686076 and 4200001234202611210000000001", "code ..6076 and ..0001"),
            ("T01K7Q2M9XB00000001 at 1795232306000", "T01K7Q2M9XB00000001 at 1795232306000"),
        ];
        for (text, clean) in cases {
            assert_eq!(scrub.clean(text), clean);
        }
    }
}
