//! What a scrape says.

use std::collections::{BTreeMap, BTreeSet};

use crate::http::Response;

/// A scrape: each series with its value.
pub(super) struct Scrape {
    text: String,
    series: BTreeMap<String, f64>,
}

impl Scrape {
    pub(super) fn of(response: &Response) -> Self {
        assert_eq!(response.status, 200, "{response}");
        let text = response.text().to_owned();
        let samples = text.lines().filter(|line| !line.starts_with('#'));
        let series = samples.map(|line| {
            let (series, value) = line.rsplit_once(' ').unwrap();
            (series.to_owned(), value.parse().unwrap())
        });
        Self {
            series: series.collect(),
            text,
        }
    }

    pub(super) fn text(&self) -> &str {
        &self.text
    }

    /// The value of a series, named as it is printed.
    pub(super) fn value(&self, series: &str) -> Option<f64> {
        self.series.get(series).copied()
    }

    pub(super) fn names_with_labels(&self) -> BTreeSet<String> {
        self.series.keys().cloned().collect()
    }

    /// The names alone.
    pub(super) fn names(&self) -> BTreeSet<&str> {
        let name = |series: &'_ String| series.split('{').next().unwrap_or_default().len();
        self.series
            .keys()
            .map(|series| series.split_at(name(series)).0)
            .collect()
    }
}
