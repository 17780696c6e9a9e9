//! The only source of randomness.

/// The kernel's dice.
#[derive(Clone, Copy, Debug, Default)]
pub struct Dice;

/// What a nonce is made of: each character is one of 32, five bits of a random byte.
const LETTERS: &[u8; 32] = b"ABCDEFGHJKLMNPQRSTUVWXYZ23456789";

/// Characters of a nonce: the most that both dialects take.
const NONCE: usize = 32;

impl Dice {
    /// 32 letters and digits that nobody can guess.
    #[must_use]
    pub fn nonce(self) -> String {
        let bytes: [u8; NONCE] = self.bytes();
        bytes.iter().filter_map(|byte| LETTERS.get(usize::from(byte & 31))).map(|letter| char::from(*letter)).collect()
    }

    /// `N` random bytes.
    ///
    /// # Panics
    /// When the kernel has no randomness, which Linux rules out once it has booted. Going on with bytes that can be
    /// guessed would be worse.
    #[must_use]
    pub fn bytes<const N: usize>(self) -> [u8; N] {
        let mut bytes = [0; N];
        getrandom::fill(&mut bytes).expect("the kernel has randomness once it has booted");
        bytes
    }

    /// A number from 0 to `n` - 1, each as likely as the others to one part in 2^32; 0 when `n` is 0.
    #[must_use]
    pub fn below(self, n: u32) -> u32 {
        let wide = u64::from(u32::from_le_bytes(self.bytes())).saturating_mul(u64::from(n));
        u32::try_from(wide >> 32).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_nonce_is_32_letters_and_digits_and_never_the_same() {
        let (one, two) = (Dice.nonce(), Dice.nonce());
        assert_eq!(one.len(), 32);
        assert!(one.bytes().all(|byte| byte.is_ascii_alphanumeric()));
        assert_ne!(one, two);
    }

    #[test]
    fn below_stays_below() {
        assert_eq!((Dice.below(0), Dice.below(1)), (0, 0));
        assert!((0..1000).all(|_| Dice.below(6) < 6));
        assert!((0..1000).any(|_| Dice.below(6) == 5));
    }
}
