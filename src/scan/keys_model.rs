//! The wedge against a naive model that sees everything that was typed at once.

use proptest::prelude::*;

use super::*;

/// What an event does, as the model sees it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Mark {
    Silence,
    Spoilt,
    Byte(u8),
}

/// Whether `key` is down before the event at `index`; `None` after a hole.
fn is_down(typed: &[Typed], index: usize, key: u16) -> Option<bool> {
    let last = typed[..index].iter().rev().find(|(event, _)| [Down(key), Up(key), Dropped].contains(event));
    match last.map(|(event, _)| *event) {
        Some(Down(_)) => Some(true),
        Some(Dropped) => None,
        Some(Up(_) | Repeat(_)) | None => Some(false),
    }
}

/// Where Alt went down, if it is down before the event at `index`.
fn alt_since(typed: &[Typed], index: usize) -> Option<usize> {
    (is_down(typed, index, LEFT_ALT) == Some(true))
        .then(|| typed[..index].iter().rposition(|(event, _)| *event == Down(LEFT_ALT)).expect("it is down"))
}

/// The digits that were typed between two events, if nothing else was and the line was never silent.
fn number_between(typed: &[Typed], from: usize, to: usize) -> Option<String> {
    let inside = &typed[from + 1..to];
    let silent = inside.iter().any(|(_, gap)| *gap >= 100);
    let pressed = inside.iter().filter_map(|(event, _)| if let Down(key) = event { Some(key) } else { None });
    let digits: Option<String> =
        pressed.map(|key| KEYPAD.iter().position(|it| it == key).map(|digit| digit.to_string())).collect();
    digits.filter(|_| !silent)
}

fn marks(typed: &[Typed], index: usize) -> Vec<Mark> {
    let (event, gap) = typed[index];
    if event == Dropped {
        return vec![Mark::Spoilt];
    }
    let mut marks = Vec::new();
    let alt = alt_since(typed, index);
    let number = alt.and_then(|from| number_between(typed, from, index));
    if gap >= 100 {
        marks.extend(number.is_some().then_some(Mark::Spoilt));
        marks.push(Mark::Silence);
    }
    let number = number.filter(|_| gap < 100);
    match event {
        Down(key) => {
            marks.extend((is_down(typed, index, key) == Some(true)).then_some(Mark::Spoilt));
            let shift = SHIFTS.iter().any(|shift| is_down(typed, index, *shift) == Some(true));
            let ends = [ENTER, KEYPAD_ENTER, TAB].contains(&key);
            let keypad = KEYPAD.iter().position(|it| *it == key);
            let plain = KEYS.iter().find(|(it, ..)| *it == key);
            match (alt, keypad, plain) {
                _ if key == LEFT_ALT => {}
                (Some(_), Some(_), _) if number.is_some() => {}
                (Some(_), ..) => {
                    marks.push(Mark::Spoilt);
                    marks.extend(ends.then_some(Mark::Byte(b'\r')));
                }
                (None, Some(digit), _) => marks.push(Mark::Byte(b"0123456789"[digit])),
                (None, _, Some((_, low, high))) => marks.push(Mark::Byte(if shift { *high } else { *low })),
                (None, None, None) if ends => marks.push(Mark::Byte(b'\r')),
                (None, None, None) if [SHIFT, 54, CAPS_LOCK, 69].contains(&key) => {}
                (None, None, None) => marks.push(Mark::Spoilt),
            }
        }
        Up(key) => {
            let excused = is_down(typed, index, key).is_none() && [SHIFT, 54, LEFT_ALT, CONTROL].contains(&key);
            if is_down(typed, index, key) != Some(true) && !excused {
                marks.push(Mark::Spoilt);
            }
            match number.filter(|_| key == LEFT_ALT).map(|digits| digits.parse::<u128>()) {
                Some(Ok(number @ 0..=255)) => marks.push(Mark::Byte(u8::try_from(number).expect("a byte"))),
                Some(Ok(number @ 256..=65535)) => {
                    marks.extend(
                        [number >> 8, number & 255].map(|byte| Mark::Byte(u8::try_from(byte).expect("a byte"))),
                    );
                }
                Some(Ok(_) | Err(_)) => marks.push(Mark::Spoilt),
                None => {}
            }
        }
        Repeat(_) | Dropped => {}
    }
    marks
}

/// The texts of everything that was typed: cut at the ends; a piece counts if nothing spoilt it.
fn texts_of(typed: &[Typed]) -> Vec<Vec<u8>> {
    let marks: Vec<Mark> = (0..typed.len()).flat_map(|index| marks(typed, index)).collect();
    let is_end = |mark: &Mark| matches!(mark, Mark::Byte(b'\r' | b'\n'));
    let pieces = marks.split_inclusive(is_end).filter(|piece| piece.last().is_some_and(is_end));
    let text = |piece: &[Mark]| {
        let begun = piece.iter().position(|mark| *mark != Mark::Silence).unwrap_or_default();
        let bytes: Option<Vec<u8>> = piece[begun..piece.len() - 1]
            .iter()
            .map(|mark| match mark {
                Mark::Byte(byte) => Some(*byte),
                Mark::Silence | Mark::Spoilt => None,
            })
            .collect();
        bytes.filter(|text| (1..=64).contains(&text.len()))
    };
    pieces.filter_map(text).collect()
}

/// Payment codes as scanners type them, and the ends behind them.
fn code() -> impl Strategy<Value = String> {
    (10_u64..=15, 0_u64..10_u64.pow(16)).prop_map(|(head, tail)| format!("{head}{tail:016}"))
}

fn typed_code() -> impl Strategy<Value = (String, Vec<Typed>)> {
    (code(), 0_usize..5).prop_map(|(code, way)| {
        let typed = match way {
            0 | 1 => text(&code),
            2 => keypad(&code),
            3 => with(SHIFT, text(&code)),
            _ => alt(&code),
        };
        (code, typed)
    })
}

fn end() -> impl Strategy<Value = Vec<Typed>> {
    prop_oneof![4 => Just(enter()), 1 => Just(keys(&[KEYPAD_ENTER])), 1 => Just(keys(&[TAB]))]
}

fn event() -> impl Strategy<Value = KeyEvent> {
    let key = || proptest::sample::select(vec![2_u16, 3, 11, 79, 82, 30, SHIFT, LEFT_ALT, CONTROL, ENTER, CAPS_LOCK]);
    prop_oneof![4 => key().prop_map(Down), 4 => key().prop_map(Up), 1 => key().prop_map(Repeat), 1 => Just(Dropped)]
}

fn gap() -> impl Strategy<Value = u64> {
    prop_oneof![30 => 0_u64..40, 1 => 95_u64..105, 1 => 200_u64..900]
}

/// Scans with events that are lost, put in and changed.
fn disturbed() -> impl Strategy<Value = Vec<Typed>> {
    let number = prop_oneof![0_u32..300, 40000_u32..70000]
        .prop_filter("noise, of which the framer has rules of its own", |number| {
            ![0, 0xFF, 0xFF00, 0xFFFF].contains(number)
        });
    let step = prop_oneof![
        6 => (typed_code(), end()).prop_map(|((_, typed), end)| [typed, end].concat()),
        1 => number.prop_map(|number| by_numbers(&[&number.to_string()])),
        1 => "[a-z0-9\\[\\]:/]{0,30}".prop_map(|line| text(&line)),
        1 => proptest::collection::vec((event(), gap()), 0..8),
    ];
    let change = (any::<prop::sample::Index>(), proptest::option::of(event()), 0_u8..3, gap());
    (proptest::collection::vec(step, 0..8), proptest::collection::vec(change, 0..6)).prop_map(|(steps, changes)| {
        let mut typed = steps.concat();
        for (at, event, how, gap) in changes {
            let at = at.index(typed.len().max(1)).min(typed.len());
            match (how, event) {
                (0, Some(event)) => typed.insert(at, (event, gap)),
                (1, _) if at < typed.len() => drop(typed.remove(at)),
                (_, _) if at < typed.len() => typed[at].1 = gap,
                (_, _) => {}
            }
        }
        typed
    })
}

/// Scans, some of whose events are lost: one of the two that a key has, or all of a while, which is told of.
fn lossy() -> impl Strategy<Value = (Vec<String>, Vec<Typed>)> {
    let scan = (typed_code(), end(), 0_u64..1000);
    let loss = (any::<prop::sample::Index>(), any::<prop::sample::Index>(), any::<bool>());
    (proptest::collection::vec(scan, 1..6), proptest::collection::vec(loss, 0..5)).prop_map(|(scans, losses)| {
        let codes = scans.iter().map(|((code, _), _, _)| code.clone()).collect();
        let mut typed: Vec<Typed> = Vec::new();
        for ((_, mut scan), end, before) in scans {
            scan[0].1 = before;
            typed.extend([scan, end].concat());
        }
        let mut lost_keys = BTreeSet::new();
        for (at, length, told) in losses {
            let at = at.index(typed.len());
            if told {
                let end = (at + 1 + length.index(60)).min(typed.len());
                typed.splice(at..end, [(Dropped, 8)]);
            } else if let (Down(key) | Up(key), _) = typed[at]
                && lost_keys.insert(key)
            {
                typed.remove(at);
            }
        }
        (codes, typed)
    })
}

proptest! {
    #[test]
    fn what_comes_out_is_what_was_typed_completely(typed in disturbed()) {
        let heard = candidates(Framing { stx_etx: false, ..framing() }, &typed);
        let model: Vec<_> = texts_of(&typed).iter().map(|text| Candidate::new(text, None, Tick::default())).collect();
        let texts = |scans: &[Candidate]| -> Vec<Vec<u8>> { scans.iter().map(|scan| scan.text.to_vec()).collect() };
        prop_assert_eq!(texts(&heard), texts(&model), "{}", story(&typed));
    }

    #[test]
    fn lost_events_lose_scans_and_never_make_one((codes, typed) in lossy(), by_silence in any::<bool>()) {
        let framing = if by_silence { timeout() } else { framing() };
        let mut codes = codes.iter();
        for scan in candidates(framing, &typed) {
            if let Scanned::Code(code) = read(&scan) {
                // Each comes once, in order.
                prop_assert!(codes.any(|typed| typed == code.expose()), "{}", story(&typed));
            }
        }
    }

    #[test]
    fn no_events_and_no_framing_make_it_panic_or_hold_much(
        typed in proptest::collection::vec((prop_oneof![event(), any::<u16>().prop_map(Down), any::<u16>().prop_map(Up)], gap()), 0..200),
        (stx_etx, timeout, silence_ms) in (any::<bool>(), any::<bool>(), 0_u64..300),
    ) {
        let mut keys = Keys::new(Framing { stx_etx, timeout, silence_ms, ..framing() });
        let mut now = Tick::default();
        for (event, gap) in typed {
            now = now.after(ms(gap));
            let _scan = keys.push(event, ms(gap), now).or(keys.idle(now.after(ms(gap))));
            prop_assert!(keys.down.len() <= DOWN_MAX);
            prop_assert!(keys.unsure.len() <= MODIFIERS.len());
        }
    }
}
