//! Figures as PNG, for documents that take no SVG. Their text needs a font of this computer.

use crate::lab::experiments::LabError;
use resvg::usvg::fontdb::{Database, Family, Query};
use resvg::usvg::{Options, Transform, Tree};
use resvg::{render, tiny_skia::Pixmap};
use std::sync::Arc;

/// The pixels of a PNG file for each unit of the SVG, so that text can be read in print.
const SCALE: f32 = 2.0;

/// Fonts for text, from the first that is installed. The first is what the computer calls its sans-serif font.
const FAMILIES: [&str; 6] =
    ["DejaVu Sans", "Noto Sans", "Liberation Sans", "Open Sans", "Helvetica", "Segoe UI"];

/// Draws SVG figures as PNG.
#[derive(Debug)]
pub(in crate::lab::experiments) struct Printer(Options<'static>);

impl Printer {
    /// A printer with the fonts of this computer.
    pub(in crate::lab::experiments) fn new() -> Result<Self, LabError> {
        let mut fonts = Database::new();
        fonts.load_system_fonts();
        Self::with(fonts)
    }

    /// A printer with these fonts. Text without a font would be left out, so it is an error if none of them is usable.
    fn with(mut fonts: Database) -> Result<Self, LabError> {
        let has = |fonts: &Database, family| {
            fonts.query(&Query { families: &[family], ..Query::default() }).is_some()
        };
        if !has(&fonts, Family::SansSerif) {
            let family = FAMILIES.into_iter().find(|family| has(&fonts, Family::Name(family)));
            fonts.set_sans_serif_family(family.ok_or(LabError::Font)?);
        }
        Ok(Self(Options { fontdb: Arc::new(fonts), ..Options::default() }))
    }

    /// The figure as a PNG file.
    pub(in crate::lab::experiments) fn png(&self, svg: &str) -> Result<Vec<u8>, LabError> {
        let wrong = |why: &dyn std::fmt::Display| LabError::Drawing(why.to_string());
        let tree = Tree::from_str(svg, &self.0).map_err(|why| wrong(&why))?;
        let size = tree.size().to_int_size().scale_by(SCALE).ok_or_else(|| wrong(&"it is empty"))?;
        let pixels = Pixmap::new(size.width(), size.height());
        let mut pixels = pixels.ok_or_else(|| wrong(&"it is too large"))?;
        render(&tree, Transform::from_scale(SCALE, SCALE), &mut pixels.as_mut());
        pixels.encode_png().map_err(|why| wrong(&why))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_drawn() {
        // The test of the command says what happens without a font.
        let Ok(printer) = Printer::new() else { return };
        let picture = |text: &str| {
            let svg = format!(
                r#"<svg xmlns="http://www.w3.org/2000/svg" width="90" height="30"><text y="20" font-family="sans-serif">{text}</text></svg>"#
            );
            printer.png(&svg).expect("it is small")
        };
        assert_ne!(picture("µ ≥ −1"), picture(""));
    }

    #[test]
    fn a_computer_without_fonts_is_told_what_to_install() {
        let error = Printer::with(Database::new()).expect_err("there is no font").to_string();
        assert!(error.contains("fonts-dejavu-core"), "{error}");
    }
}
