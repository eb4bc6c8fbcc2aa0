//! Line charts as SVG and PNG. Why made here and not by a plotting program: a run's figure needs nothing that is not in the program, and the
//! same numbers give the same bytes everywhere.

mod draw;
mod layout;
mod letters;
mod raster;
mod style;
mod ticks;

pub use raster::FigureError;

/// What a distance along an axis means.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Scale {
    /// Differences.
    #[default]
    Linear,
    /// Differences, with ticks at whole numbers alone.
    Whole,
    /// Ratios; what is not above zero is a gap.
    Logarithmic,
}

/// An axis.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct Axis {
    /// Its name, with the unit.
    pub name: String,
    /// What a distance means.
    pub scale: Scale,
}

/// A point of a line.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Point {
    /// Where it is.
    pub x: f64,
    /// The line's height; a gap where it is not finite.
    pub mean: f64,
    /// Half the height of the band around it, one standard deviation; no band where there is none.
    pub deviation: Option<f64>,
}

/// A line, with a band where deviations are known.
#[derive(Clone, Debug, PartialEq)]
pub struct Series {
    /// Its name in the legend; lines of the same name look the same in all panels.
    pub label: String,
    /// Its points from left to right.
    pub points: Vec<Point>,
}

/// One of the charts of a figure.
#[derive(Clone, Debug, PartialEq)]
pub struct Panel {
    /// What stands above it.
    pub title: String,
    /// The horizontal axis.
    pub x: Axis,
    /// The vertical axis.
    pub y: Axis,
    /// The lines.
    pub series: Vec<Series>,
}

/// A drawing of panels beside each other, with one legend below.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Figure {
    svg: String,
    text: String,
}

/// Draws panels beside each other. Colours are those of Okabe & Ito (2008), which colour-blind readers tell apart, and lines differ in their dashes,
/// too, so that print without colour is enough.
///
/// ```
/// use hbp::report::{Axis, Panel, Point, Scale, Series, figure};
///
/// let points = (0..5).map(|epoch| Point { x: f64::from(epoch), mean: 2.0 / f64::from(epoch + 1), deviation: Some(0.1) });
/// let panel = Panel {
///     title: "training".to_owned(),
///     x: Axis { name: "epoch".to_owned(), scale: Scale::Whole },
///     y: Axis { name: "training loss".to_owned(), scale: Scale::Logarithmic },
///     series: vec![Series { label: "newton".to_owned(), points: points.collect() }],
/// };
/// let drawn = figure(&[panel]);
/// assert!(drawn.svg().starts_with("<svg"));
/// assert!(drawn.png().unwrap().starts_with(b"\x89PNG"));
/// ```
pub fn figure(panels: &[Panel]) -> Figure {
    draw::figure(panels)
}

impl Figure {
    /// As an SVG image, in pixels of 1/96 inch.
    pub fn svg(&self) -> String {
        self.svg.clone()
    }

    /// As a PNG image, three pixels for one of [`Figure::svg`]: 288 for an inch.
    ///
    /// # Errors
    /// When a name has a character that the font of the program lacks, or the image is too large.
    pub fn png(&self) -> Result<Vec<u8>, FigureError> {
        raster::png(&self.svg, &self.text)
    }
}
