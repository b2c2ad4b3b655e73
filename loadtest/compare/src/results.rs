//! Collects the measurements of all rounds.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use crate::{
    contender::Contender,
    numbers::{Numbers, median},
    scenario::Scenario,
};

/// The measurements of one contender under one load.
#[derive(Default)]
pub(crate) struct Row {
    /// By name, in the order of measuring; one value per round.
    pub(crate) numbers: Vec<(&'static str, Vec<f64>)>,
    /// Errors of failed rounds.
    pub(crate) failures: Vec<String>,
}

impl Row {
    /// The median of a measurement; `None` if there is none.
    pub(crate) fn median(&self, name: &str) -> Option<f64> {
        let (_, values) = self.numbers.iter().find(|(known, _)| *known == name)?;
        Some(median(values.clone())).filter(|value| value.is_finite())
    }
}

#[derive(Default)]
pub(crate) struct Results(pub(crate) BTreeMap<(Scenario, Contender), Row>);

impl Results {
    /// Adds one round.
    pub(crate) fn add(&mut self, scenario: Scenario, contender: Contender, round: anyhow::Result<Numbers>) {
        let row = self.0.entry((scenario, contender)).or_default();
        match round {
            Ok(numbers) => numbers.into_iter().for_each(|(name, value)| {
                match row.numbers.iter_mut().find(|(known, _)| *known == name) {
                    Some((_, values)) => values.push(value),
                    None => row.numbers.push((name, vec![value])),
                }
            }),
            Err(error) => row.failures.push(format!("{error:#}")),
        }
    }

    pub(crate) fn median(&self, scenario: Scenario, contender: Contender, name: &str) -> Option<f64> {
        self.0.get(&(scenario, contender))?.median(name)
    }

    /// The rows, grouped by load.
    pub(crate) fn by_scenario(&self) -> Vec<(Scenario, Vec<(Contender, &Row)>)> {
        let mut all: Vec<(Scenario, Vec<(Contender, &Row)>)> = Vec::new();
        for ((scenario, contender), row) in &self.0 {
            match all.last_mut().filter(|(last, _)| last == scenario) {
                Some((_, rows)) => rows.push((*contender, row)),
                None => all.push((*scenario, vec![(*contender, row)])),
            }
        }
        all
    }

    /// Load, contender and measurement as nested JSON objects, with the median and the values of all rounds.
    pub(crate) fn to_json(&self) -> Value {
        let mut scenarios = Map::new();
        for (scenario, rows) in self.by_scenario() {
            let row = |(contender, row): (Contender, &Row)| {
                let number = |(name, values): &(&str, Vec<f64>)| {
                    ((*name).to_owned(), json!({ "median": row.median(name), "rounds": values }))
                };
                let numbers: Map<String, Value> = row.numbers.iter().map(number).collect();
                (contender.name(), json!({ "numbers": numbers, "failures": row.failures }))
            };
            scenarios.insert(scenario.name(), rows.into_iter().map(row).collect());
        }
        Value::Object(scenarios)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_is_the_median_of_its_rounds_and_a_failed_round_is_told() {
        let mut results = Results::default();
        for value in [9.0, 1.0, 2.0] {
            results.add(Scenario::Fanout, Contender::Floor, Ok(vec![("x", value)]));
        }
        results.add(Scenario::Fanout, Contender::Floor, Err(anyhow::anyhow!("it died")));
        assert_eq!(results.median(Scenario::Fanout, Contender::Floor, "x"), Some(2.0));
        assert_eq!(results.median(Scenario::Fanout, Contender::Floor, "y"), None);
        let json = results.to_json();
        assert_eq!(json["fanout"]["floor"]["failures"], json!(["it died"]));
        assert_eq!(json["fanout"]["floor"]["numbers"]["x"]["rounds"], json!([9.0, 1.0, 2.0]));
    }
}
