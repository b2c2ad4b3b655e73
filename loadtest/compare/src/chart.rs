//! The results as a picture: for each of a few numbers, a bar a contender.

use std::fmt::Write as _;

use crate::{contender::Contender, results::Results, scenario::Scenario};

/// The numbers that are drawn, with what is said above them.
const PANELS: [(Scenario, &str, &str); 4] = [
    (Scenario::Fanout, "CPU µs/delivery", "CPU µs a delivery, 500 clients × 200 messages/s (less is better)"),
    (
        Scenario::FanoutHigh,
        "CPU µs/delivery",
        "CPU µs a delivery, 500 clients × 1,000 messages/s (less is better)",
    ),
    (Scenario::Ingest, "acked/s", "durable messages/s, 16 senders × 64 under way (more is better)"),
    (Scenario::Idle, "RSS KB/connection", "KB of memory an idle connection (less is better)"),
];

const WIDTH: f64 = 760.0;
const LABEL: f64 = 130.0;
const BAR: f64 = 18.0;
const STEP: f64 = 24.0;

/// Draws what was measured as SVG.
pub(crate) fn draw(results: &Results) -> String {
    let (mut body, mut y) = (String::new(), 10.0);
    for (scenario, name, title) in PANELS {
        let bars: Vec<(Contender, f64)> = results
            .0
            .iter()
            .filter(|((at, _), _)| *at == scenario)
            .filter_map(|((_, contender), row)| Some((*contender, row.median(name)?)))
            .collect();
        let Some(most) = bars.iter().map(|(_, value)| *value).reduce(f64::max) else { continue };
        y += 22.0;
        let _ = writeln!(body, r#"<text x="0" y="{y}" class="title">{title}</text>"#);
        y += 8.0;
        for (contender, value) in bars {
            let width = (WIDTH - LABEL - 80.0) * value / most;
            let class = if contender.is_chorus() { "chorus" } else { "other" };
            let (text, end) = (y + 14.0, LABEL + width + 6.0);
            let _ = writeln!(
                body,
                r#"<text x="{LABEL}" y="{text}" dx="-8" text-anchor="end">{}</text><rect x="{LABEL}" y="{y}" width="{width:.1}" height="{BAR}" class="{class}"/><text x="{end:.1}" y="{text}">{value:.1}</text>"#,
                contender.name()
            );
            y += STEP;
        }
        y += 8.0;
    }
    let style = "text{font:13px sans-serif;fill:#555}.title{font-weight:bold}.chorus{fill:#2f7d5b}.other{fill:#a9b4ae}";
    format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {y}\" role=\"img\" aria-label=\"Chorus beside others\">\n<style>{style}</style>\n{body}</svg>\n"
    )
}
