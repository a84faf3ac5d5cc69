//! The scalar functions, one file a family, each working on whole arrays.

pub(crate) mod arrays;
pub(crate) mod bags;
pub(crate) mod cells;
mod commands;
pub(crate) mod convert;
mod encode;
pub(crate) mod function;
pub(crate) mod math;
mod net;
pub(crate) mod paths;
pub(crate) mod regexes;
pub(crate) mod texts;
pub(crate) mod times;
mod urls;

use super::value::Value;
use crate::kql::ast::TypeName;

/// What a call yields, or why it cannot be made: a message without the function's name.
pub(crate) type Outcome = Result<Value, String>;

/// The arguments of a call.
pub(crate) struct Args(Vec<Value>);

impl Args {
    pub(crate) fn new(values: Vec<Value>) -> Self {
        Self(values)
    }

    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }

    /// The argument as it is; the null of a string where it is not given.
    pub(crate) fn get(&self, index: usize) -> Value {
        self.0.get(index).cloned().unwrap_or_else(|| Value::null(TypeName::String))
    }

    pub(crate) fn given(&self, index: usize) -> Option<Value> {
        self.0.get(index).cloned()
    }

    pub(crate) fn all(&self) -> Vec<Value> {
        self.0.clone()
    }

    pub(crate) fn text(&self, index: usize) -> Value {
        convert::to_text(self.get(index))
    }

    pub(crate) fn long(&self, index: usize) -> Value {
        convert::convert(self.get(index), TypeName::Long)
    }

    pub(crate) fn real(&self, index: usize) -> Value {
        convert::to_real(self.get(index))
    }

    pub(crate) fn time(&self, index: usize) -> Value {
        convert::convert(self.get(index), TypeName::Datetime)
    }

    /// A dynamic argument; a string is taken as one string, not read as JSON.
    pub(crate) fn json(&self, index: usize) -> Value {
        convert::as_json(self.get(index))
    }

    pub(crate) fn constant_text(&self, index: usize) -> Result<String, String> {
        self.text(index).as_text().map(str::to_owned).ok_or_else(|| format!("argument #{} must be a constant string", index + 1))
    }

    pub(crate) fn constant_long(&self, index: usize, default: i64) -> Result<i64, String> {
        match self.0.get(index) {
            None => Ok(default),
            Some(value) => value.as_i64().ok_or_else(|| format!("argument #{} must be a constant integer", index + 1)),
        }
    }
}

/// A function that the engine knows: its name, how many arguments it takes, and what it does.
pub(crate) struct Entry {
    pub(crate) name: &'static str,
    pub(crate) min: usize,
    pub(crate) max: usize,
    run: Run,
}

enum Run {
    /// Cannot fail once the number of arguments is right.
    Sure(fn(&Args) -> Value),
    /// Asks more of its arguments.
    Checked(fn(&Args) -> Outcome),
}

impl Entry {
    pub(crate) fn run(&self, args: &Args) -> Outcome {
        match self.run {
            Run::Sure(run) => Ok(run(args)),
            Run::Checked(run) => run(args),
        }
    }
}

/// More arguments than any call has.
pub(crate) const MANY: usize = 4_096;

const fn entry(name: &'static str, min: usize, max: usize, run: fn(&Args) -> Outcome) -> Entry {
    Entry { name, min, max, run: Run::Checked(run) }
}

const fn sure(name: &'static str, min: usize, max: usize, run: fn(&Args) -> Value) -> Entry {
    Entry { name, min, max, run: Run::Sure(run) }
}

fn families() -> impl Iterator<Item = &'static Entry> {
    [
        texts::FUNCTIONS,
        regexes::FUNCTIONS,
        arrays::FUNCTIONS,
        bags::FUNCTIONS,
        times::FUNCTIONS,
        math::FUNCTIONS,
        net::FUNCTIONS,
        encode::FUNCTIONS,
        urls::FUNCTIONS,
        paths::FUNCTIONS,
        commands::FUNCTIONS,
    ]
    .into_iter()
    .flatten()
}

/// The names of the functions.
pub(crate) fn names() -> impl Iterator<Item = &'static str> {
    families().map(|entry| entry.name)
}

/// Finds a function by its name, which is case-sensitive.
pub(crate) fn find(name: &str) -> Option<&'static Entry> {
    families().find(|entry| entry.name == name)
}

/// The known function whose name is nearest, for a hint.
pub(crate) fn nearest(name: &str) -> Option<&'static str> {
    let distance = |entry: &&Entry| strsim::damerau_levenshtein(entry.name, &name.to_ascii_lowercase());
    families().min_by_key(distance).filter(|entry| distance(entry) <= 2).map(|entry| entry.name)
}
