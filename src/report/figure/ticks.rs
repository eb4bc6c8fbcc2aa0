//! Ranges and ticks of axes. Why 1, 2 and 5 times powers of ten: a reader can halve them and count along.

use super::Scale;

/// No axis has more steps between ticks.
const STEPS: f64 = 6.0;

/// What is larger or smaller is not drawn: sums and quotients of it overflow.
pub(super) const LARGEST: f64 = 1e300;
const SMALLEST: f64 = 1e-300;

/// An axis that knows its ends.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Ruler {
    scale: Scale,
    low: f64,
    high: f64,
}

/// A place on an axis, and what stands beside it; nothing for a small tick.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Tick {
    pub(super) value: f64,
    pub(super) label: Option<String>,
}

/// True for what can be drawn.
pub(super) fn is_drawn(scale: Scale, value: f64) -> bool {
    value.is_finite()
        && value.abs() <= LARGEST
        && (scale != Scale::Logarithmic || value >= SMALLEST)
}

impl Ruler {
    /// An axis for values, of which those that cannot be drawn are passed over; `margin` is the share of its length that stays free at each end.
    pub(super) fn new(scale: Scale, values: impl Iterator<Item = f64>, margin: f64) -> Self {
        let drawn = values.filter(|value| is_drawn(scale, *value));
        let ends = drawn.fold(None, |ends: Option<(f64, f64)>, value| {
            Some(ends.map_or((value, value), |(low, high)| {
                (low.min(value), high.max(value))
            }))
        });
        let is_log = scale == Scale::Logarithmic;
        let (low, high) = ends.unwrap_or(if is_log { (0.1, 1.0) } else { (0.0, 1.0) });
        let (mut low, mut high) = if is_log {
            (low.log10(), high.log10())
        } else {
            (low, high)
        };
        // Values that are the same to all digits that a label has need room, too.
        let digits = low.abs().max(high.abs()) * 1e-6;
        let least = match scale {
            Scale::Logarithmic => 0.05,
            Scale::Whole => digits.max(1.0),
            Scale::Linear => digits.max(SMALLEST),
        };
        if high - low < least {
            let half = match scale {
                Scale::Logarithmic => 0.25,
                Scale::Whole => least / 2.0,
                Scale::Linear if high == 0.0 => 0.5,
                Scale::Linear => (high.abs() * 0.1).max(least),
            };
            let middle = f64::midpoint(low, high);
            (low, high) = (middle - half, middle + half);
        }
        let room = (high - low) * margin;
        Self {
            scale,
            low: low - room,
            high: high + room,
        }
    }

    /// Where a value is: 0 at the beginning of the axis, 1 at its end. Nothing where it cannot be drawn.
    pub(super) fn place(&self, value: f64) -> Option<f64> {
        let value = match self.scale {
            _ if !is_drawn(self.scale, value) => return None,
            Scale::Logarithmic => value.log10(),
            Scale::Linear | Scale::Whole => value,
        };
        Some((value - self.low) / (self.high - self.low))
    }

    /// The ticks from low to high.
    pub(super) fn ticks(&self) -> Vec<Tick> {
        let mut ticks = self.all_ticks();
        // The free ends may reach beyond what can be drawn.
        ticks.retain(|tick| is_drawn(self.scale, tick.value));
        ticks
    }

    fn all_ticks(&self) -> Vec<Tick> {
        if self.scale != Scale::Logarithmic {
            return linear(self.low, self.high, self.scale == Scale::Whole);
        }
        let decades = self.high.floor() - self.low.ceil();
        if decades < 1.0 {
            // Within a decade, round numbers tell more than powers of ten.
            let (low, high) = (10f64.powf(self.low), 10f64.powf(self.high));
            return linear(low, high, false);
        }
        let every = (decades / STEPS).ceil().max(1.0);
        let is_plain = self.low >= -3.5 && self.high < 4.5;
        let mut ticks = Vec::new();
        for exponent in whole(self.low.floor(), self.high.ceil()) {
            let power = 10f64.powf(exponent);
            for factor in 1..10_u8 {
                let place = exponent + f64::from(factor).log10();
                let has_label = factor == 1 && exponent.rem_euclid(every) == 0.0;
                // Small ticks that are too near to each other to be counted are left out.
                let is_crowded = (factor > 1 && every > 1.0) || every > STEPS;
                if place < self.low || place > self.high || (is_crowded && !has_label) {
                    continue;
                }
                // With two powers of ten only, 2 and 5 are written as well.
                let is_between = decades < 2.0 && (factor == 2 || factor == 5);
                let value = f64::from(factor) * power;
                let label = if is_plain {
                    decimal(value, -exponent)
                } else {
                    scientific(f64::from(factor), 0.0, exponent)
                };
                ticks.push(Tick {
                    value,
                    label: (has_label || is_between).then_some(label),
                });
            }
        }
        ticks
    }
}

fn linear(low: f64, high: f64, is_whole: bool) -> Vec<Tick> {
    let mut step = nice((high - low) / STEPS);
    if is_whole {
        step = step.max(1.0);
    }
    let decimals = -step.log10().floor();
    let largest = low.abs().max(high.abs());
    let is_plain = largest < 99_999.5 && step >= 1e-5;
    let exponent = largest.log10().floor();
    let places = whole((low / step - 1e-9).ceil(), (high / step + 1e-9).floor());
    let tick = |place: f64| {
        let value = place * step;
        let label = if is_plain {
            decimal(value, decimals)
        } else if place == 0.0 {
            "0".to_owned()
        } else {
            scientific(value / 10f64.powf(exponent), exponent + decimals, exponent)
        };
        Tick {
            value,
            label: Some(label),
        }
    };
    places.map(tick).collect()
}

/// Whole numbers from one to another; a bound keeps a slip from filling the memory.
fn whole(from: f64, to: f64) -> impl Iterator<Item = f64> {
    (0..1000_u16)
        .map(move |place| from + f64::from(place))
        .take_while(move |value| *value <= to)
}

/// The next of 1, 2, 5 times a power of ten.
fn nice(step: f64) -> f64 {
    let power = 10f64.powf(step.log10().floor());
    let factor = [1.0, 2.0, 5.0]
        .into_iter()
        .find(|f| f * power >= step * (1.0 - 1e-9));
    factor.unwrap_or(10.0) * power
}

/// With a minus as long as a plus.
fn decimal(value: f64, decimals: f64) -> String {
    // A zero has no sign.
    let text = format!("{:.*}", digits(decimals), value + 0.0);
    text.replace('-', "−")
}

/// `1.5×10⁻⁶`, or `10⁻⁶`.
fn scientific(mantissa: f64, decimals: f64, exponent: f64) -> String {
    let power: String = format!("{exponent:.0}")
        .chars()
        .filter_map(|c| match c {
            '-' => Some('⁻'),
            '1' => Some('¹'),
            '2' => Some('²'),
            '3' => Some('³'),
            _ => char::from_u32(0x2070 + c.to_digit(10)?),
        })
        .collect();
    match decimal(mantissa, decimals).as_str() {
        "1" => format!("10{power}"),
        "−1" => format!("−10{power}"),
        text => format!("{text}×10{power}"),
    }
}

fn digits(decimals: f64) -> usize {
    #[allow(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "clamped"
    )]
    let count = decimals.clamp(0.0, 17.0) as usize;
    count
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn labels(scale: Scale, low: f64, high: f64) -> String {
        let ticks = Ruler::new(scale, [low, high].into_iter(), 0.0).ticks();
        let labels: Vec<String> = ticks.into_iter().filter_map(|tick| tick.label).collect();
        labels.join(" ")
    }

    #[test]
    fn ticks_are_round() {
        for (scale, low, high, expected) in [
            (Scale::Linear, 0.0, 1.0, "0.0 0.2 0.4 0.6 0.8 1.0"),
            (Scale::Linear, 0.13, 2.7, "0.5 1.0 1.5 2.0 2.5"),
            (Scale::Linear, -3.0, 3.0, "−3 −2 −1 0 1 2 3"),
            (
                Scale::Linear,
                0.0,
                3e6,
                "0 0.5×10⁶ 1.0×10⁶ 1.5×10⁶ 2.0×10⁶ 2.5×10⁶ 3.0×10⁶",
            ),
            (
                Scale::Linear,
                1e-7,
                2e-7,
                "1.0×10⁻⁷ 1.2×10⁻⁷ 1.4×10⁻⁷ 1.6×10⁻⁷ 1.8×10⁻⁷ 2.0×10⁻⁷",
            ),
            (Scale::Whole, 0.0, 3.0, "0 1 2 3"),
            (Scale::Whole, 0.0, 100.0, "0 20 40 60 80 100"),
            (Scale::Whole, 0.0, 0.0, "0"),
            (Scale::Linear, 5.0, 5.0, "4.6 4.8 5.0 5.2 5.4"),
            (Scale::Logarithmic, 0.03, 2.5, "0.05 0.1 0.2 0.5 1 2"),
            (Scale::Logarithmic, 0.3, 0.8, "0.3 0.4 0.5 0.6 0.7 0.8"),
            (Scale::Logarithmic, 1e-7, 3.0, "10⁻⁶ 10⁻⁴ 10⁻² 10⁰"),
        ] {
            let found = labels(scale, low, high);
            assert_eq!(found, expected, "{scale:?} {low} {high}");
        }
    }

    proptest! {
        #[test]
        fn every_axis_has_ticks_within_it(low: f64, high: f64, kind in 0..3_usize) {
            let scale = [Scale::Linear, Scale::Whole, Scale::Logarithmic][kind];
            let ruler = Ruler::new(scale, [low, high].into_iter(), 0.04);
            let ticks = ruler.ticks();
            prop_assert!(ticks.len() <= 100, "{ticks:?}");
            for tick in &ticks {
                let place = ruler.place(tick.value);
                prop_assert!(place.is_some_and(|p| (-1e-6..=1.0 + 1e-6).contains(&p)), "{tick:?} {ruler:?}");
            }
            let labels: Vec<_> = ticks.iter().filter_map(|t| t.label.as_ref()).collect();
            prop_assert!(!labels.is_empty(), "{ruler:?}");
            for pair in labels.windows(2) {
                prop_assert_ne!(pair[0], pair[1]);
            }
        }
    }
}
