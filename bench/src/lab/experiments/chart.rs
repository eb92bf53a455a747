//! Figures: panels with axes and marks, drawn as SVG. Text remains text, so drawing needs no font.

mod axis;
mod draw;
mod hatch;
mod kinds;
mod legend;
mod marks;
pub mod palette;
mod values;

pub use axis::Axis;
pub use draw::draw;
pub use kinds::{bars, heat, middle, stacked};

use palette::Hue;

/// How a line is dashed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Dash {
    /// A solid line.
    #[default]
    Solid,
    /// Long dashes.
    Long,
    /// Dots.
    Short,
    /// Long dashes with dots between them.
    Mixed,
    /// Long dashes with two dots between them.
    Double,
}

/// The marker at each point of a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Marker {
    /// No marker.
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
    /// A filled square.
    Square,
    /// A wide, thin ring around the markers of other series.
    Halo,
}

/// The style of a series. Equal styles share one line of the legend.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Style {
    /// The name in the legend; empty if the series is not in the legend.
    pub name: String,
    /// The colour.
    pub hue: Hue,
    /// The dashes of the line; none if there are only points.
    pub dash: Option<Dash>,
    /// The markers.
    pub marker: Marker,
}

impl Style {
    /// A solid line with circles.
    pub fn new(name: impl Into<String>, hue: Hue) -> Self {
        Self { name: name.into(), hue, dash: Some(Dash::Solid), marker: Marker::Circle }
    }

    /// The same style with these dashes.
    #[must_use]
    pub const fn dash(mut self, dash: Dash) -> Self {
        self.dash = Some(dash);
        self
    }

    /// The same style with this marker.
    #[must_use]
    pub const fn marker(mut self, marker: Marker) -> Self {
        self.marker = marker;
        self
    }

    /// The same style as points without a line.
    #[must_use]
    pub const fn points(mut self) -> Self {
        self.dash = None;
        self
    }

    /// The same style for bars, which have neither lines nor markers.
    #[must_use]
    pub const fn bar(self) -> Self {
        self.points().marker(Marker::None)
    }

    /// The same style with this name.
    #[must_use]
    pub fn named(mut self, name: impl Into<String>) -> Self {
        self.name = name.into();
        self
    }
}

/// A mark in a panel, in the coordinates of its axes.
#[derive(Clone, Debug)]
pub enum Mark {
    /// A line through points, or only the points.
    Line(Style, Vec<(f64, f64)>),
    /// A line between two points without values of its own: it divides the panel, or shows how far a value varies.
    Rule(Style, (f64, f64), (f64, f64)),
    /// A bar from one corner to the other.
    Bar(Style, (f64, f64), (f64, f64)),
    /// A coloured rectangle from one corner to the other, with text in the middle.
    Tile(Hue, (f64, f64), (f64, f64), String),
    /// Lines of text beside a point: to the right and above, or to the left and below.
    Words((f64, f64), String, bool),
}

/// A panel: axes and the marks between them.
#[derive(Clone, Debug)]
pub struct Panel {
    /// The title above the panel; may be empty.
    pub title: String,
    /// The horizontal axis.
    pub x: Axis,
    /// The vertical axis.
    pub y: Axis,
    /// The marks, from back to front.
    pub marks: Vec<Mark>,
}

impl Panel {
    /// A panel without marks.
    pub fn new(title: impl Into<String>, x: Axis, y: Axis) -> Self {
        Self { title: title.into(), x, y, marks: Vec::new() }
    }

    /// Adds a line or points.
    pub fn line(&mut self, style: Style, points: impl IntoIterator<Item = (f64, f64)>) {
        self.marks.push(Mark::Line(style, points.into_iter().collect()));
    }

    /// Adds thin lines that show how far the values at these places vary.
    pub fn whiskers(&mut self, name: &str, ranges: impl IntoIterator<Item = (f64, [f64; 2])>) {
        let style = Style::new(name, palette::GREY).marker(Marker::None);
        for (x, [low, high]) in ranges {
            self.marks.push(Mark::Rule(style.clone(), (x, low), (x, high)));
        }
    }

    /// Adds a dotted line that divides the panel.
    pub fn rule(&mut self, name: &str, from: (f64, f64), to: (f64, f64)) {
        let style = Style::new(name, palette::GREY).dash(Dash::Short).marker(Marker::None);
        self.marks.push(Mark::Rule(style, from, to));
    }
}

/// A picture as SVG, in two widths. Both show the same, and text in both has the same size.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Picture {
    /// For paper and large screens: 680 pixels wide.
    pub wide: String,
    /// For phones: 360 pixels wide, with one panel below the other.
    pub narrow: String,
}

/// A figure: a picture with its title and caption.
#[derive(Clone, Debug)]
pub struct Figure {
    /// The name of the file, without its extension.
    pub name: &'static str,
    /// The title.
    pub title: String,
    /// The caption: what the figure shows, and what was held constant. It may contain `{facts}`.
    pub caption: String,
    /// The picture.
    pub svg: Picture,
}
