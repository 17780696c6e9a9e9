//! What the documents show is what happens: every command of the integrator's guide is run, in order, against a real
//! daemon and the simulated gateway, and every answer is compared with the one that stands there.

use std::path::Path;

use clap::CommandFactory as _;
use serde_json::Value;

use crate::cli::counter::Counter;
use crate::support::{Answer, Client};

/// A fenced block: what it is, and its lines.
#[derive(Debug)]
struct Block {
    kind: String,
    text: String,
}

fn read(path: &str) -> String {
    std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(path)).expect("a document")
}

fn blocks(document: &str) -> Vec<Block> {
    let mut blocks = Vec::new();
    let mut open: Option<Block> = None;
    for line in document.lines() {
        match (line.strip_prefix("```"), open.take()) {
            (Some(kind), None) => open = Some(Block { kind: kind.to_owned(), text: String::new() }),
            (Some(_), Some(block)) => blocks.push(block),
            (None, Some(mut block)) => {
                block.text.push_str(line);
                block.text.push('\n');
                open = Some(block);
            }
            (None, None) => {}
        }
    }
    assert!(open.is_none(), "a block is not closed");
    blocks
}

/// A line as a shell takes it apart: blanks, two kinds of quotes, lines that go on.
fn words(line: &str) -> Vec<String> {
    let mut words = Vec::new();
    let mut word: Option<String> = None;
    let mut quote = None;
    for c in line.chars() {
        match (quote, c) {
            (None, '\'' | '"') => {
                quote = Some(c);
                word.get_or_insert_default();
            }
            (Some(open), c) if open == c => quote = None,
            (None, c) if c.is_whitespace() => words.extend(word.take()),
            (_, c) => word.get_or_insert_default().push(c),
        }
    }
    assert_eq!(quote, None, "a quote is not closed in {line}");
    words.extend(word);
    words
}

/// The shop that the guide talks about, and the last answer.
struct Guide {
    counter: Counter,
    tcp: Client,
    token: String,
    reference: String,
    seq: u64,
}

enum Said {
    Answer(Answer),
    Stream(Vec<String>),
    Text(String),
}

impl Guide {
    fn open() -> Self {
        let mut counter = Counter::with_gateway();
        let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
        let address = listener.local_addr().expect("an address");
        drop(listener);
        let token = "0123456789abcdef0123456789abcdef".to_owned();
        counter.write("api.token", &token);
        counter.configure(&format!("listen = \"{address}\"\ntoken_file = \"api.token\"\n"));
        counter.open();
        Self { counter, tcp: Client::Tcp(address), token, reference: String::new(), seq: 0 }
    }

    fn run(&mut self, line: &str) -> Said {
        let line = line.replace("$REF", &self.reference).replace("$SEQ", &self.seq.to_string());
        let line = line.replace("$(cat /etc/shroff/api.token)", &self.token);
        assert!(!line.contains('$'), "nobody knows what this is: {line}");
        let words = words(&line);
        match words.first().map(String::as_str) {
            Some("shroff") => {
                let args: Vec<&str> = words.iter().skip(1).map(String::as_str).collect();
                let ended = self.counter.shroff(&args).exits(0);
                Said::Text(ended.out + &ended.err)
            }
            Some("curl") => self.curl(&words),
            other => panic!("{other:?} is not run by this test"),
        }
    }

    fn curl(&mut self, words: &[String]) -> Said {
        let (mut method, mut body, mut url, mut unix, mut goes_on) = (None, None, None, false, false);
        let mut headers: Vec<(String, String)> = Vec::new();
        let mut rest = words.iter().skip(1);
        while let Some(word) = rest.next() {
            let mut value = || rest.next().expect("a value").clone();
            match word.as_str() {
                "--unix-socket" => unix = value() == "/run/shroff/api.sock",
                "-X" => method = Some(value()),
                "-d" => body = Some(value()),
                "-N" => goes_on = true,
                "-H" => {
                    let header = value();
                    let (name, value) = header.split_once(": ").expect("a header");
                    headers.push((name.to_owned(), value.to_owned()));
                }
                word if word.starts_with("http://") => url = Some(word.to_owned()),
                other => panic!("curl's {other} is not known to this test"),
            }
        }
        let url = url.expect("an address");
        let (host, path) = url.strip_prefix("http://").and_then(|url| url.split_once('/')).expect("a path");
        let (client, host) = if unix { (self.counter.api(), host) } else { (self.tcp.clone(), "") };
        assert!(unix == (host == "shroff"), "{url}");
        let headers: Vec<(&str, &str)> = headers.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        if goes_on {
            let mut stream = client.stream(&format!("/{path}"), &headers);
            return Said::Stream(
                (0..12).map(|_| stream.line()).take_while(|line| !line.starts_with("data: ")).collect(),
            );
        }
        let body = body.unwrap_or_default();
        let method = method.unwrap_or_else(|| if body.is_empty() { "GET" } else { "POST" }.to_owned());
        let answer = client.ask(&method, &format!("/{path}"), &headers, &body);
        self.learn(&answer);
        Said::Answer(answer)
    }

    fn learn(&mut self, answer: &Answer) {
        if answer.status >= 300 || answer.body.is_empty() {
            return;
        }
        let body = answer.json();
        let about = if body["payments"].is_array() { &body["payments"][0] } else { &body };
        if let Some(reference) = about["ref"].as_str() {
            self.reference = reference.to_owned();
        }
        if let Some(seq) = about["seq"].as_u64() {
            self.seq = seq;
        }
    }
}

/// Whether all that is expected is there. `"..."` is anything but nothing.
fn holds(expected: &Value, got: &Value, place: &str) -> Result<(), String> {
    match (expected, got) {
        (Value::String(any), got) if any == "..." && !got.is_null() => Ok(()),
        (Value::Object(expected), Value::Object(got)) => expected.iter().try_for_each(|(name, value)| {
            let there = got.get(name).ok_or(format!("{place}.{name} is not there"))?;
            holds(value, there, &format!("{place}.{name}"))
        }),
        (Value::Array(expected), Value::Array(got)) => {
            if expected.is_empty() != got.is_empty() || expected.len() > got.len() {
                return Err(format!("{place} has {} entries", got.len()));
            }
            expected.iter().zip(got).try_for_each(|(expected, got)| holds(expected, got, place))
        }
        (expected, got) if expected == got => Ok(()),
        (expected, got) => Err(format!("{place} is {got}, the document says {expected}")),
    }
}

#[test]
fn every_command_of_the_integrators_guide_does_what_it_says() {
    let mut guide = Guide::open();
    let blocks = blocks(&read("docs/integrators.md"));
    let mut run = 0;
    let mut blocks = blocks.iter().peekable();
    while let Some(block) = blocks.next() {
        assert_eq!(block.kind, "sh", "an answer without its command: {block:?}");
        let lines = block.text.replace("\\\n", " ");
        let lines: Vec<&str> = lines.lines().filter(|line| !line.trim().is_empty()).collect();
        let (last, before) = lines.split_last().expect("a command");
        before.iter().for_each(|line| drop(guide.run(line)));
        let mut said = guide.run(last);
        run += lines.len();
        let Some(expected) = blocks.next_if(|next| next.kind != "sh") else { continue };
        match (&mut said, expected.kind.split_once(' ')) {
            (Said::Answer(answer), Some(("json", status))) => {
                let wanted: Option<Value> = serde_json::from_str(&expected.text).ok();
                assert_eq!(wanted.is_none(), expected.text.is_empty(), "no JSON: {}", expected.text);
                // A long poll is repeated until it is final, as the guide says.
                let ends = |value: &Value| value["final"] == true;
                for _ in 0..20 {
                    if !(last.contains("wait=") && wanted.as_ref().is_some_and(ends)) || ends(&answer.json()) {
                        break;
                    }
                    let Said::Answer(next) = guide.run(last) else { panic!("no answer to {last}") };
                    *answer = next;
                }
                assert_eq!(answer.status.to_string(), status, "{last}: {}", answer.body);
                if let Some(wanted) = wanted {
                    holds(&wanted, &answer.json(), "").map_err(|why| format!("{last}: {why}")).expect("as documented");
                }
            }
            (Said::Stream(lines), None) => {
                for wanted in expected.text.lines().filter(|line| !line.starts_with("data: ")) {
                    assert!(lines.iter().any(|line| line == wanted), "{wanted} is not in {lines:?}");
                }
            }
            (Said::Text(text), None) => assert!(text.contains(expected.text.trim()), "{last}: {text}"),
            _ => panic!("{last} has another kind of answer than {}", expected.kind),
        }
    }
    assert!(run > 15, "the guide has {run} commands");
    assert!(guide.counter.sim().book().violations().is_empty());
}

#[test]
fn the_guide_names_every_code_and_every_state_there_is() {
    let guide = read("docs/integrators.md");
    let sources = read("src/edge/api/problem.rs");
    let codes = sources.lines().filter_map(|line| line.split("(S::").nth(1)?.split('"').nth(1));
    let codes: Vec<&str> = codes.collect();
    assert!(codes.len() > 25, "{codes:?}");
    for code in codes {
        assert!(guide.contains(&format!("`{code}`")), "the guide does not name the code {code}");
    }
    let states = shroff::payment::State::ALL.iter().map(|state| state.word());
    let actions = shroff::payment::Action::ALL.iter().map(|action| action.word());
    for state in states.chain(actions).chain(shroff::payment::RefundState::ALL.iter().map(|state| state.word())) {
        assert!(guide.contains(&format!("`{state}`")), "the guide does not name the state {state}");
    }
}

#[test]
fn the_guide_names_every_call_there_is() {
    let guide = read("docs/integrators.md");
    for route in shroff::edge::api::ROUTES.iter().filter(|route| route.path.starts_with("/v1/")) {
        let call = format!("`{} {}`", route.method, route.path);
        assert!(guide.contains(&call), "the guide does not name {call}");
    }
}

#[test]
fn every_command_that_a_document_names_exists() {
    let command = shroff::cli::Args::command();
    let known: Vec<&str> = command.get_subcommands().map(clap::Command::get_name).collect();
    for path in ["README.md", "docs/integrators.md", "contrib/prometheus/shroff.rules.yml", "config.toml.example"] {
        for (at, _) in read(path).match_indices("shroff ").collect::<Vec<_>>() {
            let text = read(path);
            let before = text[..at].chars().next_back();
            let name: String = text[at + 7..].chars().take_while(|c| c.is_ascii_lowercase() || *c == '-').collect();
            // Only where it begins code: prose speaks of shroff too.
            if before == Some('`') && !name.is_empty() {
                assert!(known.contains(&name.as_str()), "{path}: there is no `shroff {name}`");
            }
        }
    }
}

#[test]
fn every_command_has_its_page_and_its_completions() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut man = crate::cli::counter::shroff();
    assert!(man.arg("man").arg(folder.path()).output().expect("shroff").status.success());
    let command = shroff::cli::Args::command();
    for name in command.get_subcommands().filter(|it| !it.is_hide_set()).map(clap::Command::get_name) {
        let page = folder.path().join(format!("shroff-{name}.1"));
        let page = std::fs::read_to_string(&page).map_err(|error| format!("{name}: {error}")).expect("a page");
        assert!(page.contains(".SH NAME") && page.contains(".SH SYNOPSIS"), "{name}: {page}");
        for shell in ["bash", "zsh", "fish"] {
            let mut completions = crate::cli::counter::shroff();
            let script = completions.args(["completions", shell]).output().expect("shroff").stdout;
            assert!(String::from_utf8_lossy(&script).contains(name), "{shell} does not complete {name}");
        }
    }
    let page = std::fs::read_to_string(folder.path().join("shroff.1")).expect("a page");
    assert!(page.contains("78 configuration"), "the exit codes");
}
