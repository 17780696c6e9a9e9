//! The dialogue: a flag is an answer, a person at the terminal gives the others, and without one the defaults do.

use std::io::{self, IsTerminal as _};

use anyhow::Context as _;
use dialoguer::console::Term;
use dialoguer::theme::{ColorfulTheme, SimpleTheme, Theme};
use dialoguer::{Confirm, Input, Select};
use zeroize::Zeroizing;

use super::hidden;
use super::signals::Signals;
use crate::cli::exit::BadData;
use crate::words::Secret;

/// Whoever is asked.
pub(super) struct Talk {
    /// None: nobody is there, or nothing is to be asked.
    person: Option<Person>,
    /// Flags that are needed and were not given.
    missing: Vec<&'static str>,
    /// What is said when the dialogue ends too early.
    state: &'static str,
}

/// Somebody at the terminal.
struct Person {
    term: Term,
    theme: Box<dyn Theme>,
    signals: Signals,
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
            return Ok(Self { person: None, missing: Vec::new(), state: NOTHING });
        }
        if !io::stdin().is_terminal() || !io::stderr().is_terminal() {
            let text = "there is nobody to ask: run it at a terminal, or with --yes and a flag for each answer";
            return Err(BadData(text.to_owned()).into());
        }
        let plain = std::env::var_os("NO_COLOR").is_some_and(|it| !it.is_empty());
        let theme: Box<dyn Theme> = if plain { Box::new(SimpleTheme) } else { Box::new(ColorfulTheme::default()) };
        let person = Person { term: Term::stderr(), theme, signals: Signals::new().context("signals")? };
        Ok(Self { person: Some(person), missing: Vec::new(), state: NOTHING })
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
        let Some(person) = &self.person else {
            if default.is_none() {
                self.missing.push(flag);
            }
            return Ok(default.map(str::to_owned));
        };
        let answer = person.asked(self.state, |term, theme| {
            let mut input = Input::<String>::with_theme(theme).with_prompt(question).allow_empty(default == Some(""));
            if let Some(default) = default.filter(|it| !it.is_empty()) {
                input = input.default(default.to_owned());
            }
            Ok(input.validate_with(|text: &String| check(text.trim())).interact_text_on(term)?)
        })?;
        Ok(Some(answer.trim().to_owned()))
    }

    /// A secret, which is not shown. None when nobody can be asked for it, which is remembered.
    pub(super) fn secret(
        &mut self,
        flag: &'static str,
        question: &str,
        check: &dyn Fn(&str) -> Checked,
    ) -> anyhow::Result<Option<Secret>> {
        let Some(person) = &self.person else {
            self.missing.push(flag);
            return Ok(None);
        };
        let typed = person.asked(self.state, |term, theme| person.hidden(term, theme, question, check))?;
        Ok(Some(Secret::new(typed.trim().as_bytes().to_vec())))
    }

    /// One of these, by its place; the first is the default. None when nobody is there.
    pub(super) fn choose(&self, question: &str, items: &[String]) -> anyhow::Result<Option<usize>> {
        let Some(person) = &self.person else { return Ok(None) };
        let chosen = person.asked(self.state, |term, theme| {
            Ok(Select::with_theme(theme).with_prompt(question).items(items).default(0).interact_on(term)?)
        });
        chosen.map(Some)
    }

    /// Yes or no; no when nobody is there.
    pub(super) fn confirm(&mut self, question: &str) -> anyhow::Result<bool> {
        let Some(person) = &self.person else { return Ok(false) };
        person.asked(self.state, |term, theme| {
            Ok(Confirm::with_theme(theme).with_prompt(question).default(false).interact_on(term)?)
        })
    }

    /// From here on everything is written, whatever becomes of the dialogue.
    pub(super) fn is_written(&mut self) {
        self.state = WRITTEN;
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

impl Person {
    /// Asks. However it ends, the cursor is there again, and a signal waits until the terminal is as it was.
    fn asked<T>(&self, state: &'static str, ask: impl FnOnce(&Term, &dyn Theme) -> io::Result<T>) -> anyhow::Result<T> {
        let _held = self.signals.hold();
        let answer = ask(&self.term, self.theme.as_ref());
        let interrupted = matches!(&answer, Err(error) if error.kind() == io::ErrorKind::Interrupted);
        if answer.is_err() {
            // A terminal that is gone needs neither.
            let _gone = self.term.show_cursor().and_then(|()| self.term.write_line(""));
        }
        if interrupted || self.signals.came() {
            return Err(self.signals.end(state).into());
        }
        answer.with_context(|| format!("the dialogue ended; {state}"))
    }

    /// A line that is not shown, as often as it takes to be a good one.
    fn hidden(
        &self,
        term: &Term,
        theme: &dyn Theme,
        question: &str,
        check: &dyn Fn(&str) -> Checked,
    ) -> io::Result<Zeroizing<String>> {
        let failed = |_| io::Error::other("the question cannot be written");
        loop {
            let mut shown = String::new();
            theme.format_input_prompt(&mut shown, question, None).map_err(failed)?;
            term.write_str(&shown)?;
            term.flush()?;
            let typed = hidden::line(&|| self.signals.came())?;
            let typed = Zeroizing::new(String::from_utf8_lossy(&typed).into_owned());
            shown.clear();
            term.write_line("")?;
            if let Err(why) = check(typed.trim()) {
                theme.format_error(&mut shown, &why).map_err(failed)?;
                term.write_line(&shown)?;
                continue;
            }
            term.clear_last_lines(1)?;
            theme.format_input_prompt_selection(&mut shown, question, "[hidden]").map_err(failed)?;
            term.write_line(&shown)?;
            return Ok(typed);
        }
    }
}

const NOTHING: &str = "nothing was written";
const WRITTEN: &str = "everything is written, and nothing was started: systemctl enable --now shroff";
