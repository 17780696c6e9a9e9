use std::io::{Read as _, Seek as _};

use flate2::Compression;
use flate2::write::GzEncoder;

use super::*;

/// A statement of WeChat's, as the protocol's vectors have it.
const REAL: &[u8] = include_bytes!("../../../tests/data/statements/statement_v2_all.csv");

#[test]
fn packed_or_not_and_in_whatever_pieces_it_comes_it_is_the_same_file() {
    for (body, packed) in [(REAL.to_vec(), false), (pack(REAL), true), ([pack(b""), pack(REAL)].concat(), true)] {
        for size in [1, 2, 3, 7, 100, 10_000] {
            let (taken, text) = take(&body, size, Warrant::Summary);
            let Ok(Taken::File(landed)) = taken else { unreachable!("{size}: {taken:?}") };
            assert!(text == REAL, "pieces of {size}");
            assert_eq!((landed.bytes, landed.ticked), (length(REAL), 6), "pieces of {size}");
            assert_eq!((landed.tail.as_slice(), landed.packed), (REAL, packed));
        }
    }
}

#[test]
fn the_tail_is_the_files_end_and_no_more() {
    let text = [REAL, &vec![b'x'; STATEMENT_TAIL - 3], b"end"].concat();
    for size in [1, 1000, 100_000] {
        let (taken, _) = take(&text, size, Warrant::Summary);
        let Ok(Taken::File(landed)) = taken else { unreachable!("{taken:?}") };
        assert_eq!(landed.tail, &text[text.len() - STATEMENT_TAIL..]);
    }
}

#[test]
fn a_packed_body_that_is_cut_anywhere_is_damaged() {
    let body = pack(REAL);
    for at in GZIP.len()..body.len() {
        let (taken, _) = take(&body[..at], 50, Warrant::Summary);
        assert!(matches!(taken, Err(DownloadError::Packed)), "cut at {at}: {taken:?}");
    }
    let (taken, _) = take(&[&body[..], b"and more"].concat(), 50, Warrant::Summary);
    assert!(matches!(taken, Err(DownloadError::Packed)), "{taken:?}");
}

#[test]
fn a_packed_body_with_another_byte_is_damaged_or_the_same_text() {
    let body = pack(REAL);
    for at in 0..body.len() {
        let mut other = body.clone();
        other[at] ^= 0x10;
        let (taken, text) = take(&other, 50, Warrant::Summary);
        assert!(taken.is_err() || text == REAL, "byte {at}: {taken:?}");
    }
}

#[test]
fn what_unpacks_to_far_more_than_it_was_is_left_early() {
    let bomb = [REAL, &vec![b' '; 64 * 1024 * 1024]].concat();
    let packed = pack(&bomb);
    let (taken, text) = take(&packed, 4096, Warrant::Summary);
    assert!(matches!(taken, Err(DownloadError::TooLarge)), "{taken:?}");
    let most = RATIO_FREE + RATIO_MAX * length(&packed);
    assert!(length(&text) <= most, "{} bytes of a bomb of {} were written", text.len(), packed.len());
    // Plain, it is only large.
    assert!(take(&bomb[..8 * 1024 * 1024], 65_536, Warrant::Summary).0.is_ok());
}

#[test]
fn a_digest_is_that_of_the_unpacked_file() {
    let digest: [u8; 20] = Sha1::digest(REAL).into();
    for body in [REAL.to_vec(), pack(REAL)] {
        assert!(take(&body, 33, Warrant::Sha1(digest)).0.is_ok());
        let mut other = digest;
        other[19] ^= 1;
        let (taken, _) = take(&body, 33, Warrant::Sha1(other));
        assert!(matches!(taken, Err(DownloadError::Digest)), "{taken:?}");
    }
    let short = take(&REAL[..REAL.len() - 1], 33, Warrant::Sha1(digest)).0;
    assert!(matches!(short, Err(DownloadError::Digest)), "{short:?}");
}

#[test]
fn words_are_kept_apart_from_the_file_and_are_not_endless() {
    for body in [&b"<xml><return_code>FAIL</return_code></xml>"[..], b"<", b"<xml></xml>"] {
        let (taken, text) = take(body, 5, Warrant::Summary);
        assert_eq!(taken.expect("words"), Taken::Words(body.to_vec()));
        assert_eq!(text, b"");
    }
    let (taken, text) = take(&vec![b'<'; REPLY_MAX + 1], 1000, Warrant::Summary);
    assert!(matches!(taken, Err(DownloadError::Doubt(Doubt::Distrust(Distrust::TooLarge)))), "{taken:?}");
    assert_eq!(text, b"");
    let (taken, _) = take(&pack(&vec![b'<'; REPLY_MAX + 1]), 1000, Warrant::Summary);
    assert!(matches!(taken, Err(DownloadError::Doubt(Doubt::Distrust(Distrust::TooLarge)))), "{taken:?}");
}

#[test]
fn what_the_judge_refuses_is_not_written() {
    for body in [&b""[..], b"{", b"{\"code\":\"x\"} and more than the first bytes"] {
        let (taken, text) = take(body, 3, Warrant::Summary);
        assert!(matches!(taken, Err(DownloadError::Doubt(Doubt::Distrust(Distrust::Malformed("odd"))))), "{taken:?}");
        assert_eq!(text, b"");
    }
}

#[test]
fn a_disk_that_takes_nothing_is_the_disks_fault() {
    for body in [REAL.to_vec(), pack(REAL)] {
        let mut full = File::options().write(true).open("/dev/full").expect("a device");
        let judge = |_: &[u8]| Ok(Announced::File(Warrant::Summary));
        let mut intake = Intake::new(&mut full, &judge);
        let outcome = intake.take(&body).and_then(|()| intake.finish().map(drop));
        let Err(DownloadError::Disk(error)) = outcome else { unreachable!("{outcome:?}") };
        assert_eq!(error.kind(), io::ErrorKind::StorageFull);
    }
}

/// Gives `body` in pieces of `size`, and what then stands in the file.
fn take(body: &[u8], size: usize, warrant: Warrant) -> (Result<Taken, DownloadError>, Vec<u8>) {
    let judge = |start: &[u8]| match start {
        [b'<', ..] => Ok(Announced::Words),
        [0xef, ..] => Ok(Announced::File(warrant)),
        _ => Err(Distrust::Malformed("odd")),
    };
    let mut file = tempfile::tempfile().expect("a file");
    let taken = {
        let mut intake = Intake::new(&mut file, &judge);
        body.chunks(size).try_for_each(|piece| intake.take(piece)).and_then(|()| intake.finish())
    };
    file.rewind().expect("a file");
    let mut text = Vec::new();
    file.read_to_end(&mut text).expect("a file");
    (taken, text)
}

fn pack(text: &[u8]) -> Vec<u8> {
    let mut packer = GzEncoder::new(Vec::new(), Compression::default());
    packer.write_all(text).expect("a vector");
    packer.finish().expect("a vector")
}
