//! The figures of the race against Multi-Paxos.

use super::super::spread::Family;
use super::{Point, SIZE, SIZES, rivals};
use crate::lab::experiments::LabError;
use crate::lab::experiments::chart::{Axis, Figure, Panel, Style, draw, palette};
use crate::variants::Variant;

/// A line of a panel: how it looks, its variant and its number of acceptors.
type Line = (Style, Variant, u16);

/// What a panel shows of a point: its height, and the range in which it may as well be.
type Shown = (fn(&Point) -> Option<f64>, fn(&Point) -> Option<[f64; 2]>);

/// Makes a panel for each family. At the height `even` neither variant is ahead.
fn panels(points: &[Point], lines: &[Line], (y, even): (&Axis, f64), (value, range): Shown) -> Vec<Panel> {
    let families = [Family::Exponential, Family::Weibull, Family::LogNormal, Family::Pareto];
    let panel = |family: Family| {
        let end = if family == Family::Exponential { 1.05 } else { 4.2 };
        let x = Axis::new("spread (standard deviation / mean)").range(0.0, end);
        let mut panel = Panel::new(format!("{} delays", family.title()), x, y.clone());
        for (style, variant, acceptors) in lines {
            let here = points.iter().filter(|p| (p.variant, p.course.acceptors) == (*variant, *acceptors));
            // Constant delays are the spread 0 of every family.
            let here = here.filter(|p| [family, Family::Constant].contains(&p.course.family));
            let ranges = here.clone().filter_map(|p| Some((p.course.spread, range(p)?)));
            panel.whiskers("two standard errors of the difference of the means", ranges);
            panel.line(style.clone(), here.filter_map(|p| Some((p.course.spread, value(p)?))));
        }
        panel.rule("", (0.0, even), (end, even));
        panel
    };
    families.map(panel).into()
}

/// A line of Fast Paxos for each number of acceptors.
fn by_size() -> Vec<Line> {
    let line = |(nth, acceptors): (usize, u16)| {
        (palette::series(nth, format!("{acceptors} acceptors")), Variant::Fast, acceptors)
    };
    SIZES.into_iter().enumerate().map(line).collect()
}

pub(super) fn shares(points: &[Point]) -> Result<Figure, LabError> {
    let y = Axis::new("share won by fast").range(0.0, 1.02);
    let panels = panels(points, &by_size(), (&y, 0.5), (|p| Some(p.won), |_| None));
    Ok(Figure {
        name: "won",
        title: "Share of commands that Fast Paxos decides sooner than Multi-Paxos".into(),
        caption: "All lines begin with constant delays, where Fast Paxos wins {constant} of the commands. It wins less often the more delays vary; below \
                  the dotted line Multi-Paxos wins more often. Colours are numbers of acceptors here. Held constant: a mean delay \
                  of {mean_delay_of_a_message}, one client that hears the votes itself, no collision, majority quorums, {commands_per_point} commands per point."
            .into(),
        svg: draw(&panels, 2, 280)?,
    })
}

pub(super) fn means(points: &[Point]) -> Result<Figure, LabError> {
    let panels =
        panels(points, &by_size(), (&Axis::new("fast / multi, mean"), 1.0), (Point::ratio, Point::range));
    Ok(Figure {
        name: "means",
        title: "Mean latency of Fast Paxos divided by that of Multi-Paxos".into(),
        caption: "With constant delays the ratio is {ratio}: two delays instead of three. Above the dotted line Multi-Paxos has the lower \
                  mean latency, clearly so in {slower} of {settings} settings: there the means are more than two standard errors of their difference \
                  apart. Thin grey lines are two of these errors up and down. Colours are numbers of acceptors here. Held constant: as above."
            .into(),
        svg: draw(&panels, 2, 280)?,
    })
}

/// All variants, for one number of acceptors.
pub(super) fn variants(points: &[Point]) -> Result<Figure, LabError> {
    let lines: Vec<Line> = rivals().map(|variant| (palette::style(variant), variant, SIZE)).collect();
    let panels =
        panels(points, &lines, (&Axis::new("variant / multi, mean"), 1.0), (Point::ratio, Point::range));
    Ok(Figure {
        name: "variants",
        title: "Mean latency of each variant divided by that of Multi-Paxos".into(),
        caption: "Above the dotted line Multi-Paxos has the lower mean latency. Thin grey lines are two standard errors of the difference of the means up and down. Variants that run with one layout only are left out. Held constant: as \
                  above, {n} acceptors."
            .into(),
        svg: draw(&panels, 2, 280)?,
    })
}
