//! Counts alerts by severity and tactic, each once however often it was stored.

use super::{row::Glimpse, short};
use serde::Serialize;
use std::{
    collections::{BTreeMap, HashMap},
    hash::{BuildHasher, RandomState},
};

/// Alerts that are told apart; of further ones every version counts.
const MOST: usize = 1_000_000;
/// Tactics that have a row of their own.
const MOST_TACTICS: usize = 24;

/// Severities from the worst down, as the APIs write them in lower case.
const SEVERITIES: [&str; 5] = ["high", "medium", "low", "informational", "other"];

/// Alerts by severity and tactic.
#[derive(Debug, Default)]
pub(super) struct Alerts {
    seen: HashMap<u64, (usize, String)>,
    counts: BTreeMap<String, [u64; 5]>,
    hasher: RandomState,
}

/// One tactic as the page shows it.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(super) struct Tactic {
    pub(super) name: String,
    pub(super) all: u64,
    /// By severity, the worst first: the severity, how many, and their share of the longest bar in percent.
    pub(super) bars: Vec<(&'static str, u64, f64)>,
}

impl Alerts {
    pub(super) fn take(&mut self, row: &Glimpse) {
        let severity = row.severity.as_deref().unwrap_or_default().to_lowercase();
        let severity = SEVERITIES.iter().position(|known| *known == severity).unwrap_or(SEVERITIES.len() - 1);
        let tactic =
            row.tactic.as_deref().filter(|tactic| !tactic.is_empty()).map_or_else(|| "no tactic".to_owned(), |tactic| short(tactic, 60));
        if let Some(id) = row.id.as_ref().map(|id| self.hasher.hash_one(id)) {
            if let Some((before, of)) = self.seen.get(&id).cloned() {
                self.count(&of, before, false);
            }
            if self.seen.len() < MOST || self.seen.contains_key(&id) {
                self.seen.insert(id, (severity, tactic.clone()));
            }
        }
        self.count(&tactic, severity, true);
    }

    /// Counts one more or one less. What an attacker names a tactic must not make the page longer without end.
    fn count(&mut self, tactic: &str, severity: usize, more: bool) {
        let known = self.counts.contains_key(tactic) || self.counts.len() < 10_000;
        let counts = self.counts.entry(if known { tactic } else { "other" }.to_owned()).or_default();
        if let Some(count) = counts.get_mut(severity) {
            *count = if more { *count + 1 } else { count.saturating_sub(1) };
        }
    }

    pub(super) fn tactics(&self) -> Vec<Tactic> {
        let mut all: Vec<(&str, [u64; 5])> = self.counts.iter().map(|(name, counts)| (name.as_str(), *counts)).collect();
        all.retain(|(_, counts)| counts.iter().any(|count| *count > 0));
        all.sort_by_key(|(name, counts)| (std::cmp::Reverse(counts.iter().sum::<u64>()), name.to_owned()));
        if all.len() > MOST_TACTICS {
            let rest = all.split_off(MOST_TACTICS - 1);
            let sum = rest.iter().fold([0; 5], |mut sum, (_, counts)| {
                sum.iter_mut().zip(counts).for_each(|(sum, count)| *sum += count);
                sum
            });
            all.push(("others", sum));
        }
        let longest = all.iter().map(|(_, counts)| counts.iter().sum()).max().unwrap_or(1);
        all.into_iter().map(|(name, counts)| tactic(name, counts, longest)).collect()
    }

    /// How many of each severity, the worst first.
    pub(super) fn severities(&self) -> Vec<(&'static str, u64)> {
        let sum = |at: usize| self.counts.values().filter_map(|counts| counts.get(at)).sum();
        SEVERITIES.iter().enumerate().map(|(at, name)| (*name, sum(at))).filter(|(_, count)| *count > 0).collect()
    }
}

fn tactic(name: &str, counts: [u64; 5], longest: u64) -> Tactic {
    let bars = SEVERITIES.iter().zip(counts).filter(|(_, count)| *count > 0);
    let bars = bars.map(|(severity, count)| (*severity, count, super::chart::share(count, longest) * 100.0)).collect();
    Tactic { name: name.to_owned(), all: counts.iter().sum(), bars }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn alert(id: &str, severity: &str, tactic: &str) -> Glimpse {
        Glimpse { id: Some(id.into()), severity: Some(severity.into()), tactic: Some(tactic.into()), time: None }
    }

    #[test]
    fn an_alert_counts_once_as_it_is_now() {
        let mut alerts = Alerts::default();
        for row in
            [alert("1", "low", "Execution"), alert("2", "High", "Execution"), alert("1", "medium", "Execution"), alert("3", "odd", "")]
        {
            alerts.take(&row);
        }
        assert_eq!(alerts.severities(), [("high", 1), ("medium", 1), ("other", 1)]);
        let tactics = alerts.tactics();
        assert_eq!(
            tactics.iter().map(|tactic| (tactic.name.as_str(), tactic.all)).collect::<Vec<_>>(),
            [("Execution", 2), ("no tactic", 1)]
        );
    }

    #[test]
    fn many_tactics_make_no_long_page() {
        let mut alerts = Alerts::default();
        (0..500).for_each(|n| alerts.take(&alert(&n.to_string(), "low", &format!("t{n}"))));
        let tactics = alerts.tactics();
        assert_eq!((tactics.len(), tactics.iter().map(|tactic| tactic.all).sum::<u64>()), (MOST_TACTICS, 500));
    }
}
