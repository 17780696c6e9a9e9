//! `[[display]] kind = "console"`: two lines of text a scene, for a terminal window, a log or a test.

use std::io::Write;

use super::{Slot, same};
use crate::scene::Scene;

/// Writes what `slot` holds to `out`, until the slot is closed. A scene that is told again is not written again.
///
/// # Errors
/// When `out` takes no more: whoever looked is gone.
pub fn run(slot: &Slot<Scene>, mut out: impl Write) -> std::io::Result<()> {
    let mut last: Option<Scene> = None;
    while let Some(scene) = slot.take() {
        if last.as_ref().is_some_and(|last| same(last, &scene)) {
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
    match &scene.amount {
        Some(amount) => format!("[{}] {amount}", scene.key),
        None => format!("[{}]", scene.key),
    }
}

/// The text in every language.
fn second(scene: &Scene) -> String {
    let texts: Vec<&str> = scene.lines.iter().map(|line| line.heading.as_str()).collect();
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
                let look = crate::scene::LaneLook::default();
                slot.put(crate::scene::scene(&look, &[Language::En], crate::words::Tick::default()));
            }
            slot.close();
            writer.join().expect("a writer").expect("written");
        });
        assert_eq!(String::from_utf8(out).expect("text"), "[idle]\nWelcome\n");
    }
}
