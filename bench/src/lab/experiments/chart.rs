//! Figures: panels with axes and marks, drawn as SVG. Text stays text, so no font is needed to draw it.

mod axis;
mod draw;
mod kinds;
pub mod palette;

pub use axis::Axis;
pub use draw::draw;
pub use kinds::{bars, heat, stacked};

use palette::Hue;

/// How a line is dashed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Dash {
    /// Drawn through.
    #[default]
    Solid,
    /// Long dashes.
    Long,
    /// Dots.
    Short,
}

/// What stands at each point of a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Marker {
    /// Nothing.
    None,
    /// A filled circle.
    #[default]
    Circle,
    /// A filled triangle.
    Triangle,
    /// A cross.
    Cross,
    /// A ring.
    Ring,
}

impl Marker {
    /// The markers of series, one after the other.
    pub const SERIES: [Self; 4] = [Self::Circle, Self::Triangle, Self::Cross, Self::Ring];
}

/// How a series looks; equal looks of one name share a line of the legend.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Look {
    /// Its name in the legend; empty: it has none.
    pub name: String,
    /// Its colour.
    pub hue: Hue,
    /// Its dashes; none: points only.
    pub dash: Option<Dash>,
    /// Its markers.
    pub marker: Marker,
}

impl Look {
    /// A line drawn through, with circles.
    pub fn new(name: impl Into<String>, hue: Hue) -> Self {
        Self { name: name.into(), hue, dash: Some(Dash::Solid), marker: Marker::Circle }
    }

    /// With these dashes.
    #[must_use]
    pub const fn dash(mut self, dash: Dash) -> Self {
        self.dash = Some(dash);
        self
    }

    /// With this marker.
    #[must_use]
    pub const fn marker(mut self, marker: Marker) -> Self {
        self.marker = marker;
        self
    }

    /// Points without a line.
    #[must_use]
    pub const fn points(mut self) -> Self {
        self.dash = None;
        self
    }
}

/// Something in a panel, in the coordinates of its axes.
#[derive(Clone, Debug)]
pub enum Mark {
    /// A line through points, or points.
    Line(Look, Vec<(f64, f64)>),
    /// A bar from one corner to the other.
    Bar(Look, (f64, f64), (f64, f64)),
    /// A rectangle of a colour, with words in the middle.
    Tile(Hue, (f64, f64), (f64, f64), String),
    /// Words beside a point: to the right and above, or to the left and below.
    Words((f64, f64), String, bool),
}

/// Axes and what is drawn between them.
#[derive(Clone, Debug)]
pub struct Panel {
    /// What stands above it; empty: nothing.
    pub title: String,
    /// To the right.
    pub x: Axis,
    /// Upwards.
    pub y: Axis,
    /// From back to front.
    pub marks: Vec<Mark>,
}

impl Panel {
    /// A panel without marks.
    pub fn new(title: impl Into<String>, x: Axis, y: Axis) -> Self {
        Self { title: title.into(), x, y, marks: Vec::new() }
    }

    /// Adds a line, or points.
    pub fn line(&mut self, look: Look, points: impl IntoIterator<Item = (f64, f64)>) {
        self.marks.push(Mark::Line(look, points.into_iter().collect()));
    }
}

/// A figure: an SVG picture with what is said of it.
#[derive(Clone, Debug)]
pub struct Figure {
    /// The file's name, without an extension.
    pub name: &'static str,
    /// What it shows, in a few words.
    pub title: String,
    /// What to see, and what was held constant; with `{facts}`.
    pub caption: String,
    /// The picture.
    pub svg: String,
}
