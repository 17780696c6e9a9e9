//! Report descriptors of real devices, and of some that nobody should build.

/// Bytes written as hex, with spaces where they help.
pub(super) fn hex(text: &str) -> Vec<u8> {
    let digits: Vec<u8> = text.bytes().filter(|byte| !byte.is_ascii_whitespace()).collect();
    digits.chunks(2).map(|pair| u8::from_str_radix(str::from_utf8(pair).expect("hex"), 16).expect("hex")).collect()
}

/// Honeywell: length, AIM identifier at 2 to 4, 56 characters at 5, two bytes of the maker's, the mark. The lab's.
pub(super) fn honeywell() -> Vec<u8> {
    hex("058c 0902 a101 0912 a102 8502 1500 26ff00 7508 9501 0501 093b 8102 058c 9503 09fb 09fc 09fd 8102 \
         9538 09fe 820201 0666ff 9502 0904 0900 8102 058c 2501 7501 9501 09ff 8102 9507 8103 c0 c0")
}

/// The same order as the lab's uhid device writes it: with the page left out before the byte count.
pub(super) fn honeywell_uhid() -> Vec<u8> {
    hex("058c 0902 a101 0912 a102 8502 1500 26ff00 7508 9501 093b 8102 9503 09fb 09fc 09fd 8102 9538 09fe 820201 \
         9501 8103 9501 8103 7501 9501 0900 8103 9507 8103 c0 c0")
}

/// Zebra and Datalogic: one more byte behind the length, AIM identifier at 3 to 5, 56 characters at 6.
pub(super) fn zebra() -> Vec<u8> {
    hex("058c 0902 a101 0912 a102 8502 1500 26ff00 7508 9501 0501 093b 8102 8103 058c 9503 09fb 09fc 09fd 8102 \
         9538 09fe 820201 9501 8103 2501 7501 9501 09ff 8102 9507 8103 c0 c0")
}

/// Newland, most of China's shops: length, 56 characters at 2, no AIM identifier. The lab's.
pub(super) fn newland() -> Vec<u8> {
    hex("058c 0902 a101 0912 a102 8502 1500 26ff00 7508 9501 0501 093b 8102 058c 9538 09fe 820201 \
         9505 8103 2501 7501 9501 09ff 8102 9507 8103 c0 c0")
}

/// Microscan: report 1, length, 62 characters, no mark for a scan that goes on.
pub(super) fn microscan() -> Vec<u8> {
    hex("058c 0902 a101 0912 a102 8501 1500 26ff00 7508 9501 0501 093b 8102 058c 953e 09fe 820201 c0 c0")
}

/// 8 characters and the mark; neither ids nor a length.
pub(super) fn bare() -> Vec<u8> {
    hex("058c 0902 a101 1500 26ff00 7508 9508 09fe 820201 7501 9501 09ff 8102 9507 8103 c0")
}

/// A boot keyboard. The lab's.
pub(super) fn keyboard() -> Vec<u8> {
    hex("0501 0906 a101 0507 19e0 29e7 1500 2501 7501 9508 8102 9501 7508 8103 9505 7501 0508 1901 2905 9102 \
         9501 7503 9103 9506 7508 1500 2565 0507 1900 2965 8100 c0")
}

/// A mouse with three buttons and a wheel.
pub(super) fn mouse() -> Vec<u8> {
    hex("0501 0902 a101 0901 a100 0509 1901 2903 1500 2501 9503 7501 8102 9501 7505 8103 0501 0930 0931 0938 \
         1581 257f 7508 9503 8106 c0 c0")
}

/// A FIDO key: 64 bytes each way, without ids.
pub(super) fn fido() -> Vec<u8> {
    hex("06d0f1 0901 a101 0920 1500 26ff00 7508 9540 8102 0921 1500 26ff00 7508 9540 9102 c0")
}

/// Honeywell's own language on page FF8C.
pub(super) fn vendor() -> Vec<u8> {
    hex("068cff 0902 a101 0912 a102 8502 1500 26ff00 7508 953f 09fe 820201 c0 c0")
}

/// A keyboard (report 1), two kinds of scans (2, and 3 with 20 characters) and something of the maker's (4) behind one
/// node. Output and feature reports stand between; the page is pushed away and popped.
pub(super) fn combined() -> Vec<u8> {
    hex("0501 0906 a101 8501 0507 19e0 29e7 1500 2501 7501 9508 8102 9506 7508 2565 1900 2965 8100 c0 \
         058c 0902 a101 1500 26ff00 7508 \
         8502 9501 0501 093b 8102 058c 9538 09fe 820201 a4 0666ff 9505 0901 9102 b102 b4 \
         8503 9503 0bfb008c00 0bfc008c00 0bfd008c00 8102 9514 09fe 820201 9501 0b3b000100 8102 \
         8502 7501 9501 09ff 8102 9507 8103 8503 9501 09ff 8102 9507 8103 c0 \
         0600ff 0901 a101 8504 7508 9510 0901 8102 0902 9102 c0")
}
