//! Prints a report as text.

use std::fmt;

use crate::report::{Percentiles, Report};

/// Displays a [`Report`] as tables.
pub struct Table<'a>(pub &'a Report);

impl fmt::Display for Table<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let report = self.0;
        self.head(f)?;
        self.times(f)?;
        self.nodes(f)?;
        self.connections(f)?;
        for example in &report.examples {
            writeln!(f, "  {example}")?;
        }
        let verdict = if report.clean {
            "every acked message reached every client exactly once, in one order"
        } else {
            "VIOLATED"
        };
        writeln!(f, "\n{verdict}")
    }
}

impl Table<'_> {
    fn head(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Report { run, messages, violations, .. } = self.0;
        let load = match (run.rate, run.in_flight) {
            (Some(rate), _) => format!("{rate} messages/s"),
            (None, window) => format!("{} in flight each", window.unwrap_or_default()),
        };
        writeln!(
            f,
            "{} clients ({}, {}), {} senders, {load}, {:.1} s",
            run.clients,
            run.namespace,
            run.transport,
            run.senders,
            run.sent_for_ms / 1e3
        )?;
        writeln!(
            f,
            "\nmessages    offered {}, acked {} ({}/s), refused {}, unacked {}",
            messages.offered, messages.acked, messages.acked_per_second, messages.refused, messages.unacked
        )?;
        writeln!(
            f,
            "deliveries  {} ({}/s), {} foreign",
            messages.delivered, messages.delivered_per_second, messages.foreign
        )?;
        writeln!(
            f,
            "violations  lost {}, doubled {}, inverted {}, disagreements {}, ghosts {}, holes {}, unacked {}, nodes {}",
            violations.lost,
            violations.doubled,
            violations.inverted,
            violations.disagreements,
            violations.ghosts,
            violations.holes,
            violations.unacked,
            violations.nodes
        )
    }

    fn times(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Report { ack, delivery, connections, .. } = self.0;
        writeln!(
            f,
            "\n{:<22}{:>10}{:>10}{:>10}{:>10}{:>10}{:>10}",
            "ms from due to", "count", "p50", "p90", "p99", "p99.9", "max"
        )?;
        for (name, percentiles) in [
            ("acked", ack),
            ("shown", &delivery.all),
            ("  on the same node", &delivery.same_node),
            ("  on another node", &delivery.cross_node),
            ("  (node unknown)", &delivery.unknown),
            ("lost to recovered", &connections.recovery),
        ] {
            let Percentiles { count, p50_ms, p90_ms, p99_ms, p999_ms, max_ms } = percentiles;
            if 0 < *count {
                writeln!(
                    f,
                    "{name:<22}{count:>10}{p50_ms:>10.1}{p90_ms:>10.1}{p99_ms:>10.1}{p999_ms:>10.1}{max_ms:>10.1}"
                )?;
            }
        }
        Ok(())
    }

    fn nodes(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let nodes = &self.0.nodes;
        let width = nodes.names.iter().map(String::len).max().unwrap_or_default().max(8) + 2;
        write!(f, "\n{:<width$}", "from \\ to")?;
        nodes.names.iter().try_for_each(|name| write!(f, "{name:>width$}"))?;
        writeln!(f)?;
        for (name, row) in nodes.names.iter().zip(&nodes.deliveries) {
            write!(f, "{name:<width$}")?;
            row.iter().try_for_each(|count| write!(f, "{count:>width$}"))?;
            writeln!(f)?;
        }
        Ok(())
    }

    fn connections(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Report { connections, refusals, notices, .. } = self.0;
        writeln!(
            f,
            "\nreconnects  {} of {} clients, at most {} of one; {} recoveries incomplete",
            connections.reconnects,
            connections.clients_reconnected,
            connections.most_reconnects,
            connections.incomplete_recoveries
        )?;
        for (what, tally) in [
            ("disconnected", &connections.disconnects),
            ("connect failed", &connections.failed_connects),
            ("refused", refusals),
            ("notice", notices),
        ] {
            for (why, count) in tally {
                writeln!(f, "  {what}: {count} x {why}")?;
            }
        }
        Ok(())
    }
}
