//! The dialogue: a flag is an answer, a person at the terminal gives the others, and without one the defaults do.

use std::io::{self, IsTerminal as _};

use anyhow::Context as _;
use dialoguer::console::Term;
use dialoguer::theme::{ColorfulTheme, SimpleTheme, Theme};
use dialoguer::{Confirm, Input, Password, Select};

use crate::cli::exit::BadData;
use crate::words::Secret;

/// Whoever is asked.
pub(super) struct Talk {
    /// None: nobody is there, or nothing is to be asked.
    person: Option<(Term, Box<dyn Theme>)>,
    /// Flags that are needed and were not given.
    missing: Vec<&'static str>,
}

/// What is wrong with an answer.
pub(super) type Checked = Result<(), String>;

impl Talk {
    /// A dialogue with the person at the terminal; with nobody when `silent`.
    ///
    /// # Errors
    /// When somebody has to be asked and there is no terminal.
    pub(super) fn new(silent: bool) -> anyhow::Result<Self> {
        if silent {
            return Ok(Self { person: None, missing: Vec::new() });
        }
        if !io::stdin().is_terminal() || !io::stderr().is_terminal() {
            let text = "there is nobody to ask: run it at a terminal, or with --yes and a flag for each answer";
            return Err(BadData(text.to_owned()).into());
        }
        let plain = std::env::var_os("NO_COLOR").is_some_and(|it| !it.is_empty());
        let theme: Box<dyn Theme> = if plain { Box::new(SimpleTheme) } else { Box::new(ColorfulTheme::default()) };
        Ok(Self { person: Some((Term::stderr(), theme)), missing: Vec::new() })
    }

    /// Text: what `flag` says, what a person types, or `default`. None when it is missing, which is remembered.
    pub(super) fn text(
        &mut self,
        flag: &'static str,
        given: Option<&str>,
        question: &str,
        default: Option<&str>,
        check: &dyn Fn(&str) -> Checked,
    ) -> anyhow::Result<Option<String>> {
        if let Some(given) = given {
            check(given).map_err(|why| BadData(format!("{flag}: {why}")))?;
            return Ok(Some(given.to_owned()));
        }
        let Some((term, theme)) = &self.person else {
            if default.is_none() {
                self.missing.push(flag);
            }
            return Ok(default.map(str::to_owned));
        };
        let mut input =
            Input::<String>::with_theme(theme.as_ref()).with_prompt(question).allow_empty(default == Some(""));
        if let Some(default) = default.filter(|it| !it.is_empty()) {
            input = input.default(default.to_owned());
        }
        let answer = input.validate_with(|text: &String| check(text.trim())).interact_text_on(term);
        Ok(Some(answer.context(ENDED)?.trim().to_owned()))
    }

    /// A secret, which is not shown. None when nobody can be asked for it, which is remembered.
    pub(super) fn secret(
        &mut self,
        flag: &'static str,
        question: &str,
        check: &dyn Fn(&str) -> Checked,
    ) -> anyhow::Result<Option<Secret>> {
        let Some((term, theme)) = &self.person else {
            self.missing.push(flag);
            return Ok(None);
        };
        let typed = Password::with_theme(theme.as_ref())
            .with_prompt(question)
            .validate_with(|text: &String| check(text.trim()))
            .interact_on(term)
            .context(ENDED)?;
        let typed = zeroize::Zeroizing::new(typed);
        Ok(Some(Secret::new(typed.trim().as_bytes().to_vec())))
    }

    /// One of these, by its place; the first is the default. None when nobody is there.
    pub(super) fn choose(&self, question: &str, items: &[String]) -> anyhow::Result<Option<usize>> {
        let Some((term, theme)) = &self.person else { return Ok(None) };
        let chosen = Select::with_theme(theme.as_ref()).with_prompt(question).items(items).default(0).interact_on(term);
        Ok(Some(chosen.context(ENDED)?))
    }

    /// Yes or no; no when nobody is there.
    pub(super) fn confirm(&mut self, question: &str) -> anyhow::Result<bool> {
        let Some((term, theme)) = &self.person else { return Ok(false) };
        Confirm::with_theme(theme.as_ref()).with_prompt(question).default(false).interact_on(term).context(ENDED)
    }

    /// Whether somebody is there.
    pub(super) fn is_with_a_person(&self) -> bool {
        self.person.is_some()
    }

    /// All flags that are needed, in one go.
    ///
    /// # Errors
    /// When there are any.
    pub(super) fn nothing_missing(&self) -> anyhow::Result<()> {
        if self.missing.is_empty() {
            return Ok(());
        }
        Err(BadData(format!("with --yes these are needed too: {}", self.missing.join(", "))).into())
    }
}

const ENDED: &str = "the dialogue ended, and nothing was written";
