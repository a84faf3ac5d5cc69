//! Which API a query goes to: what was asked for, by what the token may and the API has; and what to say of those that end.

use super::{Context, allowed, wire::Tenant};
use crate::{api::hunting::Api, cli::ApiChoice, collect::Subject};
use std::sync::atomic::{AtomicBool, Ordering};

/// Chooses the API: what was asked for, else the first of Graph, XDR and MDE whose token may hunt and that has the tables; where none
/// has them, the first whose token may. `earlier` is the API of the run that is gone on with: it is kept where it may be. Where no
/// token may hunt, Graph's refusal is the one to show.
pub(super) async fn choose(choice: ApiChoice, tenant: &Tenant, subject: &Subject, earlier: Option<Api>) -> Api {
    if let [only] = allowed::meant(choice) {
        return *only;
    }
    let mut without_tables = None;
    for api in earlier.into_iter().chain(allowed::HUNTERS) {
        if !tenant.may_hunt(api).await {
            continue;
        }
        if has_tables(api, subject) {
            return api;
        }
        without_tables = without_tables.or(Some(api));
    }
    without_tables.unwrap_or(Api::Graph)
}

/// Says whether an API has the tables of a query, as far as that is known (apis.md 4.1).
fn has_tables(api: Api, subject: &Subject) -> bool {
    match api {
        Api::Graph => true,
        Api::Xdr => !subject.is_of_sentinel(),
        Api::Mde => subject.is_of_mde(),
    }
}

/// What was said of APIs that end, once for each.
#[derive(Debug, Default)]
pub(super) struct Retirement {
    xdr: AtomicBool,
    mde: AtomicBool,
}

impl Retirement {
    /// Says when the API stops and what command replaces this one.
    pub(super) fn say(&self, context: &Context, api: Api) {
        let said = match api {
            Api::Graph => return,
            Api::Xdr => &self.xdr,
            Api::Mde => &self.mde,
        };
        if let Some(day) = api.retires().filter(|_| !said.swap(true, Ordering::Relaxed)) {
            context.console.warn(&format!(
                "hunting on {} stops on {day}; instead: {} (permission {})",
                api.title(),
                on_graph(&context.command_line()),
                Api::Graph.permission()
            ));
        }
    }
}

/// Returns the command that does on Graph what `words` do.
fn on_graph(words: &[String]) -> String {
    let mut graph = vec!["ircollect".to_owned()];
    let mut words = words.iter().skip(1).peekable();
    while let Some(word) = words.next() {
        match word.as_str() {
            "--api" => drop(words.next()),
            word if word.starts_with("--api=") => {}
            "hunt" if !graph.iter().any(|word| word == "--api") => graph.extend(["hunt", "--api", "graph"].map(str::to_owned)),
            word => graph.push(quoted(word)),
        }
    }
    graph.join(" ")
}

/// Quotes a word for a shell, where it must be.
fn quoted(word: &str) -> String {
    let plain = |c: char| c.is_alphanumeric() || "-_./:=@,+\\".contains(c);
    if !word.is_empty() && word.chars().all(plain) { word.to_owned() } else { format!("'{}'", word.replace('\'', r"'\''")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_for_graph_is_the_same_but_for_the_api() {
        let command = |words: &[&str]| on_graph(&words.iter().map(|word| (*word).to_owned()).collect::<Vec<_>>());
        assert_eq!(
            command(&["/usr/bin/ircollect", "--json", "hunt", "--api", "xdr", "--kql", "DeviceInfo | where A == 'b'"]),
            r"ircollect --json hunt --api graph --kql 'DeviceInfo | where A == '\''b'\'''"
        );
        assert_eq!(command(&["ircollect", "hunt", "--pack", "packs/a", "--api=mde"]), "ircollect hunt --api graph --pack packs/a");
    }
}
