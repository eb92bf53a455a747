//! Draws panels as SVG: plotters draws the axes, and the marks and the legend are drawn over them.

use super::legend::{self, Key};
use super::marks::{Marks, Plot};
use super::{Axis, Mark, Panel, Picture};
use crate::lab::experiments::LabError;
use plotters::coord::Shift;
use plotters::coord::ranged1d::{DefaultFormatting, KeyPointHint};
use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, Pos, VPos};

/// The colour of axes and text. Pages with a dark mode replace it.
const INK: RGBColor = RGBColor(17, 17, 19);
/// The colour of the grid; see [`INK`].
const GRID: RGBColor = RGBColor(221, 221, 223);
/// The colour of the background; see [`INK`].
const PAPER: RGBColor = RGBColor(255, 255, 254);

/// The size of text, in the unit of plotters: 1.24 of them are a pixel.
pub(super) const FONT: i32 = 14;
/// The approximate width of a letter in pixels. The exact width depends on the viewer's font.
pub(super) const LETTER: f64 = 0.56 * FONT as f64;
/// The width of a picture for paper and large screens, and of one for phones.
const WIDTHS: [i32; 2] = [680, 360];
/// The height of slanted names below an axis, for each letter.
const SLANT: f64 = 0.3 * FONT as f64;

type Area<'a> = DrawingArea<SVGBackend<'a>, Shift>;
type Failed = DrawingAreaErrorKind<std::io::Error>;

/// Draws panels in this many columns, each panel `height` pixels high, with one legend below all. On phones there is one column.
///
/// # Errors
/// [`LabError::Drawing`] if a panel cannot be drawn.
pub fn draw(panels: &[Panel], columns: usize, height: i32) -> Result<Picture, LabError> {
    let [wide, narrow] = WIDTHS;
    Ok(Picture { wide: sheet(panels, wide, columns, height)?, narrow: sheet(panels, narrow, 1, height)? })
}

/// One picture of this width.
fn sheet(panels: &[Panel], width: i32, columns: usize, height: i32) -> Result<String, LabError> {
    let wrong = |why: &dyn std::fmt::Display| LabError::Drawing(why.to_string());
    let keys = legend::keys(panels, width);
    let whole = |count: usize| i32::try_from(count.max(1)).map_err(|why| wrong(&why));
    let (across, rows) = (width / whole(columns)?, whole(panels.len().div_ceil(columns.max(1)))?);
    // Slanted names get space of their own.
    let height = height + panels.iter().filter_map(|panel| slant(panel, across)).max().unwrap_or(0);
    let charts = rows * height;
    let (mut svg, mut marks) = (String::new(), Marks::default());
    {
        let size = (width as u32, (charts + legend::height(&keys)) as u32);
        let root = SVGBackend::with_string(&mut svg, size).into_drawing_area();
        root.fill(&PAPER).map_err(|why| wrong(&why))?;
        let (above, _) = root.split_vertically(charts);
        for (panel, area) in panels.iter().zip(above.split_evenly((rows as usize, columns))) {
            draw_panel(panel, &area, &keys, &mut marks).map_err(|why| wrong(&why))?;
        }
        root.present().map_err(|why| wrong(&why))?;
    }
    legend::draw(&keys, charts, &mut marks);
    let axes = svg.trim_end().strip_suffix("</svg>").ok_or_else(|| wrong(&"it has no end"))?;
    Ok(format!("{axes}{}</svg>\n", marks.finish()))
}

fn font(size: i32, h: HPos, v: VPos) -> TextStyle<'static> {
    ("sans-serif", size).into_font().color(&INK).pos(Pos::new(h, v))
}

/// An axis in the form that plotters expects, with our own choice of ticks.
struct Scale {
    ends: (f64, f64),
    ticks: Vec<f64>,
}

impl Scale {
    fn new(axis: &Axis, ends: (f64, f64)) -> Self {
        Self { ends, ticks: axis.ticks(ends) }
    }
}

impl Ranged for Scale {
    type FormatOption = DefaultFormatting;
    type ValueType = f64;

    fn map(&self, value: &f64, limit: (i32, i32)) -> i32 {
        let share = (value - self.ends.0) / (self.ends.1 - self.ends.0);
        limit.0 + (f64::from(limit.1 - limit.0) * share).round() as i32
    }

    fn key_points<Hint: KeyPointHint>(&self, _hint: Hint) -> Vec<f64> {
        self.ticks.clone()
    }

    fn range(&self) -> std::ops::Range<f64> {
        self.ends.0..self.ends.1
    }
}

/// Draws the axes of a panel, and adds its marks.
fn draw_panel(panel: &Panel, area: &Area<'_>, keys: &[Key], marks: &mut Marks) -> Result<(), Failed> {
    let [x, y] = ends(panel);
    let (across, _) = area.get_pixel_range();
    let width = across.end - across.start;
    let (slant, labels) = (slant(panel, width), labels(panel, width));
    let mut builder = ChartBuilder::on(area);
    builder.margin(6).margin_right(16).margin_top(if panel.title.is_empty() { 12 } else { 6 });
    let below = if panel.x.label.is_empty() { 26 } else { 46 };
    builder.x_label_area_size(below + slant.unwrap_or(0)).y_label_area_size(room(panel, &labels));
    if !panel.title.is_empty() {
        builder.caption(&panel.title, font(FONT + 1, HPos::Left, VPos::Top));
    }
    let mut chart = builder.build_cartesian_2d(Scale::new(&panel.x, x), Scale::new(&panel.y, y))?;
    let words = font(FONT, HPos::Center, VPos::Center);
    let (is_slanted, is_wrapped) = (slant.is_some(), labels.iter().any(|lines| lines.len() > 1));
    let (x_label, y_label) = (
        |t: &f64| if is_slanted { String::new() } else { panel.x.label_at(*t) },
        |t: &f64| if is_wrapped { String::new() } else { panel.y.label_at(*t) },
    );
    let mut mesh = chart.configure_mesh();
    mesh.axis_style(INK).bold_line_style(GRID).light_line_style(TRANSPARENT).label_style(words.clone());
    mesh.x_label_formatter(&x_label).y_label_formatter(&y_label);
    mesh.x_desc(&panel.x.label).y_desc(&panel.y.label).axis_desc_style(words);
    if !panel.x.names.is_empty() {
        mesh.disable_x_mesh();
    }
    if !panel.y.names.is_empty() {
        mesh.disable_y_mesh();
    }
    mesh.draw()?;
    let corner = |x, y| {
        let (x, y) = chart.plotting_area().map_coordinate(&(x, y));
        (f64::from(x), f64::from(y))
    };
    let plot = Plot { panel, x, y, low: corner(x.0, y.0), high: corner(x.1, y.1) };
    if is_slanted {
        marks.slanted(&plot);
    }
    if is_wrapped {
        marks.wrapped(&plot, &labels);
    }
    marks.panel(&plot, keys);
    Ok(())
}

/// The places at both ends of the axes.
fn ends(panel: &Panel) -> [(f64, f64); 2] {
    let points = || panel.marks.iter().flat_map(corners);
    [panel.x.ends(points().map(|p| p.0)), panel.y.ends(points().map(|p| p.1))]
}

/// The labels left of the vertical axis of a panel of this width, in lines. Names take at most 38 % of the width.
fn labels(panel: &Panel, width: i32) -> Vec<Vec<String>> {
    let [_, y] = ends(panel);
    let labels = panel.y.ticks(y).into_iter().map(|tick| panel.y.label_at(tick));
    let most = (f64::from(width) * 0.38 / LETTER) as usize;
    labels.map(|label| if panel.y.names.is_empty() { vec![label] } else { lines(&label, most) }).collect()
}

/// A text in lines of at most so many letters, if no word is longer.
fn lines(text: &str, most: usize) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for word in text.split(' ') {
        match lines.last_mut() {
            Some(line) if line.chars().count() + 1 + word.chars().count() <= most => {
                line.push(' ');
                line.push_str(word);
            }
            _ => lines.push(word.to_owned()),
        }
    }
    lines
}

/// The width of these labels, and of the name of the axis.
fn room(panel: &Panel, labels: &[Vec<String>]) -> i32 {
    let longest = labels.iter().flatten().map(|line| line.chars().count()).max().unwrap_or(1);
    12 + (longest as f64 * LETTER) as i32 + if panel.y.label.is_empty() { 0 } else { FONT + 8 }
}

/// The height that the names below the horizontal axis need in a panel of this width, if they do not fit side by side.
fn slant(panel: &Panel, width: i32) -> Option<i32> {
    let longest = panel.x.names.iter().map(|name| name.chars().count()).max()? as f64;
    let each = f64::from(width - room(panel, &labels(panel, width)) - 22) / panel.x.names.len() as f64;
    (longest * 0.8 * LETTER >= each).then_some((longest * SLANT) as i32)
}

/// The points that the axes must reach.
fn corners(mark: &Mark) -> Vec<(f64, f64)> {
    match mark {
        Mark::Line(_, points) => points.clone(),
        Mark::Bar(_, low, high) | Mark::Tile(_, low, high, _) | Mark::Rule(_, low, high) => vec![*low, *high],
        Mark::Words(point, ..) => vec![*point],
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lab::experiments::chart::{Style, bars, palette, stacked};

    #[test]
    fn long_names_are_divided_between_words() {
        assert_eq!(lines("fast, collision, uncoordinated", 16), ["fast, collision,", "uncoordinated"]);
        assert_eq!(lines("uncoordinated", 5), ["uncoordinated"]);
    }

    #[test]
    fn names_that_do_not_fit_on_a_phone_are_slanted_or_divided_there() {
        let names: Vec<String> = (0..5).map(|nth| format!("a long, long name {nth}")).collect();
        let style = Style::new("multi", palette::BLUE);
        let below = bars("", &names, Axis::new("ms"), &[(style.clone(), vec![Some(1.5); 5])]);
        let left = stacked("", &names, Axis::new("ms"), &[(style, vec![1.5; 5])]);
        let [below, left] = [below, left].map(|panel| draw(&[panel], 1, 300).expect("drawn"));
        assert!(below.narrow.contains("rotate(-40 ") && !left.narrow.contains("rotate(-40 "));
        assert!(
            left.wide.contains("a long, long name 4") && left.narrow.contains(">a long, long name</text>")
        );
        for svg in [&below.wide, &below.narrow, &left.wide, &left.narrow] {
            assert!(svg.contains("<title>multi\na long, long name 4\nms: 1.50</title>"), "{svg}");
        }
    }
}
