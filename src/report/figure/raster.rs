//! Figures as PNG. Why from the SVG: one drawing, and what is seen in one is seen in the other.

use std::sync::Arc;

use resvg::tiny_skia::{Color, Pixmap, Transform};
use resvg::usvg::{Options, Tree, fontdb};

use super::letters::{FAMILY, FONT, missing};

/// Pixels for one of the SVG.
const ZOOM: f32 = 3.0;

/// Why a figure is no PNG image.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FigureError {
    /// A name has a character that the font of the program lacks.
    #[error("the font of PNG figures has no character `{0}`")]
    Character(char),
    /// The image is too large, or cannot be encoded.
    #[error("the figure cannot be made a PNG image: {0}")]
    Image(String),
}

impl FigureError {
    /// What to do next.
    pub fn help(&self) -> &'static str {
        match self {
            Self::Character(_) => {
                "write an SVG figure, which a viewer shows with its own fonts, or use Latin and Greek letters"
            }
            Self::Image(_) => "write an SVG figure, or one of fewer lines",
        }
    }
}

pub(super) fn png(svg: &str, text: &str) -> Result<Vec<u8>, FigureError> {
    if let Some(letter) = missing(text) {
        return Err(FigureError::Character(letter));
    }
    let failed = |error: &dyn std::fmt::Display| FigureError::Image(error.to_string());
    let mut fonts = fontdb::Database::new();
    fonts.load_font_data(FONT.to_vec());
    let options = Options {
        font_family: FAMILY.to_owned(),
        fontdb: Arc::new(fonts),
        ..Options::default()
    };
    let tree = Tree::from_str(svg, &options).map_err(|error| failed(&error))?;
    let size = tree.size().to_int_size();
    let size = size.scale_by(ZOOM).ok_or_else(|| failed(&"no size"))?;
    let mut image =
        Pixmap::new(size.width(), size.height()).ok_or_else(|| failed(&"it is too large"))?;
    image.fill(Color::WHITE);
    resvg::render(
        &tree,
        Transform::from_scale(ZOOM, ZOOM),
        &mut image.as_mut(),
    );
    image.encode_png().map_err(|error| failed(&error))
}
