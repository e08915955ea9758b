//! What the benchmarks found: samples, ratios and bars, as a table and as JSON.
//!
//! Pure but for the load average and the date that stand beside the figures.

use std::fmt;
use std::fs;
use std::thread;
use std::time::SystemTime;

use chrono::{DateTime, SecondsFormat, Utc};
use serde_json::{Value, json};

/// Measurements of one thing, in the order in which they were made.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Sample(Vec<f64>);

impl Sample {
    pub(crate) fn push(&mut self, value: f64) {
        self.0.push(value);
    }

    /// Each of these divided by the one that was measured in the same round.
    fn ratios(&self, baseline: &Self) -> Self {
        Self(
            self.0
                .iter()
                .zip(&baseline.0)
                .map(|(ours, theirs)| ours / theirs)
                .collect(),
        )
    }

    fn sorted(&self) -> Vec<f64> {
        let mut sorted = self.0.clone();
        sorted.sort_by(f64::total_cmp);
        sorted
    }

    /// The smallest that so many of a hundred do not pass; NaN of none.
    pub(crate) fn percentile(&self, percent: usize) -> f64 {
        let sorted = self.sorted();
        let place = sorted
            .len()
            .saturating_mul(percent)
            .div_ceil(100)
            .saturating_sub(1);
        sorted.get(place).copied().unwrap_or(f64::NAN)
    }

    /// The middle one; the mean of the middle two of an even number; NaN of none.
    pub(crate) fn median(&self) -> f64 {
        let sorted = self.sorted();
        let upper = sorted.len() / 2;
        let at = |index: usize| sorted.get(index).copied().unwrap_or(f64::NAN);
        if sorted.len().is_multiple_of(2) {
            f64::midpoint(at(upper.saturating_sub(1)), at(upper))
        } else {
            at(upper)
        }
    }

    fn min(&self) -> f64 {
        self.sorted().first().copied().unwrap_or(f64::NAN)
    }

    pub(crate) fn max(&self) -> f64 {
        self.sorted().last().copied().unwrap_or(f64::NAN)
    }

    fn shown(&self, show: impl Fn(f64) -> String) -> String {
        if self.0.len() == 1 {
            return show(self.median());
        }
        format!(
            "{} ({}..{})",
            show(self.median()),
            show(self.min()),
            show(self.max())
        )
    }

    fn to_json(&self) -> Value {
        json!({"median": self.median(), "min": self.min(), "max": self.max(), "all": self.0})
    }
}

/// What a median is held to.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Bar {
    AtLeast(f64),
    Below(f64),
}

impl Bar {
    fn is_met(self, value: f64) -> bool {
        match self {
            Self::AtLeast(bar) => value >= bar,
            Self::Below(bar) => value < bar,
        }
    }

    /// The bar and whether `value` meets it, as the table has it.
    fn shown(self, value: f64) -> String {
        let verdict = if self.is_met(value) { "met" } else { "MISSED" };
        match self {
            Self::AtLeast(bar) => format!(">= {bar} {verdict}"),
            Self::Below(bar) => format!("< {bar} {verdict}"),
        }
    }

    fn to_json(self, value: f64) -> Value {
        let (kind, bar) = match self {
            Self::AtLeast(bar) => ("atLeast", bar),
            Self::Below(bar) => ("below", bar),
        };
        json!({kind: bar, "met": self.is_met(value)})
    }
}

/// One line of the results.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Figure {
    /// Ours beside a baseline; the bar is on the ratio.
    Ratio {
        area: &'static str,
        unit: &'static str,
        ours: (String, Sample),
        baseline: (String, Sample),
        bar: Option<Bar>,
    },
    /// Ours alone; the bar is on the value.
    Value {
        area: &'static str,
        unit: &'static str,
        what: String,
        sample: Sample,
        bar: Option<Bar>,
    },
}

impl Figure {
    /// Area, ours, baseline, ratio, bar.
    fn cells(&self) -> [String; 5] {
        let bar_shown = |bar: &Option<Bar>, value| bar.map(|bar| bar.shown(value));
        match self {
            Self::Ratio {
                area,
                unit,
                ours,
                baseline,
                bar,
            } => {
                let ratio = ours.1.ratios(&baseline.1);
                let side = |(name, sample): &(String, Sample)| {
                    format!("{name}: {} {unit}", sample.shown(grouped))
                };
                [
                    (*area).to_owned(),
                    side(ours),
                    side(baseline),
                    ratio.shown(|value| format!("{value:.2}")),
                    bar_shown(bar, ratio.median()).unwrap_or_default(),
                ]
            }
            Self::Value {
                area,
                unit,
                what,
                sample,
                bar,
            } => [
                (*area).to_owned(),
                format!("{what}: {} {unit}", sample.shown(grouped)),
                String::new(),
                String::new(),
                bar_shown(bar, sample.median()).unwrap_or_default(),
            ],
        }
    }

    fn to_json(&self) -> Value {
        match self {
            Self::Ratio {
                area,
                unit,
                ours,
                baseline,
                bar,
            } => {
                let ratio = ours.1.ratios(&baseline.1);
                let median = ratio.median();
                json!({
                    "area": area,
                    "unit": unit,
                    "ours": {"what": ours.0, "value": ours.1.to_json()},
                    "baseline": {"what": baseline.0, "value": baseline.1.to_json()},
                    "ratio": ratio.to_json(),
                    "bar": bar.map(|bar| bar.to_json(median)),
                })
            }
            Self::Value {
                area,
                unit,
                what,
                sample,
                bar,
            } => json!({
                "area": area,
                "unit": unit,
                "ours": {"what": what, "value": sample.to_json()},
                "bar": bar.map(|bar| bar.to_json(sample.median())),
            }),
        }
    }
}

/// All figures of one run, and the circumstances.
#[derive(Debug)]
pub(crate) struct Report {
    events: u32,
    rounds: u32,
    at: DateTime<Utc>,
    load_at_start: String,
    load_at_end: String,
    figures: Vec<Figure>,
}

impl Report {
    pub(crate) fn new(events: u32, rounds: u32) -> Self {
        Self {
            events,
            rounds,
            at: SystemTime::now().into(),
            load_at_start: load_average(),
            load_at_end: String::new(),
            figures: Vec::new(),
        }
    }

    pub(crate) fn add(&mut self, figure: Figure) {
        self.figures.push(figure);
    }

    /// Notes how busy the machine is now.
    pub(crate) fn loads_end(&mut self) {
        self.load_at_end = load_average();
    }

    pub(crate) fn to_json(&self) -> Value {
        let figures: Vec<Value> = self.figures.iter().map(Figure::to_json).collect();
        json!({
            "at": self.at.to_rfc3339_opts(SecondsFormat::Secs, true),
            "processors": processors(),
            "events": self.events,
            "rounds": self.rounds,
            "loadAverage": {"start": self.load_at_start, "end": self.load_at_end},
            "figures": figures,
        })
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let head = ["area", "ours", "baseline", "ratio", "bar"].map(str::to_owned);
        let rows: Vec<[String; 5]> = std::iter::once(head)
            .chain(self.figures.iter().map(Figure::cells))
            .collect();
        let width = |column: usize| {
            let cells = rows.iter().filter_map(|row| row.get(column));
            cells.map(|cell| cell.chars().count()).max().unwrap_or(0)
        };
        let widths: Vec<usize> = (0..5).map(width).collect();
        for row in &rows {
            let line: Vec<String> = row
                .iter()
                .zip(&widths)
                .map(|(cell, width)| format!("{cell:<width$}"))
                .collect();
            writeln!(f, "{}", line.join("  ").trim_end())?;
        }
        writeln!(
            f,
            "\n{} events, {} rounds, {} processors; medians, in brackets lowest..highest; load \
             average {} at the start, {} at the end",
            self.events,
            self.rounds,
            processors(),
            self.load_at_start,
            self.load_at_end
        )?;
        if is_busy(&self.load_at_start) {
            writeln!(
                f,
                "the machine was busy before the start: ratios lean to the side with more threads\n\
                 hint: run it again when the load average is below {BUSY_FROM}"
            )?;
        }
        Ok(())
    }
}

/// From this load average of one minute on somebody else is at work too. A scheduler shares time by
/// thread, so then the side of a ratio that has more threads gets more than half of what is left.
const BUSY_FROM: f64 = 1.0;

fn is_busy(load: &str) -> bool {
    let one_minute = load.split(' ').next().and_then(|load| load.parse().ok());
    one_minute.is_some_and(|load: f64| load >= BUSY_FROM)
}

fn processors() -> usize {
    thread::available_parallelism().map_or(0, std::num::NonZero::get)
}

/// That of one, five and fifteen minutes; `unknown` where the system does not say.
fn load_average() -> String {
    let text = fs::read_to_string("/proc/loadavg").unwrap_or_default();
    let loads: Vec<&str> = text.split(' ').take(3).collect();
    if loads.len() == 3 {
        loads.join(" ")
    } else {
        "unknown".to_owned()
    }
}

/// Without decimals from 1,000 on, with one below; thousands set apart.
fn grouped(value: f64) -> String {
    if value.abs() < 999.95 {
        return format!("{value:.1}");
    }
    let digits = format!("{value:.0}");
    let mut out = String::new();
    for (place, digit) in digits.chars().enumerate() {
        let left = digits.len().saturating_sub(place);
        if place > 0 && left.is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::{Bar, Figure, Report, Sample, grouped, is_busy};

    #[test]
    fn the_median_of_an_even_number_lies_between_the_middle_two() {
        assert_eq!(
            Sample(vec![9.0, 1.0, 5.0]).median().to_bits(),
            5_f64.to_bits()
        );
        assert_eq!(
            Sample(vec![4.0, 1.0, 2.0, 9.0]).median().to_bits(),
            3_f64.to_bits()
        );
        assert!(Sample::default().median().is_nan());
    }

    #[test]
    fn a_percentile_is_one_of_the_sample() {
        let hundred = Sample((1..=100).rev().map(f64::from).collect());
        assert_eq!(hundred.percentile(99).to_bits(), 99_f64.to_bits());
        assert_eq!(hundred.percentile(50).to_bits(), 50_f64.to_bits());
        assert_eq!(Sample(vec![7.0]).percentile(99).to_bits(), 7_f64.to_bits());
        assert!(Sample::default().percentile(50).is_nan());
    }

    #[test]
    fn ratios_are_taken_round_by_round() {
        let (ours, theirs) = (Sample(vec![2.0, 9.0]), Sample(vec![1.0, 3.0]));
        assert_eq!(ours.ratios(&theirs), Sample(vec![2.0, 3.0]));
    }

    #[test]
    fn large_numbers_are_grouped() {
        for (value, shown) in [
            (0.0, "0.0"),
            (999.94, "999.9"),
            (999.96, "1,000"),
            (123_456.7, "123,457"),
            (1_234_567.0, "1,234,567"),
        ] {
            assert_eq!(grouped(value), shown);
        }
    }

    #[test]
    fn a_machine_is_busy_by_its_last_minute() {
        assert!(is_busy("1.00 0.00 0.00"));
        assert!(!is_busy("0.99 8.00 8.00"));
        assert!(!is_busy("unknown"));
    }

    #[test]
    fn a_bar_is_on_the_median_of_the_ratios() {
        let figure = Figure::Ratio {
            area: "drain",
            unit: "rows/s",
            ours: ("poll".to_owned(), Sample(vec![700.0, 900.0, 800.0])),
            baseline: ("copy".to_owned(), Sample(vec![1000.0, 1000.0, 1000.0])),
            bar: Some(Bar::AtLeast(0.8)),
        };
        let mut report = Report::new(1, 3);
        report.add(figure);
        let text = report.to_string();
        assert!(text.contains("0.80 (0.70..0.90)  >= 0.8 met"), "{text}");
        assert_eq!(report.to_json()["figures"][0]["bar"]["met"], true);
        let missed = Bar::Below(150.0).shown(150.0);
        assert_eq!(missed, "< 150 MISSED");
    }
}
