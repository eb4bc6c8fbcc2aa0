//! The font of figures: which characters it has, and how wide they are. Why a font in the program: machines that test and serve have none.

use skrifa::instance::{LocationRef, Size};
use skrifa::{FontRef, MetadataProvider};

/// A subset of `DejaVu Sans`; `font/README.md` says which.
pub(super) const FONT: &[u8] = include_bytes!("font/DejaVuSans.ttf");

/// The name that it is asked for by.
pub(super) const FAMILY: &str = "DejaVu Sans";

/// How wide a text is, as a multiple of its size. A viewer of an SVG image may have another font: leave a little room.
pub(super) fn width(text: &str) -> f64 {
    let font = FontRef::new(FONT).ok();
    let of = |letter: char| {
        let font = font.as_ref()?;
        let glyph = font.charmap().map(letter)?;
        let metrics = font.glyph_metrics(Size::new(1.0), LocationRef::default());
        metrics.advance_width(glyph).map(f64::from)
    };
    text.chars().map(|letter| of(letter).unwrap_or(1.0)).sum()
}

/// The first character that the font lacks.
pub(super) fn missing(text: &str) -> Option<char> {
    let font = FontRef::new(FONT).ok()?;
    let charmap = font.charmap();
    text.chars().find(|letter| charmap.map(*letter).is_none())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_font_is_there_and_has_what_figures_need() {
        assert_eq!(missing("training loss ± α γ 10⁻⁶ −1.5×10⁷ ℋ"), None);
        assert_eq!(missing("loss 漢"), Some('漢'));
        assert!((width("m") - 0.974).abs() < 1e-3);
        assert!(width("ii") < width("m"));
    }
}
