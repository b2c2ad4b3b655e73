//! The results as pictures: a bar a contender, and a bar a size.

use std::fmt::Write as _;

use crate::{
    contender::Contender,
    results::Results,
    scenario::{ACKED, CPU_DELIVERY, DELIVERY_P99, RSS, Scenario},
    table::figure,
};

/// The numbers that are drawn for each contender, with what is said above them.
const BESIDE: [(Scenario, &str, &str); 5] = [
    (Scenario::Fanout, CPU_DELIVERY, "CPU µs a delivery, 500 clients × 200 messages/s (less is better)"),
    (
        Scenario::FanoutHigh,
        CPU_DELIVERY,
        "CPU µs a delivery, 500 clients × 1,000 messages/s (less is better)",
    ),
    (Scenario::FanoutHigh, DELIVERY_P99, "ms until 99 of 100 were delivered then (less is better)"),
    (Scenario::Ingest, ACKED, "durable messages/s, 16 senders × 64 under way (more is better)"),
    (Scenario::Idle, RSS, "KB of memory an idle connection (less is better)"),
];

/// The numbers that are drawn for each size, by what their names begin with.
const GROWTH: [(Scenario, Contender, &str, &str); 6] = [
    (
        Scenario::Clients,
        Contender::Chorus2,
        "CPU µs/delivery at ",
        "CPU µs a delivery, by clients of one room, 10 messages/s",
    ),
    (Scenario::Clients, Contender::Chorus2, "delivery p99 ms at ", "ms until 99 of 100 were delivered then"),
    (
        Scenario::Rooms,
        Contender::Chorus2,
        "CPU µs/message in ",
        "CPU µs a message, 200 a second to a large crowd, by rooms",
    ),
    (Scenario::Rooms, Contender::Chorus2, "delivery p99 ms in ", "ms until 99 of 100 were delivered then"),
    (Scenario::Growth, Contender::Chorus1, "join p99 ms at ", "ms of 99 of 100 joins, by stored messages"),
    (Scenario::Growth, Contender::Chorus1, "ack p99 ms at ", "ms of 99 of 100 acks then, 200 messages/s"),
];

/// What is drawn together, against the largest of it.
struct Panel<'a> {
    title: &'a str,
    bars: Vec<(String, f64, &'static str)>,
}

/// Draws Chorus beside the others as SVG.
pub(crate) fn beside(results: &Results) -> String {
    let panels = BESIDE.map(|(scenario, name, title)| {
        let rows = results.0.iter().filter(|((at, _), _)| *at == scenario);
        let bars = rows.filter_map(|((_, contender), row)| {
            let class = if contender.is_chorus() { "chorus" } else { "other" };
            Some((contender.name(), row.median(name)?, class))
        });
        Panel { title, bars: bars.collect() }
    });
    draw("Chorus beside others", &panels)
}

/// Draws what becomes of it as things grow, as SVG.
pub(crate) fn growth(results: &Results) -> String {
    let nodes =
        [Contender::Chorus1, Contender::Chorus2, Contender::Chorus3].into_iter().filter_map(|nodes| {
            let cpu = results.median(Scenario::Fanout, nodes, CPU_DELIVERY)?;
            Some((nodes.processes().to_string(), cpu, "chorus"))
        });
    let nodes =
        Panel { title: "CPU µs a delivery, 500 clients × 200 messages/s, by nodes", bars: nodes.collect() };
    let sizes = GROWTH.iter().map(|(scenario, contender, begin, title)| {
        let numbers = results.0.get(&(*scenario, *contender)).into_iter().flat_map(|row| {
            let sizes = row.numbers.iter().filter_map(|(name, _)| Some((name.strip_prefix(begin)?, *name)));
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

fn draw(about: &str, panels: &[Panel<'_>]) -> String {
    let (mut body, mut y) = (String::new(), 10.0);
    for Panel { title, bars } in panels {
        let Some(most) = bars.iter().map(|(_, value, _)| *value).reduce(f64::max) else { continue };
        y += 22.0;
        let _ = writeln!(body, r#"<text x="0" y="{y}" class="title">{title}</text>"#);
        y += 8.0;
        for (label, value, class) in bars {
            let width = (WIDTH - LABEL - 80.0) * value / most;
            let (text, end) = (y + 14.0, LABEL + width + 6.0);
            let _ = writeln!(
                body,
                r#"<text x="{LABEL}" y="{text}" dx="-8" text-anchor="end">{label}</text><rect x="{LABEL}" y="{y}" width="{width:.1}" height="{BAR}" class="{class}"/><text x="{end:.1}" y="{text}">{}</text>"#,
                figure(*value),
            );
            y += STEP;
        }
        y += 8.0;
    }
    let style = "text{font:13px sans-serif;fill:#555}.title{font-weight:bold}.chorus{fill:#2f7d5b}.other{fill:#a9b4ae}";
    format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {y}\" role=\"img\" aria-label=\"{about}\">\n<style>{style}</style>\n{body}</svg>\n"
    )
}
