//! Adds a profile to a configuration, keeping everything else in it as it stands, comments too.

use crate::error::{Error, Kind, Result};
use std::{
    io::{self, Write},
    path::Path,
};
use toml_edit::{DocumentMut, InlineTable, Item, Table, value};

/// A profile that is to be written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewProfile {
    /// Its name.
    pub name: String,
    /// Directory (tenant) id.
    pub tenant: String,
    /// Application (client) id.
    pub app_id: String,
    /// Cloud.
    pub cloud: String,
    /// How the vault is reached.
    pub vault_auth: String,
    /// The vault's URL.
    pub vault: String,
    /// `certificate` or `secret`.
    pub kind: String,
    /// Name of the object in the vault.
    pub object: String,
    /// Whether the key signs in the vault.
    pub sign: bool,
}

/// Says whether a profile could be written: a name that is taken by another application is not.
///
/// # Errors
/// [`Kind::Usage`].
pub fn check_profile(path: &Path, name: &str, app_id: Option<&str>) -> Result<()> {
    if name.is_empty() || !name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte)) {
        return Err(
            Error::new(Kind::Usage, format!("`{}` is no name for a profile", name.escape_debug())).hint("take letters, digits, - and _")
        );
    }
    let document = read(path)?;
    let present = document.get("profiles").and_then(|profiles| profiles.get(name)).and_then(|profile| profile.get("app_id"));
    match (present.and_then(Item::as_str), app_id) {
        (Some(present), Some(app_id)) if !present.eq_ignore_ascii_case(app_id) => Err(taken(path, name, present)),
        _ => Ok(()),
    }
}

fn taken(path: &Path, name: &str, app_id: &str) -> Error {
    let message = format!("{} has a profile `{name}` already, of the application {app_id}", path.display());
    Error::new(Kind::Usage, message).hint("choose another name for --write-profile")
}

/// Writes a profile; says whether the file was changed.
///
/// # Errors
/// [`Kind::Usage`] where the name is another application's or the file is no TOML, [`Kind::Disk`] where it cannot be written.
pub fn write_profile(path: &Path, profile: &NewProfile) -> Result<bool> {
    check_profile(path, &profile.name, Some(&profile.app_id))?;
    let mut document = read(path)?;
    let before = document.to_string();
    put(&mut document, profile).ok_or_else(|| {
        Error::new(Kind::Usage, format!("{}: `profiles` is no table of profiles", path.display())).hint("write it as [profiles.NAME]")
    })?;
    let after = document.to_string();
    if before == after {
        return Ok(false);
    }
    replace(path, &after).map_err(|error| Error::new(Kind::Disk, format!("writing {} failed", path.display())).caused_by(error))?;
    Ok(true)
}

fn read(path: &Path) -> Result<DocumentMut> {
    let text = match fs_err::read_to_string(path) {
        Ok(text) => text,
        Err(error) if error.kind() == io::ErrorKind::NotFound => String::new(),
        Err(error) => return Err(Error::new(Kind::Usage, format!("{} cannot be read", path.display())).caused_by(error)),
    };
    // The parser's words could show a line of the file, and so a secret in it.
    text.parse().map_err(|_| Error::new(Kind::Usage, format!("{} is not TOML", path.display())).hint("`ircollect check` says where"))
}

fn put(document: &mut DocumentMut, profile: &NewProfile) -> Option<()> {
    let profiles = document.entry("profiles").or_insert_with(|| {
        let mut table = Table::new();
        table.set_implicit(true);
        Item::Table(table)
    });
    let profiles = profiles.as_table_like_mut()?;
    if !profiles.contains_key(&profile.name) {
        profiles.insert(&profile.name, Item::Table(Table::new()));
    }
    let table = profiles.get_mut(&profile.name)?.as_table_like_mut()?;
    let mut set = |key: &str, text: &str| {
        if table.get(key).and_then(Item::as_str) != Some(text) {
            table.insert(key, value(text));
        }
    };
    set("tenant", &profile.tenant);
    set("app_id", &profile.app_id);
    set("cloud", &profile.cloud);
    set("vault_auth", &profile.vault_auth);
    let credential = credential(profile);
    let same = table.get("credential").and_then(Item::as_inline_table).is_some_and(|present| same(present, &credential));
    if !same {
        table.insert("credential", value(credential));
    }
    Some(())
}

fn credential(profile: &NewProfile) -> InlineTable {
    let mut table = InlineTable::new();
    table.insert("vault", profile.vault.as_str().into());
    table.insert(&profile.kind, profile.object.as_str().into());
    if profile.sign {
        table.insert("sign", "vault".into());
    }
    table
}

fn same(a: &InlineTable, b: &InlineTable) -> bool {
    a.len() == b.len() && a.iter().all(|(key, value)| b.get(key).and_then(toml_edit::Value::as_str) == value.as_str())
}

/// Replaces a file whole or not at all; it keeps its mode.
fn replace(path: &Path, text: &str) -> io::Result<()> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or_else(|| Path::new("."));
    let mut temp = tempfile::NamedTempFile::new_in(folder)?;
    temp.write_all(text.as_bytes())?;
    temp.as_file().sync_all()?;
    if let Ok(metadata) = fs_err::metadata(path) {
        fs_err::set_permissions(temp.path(), metadata.permissions())?;
    }
    temp.persist(path)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn profile(app_id: &str) -> NewProfile {
        NewProfile {
            name: "ir".into(),
            tenant: "t".into(),
            app_id: app_id.into(),
            cloud: "public".into(),
            vault_auth: "environment".into(),
            vault: "https://kv.vault.azure.net".into(),
            kind: "certificate".into(),
            object: "ir-app".into(),
            sign: true,
        }
    }

    #[test]
    fn everything_else_stays_as_it_stands() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("ircollect.toml");
        let text = "# mine\ncase = \"cases/1\"   # here\n\n[profiles.other]   # not this\ntenant = 'x.test'\n\n[clouds.lab]\ngraph = \"https://g\"\n";
        fs_err::write(&path, text).unwrap();
        assert!(write_profile(&path, &profile("a")).unwrap());
        let written = fs_err::read_to_string(&path).unwrap();
        for line in text.lines() {
            assert!(written.contains(line), "{line} is not in\n{written}");
        }
        assert!(written.contains("[profiles.ir]\ntenant = \"t\"\napp_id = \"a\"\n"), "{written}");
        assert!(
            written.contains(r#"credential = { vault = "https://kv.vault.azure.net", certificate = "ir-app", sign = "vault" }"#),
            "{written}"
        );
        assert!(!write_profile(&path, &profile("a")).unwrap(), "the second time nothing changes");
        assert_eq!(write_profile(&path, &profile("b")).unwrap_err().kind(), Kind::Usage);
    }

    #[test]
    fn a_new_file_is_made_and_a_broken_one_refused_without_showing_it() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("new.toml");
        assert!(write_profile(&path, &profile("a")).unwrap());
        assert!(fs_err::read_to_string(&path).unwrap().starts_with("[profiles.ir]\n"));
        fs_err::write(&path, "secret = hunter2\n").unwrap();
        let error = write_profile(&path, &profile("a")).unwrap_err();
        assert!(!format!("{error:?}").contains("hunter2"));
        assert!(check_profile(&path, "a b", None).is_err());
    }
}
