//! What a page is asked with: the source's path, the window as a filter, the page size.

use super::Desk;
use crate::{
    api::{
        catalogue::{Paging, TimeField},
        encode::encoded,
    },
    collect::slices::TICK,
    error::Result,
    time::{Window, rfc3339},
};
use jiff::Timestamp;
use url::Url;

/// What a list is asked for.
#[derive(Clone, Debug, Default)]
pub(super) struct Ask {
    /// Conditions of the filter.
    pub(super) filter: Vec<String>,
    pub(super) expand: Option<String>,
    pub(super) order: Option<String>,
    pub(super) top: Option<u32>,
    pub(super) skip: Option<u64>,
}

impl Desk<'_> {
    /// Returns what the first page of a window is asked for.
    pub(super) fn ask(&self, window: Option<Window>, open: bool) -> Ask {
        let source = &self.job.source;
        let mut filter: Vec<String> = self.job.filter.iter().map(|filter| format!("({filter})")).collect();
        if let (Some(time), Some(window)) = (&source.time, window) {
            filter.extend(begin(time, window.from));
            filter.extend(end(time, window.to).filter(|_| !open));
        }
        Ask { filter, expand: source.expand.clone(), order: None, top: source.page_size, skip: None }
    }

    /// Returns the URL of a page.
    pub(super) fn url(&self, ask: &Ask) -> Result<Url> {
        let (path, query) = self.job.source.path.split_once('?').unwrap_or((&self.job.source.path, ""));
        let mut filter = ask.filter.clone();
        let mut pairs: Vec<String> = Vec::new();
        for pair in query.split('&').filter(|pair| !pair.is_empty()) {
            match pair.strip_prefix("$filter=") {
                Some(own) => filter.insert(0, format!("({})", decoded(own))),
                None => pairs.push(pair.to_owned()),
            }
        }
        if let [only] = filter.as_mut_slice()
            && ask.filter.is_empty()
        {
            only.pop();
            only.remove(0);
        }
        if !filter.is_empty() {
            pairs.push(format!("$filter={}", encoded(&filter.join(" and "))));
        }
        pairs.extend(ask.expand.iter().map(|expand| format!("$expand={}", encoded(expand))));
        pairs.extend(ask.order.iter().map(|order| format!("$orderby={}", encoded(order))));
        let size = if self.job.source.paging == Paging::Export { "pageSize" } else { "$top" };
        pairs.extend(ask.top.map(|top| format!("{size}={top}")));
        pairs.extend(ask.skip.map(|skip| format!("$skip={skip}")));
        let path = if pairs.is_empty() { path.to_owned() } else { format!("{path}?{}", pairs.join("&")) };
        self.client.url(&path)
    }
}

fn begin(time: &TimeField, from: Timestamp) -> Option<String> {
    let TimeField { field, from: operator, .. } = time;
    match operator.as_str() {
        "" => None,
        "gt" => Some(format!("{field} gt {}", rfc3339(from.checked_sub(TICK).unwrap_or(from)))),
        operator => Some(format!("{field} {operator} {}", rfc3339(from))),
    }
}

/// The condition for the end. `le` lets what is at the end itself through, which the bag then leaves out.
pub(super) fn end(time: &TimeField, to: Timestamp) -> Option<String> {
    (!time.to.is_empty()).then(|| format!("{} {} {}", time.field, time.to, rfc3339(to)))
}

fn decoded(text: &str) -> String {
    let pair = format!("v={}", text.replace('+', "%2B"));
    url::form_urlencoded::parse(pair.as_bytes()).next().map(|(_, value)| value.into_owned()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn operators_are_those_of_the_service() {
        let at = "2026-01-01T00:00:00Z".parse().unwrap();
        let field = |from: &str, to: &str| TimeField { field: "t".into(), from: from.into(), to: to.into() };
        assert_eq!(begin(&field("gt", "lt"), at).unwrap(), "t gt 2025-12-31T23:59:59.9999999Z");
        assert_eq!(begin(&field("ge", "lt"), at).unwrap(), "t ge 2026-01-01T00:00:00Z");
        assert_eq!((begin(&field("", ""), at), end(&field("", ""), at)), (None, None));
        assert_eq!(end(&field("ge", "le"), at).unwrap(), "t le 2026-01-01T00:00:00Z");
    }

    #[test]
    fn plus_signs_of_a_page_are_themselves() {
        assert_eq!(decoded("a%20b+c"), "a b+c");
    }
}
