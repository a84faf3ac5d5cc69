//! The accounts: built-in ones, service accounts, administrators and employees.

use super::{DOMAIN, fields};
use crate::lab::data::chance::{digest, guid};

/// What an account is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::lab::data) enum Kind {
    Builtin,
    Service,
    Admin,
    Employee,
}

/// An account and whose it is; what does not apply is empty.
#[derive(Clone, Debug)]
pub(in crate::lab::data) struct Person {
    pub(in crate::lab::data) sam: &'static str,
    pub(in crate::lab::data) given: &'static str,
    pub(in crate::lab::data) surname: &'static str,
    pub(in crate::lab::data) display: String,
    pub(in crate::lab::data) upn: String,
    pub(in crate::lab::data) domain: &'static str,
    pub(in crate::lab::data) sid: String,
    pub(in crate::lab::data) object_id: String,
    pub(in crate::lab::data) title: &'static str,
    pub(in crate::lab::data) department: &'static str,
    pub(in crate::lab::data) city: &'static str,
    pub(in crate::lab::data) kind: Kind,
}

impl Person {
    /// Returns the country that the city lies in.
    pub(in crate::lab::data) fn country(&self) -> (&'static str, &'static str) {
        match self.city {
            "Antwerp" => ("BE", "Belgium"),
            "Gothenburg" => ("SE", "Sweden"),
            _ => ("NL", "Netherlands"),
        }
    }

    /// Returns whether the account exists in the directory.
    pub(in crate::lab::data) fn in_directory(&self) -> bool {
        self.kind != Kind::Builtin
    }
}

pub(super) fn all(seed: u64) -> Vec<Person> {
    fields(include_str!("../script/people.txt")).enumerate().filter_map(|(index, row)| person(seed, index, &row)).collect()
}

fn person(seed: u64, index: usize, row: &[&'static str]) -> Option<Person> {
    let &[sam, given, surname, title, department, city, kind] = row else { return None };
    let kind = kind_of(kind);
    let directory = kind != Kind::Builtin;
    let id = if directory { guid(seed ^ digest(sam)) } else { String::new() };
    let domain = if directory { "tarnfield" } else { builtin_domain(sam) };
    let display = if kind == Kind::Employee { format!("{given} {surname}") } else { sam.to_owned() };
    let upn = if directory { upn(kind, sam, given, surname) } else { String::new() };
    Some(Person { sam, given, surname, display, upn, domain, sid: sid(index, sam), object_id: id, title, department, city, kind })
}

fn kind_of(word: &str) -> Kind {
    match word {
        "service" => Kind::Service,
        "admin" => Kind::Admin,
        "employee" => Kind::Employee,
        _ => Kind::Builtin,
    }
}

fn builtin_domain(sam: &str) -> &'static str {
    if sam == "root" { "" } else { "nt authority" }
}

fn upn(kind: Kind, sam: &str, given: &str, surname: &str) -> String {
    let local = if kind == Kind::Employee { ascii(&format!("{given}.{surname}")) } else { sam.to_owned() };
    format!("{local}@{DOMAIN}")
}

/// Writes a name as a mail address does: no spaces, no accents.
fn ascii(name: &str) -> String {
    let plain = |letter: char| match letter {
        'ö' => 'o',
        'á' | 'ä' => 'a',
        other => other,
    };
    name.to_lowercase().chars().filter(|letter| *letter != ' ').map(plain).collect()
}

fn sid(index: usize, sam: &str) -> String {
    match sam {
        "SYSTEM" => "S-1-5-18".to_owned(),
        "LOCAL SERVICE" => "S-1-5-19".to_owned(),
        "NETWORK SERVICE" => "S-1-5-20".to_owned(),
        "root" => String::new(),
        _ => format!("S-1-5-21-1409082233-484763869-854245398-{}", 1100 + index),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn accounts_are_unique_and_mail_names_are_ascii() {
        let people = all(1);
        let names: std::collections::BTreeSet<_> = people.iter().map(|person| person.sam).collect();
        assert_eq!(names.len(), people.len());
        assert!(people.iter().all(|person| person.upn.is_ascii()));
        assert!(people.iter().any(|person| person.upn == "mara.lindqvist@tarnfield.example"));
    }
}
