//! The cashier page: its files, compiled in. They hold nothing of the shop's and need no build step.

use std::collections::BTreeMap;

use bytes::Bytes;
use sha2::{Digest as _, Sha256};

use crate::scene::texts;
use crate::words::{LaneId, Language};

/// What the page may load and run: its own files. No text becomes a script or HTML, whatever stands in it: the browser
/// refuses every sink that would make it one.
pub const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; \
    base-uri 'none'; form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types 'none'";

const HTML: &str = include_str!("page.html");
const SCRIPT: &str = "text/javascript; charset=utf-8";

/// Name, type and content of every file but the texts.
const FILES: [(&str, &str, &str); 16] = [
    ("cashier.css", "text/css; charset=utf-8", include_str!("cashier.css")),
    ("icon.svg", "image/svg+xml", include_str!("icon.svg")),
    ("api.js", SCRIPT, include_str!("api.js")),
    ("app.js", SCRIPT, include_str!("app.js")),
    ("attention.js", SCRIPT, include_str!("attention.js")),
    ("close.js", SCRIPT, include_str!("close.js")),
    ("detail.js", SCRIPT, include_str!("detail.js")),
    ("dom.js", SCRIPT, include_str!("dom.js")),
    ("login.js", SCRIPT, include_str!("login.js")),
    ("money.js", SCRIPT, include_str!("money.js")),
    ("payments.js", SCRIPT, include_str!("payments.js")),
    ("refund.js", SCRIPT, include_str!("refund.js")),
    ("sell.js", SCRIPT, include_str!("sell.js")),
    ("shop.js", SCRIPT, include_str!("shop.js")),
    ("texts.js", SCRIPT, include_str!("texts.js")),
    ("when.js", SCRIPT, include_str!("when.js")),
];

/// The page, ready but for lane and language.
#[derive(Debug)]
pub struct Cashier {
    build: String,
    files: BTreeMap<String, (&'static str, Bytes)>,
}

impl Default for Cashier {
    fn default() -> Self {
        Self::new()
    }
}

impl Cashier {
    /// The page with the texts of every language.
    #[must_use]
    pub fn new() -> Self {
        let mut files: BTreeMap<String, (&'static str, Bytes)> = BTreeMap::new();
        for (name, kind, content) in FILES {
            files.insert(name.to_owned(), (kind, Bytes::from_static(content.as_bytes())));
        }
        for language in Language::ALL {
            let content = serde_json::to_vec(&texts::page(language)).unwrap_or_default();
            files.insert(format!("texts.{}.json", language.tag()), ("application/json", Bytes::from(content)));
        }
        let mut digest = Sha256::new_with_prefix(HTML);
        files.values().for_each(|(_, content)| digest.update(content));
        let build = digest.finalize().iter().take(8).map(|byte| format!("{byte:02x}")).collect();
        Self { build, files }
    }

    /// Names the page as it is: another program's page has another name.
    #[must_use]
    pub fn build(&self) -> &str {
        &self.build
    }

    /// The page of `lane`, for a terminal that speaks `language`. Neither has a character that means anything in HTML.
    #[must_use]
    pub fn html(&self, lane: &LaneId, language: Language) -> String {
        HTML.replace("{{lang}}", language.tag()).replace("{{build}}", &self.build).replace("{{lane}}", lane.as_str())
    }

    /// The type and content of a file.
    #[must_use]
    pub fn asset(&self, name: &str) -> Option<(&'static str, Bytes)> {
        self.files.get(name).cloned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_page_loads_nothing_but_its_own_files_and_all_of_them_are_there() {
        let page = Cashier::new();
        let html = page.html(&"1".parse().expect("a lane"), Language::ZhHk);
        assert!(!html.contains("{{") && html.contains("lang=\"zh-HK\"") && html.contains("data-lane=\"1\""));
        assert!(!html.contains("style=") && !html.contains(" on") && !html.contains("<style"), "nothing inline");
        for (name, _, content) in FILES {
            // An address in an SVG's name space is no address.
            let plain = content.replace("http://www.w3.org/2000/svg", "");
            for foreign in ["http:", "https:", "//cdn", "@import", "url("] {
                assert!(!plain.contains(foreign), "{name}: {foreign}");
            }
            for import in content.split("from \"./").skip(1).filter_map(|rest| rest.split('"').next()) {
                assert!(page.asset(import).is_some(), "{name} imports {import}");
            }
        }
        for file in html.split("/assets/").skip(1).filter_map(|rest| rest.split('"').next()) {
            assert!(page.asset(file).is_some(), "{file}");
        }
    }

    #[test]
    fn nothing_on_the_page_can_turn_text_into_html_or_script() {
        for (name, _, content) in FILES {
            for sink in
                ["innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", "eval(", "new Function", "srcdoc"]
            {
                assert!(!content.contains(sink), "{name}: {sink}");
            }
        }
    }

    #[test]
    fn every_text_that_is_named_in_a_script_is_in_the_catalogue() {
        for (name, _, content) in FILES.into_iter().filter(|(name, ..)| name.ends_with(".js")) {
            let calls = content.match_indices("t(\"").filter(|(at, _)| {
                let before = content[..*at].chars().last();
                !before.is_some_and(|c| c.is_ascii_alphanumeric() || c == '.')
            });
            for (at, call) in calls {
                let key = content[at + call.len()..].split('"').next().expect("a key");
                assert!(texts::PAGE.contains(&key), "{name}: {key}");
            }
        }
    }
}
