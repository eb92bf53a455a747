//! Figures as PNG.

use std::fs;
use std::process::Command;

#[test]
fn each_figure_is_a_png_with_text_beside_its_svg() {
    let dir = tempfile::tempdir().expect("a directory");
    let mut command = Command::new(env!("CARGO_BIN_EXE_paxos-bench"));
    command.args(["experiment", "counts", "--quick", "--png", "--out"]).arg(dir.path());
    let output = command.output().expect("the binary can be run");
    let told = String::from_utf8_lossy(&output.stderr);
    if !cfg!(feature = "png") {
        assert_eq!(output.status.code(), Some(2));
        assert!(told.contains("--features png") && !dir.path().join("counts").exists(), "{told}");
        return;
    }
    if !output.status.success() {
        // A computer without fonts: the command says so, and writes no figure.
        assert!(told.contains("--png needs a font") && !dir.path().join("counts").exists(), "{told}");
        return;
    }
    for name in ["messages", "kinds", "delays"] {
        let file = |suffix: &str| dir.path().join("counts").join(name).with_extension(suffix);
        let (svg, png) = (fs::read_to_string(file("svg")), fs::read(file("png")));
        let (svg, png) = (svg.expect("the figure"), png.expect("the same figure"));
        assert!(svg.contains("<text") && png.starts_with(b"\x89PNG\r\n"), "{name}");
        // Twice as wide as the SVG.
        assert_eq!(png[16..20], 1_360_u32.to_be_bytes(), "{name}");
    }
}
