//! Any bytes as a report descriptor: reading ends, what it believes in is possible, and items that mean nothing change
//! nothing.
#![no_main]

use libfuzzer_sys::fuzz_target;
use shroff_fuzz::scan::HidKind;

fuzz_target!(|descriptor: &[u8]| {
    let kind = HidKind::of(descriptor);
    if let Ok(HidKind::Scanner(layout)) = &kind {
        assert!(layout.data_max() > 0);
        assert!(layout.data_max() <= layout.report_size_max());
        assert!(layout.report_size_max() <= 1024);
        // There is no data without its page. Its usage may stand inside a range.
        assert!(descriptor.contains(&0x8C));
    }
    if descriptor.len() > 4000 {
        return;
    }
    let long_item: &[u8] = &[0xFE, 2, 0xAB, 0x09, 0xFE];
    let push_and_pop: &[u8] = &[0xA4, 0x05, 0x8C, 0xB4];
    assert_eq!(HidKind::of(&[long_item, descriptor].concat()), kind);
    assert_eq!(HidKind::of(&[push_and_pop, descriptor].concat()), kind);
    if kind.is_ok() {
        // Decoded Data that a host would send, or ask for.
        let output: &[u8] = &[0x05, 0x8C, 0x09, 0xFE, 0x91, 0x02];
        let feature: &[u8] = &[0x05, 0x8C, 0x09, 0xFE, 0xB1, 0x02];
        assert_eq!(HidKind::of(&[descriptor, output, feature, long_item].concat()), kind);
        assert!(HidKind::of(&[descriptor, &[0xC0]].concat()).is_err());
        assert!(HidKind::of(&[descriptor, &[0xA1, 0x01]].concat()).is_err());
        assert!(HidKind::of(&[descriptor, &[0x27, 0x00]].concat()).is_err());
    }
});
