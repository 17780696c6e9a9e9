//! The house rules that a compiler does not know: floors, bans, lengths, no SQL made of pieces.

use std::path::{Path, PathBuf};

/// Floors from the ground up. A module may use its own floor and what lies below it.
const FLOORS: &[&[&str]] = &[
    &["words"],
    &["payment", "dialect", "scan", "scene", "reconcile"],
    &["ledger"],
    &["till"],
    &["edge", "config"],
    &["daemon", "cli"],
];
/// What pure floors may not even mention.
const IMPURE: &[&str] =
    &["tokio", "rusqlite", "reqwest", "std::fs", "std::net", "std::thread", "Instant::now", "SystemTime::now"];
/// Lines after which a file wants a name for its other half.
const FILE_MAX: usize = 500;

#[test]
fn nothing_looks_up() {
    let mut wrong = Vec::new();
    for (path, text) in sources() {
        let Some(floor) = floor_of(&path) else { continue };
        for line in code(&text) {
            for used in line.match_indices("crate::").filter_map(|(at, _)| name_after(line, at + "crate::".len())) {
                let above = FLOORS.iter().position(|names| names.contains(&used)).is_some_and(|it| it > floor);
                if above || (used == "sim" && !is_sim(&path)) {
                    wrong.push(format!("{} uses {used}", path.display()));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn the_annex_uses_nothing_of_the_product() {
    let mut wrong = Vec::new();
    for (path, text) in sources().into_iter().filter(|(path, _)| is_sim(path)) {
        // The demo runs the daemon in a process of its own, through the library's one entry.
        let demo = path.components().any(|part| part.as_os_str().to_string_lossy().starts_with("demo"));
        for line in code(&text) {
            for used in line.match_indices("crate::").filter_map(|(at, _)| name_after(line, at + "crate::".len())) {
                if !["words", "dialect", "sim"].contains(&used) && !(demo && used == "cli") {
                    wrong.push(format!("{} uses {used}", path.display()));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn the_lower_floors_know_no_clock_no_disk_and_no_socket() {
    let mut wrong = Vec::new();
    for (path, text) in sources() {
        if !floor_of(&path).is_some_and(|floor| floor <= 1) {
            continue;
        }
        for line in code(&text) {
            wrong.extend(IMPURE.iter().filter(|it| line.contains(**it)).map(|it| format!("{}: {it}", path.display())));
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn no_sql_is_made_of_pieces() {
    let mut wrong = Vec::new();
    for (path, text) in sources() {
        for line in code(&text).filter(|line| line.contains("format!(")) {
            let shouts = ["SELECT ", "INSERT ", "UPDATE ", "DELETE ", "PRAGMA "];
            if shouts.iter().any(|word| line.contains(word)) {
                wrong.push(format!("{}: {line}", path.display()));
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn files_are_short_enough_to_read() {
    let long: Vec<_> = sources()
        .into_iter()
        .map(|(path, text)| (text.lines().count(), path))
        .filter(|(lines, _)| *lines > FILE_MAX)
        .collect();
    assert!(long.is_empty(), "{long:#?}");
}

fn sources() -> Vec<(PathBuf, String)> {
    let mut found = Vec::new();
    walk(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src"), &mut found);
    assert!(found.len() > 20, "the sources were not found");
    found.sort();
    found
}

fn walk(folder: &Path, found: &mut Vec<(PathBuf, String)>) {
    for entry in std::fs::read_dir(folder).expect("a folder").map(|entry| entry.expect("an entry").path()) {
        if entry.is_dir() {
            walk(&entry, found);
        } else if entry.extension().is_some_and(|it| it == "rs") {
            let text = std::fs::read_to_string(&entry).expect("a source");
            found.push((entry.strip_prefix(env!("CARGO_MANIFEST_DIR")).expect("inside").to_owned(), text));
        }
    }
}

/// Lines that are neither comments nor tests.
fn code(text: &str) -> impl Iterator<Item = &str> {
    text.lines()
        .take_while(|line| !line.starts_with("#[cfg(test)]"))
        .filter(|line| !line.trim_start().starts_with("//"))
}

fn floor_of(path: &Path) -> Option<usize> {
    let top = path.components().nth(1)?.as_os_str().to_str()?;
    FLOORS.iter().position(|names| names.contains(&top.trim_end_matches(".rs")))
}

fn is_sim(path: &Path) -> bool {
    let second = path.components().nth(1).map(|it| it.as_os_str().to_owned());
    second.is_some_and(|it| it == "sim" || it == "bin" || it == "lib.rs")
}

fn name_after(line: &str, at: usize) -> Option<&str> {
    let rest = line.get(at..)?;
    let end = rest.find(|c: char| !c.is_ascii_alphanumeric() && c != '_').unwrap_or(rest.len());
    Some(&rest[..end]).filter(|name| !name.is_empty())
}
