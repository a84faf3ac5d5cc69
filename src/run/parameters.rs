//! The values given for the queries' parameters: read, held against what the queries declare, and filled in.

use super::queries::{Given, Parameter, text_of};
use crate::{
    cli::Param,
    collect::{self, Filled, Filling},
    error::{Error, Kind, Result},
    kql::{
        self,
        ast::TypeName,
        parameters::{self, Declared, type_name},
    },
};
use std::{
    collections::{BTreeMap, BTreeSet},
    path::Path,
};

/// A list of values is no longer than this.
const LONGEST_LIST: u64 = 64 * 1024 * 1024;

/// What was given for a parameter.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Value {
    One(String),
    List { file: String, values: Vec<String> },
}

/// What was given, by the parameters' names.
#[derive(Clone, Debug, Default)]
pub(super) struct Values(BTreeMap<String, Value>);

/// What to do about a parameter that has neither value nor default.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Missing {
    /// It is an error.
    Refused,
    /// The query stays as it is, to be looked at.
    Shown,
}

impl Values {
    /// Reads the values, lists from their files.
    ///
    /// # Errors
    /// [`Kind::Usage`] for a name given twice, or a file that cannot be read or holds no value.
    pub(super) fn read(params: &[Param]) -> Result<Self> {
        let mut values = BTreeMap::new();
        for param in params {
            if values.insert(param.name.clone(), value(&param.value)?).is_some() {
                return Err(Error::new(Kind::Usage, format!("--param {} is given twice", param.name))
                    .hint("several values: put them into a file, one a line, and write NAME=@FILE"));
            }
        }
        Ok(Self(values))
    }

    /// Fills in the parameters of every query.
    ///
    /// # Errors
    /// [`Kind::Usage`] for a name that no query declares, a value that is not of its type, and a missing one where that is refused.
    pub(super) fn settle(&self, queries: &mut [Given], missing: Missing) -> Result<()> {
        let mut known = BTreeSet::new();
        for query in queries.iter_mut() {
            let Ok(tree) = kql::parse(&query.text) else {
                query.filled = as_it_is(query);
                continue;
            };
            let declared = parameters::declared(&query.text, &tree);
            let filling = self.filling(&declared).map_err(|error| error.context(format!("`{}`", query.name)))?;
            query.parameters = declared.iter().map(|declared| self.shown(declared, &filling)).collect();
            known.extend(declared.into_iter().map(|declared| declared.name));
            let lacks = query.parameters.iter().any(|parameter| parameter.default.is_none() && parameter.value.is_none());
            query.filled = if lacks && missing == Missing::Shown {
                as_it_is(query)
            } else {
                collect::fill(&query.text, &filling).map_err(|error| error.context(format!("`{}`", query.name)))?
            };
        }
        self.0.keys().find(|name| !known.contains(*name)).map_or(Ok(()), |name| Err(unknown(name, &known, queries)))
    }

    fn filling(&self, declared: &[Declared]) -> Result<Filling> {
        let mut filling = Filling::default();
        for declared in declared {
            let Some(value) = self.0.get(&declared.name) else { continue };
            filling.constants.insert(declared.name.clone(), constant(declared, value)?);
            if let Value::List { values, .. } = value {
                filling.lists.insert(declared.name.clone(), values.clone());
            }
        }
        Ok(filling)
    }

    fn shown(&self, declared: &Declared, filling: &Filling) -> Parameter {
        let (value, values) = match self.0.get(&declared.name) {
            Some(Value::List { file, values }) => (Some(format!("@{file}")), Some(values.len())),
            _ => (filling.constants.get(&declared.name).cloned(), None),
        };
        Parameter { name: declared.name.clone(), kind: kind_of(declared), default: declared.default.clone(), value, values }
    }
}

fn as_it_is(query: &Given) -> Filled {
    Filled { whole: query.text.clone(), parts: Vec::new() }
}

fn kind_of(declared: &Declared) -> String {
    declared.kind.map_or_else(|| "table".to_owned(), type_name)
}

fn value(text: &str) -> Result<Value> {
    match text.strip_prefix('@') {
        Some(text) if text.starts_with('@') => Ok(Value::One(text.to_owned())),
        Some(file) => Ok(Value::List { file: file.to_owned(), values: lines(Path::new(file))? }),
        None => Ok(Value::One(text.to_owned())),
    }
}

/// Reads a list: one value a line, without blank lines, comments and repetitions.
fn lines(path: &Path) -> Result<Vec<String>> {
    let refuse = |why: &str| {
        Error::new(Kind::Usage, format!("cannot read the list of values `{}`: {why}", path.display()))
            .hint("a value that begins with @ is written with two: NAME=@@VALUE")
    };
    let text = text_of(path, LONGEST_LIST).map_err(|why| refuse(&why))?;
    let mut seen = BTreeSet::new();
    let values = text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#') && seen.insert(*line));
    let values: Vec<String> = values.map(str::to_owned).collect();
    // An empty list would find nothing, and look as if there were nothing to find.
    if values.is_empty() { Err(refuse("it holds no value")) } else { Ok(values) }
}

fn constant(declared: &Declared, value: &Value) -> Result<String> {
    let name = &declared.name;
    let refuse = |words: String| Err(Error::new(Kind::Usage, words));
    match (declared.kind, value) {
        (None, _) => refuse(format!("parameter `{name}` is a table, and no value can be given for one"))
            .map_err(|error: Error| error.hint("declare a parameter of a scalar type, or of type dynamic")),
        (Some(TypeName::Dynamic), Value::List { values, .. }) => Ok(parameters::list(values)),
        (Some(kind), Value::List { file, .. }) => refuse(format!("`{name}` is of type {}, and `{file}` is a list", type_name(kind)))
            .map_err(|error: Error| error.hint(format!("declare `{name}: dynamic` and test it with `in ({name})`"))),
        (Some(kind), Value::One(value)) => parameters::constant(kind, value).or_else(|forms| {
            refuse(format!("`{value}` is not of type {}, as parameter `{name}` is", type_name(kind)))
                .map_err(|error: Error| error.hint(format!("write {forms}")))
        }),
    }
}

fn unknown(name: &str, known: &BTreeSet<String>, queries: &[Given]) -> Error {
    let error = Error::new(Kind::Usage, format!("no query declares a parameter `{name}`"));
    let near = known.iter().max_by(|a, b| likeness(a, name).total_cmp(&likeness(b, name)));
    let error = match near {
        Some(near) if likeness(near, name) > ALIKE => error.hint(format!("did you mean `{near}`?")),
        Some(_) => error.hint(format!("declared: {}", known.iter().cloned().collect::<Vec<_>>().join(", "))),
        None => error.hint(format!("begin the query with: declare query_parameters({name}: string);")),
    };
    match queries.iter().find(|query| query.fault.is_none() && kql::parse(&query.text).is_err()) {
        Some(query) => error.hint(format!("`{}` is not KQL, and its parameters could not be read", query.name)),
        None => error,
    }
}

/// Below this, suggestions are more often noise than help.
const ALIKE: f64 = 0.75;

fn likeness(a: &str, b: &str) -> f64 {
    strsim::jaro_winkler(&a.to_lowercase(), &b.to_lowercase())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settled(text: &str, params: &[(&str, &str)], missing: Missing) -> Result<Given> {
        let params: Vec<Param> =
            params.iter().map(|(name, value)| Param { name: (*name).to_owned(), value: (*value).to_owned() }).collect();
        let mut queries = [Given { name: "q".into(), text: text.into(), ..Given::default() }];
        Values::read(&params)?.settle(&mut queries, missing)?;
        let [query] = queries;
        Ok(query)
    }

    const TEXT: &str = "declare query_parameters(User: string, Hosts: dynamic = dynamic([]), Days: long = 7);\nT";

    #[test]
    fn values_are_filled_in_and_shown() {
        let query = settled(TEXT, &[("User", "@@a\"b"), ("Hosts", "[\"x\"]")], Missing::Refused).unwrap();
        assert_eq!(query.filled.whole, "let User = \"@a\\\"b\"; let Hosts = dynamic([\"x\"]); let Days = 7;\nT");
        let user = Parameter { name: "User".into(), kind: "string".into(), default: None, value: Some("\"@a\\\"b\"".into()), values: None };
        assert_eq!(query.parameters[0], user);
        assert_eq!((query.parameters[2].default.as_deref(), &query.parameters[2].value), (Some("7"), &None));
    }

    #[test]
    fn what_is_missing_is_refused_or_shown() {
        let error = settled(TEXT, &[], Missing::Refused).unwrap_err();
        assert_eq!((error.kind(), error.message()), (Kind::Usage, "`q`: the query needs a value for its parameter `User`"));
        assert_eq!(error.hints(), ["give it: --param User=VALUE"]);
        assert_eq!(settled(TEXT, &[], Missing::Shown).unwrap().filled.whole, TEXT);
    }

    #[test]
    fn what_does_not_fit_is_refused_with_the_right_form() {
        let of = |params: &[(&str, &str)]| settled(TEXT, params, Missing::Shown).unwrap_err();
        assert_eq!(of(&[("Usr", "a")]).hints(), ["did you mean `User`?"]);
        assert_eq!(of(&[("x", "a")]).hints(), ["declared: Days, Hosts, User"]);
        assert_eq!(of(&[("Days", "seven")]).message(), "`q`: `seven` is not of type long, as parameter `Days` is");
        assert!(of(&[("User", "a"), ("User", "b")]).message().contains("twice"));
        assert!(of(&[("Hosts", "@no/such/file")]).message().contains("`no/such/file`"));
        assert!(settled("not ( KQL", &[("x", "1")], Missing::Refused).unwrap_err().hints()[1].contains("is not KQL"));
    }

    #[test]
    #[allow(clippy::disallowed_methods, reason = "a test's own file is no case")]
    fn lists_come_from_files_one_value_a_line() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("iocs.txt");
        std::fs::write(&path, "\u{feff}# hashes\r\n a\"b \r\n\r\nc\nc\n").unwrap();
        let given = format!("@{}", path.display());
        let query = settled(TEXT, &[("User", "u"), ("Hosts", &given)], Missing::Refused).unwrap();
        assert!(query.filled.whole.contains("let Hosts = dynamic([\"a\\\"b\",\"c\"]);"), "{:?}", query.filled);
        assert_eq!((query.parameters[1].value.as_deref(), query.parameters[1].values), (Some(given.as_str()), Some(2)));
        assert!(settled(TEXT, &[("User", &given)], Missing::Refused).unwrap_err().hints()[0].contains("User: dynamic"));
        std::fs::write(&path, "# none\n").unwrap();
        assert!(settled(TEXT, &[("Hosts", &given)], Missing::Shown).unwrap_err().message().ends_with("it holds no value"));
    }
}
