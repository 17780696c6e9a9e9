//! The text form that came before OpenMetrics (version 0.0.4).

/// OpenMetrics in the form that came before it: counters and infos are named in full where they are described, and there
/// are neither units nor an end.
pub(super) fn of(text: &str) -> String {
    let ending = |kind: &str| match kind {
        "counter" => "_total",
        "info" => "_info",
        _ => "",
    };
    let kind = |name: &str| {
        let told = text.lines().filter_map(|line| line.strip_prefix("# TYPE ")?.split_once(' '));
        told.filter(|(told, _)| *told == name).map(|(_, kind)| kind).next().unwrap_or_default().to_owned()
    };
    let mut out = String::with_capacity(text.len());
    for line in text.lines() {
        let mut words = line.splitn(4, ' ');
        match (words.next(), words.next(), words.next(), words.next()) {
            (Some("#"), Some("UNIT" | "EOF"), ..) => {}
            (Some("#"), Some("HELP"), Some(name), Some(help)) => {
                out.push_str(&format!("# HELP {name}{} {help}\n", ending(&kind(name))));
            }
            (Some("#"), Some("TYPE"), Some(name), Some(told)) => {
                let shown = if told == "info" { "gauge" } else { told };
                out.push_str(&format!("# TYPE {name}{} {shown}\n", ending(told)));
            }
            _ => {
                out.push_str(line);
                out.push('\n');
            }
        }
    }
    out
}
