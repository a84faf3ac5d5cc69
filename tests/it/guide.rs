//! The README and the guide: every command block is run in the lab and its output compared, every other block is read by what it is for.
//!
//! - `console` blocks are run by bash, in a folder of the page's own that has `examples/` in it, with the lab's variables set: `$ ` begins a
//!   command (its `export` holds for the rest of the page), what follows is its output (both streams), `...` stands for lines left out.
//!   Times, ids, hashes, ports and sizes may differ.
//! - `sh` and `powershell` blocks are not run (they are for a real tenant): every `ircollect` in them must be a command line that is understood.
//! - `toml` blocks are configurations, or plans where they name pulls or queries; `json` is parsed; `kql` is parsed.
//!
//! `IRCOLLECT_GUIDE=write` writes the outputs of now into the pages; read the difference before you commit it.

mod pages;
mod same;
mod shell;

use crate::support::site::{Site, generous};
use clap::Parser;
use ircollect::{cli::Cli, cli::Global, settings};
use pages::{Block, Page, pages};
use std::path::Path;

fn console(page: &Page) -> Vec<String> {
    let blocks: Vec<&Block> = page.blocks.iter().filter(|block| block.language == "console").collect();
    if blocks.is_empty() {
        return Vec::new();
    }
    // What changes the tenant gets one of its own.
    let site = if page.text.contains("$ ircollect app create") { Site::new(generous()) } else { Site::shared() };
    let mut wrong = Vec::new();
    let (mut now, mut exports) = (page.text.clone(), String::new());
    for block in blocks {
        for step in block.steps().into_iter().filter(|step| shell::can_run(&step.command)) {
            let got = shell::run(&site, &format!("{exports}{}", step.command));
            if step.command.starts_with("export ") {
                exports = format!("{exports}{}\n", step.command);
            }
            if !same::same(&step.output, &got) {
                wrong.push(format!("{}:{}: `{}`\n--- written\n{}\n--- now\n{got}", page.name, block.line, step.command, step.output));
                now = pages::replaced(&now, &step, &got);
            }
        }
    }
    if shell::writing() && !wrong.is_empty() {
        std::fs::write(&page.path, now).unwrap();
    }
    wrong
}

#[cfg(unix)]
#[test]
fn every_command_block_is_true() {
    let pages = pages();
    let wrong: Vec<String> = std::thread::scope(|scope| {
        let runs: Vec<_> = pages.iter().map(|page| scope.spawn(|| console(page))).collect();
        runs.into_iter().flat_map(|run| run.join().unwrap()).collect()
    });
    assert!(wrong.is_empty() || shell::writing(), "{}", wrong.join("\n\n"));
}

#[test]
fn every_command_line_for_a_real_tenant_is_understood() {
    let mut seen = 0;
    for page in pages() {
        for block in page.blocks.iter().filter(|block| ["sh", "powershell"].contains(&block.language.as_str())) {
            for words in block.command_lines() {
                let understood = Cli::try_parse_from(&words);
                assert!(understood.is_ok(), "{}:{}: {words:?}\n{}", page.name, block.line, understood.unwrap_err());
                seen += 1;
            }
        }
    }
    assert!(seen > 5, "only {seen} command lines were found");
}

#[test]
fn every_configuration_and_query_of_the_pages_is_valid() {
    for page in pages() {
        for block in &page.blocks {
            let at = format!("{}:{}", page.name, block.line);
            match block.language.as_str() {
                "toml" => configuration(&block.text, &at),
                "json" => drop(serde_json::from_str::<serde_json::Value>(&block.text).unwrap_or_else(|error| panic!("{at}: {error}"))),
                "kql" => drop(ircollect::kql::parse(&block.text).unwrap_or_else(|error| panic!("{at}: {error:?}"))),
                "console" | "sh" | "powershell" | "python" | "text" | "xml" | "yaml" => {}
                other => panic!("{at}: a block of `{other}` is not read by any test"),
            }
        }
    }
}

fn configuration(text: &str, at: &str) {
    let table: toml::Table = toml::from_str(text).unwrap_or_else(|error| panic!("{at}: {error}"));
    if table.contains_key("pulls") || table.contains_key("queries") {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("ircollect.toml");
    std::fs::write(&file, text).unwrap();
    std::fs::write(folder.path().join("corp-root.pem"), Site::shared().lab.ca_pem()).unwrap();
    for name in table.get("profiles").and_then(toml::Value::as_table).into_iter().flat_map(toml::Table::keys) {
        let global = Global { config: Some(file.clone()), profile: vec![name.clone()], ..Global::default() };
        let settled = settings::resolve(&global, &settings::Env::default(), folder.path());
        assert!(settled.is_ok(), "{at}: {name}: {}", settled.unwrap_err());
    }
}

#[test]
fn every_link_to_a_file_leads_somewhere() {
    let link = regex::Regex::new(r"\]\(([^)#]+)(#[^)]*)?\)").unwrap();
    for page in pages() {
        for found in link.captures_iter(&page.text).filter(|found| !found[1].contains("://")) {
            let target = page.path.parent().unwrap().join(&found[1]);
            assert!(target.exists(), "{}: {}", page.name, &found[1]);
        }
    }
}

#[test]
fn every_page_is_in_the_index() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let index = std::fs::read_to_string(root.join("docs/README.md")).unwrap();
    for page in pages().iter().filter(|page| page.name.starts_with("docs/") && page.name != "docs/README.md") {
        let name = page.name.trim_start_matches("docs/");
        assert!(index.contains(&format!("]({name})")), "{name} is not in docs/README.md");
    }
}

/// Every code that the program itself gives, and every code of Entra that it knows, is explained.
#[test]
fn every_error_code_is_on_the_page_that_explains_them() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let page = std::fs::read_to_string(root.join("docs/troubleshooting.md")).unwrap();
    let given = regex::Regex::new(r#"with_code\(\s*"(\w{2,})""#).unwrap();
    let mut missing = Vec::new();
    for file in crate::support::summary::files_below(&root.join("src")) {
        let text = std::fs::read_to_string(&file).unwrap_or_default();
        missing.extend(given.captures_iter(&text).map(|found| found[1].to_owned()).filter(|code| !page.contains(code.as_str())));
    }
    let entra = ircollect::identity::TABLE.iter().map(|row| format!("AADSTS{}", row.code));
    missing.extend(entra.filter(|code| !page.contains(code.as_str())));
    assert!(missing.is_empty(), "not in docs/troubleshooting.md: {missing:?}");
}
