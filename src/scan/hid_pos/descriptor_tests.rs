use proptest::prelude::*;

use super::super::samples::*;
use super::*;

fn kind(descriptor: &[u8]) -> HidKind {
    HidKind::of(descriptor).expect("a descriptor")
}

fn layout(descriptor: &[u8]) -> Layout {
    match kind(descriptor) {
        HidKind::Scanner(layout) => layout,
        other @ (HidKind::Keyboard | HidKind::Other(_)) => panic!("{other:?}"),
    }
}

#[test]
fn makers_put_the_same_things_in_different_places() {
    for (descriptor, sizes) in [
        (honeywell(), (56, 64)),
        (zebra(), (56, 64)),
        (newland(), (56, 64)),
        (microscan(), (62, 64)),
        (bare(), (8, 9)),
        (combined(), (56, 59)),
    ] {
        let layout = layout(&descriptor);
        assert_eq!((layout.data_max(), layout.report_size_max()), sizes);
    }
    let typing: Vec<bool> = [combined(), honeywell()].iter().map(|it| layout(it).types()).collect();
    assert_eq!(typing, [true, false]);
    assert!(format!("{:?}", layout(&honeywell())).contains("length: Some(1), aim: [Some(2), Some(3), Some(4)]"));
    assert!(format!("{:?}", layout(&zebra())).contains("length: Some(1), aim: [Some(3), Some(4), Some(5)]"));
    assert!(format!("{:?}", layout(&newland())).contains("length: Some(1), aim: [None, None, None]"));
}

#[test]
fn what_is_no_scanner_says_what_it_is() {
    assert_eq!(kind(&keyboard()), HidKind::Keyboard);
    assert_eq!(kind(&mouse()), HidKind::Other(NoScanner::Unrelated));
    assert_eq!(kind(&fido()), HidKind::Other(NoScanner::Unrelated));
    assert_eq!(kind(&vendor()), HidKind::Other(NoScanner::VendorPage(0xFF8C)));
    assert_eq!(kind(&[]), HidKind::Other(NoScanner::Unrelated));
    let without_data = hex("058c 0902 a101 7508 9508 0904 8102 c0");
    assert_eq!(kind(&without_data), HidKind::Other(NoScanner::NoData));
    let pages: Vec<_> = [0x01, 0x07, 0x0C, 0x66]
        .map(|page| kind(&[hex("058c 0902 a101"), vec![0x05, page], hex("7508 9508 09fe 8102 c0")].concat()))
        .into();
    assert!(pages.iter().all(|kind| *kind == HidKind::Other(NoScanner::NoData)), "{pages:?}");
}

#[test]
fn data_that_is_not_bytes_is_not_read() {
    for fields in ["7504 9510 09fe 8102", "7510 9508 09fe 8102", "7501 9501 8103 7508 9508 09fe 8102"] {
        let descriptor = hex(&format!("058c 0902 a101 {fields} c0"));
        assert_eq!(kind(&descriptor), HidKind::Other(NoScanner::NotBytes), "{fields}");
    }
    // A length or a mark that nobody can read spoils the report.
    for fields in [
        "7508 9508 09fe 8102 7510 9501 0b3b000100 8102",
        "7508 9508 09fe 8102 9502 0b3b000100 8102",
        "7508 9508 09fe 8102 7510 9501 09ff 8102",
        "7508 9508 09fe 8102 9502 09ff 8102",
    ] {
        let descriptor = hex(&format!("058c 0902 a101 {fields} c0"));
        assert_eq!(kind(&descriptor), HidKind::Other(NoScanner::NotBytes), "{fields}");
    }
}

#[test]
fn one_layout_can_be_written_in_many_ways() {
    let plain = layout(&newland());
    for (name, descriptor) in [
        // The page behind the usages, as the main item takes it.
        (
            "late page",
            "a100 8502 7508 9501 0b3b000100 8102 9538 09fe 058c 820201 9505 8103 7501 9501 09ff 8102 9507 8103 c0",
        ),
        // Usage minimum and maximum.
        (
            "range",
            "058c a100 8502 7508 9501 0b3b000100 8102 19fe 29fe 9538 820201 9505 8103 7501 9501 1aff00 2aff00 8102 9507 8103 c0",
        ),
        (
            "four-byte range",
            "a100 8502 7508 9501 0b3b000100 8102 1bfe008c00 2bfe008c00 9538 820201 9505 8103 7501 9501 0bff008c00 8102 9507 8103 c0",
        ),
        ("array", "058c a100 8502 7508 9501 0b3b000100 8102 09fe 9538 8100 9505 8103 7501 9501 09ff 8102 9507 8103 c0"),
        (
            "two items",
            "058c a100 8502 7508 9501 0b3b000100 8102 9520 09fe 8102 9518 09fe 8102 9505 8103 7501 9501 09ff 8102 9507 8103 c0",
        ),
        (
            "push and pop",
            "058c a100 8502 7508 9538 a4 0501 9501 093b 8102 b4 09fe 8102 9505 8103 7501 9501 09ff 8102 9507 8103 c0",
        ),
        (
            "long item",
            "fe03aa010203 058c a100 8502 7508 9501 0b3b000100 8102 9538 09fe fe00bb 820201 9505 8103 7501 9501 09ff 8102 9507 8103 c0",
        ),
        (
            "delimiter",
            "058c a100 8502 7508 9501 0b3b000100 8102 9538 a901 09fe 0904 a900 820201 9505 8103 7501 9501 09ff 8102 9507 8103 c0",
        ),
        (
            "outputs",
            "058c a100 8502 7508 9501 0b3b000100 8102 9538 09fe 9102 09fe b102 09fe 820201 9505 8103 7501 9501 09ff 8102 9507 8103 c0",
        ),
        (
            "named padding",
            "058c a100 8502 7508 9501 0b3b000100 8102 9538 09fe 820201 9505 09fe 8103 7501 9501 09ff 8102 9507 8103 c0",
        ),
    ] {
        assert_eq!(layout(&hex(descriptor)), plain, "{name}");
    }
}

#[test]
fn a_range_names_every_field_it_covers() {
    // Found by fuzzing: E0 to FF has the data, the identifier and the mark in it, though no byte here says FE.
    let covered = layout(&hex("058c a100 7508 9520 19e0 29ff 8102 c0"));
    let written = layout(&hex("058c a100 7508 951b 8103 9505 09fb 09fc 09fd 09fe 09ff 8102 c0"));
    assert_eq!(covered, written);
}

#[test]
fn a_mark_of_several_bits_is_set_when_one_of_them_is() {
    let bits = layout(&hex("058c a100 7508 9508 09fe 8102 7501 9508 09ff 8102 c0"));
    let byte = layout(&hex("058c a100 7508 9508 09fe 8102 7508 9501 09ff 8102 c0"));
    assert_eq!(bits, byte);
}

#[test]
fn a_report_without_id_is_lost_beside_others() {
    let mixed = hex("058c a100 7508 9508 09fe 8102 8505 9504 09fe 8102 c0");
    let alone = hex("058c a100 8505 7508 9504 09fe 8102 c0");
    assert_eq!(layout(&mixed), layout(&alone));
    // An id that only a feature report has does not number the input reports.
    let feature = hex("058c a100 7508 9508 09fe 8102 8505 09fe b102 c0");
    assert_eq!(layout(&feature).report_size_max(), 8);
}

#[test]
fn hostile_numbers_end_quickly() {
    use DescriptorError::{ReportId, Stack, TooLarge, TooLong, Truncated, Unbalanced};
    for (name, descriptor, error) in [
        ("count", hex("058c 7508 97ffffffff 09fe 8102"), TooLarge),
        ("size", hex("058c 77ffffffff 9501 09fe 8102"), TooLarge),
        ("both", hex("058c 77ffffffff 97ffffffff 09fe 8102"), TooLarge),
        ("1025 bytes", hex("058c 7508 960104 09fe 8102"), TooLarge),
        ("1024 bytes and an id", hex("058c 8501 7508 960004 09fe 8102"), TooLarge),
        ("id 0", hex("8500"), ReportId),
        ("id 256", hex("860001"), ReportId),
        ("nothing to end", hex("c0"), Unbalanced),
        ("never ended", hex("a101"), Unbalanced),
        ("delimiter", hex("a901"), Unbalanced),
        ("delimiter within", hex("a901 a901"), Unbalanced),
        ("delimiter's end", hex("a900"), Unbalanced),
        ("delimiter over a main item", hex("a901 8102 a900"), Unbalanced),
        ("pop", hex("b4"), Stack),
        ("push", vec![0xA4; 17], Stack),
        ("short", hex("058c 27ffffff"), Truncated),
        ("short long item", hex("fe05aa01"), Truncated),
        ("long item", hex("fe"), Truncated),
        ("length", vec![0x05; 4097], TooLong),
    ] {
        assert_eq!(HidKind::of(&descriptor), Err(error), "{name}");
    }
    // No bits at all, four thousand million times.
    assert_eq!(kind(&hex("058c 7500 97ffffffff 09fe 8102")), HidKind::Other(NoScanner::Unrelated));
    // 4096 bytes of collections, and of the most fields they can ask for.
    assert_eq!(kind(&[vec![0xA0; 2048], vec![0xC0; 2048]].concat()), HidKind::Other(NoScanner::Unrelated));
    let many: Vec<u8> = (1..=255).flat_map(|id| [0x85, id, 0x09, 0xFE, 0x81, 0x02]).collect();
    let greedy = layout(&[hex("058c 7508 96ff03"), many].concat());
    assert_eq!((greedy.data_max(), greedy.report_size_max()), (1023, 1024));
}

/// An item, mostly one that means something.
fn item() -> impl Strategy<Value = Vec<u8>> {
    let tag = proptest::sample::select(vec![
        0x80_u8, 0x90, 0xA0, 0xB0, 0xC0, 0x04, 0x74, 0x94, 0x84, 0xA4, 0xB4, 0x08, 0x18, 0x28, 0xA8, 0xFC, 0x14,
    ]);
    let value = proptest::sample::select(vec![
        0_u32,
        1,
        2,
        8,
        0x10,
        0x3B,
        0x8C,
        0xFB,
        0xFE,
        0xFF,
        0x100,
        0x8C_00FE,
        0x8C_00FF,
        0x1_003B,
        u32::MAX,
    ]);
    let short = (tag, 0_usize..4, value).prop_map(|(tag, length, value)| {
        let bytes = value.to_le_bytes();
        let (length, bits) = if length == 3 { (4, 3) } else { (length, u8::try_from(length).expect("two bits")) };
        [&[tag | bits], &bytes[..length]].concat()
    });
    prop_oneof![8 => short, 1 => proptest::collection::vec(any::<u8>(), 0..5)]
}

proptest! {
    #[test]
    fn no_descriptor_makes_it_panic_or_believe_in_impossible_reports(
        items in proptest::collection::vec(item(), 0..80),
        sample in proptest::sample::select(vec![honeywell(), zebra(), newland(), microscan(), keyboard(), combined()]),
        (at, byte) in (any::<prop::sample::Index>(), any::<u8>()),
    ) {
        let mut damaged = sample;
        let at = at.index(damaged.len());
        damaged[at] = byte;
        for descriptor in [items.concat(), [hex("058c a101"), items.concat()].concat(), damaged] {
            if let Ok(HidKind::Scanner(layout)) = HidKind::of(&descriptor) {
                prop_assert!(layout.data_max() > 0);
                prop_assert!(layout.data_max() <= layout.report_size_max());
                prop_assert!(layout.report_size_max() <= 1024);
            }
        }
    }
}
