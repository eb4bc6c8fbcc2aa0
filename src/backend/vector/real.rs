//! What the vectorised functions need of a number type. Why a trait: they are written once for both precisions, which differ
//! in the layout of their bits and in how many coefficients their digits ask for.

#![allow(
    clippy::inline_always,
    reason = "a call would be compiled without the machine's vector instructions"
)]

use std::ops::{Add, Div, Mul, Neg, Sub};

use super::functions::polynomial;

/// `f64` or `f32`: arithmetic, the layout of the bits, and coefficients of polynomials.
///
/// The polynomials interpolate at Chebyshev points in 60 digits, with coefficients rounded to the type.
pub trait Real:
    Copy
    + PartialOrd
    + Add<Output = Self>
    + Sub<Output = Self>
    + Mul<Output = Self>
    + Div<Output = Self>
    + Neg<Output = Self>
    + Send
    + Sync
    + 'static
{
    /// 0.
    const ZERO: Self;
    /// 1.
    const ONE: Self;
    /// ∞.
    const INFINITY: Self;
    /// Not a number.
    const NAN: Self;
    /// The smallest number with all its digits.
    const SMALLEST_NORMAL: Self;
    /// A factor that lifts subnormal numbers among the normal ones, and its logarithm to base 2.
    const RAISE: (Self, Self);
    /// 1.5 times the power of two from which on all numbers are whole: adding it rounds to a whole number, which then
    /// stands in the low bits.
    const MAGIC: Self;
    /// log 2 as a number of few digits, and the rest.
    const LOG_2: (Self, Self);
    /// Where the exponential is 0 below and ∞ above.
    const EXP_RANGE: (Self, Self);
    /// Where x eˣ is 0 below.
    const DECAY_END: Self;
    /// Where x Φ(−x) is 0 above.
    const NORMAL_END: Self;
    /// (eʳ − 1 − r) / r² for |r| ≤ log(2) / 2.
    const EXP: &'static [Self];
    /// (2 atanh s − 2 s) / s³ as a polynomial in s² ≤ 1/25.
    const LOG: &'static [Self];
    /// erf(x) / x − 1 as a polynomial in x² ≤ 1.
    const ERF: &'static [Self];
    /// (1 + 2z) e^(z²) erfc z − 1 as a polynomial in (z − c) / (z + c).
    const SCALED_ERFC: &'static [Self];
    /// c.
    const ERFC_CENTRE: Self;

    /// The nearest number of this type.
    fn of(value: f64) -> Self;
    /// `self * a + b`, rounded once.
    fn fused(self, a: Self, b: Self) -> Self;
    /// |x|.
    fn magnitude(self) -> Self;
    /// √x.
    fn root(self) -> Self;
    /// This magnitude with the sign of `other`.
    fn with_sign_of(self, other: Self) -> Self;
    /// 2ᵏ for the k that is added to [`Real::MAGIC`].
    fn two_to_low_bits(self) -> Self;
    /// m and k with x = m 2ᵏ and 3/4 ≤ m < 3/2, of a positive normal number.
    fn mantissa_and_exponent(self) -> (Self, Self);
    /// The sine, for |x| up to 1.6e6. Below 1.6 units.
    fn sine(self) -> Self;
    /// The cosine, for |x| up to 1.6e6. Below 1.6 units.
    fn cosine(self) -> Self;
}

/// The largest argument of [`Real::sine`] and [`Real::cosine`]: multiples of the leading parts of π/2 are exact up to 2²⁰ quarters.
pub(super) const TURNING_LIMIT: f64 = 1.6e6;

/// π/2 in three parts, the first two of 33 bits.
const QUARTER: [f64; 3] = [
    1.570_796_326_734_125_6,
    6.077_100_506_303_966e-11,
    2.022_266_248_795_950_6e-21,
];

/// (sin r − r) / r³ as a polynomial in r² for |r| ≤ π/4.
const SIN: &[f64] = &[
    -0.166_666_666_666_666_66,
    0.008_333_333_333_333_331,
    -0.000_198_412_698_412_650_17,
    2.755_731_921_930_193_6e-6,
    -2.505_210_621_952_836_7e-8,
    1.605_852_957_329_173_7e-10,
    -7.586_576_648_405_261e-13,
];

/// (cos r − 1 + r²/2) / r⁴ as a polynomial in r² for |r| ≤ π/4.
const COS: &[f64] = &[
    0.041_666_666_666_666_664,
    -0.001_388_888_888_888_888_7,
    2.480_158_730_158_461_8e-5,
    -2.755_731_922_138_212_5e-7,
    2.087_675_578_389_763_6e-9,
    -1.147_045_975_024_485_3e-11,
    4.745_804_923_249_84e-14,
];

/// The sine of x plus a number of quarter turns.
#[inline(always)]
fn turned(x: f64, quarters: u64) -> f64 {
    let t = x.mul_add(std::f64::consts::FRAC_2_PI, f64::MAGIC);
    let k = f64::MAGIC - t;
    let r = k.mul_add(QUARTER[0], x);
    let r = k.mul_add(QUARTER[1], r);
    let r = k.mul_add(QUARTER[2], r);
    let z = r * r;
    let sine = (r * z).mul_add(polynomial(z, SIN), r);
    let half = 0.5 * z;
    let near = 1.0 - half;
    let cosine = near + (z * z).mul_add(polynomial(z, COS), (1.0 - near) - half);
    let quadrant = t.to_bits().wrapping_add(quarters);
    let value = if quadrant & 1 == 0 { sine } else { cosine };
    // The second bit of the quadrant is the sign.
    f64::from_bits(value.to_bits() ^ ((quadrant & 2) << 62))
}

impl Real for f64 {
    const ZERO: Self = 0.0;
    const ONE: Self = 1.0;
    const INFINITY: Self = Self::INFINITY;
    const NAN: Self = Self::NAN;
    const SMALLEST_NORMAL: Self = Self::MIN_POSITIVE;
    const RAISE: (Self, Self) = (18_014_398_509_481_984.0, 54.0);
    const MAGIC: Self = 6_755_399_441_055_744.0;
    const LOG_2: (Self, Self) = (0.693_147_180_559_890_3, 5.497_923_018_708_371e-14);
    const EXP_RANGE: (Self, Self) = (-746.0, 710.0);
    const DECAY_END: Self = -760.0;
    const NORMAL_END: Self = 39.5;
    const EXP: &'static [Self] = &[
        0.5,
        0.166_666_666_666_666_7,
        0.041_666_666_666_666_67,
        0.008_333_333_333_326_025,
        0.001_388_888_888_888_367,
        0.000_198_412_698_752_050_77,
        2.480_158_732_582_228_3e-5,
        2.755_725_491_348_67e-6,
        2.755_727_329_553_972_4e-7,
        2.510_541_919_201_633_7e-8,
        2.091_483_135_138_041e-9,
    ];
    const LOG: &'static [Self] = &[
        0.666_666_666_666_666_6,
        0.400_000_000_000_079_4,
        0.285_714_285_672_759_36,
        0.222_222_230_483_515_9,
        0.181_817_376_263_029_38,
        0.153_888_678_056_137_18,
        0.132_097_082_420_594_62,
        0.136_090_302_628_584_99,
    ];
    const ERF: &'static [Self] = &[
        0.128_379_167_095_512_6,
        -0.376_126_389_031_837_5,
        0.112_837_916_709_548_79,
        -0.026_866_170_645_076_792,
        0.005_223_977_624_818_014_5,
        -0.000_854_832_698_083_379,
        0.000_120_553_311_116_427_1,
        -1.492_559_526_683_118_2e-5,
        1.646_100_048_412_136_8e-6,
        -1.635_031_270_105_469_5e-7,
        1.465_977_527_404_743_6e-8,
        -1.137_284_885_679_167_4e-9,
        5.957_176_147_748_911e-11,
    ];
    const SCALED_ERFC: &'static [Self] = &[
        0.232_995_118_625_552_56,
        -0.139_621_116_840_562_55,
        0.015_379_652_102_606_133,
        0.068_097_054_254_702_12,
        -0.101_039_066_035_580_63,
        0.093_732_834_997_984_63,
        -0.066_330_365_827_292_79,
        0.037_167_515_542_420_76,
        -0.016_197_733_895_959_854,
        0.005_031_969_952_329_153,
        -0.000_757_774_306_169_337_1,
        -0.000_199_256_696_404_256_23,
        0.000_150_625_671_413_694_32,
        -2.439_860_935_351_290_6e-5,
        -1.123_208_602_340_473_4e-5,
        5.706_827_475_068_264e-6,
        3.099_440_201_083_154_6e-7,
        -8.187_662_562_915_786e-7,
        5.883_230_632_914_435e-8,
        1.018_124_747_514_997_1e-7,
        -9.456_271_524_915_692e-9,
        -8.906_208_663_934_622e-9,
    ];
    const ERFC_CENTRE: Self = 4.0;

    #[inline(always)]
    fn of(value: f64) -> Self {
        value
    }
    #[inline(always)]
    fn fused(self, a: Self, b: Self) -> Self {
        self.mul_add(a, b)
    }
    #[inline(always)]
    fn magnitude(self) -> Self {
        self.abs()
    }
    #[inline(always)]
    fn root(self) -> Self {
        self.sqrt()
    }
    #[inline(always)]
    fn with_sign_of(self, other: Self) -> Self {
        self.copysign(other)
    }
    #[inline(always)]
    fn two_to_low_bits(self) -> Self {
        Self::from_bits(self.to_bits().wrapping_add(1023) << 52)
    }
    #[inline(always)]
    fn mantissa_and_exponent(self) -> (Self, Self) {
        let biased = self.to_bits().wrapping_add(0x0008_0000_0000_0000) >> 52;
        let mantissa = self.to_bits().wrapping_sub(biased.wrapping_sub(1023) << 52);
        // A whole number below 2⁵² is converted by standing in the low bits of 2⁵².
        let exponent = Self::from_bits(biased | 0x4330_0000_0000_0000) - 4_503_599_627_371_519.0;
        (Self::from_bits(mantissa), exponent)
    }
    #[inline(always)]
    fn sine(self) -> Self {
        // Of ±0 it is ±0.
        if self == 0.0 { self } else { turned(self, 0) }
    }
    #[inline(always)]
    fn cosine(self) -> Self {
        turned(self, 1)
    }
}

impl Real for f32 {
    const ZERO: Self = 0.0;
    const ONE: Self = 1.0;
    const INFINITY: Self = Self::INFINITY;
    const NAN: Self = Self::NAN;
    const SMALLEST_NORMAL: Self = Self::MIN_POSITIVE;
    const RAISE: (Self, Self) = (33_554_432.0, 25.0);
    const MAGIC: Self = 12_582_912.0;
    const LOG_2: (Self, Self) = (6.931_457_5e-1, 1.428_606_8e-6);
    const EXP_RANGE: (Self, Self) = (-104.5, 89.0);
    const DECAY_END: Self = -110.0;
    const NORMAL_END: Self = 15.0;
    const EXP: &'static [Self] = &[
        5.0e-1,
        1.666_666_7e-1,
        4.166_646_3e-2,
        8.333_310_5e-3,
        1.393_382_1e-3,
        1.989_118e-4,
    ];
    const LOG: &'static [Self] = &[6.666_667e-1, 4.000_031_4e-1, 2.853_254_4e-1, 2.375_134_2e-1];
    const ERF: &'static [Self] = &[
        1.283_791_7e-1,
        -3.761_262_6e-1,
        1.128_359_4e-1,
        -2.685_421_1e-2,
        5.189_087_2e-3,
        -8.016_864_3e-4,
        7.875_875e-5,
    ];
    const SCALED_ERFC: &'static [Self] = &[
        2.769_784e-1,
        -9.276_391e-2,
        -1.660_314_5e-1,
        1.640_533e-1,
        -5.420_398_7e-2,
        -8.044_34e-3,
        8.634_092e-3,
        1.269_077_1e-3,
        -1.249_498_1e-3,
        -3.572_476_9e-4,
        2.934_293_8e-5,
    ];
    const ERFC_CENTRE: Self = 2.0;

    #[inline(always)]
    #[allow(
        clippy::cast_possible_truncation,
        reason = "single precision is what was asked for"
    )]
    fn of(value: f64) -> Self {
        value as f32
    }
    #[inline(always)]
    fn fused(self, a: Self, b: Self) -> Self {
        self.mul_add(a, b)
    }
    #[inline(always)]
    fn magnitude(self) -> Self {
        self.abs()
    }
    #[inline(always)]
    fn root(self) -> Self {
        self.sqrt()
    }
    #[inline(always)]
    fn with_sign_of(self, other: Self) -> Self {
        self.copysign(other)
    }
    #[inline(always)]
    fn two_to_low_bits(self) -> Self {
        Self::from_bits(self.to_bits().wrapping_add(127) << 23)
    }
    #[inline(always)]
    fn mantissa_and_exponent(self) -> (Self, Self) {
        let biased = self.to_bits().wrapping_add(0x0040_0000) >> 23;
        let mantissa = self.to_bits().wrapping_sub(biased.wrapping_sub(127) << 23);
        // A whole number below 2²³ is converted by standing in the low bits of 2²³.
        let exponent = Self::from_bits(biased | 0x4B00_0000) - 8_388_735.0;
        (Self::from_bits(mantissa), exponent)
    }
    // In double precision: reducing the argument needs its digits.
    #[inline(always)]
    fn sine(self) -> Self {
        Self::of(f64::from(self).sine())
    }
    #[inline(always)]
    fn cosine(self) -> Self {
        Self::of(f64::from(self).cosine())
    }
}
