//! What becomes of the findings: files, text for a terminal, and the report.
//!
//! ```text
//! files   CSV, JSON, SVG, Markdown     page   all experiments as one HTML file
//! png     figures as PNG               list   the names and questions of all experiments
//! ```

mod files;
mod list;
mod page;
#[cfg_attr(not(feature = "png"), path = "output/no_png.rs")]
mod png;

pub(super) use files::{make, render_all, write_with};
pub use files::{render, write};
pub(super) use list::list;
pub use page::{ReportOptions, Written, page, report};
pub(super) use png::Printer;
