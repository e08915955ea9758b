//! Numbers that look random and are the same for the same seed, on every machine and for ever: a
//! crate's generator may change with its version, and the benchmarks compare runs years apart.

/// The generator `SplitMix64`.
#[derive(Debug, Clone)]
pub struct Random(u64);

impl Random {
    /// The same numbers for the same seed.
    pub fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// The next 64 bits.
    #[expect(
        clippy::should_implement_trait,
        reason = "it has no end: nobody iterates over it"
    )]
    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    /// A number below `bound`, or 0 where that is 0.
    pub fn below(&mut self, bound: u32) -> u32 {
        // the high half of a product is spread as evenly as the factor
        let product = u128::from(self.next()).wrapping_mul(u128::from(bound));
        u32::try_from(product >> 64).unwrap_or(0)
    }

    /// A number from `low` on, below `high`.
    pub fn between(&mut self, low: u32, high: u32) -> u32 {
        low.saturating_add(self.below(high.saturating_sub(low)))
    }

    /// True in `percent` of a hundred cases.
    pub fn chance(&mut self, percent: u32) -> bool {
        self.below(100) < percent
    }

    pub(crate) fn pick<'a>(&mut self, from: &[&'a str]) -> &'a str {
        let count = u32::try_from(from.len()).unwrap_or(u32::MAX);
        let index = usize::try_from(self.below(count)).unwrap_or(0);
        from.get(index).copied().unwrap_or_default()
    }

    /// The 128 bits of a random UUID.
    pub(crate) fn uuid(&mut self) -> u128 {
        let bits = (u128::from(self.next()) << 64) | u128::from(self.next());
        // version 4, variant 10
        let cleared = bits & !(0xF000 << 64) & !(0b11 << 62);
        cleared | (0x4000 << 64) | (0b10 << 62)
    }
}

#[cfg(test)]
mod tests {
    use super::Random;

    #[test]
    fn the_sequence_is_the_published_one() {
        let mut random = Random::new(1_234_567);
        let first = [random.next(), random.next(), random.next()];
        assert_eq!(
            first,
            [
                6_457_827_717_110_365_317,
                3_203_168_211_198_807_973,
                9_817_491_932_198_370_423
            ]
        );
    }

    #[test]
    fn bounds_are_kept_and_reached() {
        let mut random = Random::new(7);
        let mut seen = [false; 5];
        for _ in 0..1_000 {
            let number = random.between(10, 15);
            assert!((10..15).contains(&number));
            seen[usize::try_from(number - 10).unwrap()] = true;
        }
        assert_eq!(seen, [true; 5]);
    }

    #[test]
    fn a_uuid_says_that_it_is_random() {
        let id = uuid::Uuid::from_u128(Random::new(3).uuid());
        assert_eq!(id.get_version_num(), 4);
        assert_eq!(id.get_variant(), uuid::Variant::RFC4122);
    }
}
