//! Sequence diagrams for pages that render mermaid.

use super::{Trace, What};
use core::fmt::Write;

impl Trace {
    /// Returns the run as a mermaid `sequenceDiagram`.
    pub fn to_mermaid(&self) -> String {
        let mut text = String::from("sequenceDiagram\n");
        for node in &self.nodes {
            line(&mut text, format_args!("participant {node}"));
        }
        for event in self.lines() {
            match event.what {
                What::Sent { label, to, .. } => {
                    for (from, (receiver, at)) in
                        event.nodes.iter().flat_map(|from| to.iter().map(move |t| (from, t)))
                    {
                        let arrow = if at.is_some() { "->>" } else { "-x" };
                        line(&mut text, format_args!("{from}{arrow}{receiver}: {}", escape(label)));
                    }
                }
                What::Noted(note, about) => {
                    for node in &event.nodes {
                        line(&mut text, format_args!("Note over {node}: {}", escape(&note.tell(about))));
                    }
                }
            }
        }
        text
    }
}

fn line(text: &mut String, content: core::fmt::Arguments<'_>) {
    // Writing to a string cannot fail.
    let _ = writeln!(text, "    {content}");
}

/// Escapes `#` and `;`, which have a meaning in mermaid.
fn escape(text: &str) -> String {
    text.chars().fold(String::new(), |mut all, c| {
        match c {
            '#' => all.push_str("#35;"),
            ';' => all.push_str("#59;"),
            c => all.push(c),
        }
        all
    })
}
