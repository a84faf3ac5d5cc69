//! The pages, their fenced blocks, and the commands in these.

use std::path::{Path, PathBuf};

/// A page of the guide.
pub(crate) struct Page {
    pub(crate) name: String,
    pub(crate) path: PathBuf,
    pub(crate) text: String,
    pub(crate) blocks: Vec<Block>,
}

/// A fenced block: its language, the line that it begins at, its text without indentation.
pub(crate) struct Block {
    pub(crate) language: String,
    pub(crate) line: usize,
    pub(crate) text: String,
    indent: usize,
}

/// A command and what it is said to print.
pub(crate) struct Step {
    pub(crate) command: String,
    pub(crate) output: String,
    indent: usize,
}

/// The README, the pages of `docs`, and the others at the top.
pub(crate) fn pages() -> Vec<Page> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut names: Vec<String> = ["README.md", "SECURITY.md", "CONTRIBUTING.md"].map(str::to_owned).to_vec();
    for entry in std::fs::read_dir(root.join("docs")).unwrap() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        if Path::new(&name).extension().is_some_and(|extension| extension == "md") {
            names.push(format!("docs/{name}"));
        }
    }
    names.sort();
    names.into_iter().map(|name| Page::read(root, name)).collect()
}

impl Page {
    fn read(root: &Path, name: String) -> Self {
        let path = root.join(&name);
        let text = std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{name}: {error}"));
        let blocks = blocks(&text);
        Self { name, path, text, blocks }
    }
}

fn blocks(text: &str) -> Vec<Block> {
    let mut blocks = Vec::new();
    let mut open: Option<Block> = None;
    for (number, line) in text.lines().enumerate() {
        let fence = line.trim_start().strip_prefix("```");
        match (&mut open, fence) {
            (None, Some(language)) => {
                let indent = line.len() - line.trim_start().len();
                open = Some(Block { language: language.trim().to_owned(), line: number + 1, text: String::new(), indent });
            }
            (Some(_), Some(_)) => blocks.extend(open.take()),
            (Some(block), None) => {
                block.text.push_str(line.get(block.indent..).unwrap_or_default());
                block.text.push('\n');
            }
            (None, None) => {}
        }
    }
    assert!(open.is_none(), "a block that is not closed");
    blocks
}

impl Block {
    /// The commands of a `console` block: `$ ` begins one, `> ` goes on with it.
    pub(crate) fn steps(&self) -> Vec<Step> {
        let mut steps: Vec<Step> = Vec::new();
        for line in self.text.lines() {
            if let Some(command) = line.strip_prefix("$ ") {
                steps.push(Step { command: command.to_owned(), output: String::new(), indent: self.indent });
            } else if let (Some(more), Some(step)) = (line.strip_prefix("> "), steps.last_mut().filter(|step| step.output.is_empty())) {
                step.command = format!("{}\n{more}", step.command);
            } else {
                let step = steps.last_mut().unwrap_or_else(|| panic!("line {}: output without a command", self.line));
                step.output.push_str(line);
                step.output.push('\n');
            }
        }
        steps
    }

    /// The `ircollect` command lines of a block that is not run: from the word to the end of the simple command.
    pub(crate) fn command_lines(&self) -> Vec<Vec<String>> {
        let text = self.text.replace("\\\n", " ").replace("`\n", " ");
        let lines = text.lines().filter(|line| !line.trim_start().starts_with('#'));
        lines.flat_map(simple_commands).filter(|words| words.first().is_some_and(|word| word == "ircollect")).collect()
    }
}

/// Splits a line into simple commands of words, as far as quotes, pipes and redirections go.
fn simple_commands(line: &str) -> Vec<Vec<String>> {
    let (mut commands, mut words, mut word, mut quote) = (Vec::new(), Vec::new(), None::<String>, None);
    for character in line.chars() {
        match (quote, character) {
            (Some(open), character) if open == character => quote = None,
            (None, '\'' | '"') => {
                quote = Some(character);
                word.get_or_insert_default();
            }
            (None, '|' | ';' | '&' | '<' | '>' | '(' | ')') => {
                words.extend(word.take());
                commands.push(std::mem::take(&mut words));
            }
            (None, character) if character.is_whitespace() => words.extend(word.take()),
            (_, character) => word.get_or_insert_default().push(character),
        }
    }
    words.extend(word);
    commands.push(words);
    commands
}

/// A page with another output under a command.
pub(crate) fn replaced(page: &str, step: &Step, output: &str) -> String {
    let indent = |text: &str| -> String {
        text.lines().map(|line| if line.is_empty() { "\n".to_owned() } else { format!("{}{line}\n", " ".repeat(step.indent)) }).collect()
    };
    let command = indent(&format!("$ {}", step.command.replace('\n', "\n> ")));
    let old = format!("{command}{}", indent(&step.output));
    page.replacen(&old, &format!("{command}{}", indent(output)), 1)
}
