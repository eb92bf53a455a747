//! Draws panels as SVG.

use super::{Axis, Dash, Mark, Marker, Panel, Style};
use crate::lab::experiments::LabError;
use crate::lab::experiments::chart::palette::Hue;
use plotters::coord::Shift;
use plotters::coord::ranged1d::{DefaultFormatting, KeyPointHint};
use plotters::element::DashedPathElement;
use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, Pos, VPos};

/// The colour of axes and text. Pages with a dark mode replace it.
pub(crate) const INK: RGBColor = RGBColor(17, 17, 19);
/// The colour of the grid; see [`INK`].
pub(crate) const GRID: RGBColor = RGBColor(221, 221, 223);
/// The colour of the background; see [`INK`].
pub(crate) const PAPER: RGBColor = RGBColor(255, 255, 254);

const FONT: i32 = 14;
/// The approximate width of a letter. The exact width depends on the viewer's font.
const LETTER: f64 = 0.56 * FONT as f64;
const LEGEND_LINE: i32 = 22;
const WIDTH: i32 = 680;

type Area<'a> = DrawingArea<SVGBackend<'a>, Shift>;

/// Draws panels in this many columns, each panel `height` pixels high, with one legend below all.
///
/// # Errors
/// [`LabError::Drawing`] if a panel cannot be drawn.
pub fn draw(panels: &[Panel], columns: usize, height: i32) -> Result<String, LabError> {
    let wrong = |why: &dyn std::fmt::Display| LabError::Drawing(why.to_string());
    let legend = legend(panels);
    let rows = i32::try_from(panels.len().div_ceil(columns.max(1))).map_err(|why| wrong(&why))?;
    let (charts, keys) = (rows * height, legend.last().map_or(0, |(_, _, y)| y + LEGEND_LINE + 6));
    let mut svg = String::new();
    {
        let size = (WIDTH as u32, (charts + keys) as u32);
        let root = SVGBackend::with_string(&mut svg, size).into_drawing_area();
        root.fill(&PAPER).map_err(|why| wrong(&why))?;
        let (above, below) = root.split_vertically(charts);
        for (panel, area) in panels.iter().zip(above.split_evenly((rows as usize, columns))) {
            draw_panel(panel, &area).map_err(|why| wrong(&why))?;
        }
        for (style, x, y) in &legend {
            draw_key(style, (*x, *y), &below).map_err(|why| wrong(&why))?;
        }
        root.present().map_err(|why| wrong(&why))?;
    }
    Ok(svg)
}

fn rgb(hue: Hue) -> RGBColor {
    RGBColor(hue.0, hue.1, hue.2)
}

fn font(size: i32, color: RGBColor, h: HPos, v: VPos) -> TextStyle<'static> {
    ("sans-serif", size).into_font().color(&color).pos(Pos::new(h, v))
}

/// The legend: every style once, with its place.
fn legend(panels: &[Panel]) -> Vec<(Style, i32, i32)> {
    let mut placed: Vec<(Style, i32, i32)> = Vec::new();
    let (mut x, mut y) = (16, 4);
    for mark in panels.iter().flat_map(|panel| &panel.marks) {
        let (Mark::Line(style, _) | Mark::Bar(style, ..)) = mark else { continue };
        if style.name.is_empty() || placed.iter().any(|(known, ..)| known == style) {
            continue;
        }
        let wide = 38 + (style.name.chars().count() as f64 * LETTER) as i32 + 18;
        if x + wide > WIDTH && x > 16 {
            (x, y) = (16, y + LEGEND_LINE);
        }
        placed.push((style.clone(), x, y));
        x += wide;
    }
    placed
}

type Failed = DrawingAreaErrorKind<std::io::Error>;

fn draw_key(style: &Style, (x, y): (i32, i32), area: &Area<'_>) -> Result<(), Failed> {
    let middle = y + LEGEND_LINE / 2;
    match (style.dash, style.marker) {
        (None, Marker::None) => {
            area.draw(&Rectangle::new([(x + 6, middle - 6), (x + 24, middle + 6)], rgb(style.hue).filled()))?;
        }
        (dash, marker) => {
            if let Some(dash) = dash {
                stroke(&[(x, middle), (x + 30, middle)], style.hue, dash, area)?;
            }
            draw_marker(marker, (x + 15, middle), style.hue, area)?;
        }
    }
    area.draw(&Text::new(style.name.clone(), (x + 38, middle), font(FONT, INK, HPos::Left, VPos::Center)))
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

fn draw_panel(panel: &Panel, area: &Area<'_>) -> Result<(), Failed> {
    let points = || panel.marks.iter().flat_map(corners);
    let (x, y) = (panel.x.ends(points().map(|p| p.0)), panel.y.ends(points().map(|p| p.1)));
    let longest =
        panel.y.ticks(y).into_iter().map(|t| panel.y.label_at(t).chars().count()).max().unwrap_or(1);
    let room = 12 + (longest as f64 * LETTER) as i32 + if panel.y.label.is_empty() { 0 } else { FONT + 8 };
    let mut builder = ChartBuilder::on(area);
    builder.margin(6).margin_right(16).margin_top(if panel.title.is_empty() { 12 } else { 6 });
    builder.x_label_area_size(if panel.x.label.is_empty() { 26 } else { 46 }).y_label_area_size(room);
    if !panel.title.is_empty() {
        builder.caption(&panel.title, font(FONT + 1, INK, HPos::Left, VPos::Top));
    }
    let mut chart = builder.build_cartesian_2d(Scale::new(&panel.x, x), Scale::new(&panel.y, y))?;
    let words = font(FONT, INK, HPos::Center, VPos::Center);
    let (x_label, y_label) = (|t: &f64| panel.x.label_at(*t), |t: &f64| panel.y.label_at(*t));
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
    // The marks are drawn in pixels, relative to the upper left corner of the area between the axes.
    let plot = chart.plotting_area();
    let (inside, (left, top)) =
        (plot.strip_coord_spec(), (plot.get_pixel_range().0.start, plot.get_pixel_range().1.start));
    let pixel = |p: &(f64, f64)| {
        let (x, y) = plot.map_coordinate(&(panel.x.place(p.0), panel.y.place(p.1)));
        (x - left, y - top)
    };
    // Points outside the axes' ranges are not drawn.
    let is_inside = |p: &&(f64, f64)| {
        (x.0..=x.1).contains(&panel.x.place(p.0)) && (y.0..=y.1).contains(&panel.y.place(p.1))
    };
    for mark in &panel.marks {
        match mark {
            Mark::Line(style, points) => {
                let placed: Vec<(i32, i32)> = points.iter().filter(is_inside).map(pixel).collect();
                if let Some(dash) = style.dash {
                    stroke(&placed, style.hue, dash, &inside)?;
                }
                for point in placed {
                    draw_marker(style.marker, point, style.hue, &inside)?;
                }
            }
            Mark::Bar(style, low, high) => {
                let corners = [pixel(low), pixel(high)];
                inside.draw(&Rectangle::new(corners, rgb(style.hue).filled()))?;
                inside.draw(&Rectangle::new(corners, PAPER.stroke_width(1)))?;
            }
            Mark::Tile(hue, low, high, text) => {
                inside.draw(&Rectangle::new([pixel(low), pixel(high)], rgb(*hue).filled()))?;
                let dark = u32::from(hue.0) + u32::from(hue.1) + u32::from(hue.2) < 420;
                let ink = if dark { RGBColor(255, 255, 255) } else { RGBColor(17, 17, 17) };
                let middle = (f64::midpoint(low.0, high.0), f64::midpoint(low.1, high.1));
                let words = font(FONT, ink, HPos::Center, VPos::Center);
                inside.draw(&Text::new(text.clone(), pixel(&middle), words))?;
            }
            Mark::Words(point, text, right) => {
                let (x, y) = pixel(point);
                let (at, h, v) = if *right {
                    ((x + 6, y - 4), HPos::Left, VPos::Bottom)
                } else {
                    ((x - 6, y + 4), HPos::Right, VPos::Top)
                };
                inside.draw(&Text::new(text.clone(), at, font(FONT - 2, INK, h, v)))?;
            }
        }
    }
    Ok(())
}

fn corners(mark: &Mark) -> Vec<(f64, f64)> {
    match mark {
        Mark::Line(_, points) => points.clone(),
        Mark::Bar(_, low, high) | Mark::Tile(_, low, high, _) => vec![*low, *high],
        Mark::Words(point, ..) => vec![*point],
    }
}

/// A line through points, in pixels.
fn stroke(points: &[(i32, i32)], hue: Hue, dash: Dash, area: &Area<'_>) -> Result<(), Failed> {
    let style = rgb(hue).stroke_width(2);
    let (on, off) = match dash {
        Dash::Solid => return area.draw(&PathElement::new(points.to_vec(), style)),
        Dash::Long => (9, 5),
        Dash::Short => (2, 4),
    };
    area.draw(&DashedPathElement::new(points.to_vec(), on, off, style))
}

fn draw_marker(marker: Marker, at: (i32, i32), hue: Hue, area: &Area<'_>) -> Result<(), Failed> {
    let color = rgb(hue);
    match marker {
        Marker::None => Ok(()),
        Marker::Circle => area.draw(&Circle::new(at, 4, color.filled())),
        Marker::Triangle => area.draw(&TriangleMarker::new(at, 6, color.filled())),
        Marker::Cross => area.draw(&Cross::new(at, 4, color.stroke_width(2))),
        Marker::Ring => area.draw(&Circle::new(at, 4, color.stroke_width(2))),
    }
}
