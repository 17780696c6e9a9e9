//! `[[display]] kind = "console"`: two lines of text a scene, for a terminal window, a log or a test.

use std::io::Write;

use super::{Scene, Slot};

/// Writes what `slot` holds to `out`, until the slot is closed. A scene that is told again is not written again.
///
/// # Errors
/// When `out` takes no more: whoever looked is gone.
pub fn run(slot: &Slot<Scene>, mut out: impl Write) -> std::io::Result<()> {
    let mut last = None;
    while let Some(scene) = slot.take() {
        if last.as_ref() == Some(&scene) {
            continue;
        }
        writeln!(out, "{}\n{}", first(&scene), second(&scene))?;
        out.flush()?;
        last = Some(scene);
    }
    Ok(())
}

/// State and amount.
fn first(scene: &Scene) -> String {
    match scene.amount {
        Some(amount) => format!("[{}] {amount}", scene.state),
        None => format!("[{}]", scene.state),
    }
}

/// The text in every language.
fn second(scene: &Scene) -> String {
    let texts: Vec<&str> = scene.lines.iter().map(|(_, text)| &**text).collect();
    texts.join(" · ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::words::Language;

    #[test]
    fn a_scene_is_two_lines_and_is_written_once() {
        let slot = Slot::default();
        let mut out = Vec::new();
        std::thread::scope(|scope| {
            let writer = scope.spawn(|| run(&slot, &mut out));
            for _ in 0..3 {
                slot.put(Scene::of(None, &[Language::En], crate::words::Tick::default()));
            }
            slot.close();
            writer.join().expect("a writer").expect("written");
        });
        assert_eq!(String::from_utf8(out).expect("text"), "[idle]\nWelcome\n");
    }
}
