//! The `KEY='value'` file that `weft dev` writes.

use std::{collections::BTreeMap, fs, path::Path};

use anyhow::Context;

pub(super) fn read(file: &Path) -> anyhow::Result<BTreeMap<String, String>> {
    let text = fs::read_to_string(file).with_context(|| format!("read {}", file.display()))?;
    Ok(parse(&text))
}

fn parse(text: &str) -> BTreeMap<String, String> {
    let pairs = text.lines().filter_map(|line| line.split_once('='));
    pairs
        .map(|(key, value)| (key.trim().to_owned(), unquote(value.trim())))
        .collect()
}

/// A single quote inside is spelled `'\''` in a shell.
fn unquote(value: &str) -> String {
    let inner = value
        .strip_prefix('\'')
        .and_then(|rest| rest.strip_suffix('\''))
        .unwrap_or(value);
    inner.replace(r"'\''", "'")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_read_as_a_shell_would() {
        let settings = parse("# comment\nEVENTGRID_KEY='a=b/+'\nX='it'\\''s'\n");
        assert_eq!(settings["EVENTGRID_KEY"], "a=b/+");
        assert_eq!(settings["X"], "it's");
    }
}
