//! Draws the results as SVG bar charts, by contender and by size.

use std::fmt::Write as _;

use crate::{
    contender::Contender,
    measure::idle::RSS,
    numbers::{ACKED, CPU_DELIVERY, DELIVERY_P99},
    results::Results,
    scenario::Scenario,
    table::figure,
};

/// Measurements drawn by contender, with their titles.
const BY_CONTENDER: [(Scenario, &str, &str); 5] = [
    (Scenario::Fanout, CPU_DELIVERY, "CPU µs per delivery, 500 clients × 200 messages/s (less is better)"),
    (
        Scenario::FanoutHigh,
        CPU_DELIVERY,
        "CPU µs per delivery, 500 clients × 1,000 messages/s (less is better)",
    ),
    (Scenario::FanoutHigh, DELIVERY_P99, "p99 delivery latency in ms at that rate (less is better)"),
    (Scenario::Ingest, ACKED, "durable messages/s, 16 senders × 64 in flight (more is better)"),
    (Scenario::Idle, RSS, "KB of memory per idle connection (less is better)"),
];

/// Measurements drawn by size; the name starts with this prefix and ends with the size.
const BY_SIZE: [(Scenario, Contender, &str, &str); 6] = [
    (
        Scenario::Clients,
        Contender::Chorus2,
        "CPU µs/delivery at ",
        "CPU µs per delivery, by clients of one room, 10 messages/s",
    ),
    (Scenario::Clients, Contender::Chorus2, "delivery p99 ms at ", "p99 delivery latency in ms, same load"),
    (
        Scenario::Rooms,
        Contender::Chorus2,
        "CPU µs/message in ",
        "CPU µs per message, 200 messages/s to many clients, by rooms",
    ),
    (Scenario::Rooms, Contender::Chorus2, "delivery p99 ms in ", "p99 delivery latency in ms, same load"),
    (Scenario::Growth, Contender::Chorus1, "join p99 ms at ", "p99 join latency in ms, by stored messages"),
    (
        Scenario::Growth,
        Contender::Chorus1,
        "ack p99 ms at ",
        "p99 ack latency in ms at 200 messages/s, by stored messages",
    ),
];

/// Bars on one scale.
struct Panel<'a> {
    title: &'a str,
    bars: Vec<(String, f64, &'static str)>,
}

/// Draws all contenders side by side.
pub(crate) fn by_contender(results: &Results) -> String {
    let panels = BY_CONTENDER.map(|(scenario, name, title)| {
        let rows = results.0.iter().filter(|((measured, _), _)| *measured == scenario);
        let bars = rows.filter_map(|((_, contender), row)| {
            let class = if contender.is_chorus() { "chorus" } else { "other" };
            Some((contender.name(), row.median(name)?, class))
        });
        Panel { title, bars: bars.collect() }
    });
    draw("Chorus beside others", &panels)
}

/// Draws Chorus by number of clients, rooms, stored messages and nodes.
pub(crate) fn by_size(results: &Results) -> String {
    let nodes =
        [Contender::Chorus1, Contender::Chorus2, Contender::Chorus3].into_iter().filter_map(|nodes| {
            let cpu = results.median(Scenario::Fanout, nodes, CPU_DELIVERY)?;
            Some((nodes.process_count().to_string(), cpu, "chorus"))
        });
    let nodes = Panel {
        title: "CPU µs per delivery, 500 clients × 200 messages/s, by nodes",
        bars: nodes.collect(),
    };
    let sizes = BY_SIZE.iter().map(|(scenario, contender, prefix, title)| {
        let numbers = results.0.get(&(*scenario, *contender)).into_iter().flat_map(|row| {
            let sizes = row.numbers.iter().filter_map(|(name, _)| Some((name.strip_prefix(prefix)?, *name)));
            sizes.filter_map(|(size, name)| Some((size.to_owned(), row.median(name)?, "chorus")))
        });
        Panel { title, bars: numbers.collect() }
    });
    draw("Chorus as things grow", &sizes.chain([nodes]).collect::<Vec<_>>())
}

const WIDTH: f64 = 760.0;
const LABEL: f64 = 130.0;
const BAR: f64 = 18.0;
const STEP: f64 = 24.0;

fn draw(label: &str, panels: &[Panel<'_>]) -> String {
    let (mut body, mut y) = (String::new(), 10.0);
    for Panel { title, bars } in panels {
        let Some(most) = bars.iter().map(|(_, value, _)| *value).reduce(f64::max) else { continue };
        y += 22.0;
        let _ = writeln!(body, r#"<text x="0" y="{y}" class="title">{title}</text>"#);
        y += 8.0;
        for (name, value, class) in bars {
            let width = (WIDTH - LABEL - 80.0) * value / most;
            let (text, end) = (y + 14.0, LABEL + width + 6.0);
            let _ = writeln!(
                body,
                r#"<text x="{LABEL}" y="{text}" dx="-8" text-anchor="end">{name}</text><rect x="{LABEL}" y="{y}" width="{width:.1}" height="{BAR}" class="{class}"/><text x="{end:.1}" y="{text}">{}</text>"#,
                figure(*value),
            );
            y += STEP;
        }
        y += 8.0;
    }
    let style = "text{font:13px sans-serif;fill:#555}.title{font-weight:bold}.chorus{fill:#2f7d5b}.other{fill:#a9b4ae}";
    format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {y}\" role=\"img\" aria-label=\"{label}\">\n<style>{style}</style>\n{body}</svg>\n"
    )
}
