//! Colours and dashes of lines. Why both: a tenth of readers cannot tell red from green, and printers know no colour.

/// The colours of Okabe & Ito (2008) but yellow, which white paper swallows.
const COLOURS: [&str; 7] = [
    "#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#000000",
];

/// Lengths of strokes and gaps; the first is an unbroken line.
const DASHES: [&str; 5] = ["none", "7 3", "2 2.5", "9 3 2 3", "9 3 2 3 2 3"];

/// How a line looks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Style {
    pub(super) colour: &'static str,
    pub(super) dashes: &'static str,
}

/// The look of the n-th line. Seven colours and five dashes have no common divisor: 35 lines look different.
pub(super) fn style(place: usize) -> Style {
    Style {
        colour: COLOURS[place % COLOURS.len()],
        dashes: DASHES[place % DASHES.len()],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn many_lines_look_different() {
        for one in 0..35 {
            for other in 0..one {
                assert_ne!(style(one), style(other), "{one} {other}");
            }
        }
    }
}
