//! The live page, and a run as one file. Both use the same template. The file contains its run and makes no requests.

use super::draw::{self, Drawing, STYLE, colours};
use super::frame::Recording;
use super::script::{Action, Script};
use super::{ExploreError, scenarios};
use crate::variants::Variant;
use askama::Template;
use serde::Serialize;

/// The page's code: one script, made of these files in this order.
const CODE: &str = concat!(
    include_str!("../../../templates/explore-session.js"),
    include_str!("../../../templates/explore-view.js"),
    include_str!("../../../templates/explore-input.js"),
);

/// The run that the page shows, with its session and its diagram.
#[derive(Serialize)]
pub(super) struct Shown<'a> {
    /// The session in its saved format.
    pub(super) script: serde_json::Value,
    /// The run.
    pub(super) run: &'a Recording,
    /// The diagram of the run.
    pub(super) drawing: Drawing,
    /// Whether the diagram includes upkeep.
    pub(super) upkeep: bool,
}

impl<'a> Shown<'a> {
    pub(super) fn new(script: &Script, run: &'a Recording, upkeep: bool) -> Result<Self, ExploreError> {
        let script = serde_json::from_str(&script.write()?)?;
        Ok(Self { script, run, drawing: draw::draw(run, upkeep), upkeep })
    }
}

/// A scenario that the user can choose.
#[derive(Serialize)]
pub(super) struct Choice {
    name: &'static str,
    title: &'static str,
    look: &'static str,
    variant: &'static str,
    servers: u16,
    spares: u16,
    actions: &'static [Action],
}

/// All scenarios that the user can choose.
pub(super) fn choices() -> impl Iterator<Item = Choice> {
    scenarios().map(|scenario| Choice {
        name: scenario.name,
        title: scenario.title,
        look: scenario.look,
        variant: scenario.variant.name(),
        servers: scenario.setting.servers,
        spares: scenario.setting.spares,
        actions: scenario.actions,
    })
}

/// The data in the page.
#[derive(Serialize)]
struct Data<'a> {
    /// Whether the page can ask a server.
    live: bool,
    variants: Vec<&'static str>,
    scenarios: Vec<Choice>,
    shown: Shown<'a>,
}

#[derive(Template)]
#[template(path = "explore.html")]
struct Page<'a> {
    title: String,
    colours: String,
    style: &'static str,
    drawing: &'static str,
    code: &'static str,
    data: String,
    live: bool,
    run: &'a Recording,
}

fn render(script: &Script, run: &Recording, upkeep: bool, live: bool) -> Result<String, ExploreError> {
    let data = Data {
        live,
        variants: Variant::ALL.iter().map(|variant| variant.name()).collect(),
        scenarios: if live { choices().collect() } else { Vec::new() },
        shown: Shown::new(script, run, upkeep)?,
    };
    // The data must not contain text that ends its HTML element.
    let data = serde_json::to_string(&data)?.replace('<', "\\u003c");
    let page = Page {
        title: format!("{}: {}", run.title, run.variant),
        colours: colours(),
        style: include_str!("../../../templates/explore.css"),
        drawing: STYLE,
        code: CODE,
        data,
        live,
        run,
    };
    Ok(page.render()?)
}

/// Returns the page that begins with this session.
///
/// # Errors
/// [`ExploreError`] if the page cannot be made.
pub fn page(script: &Script, run: &Recording) -> Result<String, ExploreError> {
    render(script, run, false, true)
}

/// Returns the run as one HTML file in which the user can step forwards and backwards.
///
/// # Errors
/// [`ExploreError`] if the page cannot be made.
pub fn export_html(script: &Script, run: &Recording, upkeep: bool) -> Result<String, ExploreError> {
    render(script, run, upkeep, false)
}

/// Returns the diagram as an SVG file.
pub fn export_svg(run: &Recording, upkeep: bool) -> String {
    draw::file(run, upkeep)
}
