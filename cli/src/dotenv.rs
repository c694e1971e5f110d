//! Reading back `DATA/NAMESPACE.env`: lines `KEY='value'`, as a shell would understand them.

/// The variables of a file, in its order. Comments and blank lines are skipped.
///
/// # Errors
/// The number of the first line (from 1) that is not an assignment.
pub(crate) fn parse(text: &str) -> Result<Vec<(String, String)>, usize> {
    let mut variables = Vec::new();
    for (index, line) in text.lines().enumerate() {
        let line = line.trim();
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        variables.push(assignment(line).ok_or(index + 1)?);
    }
    Ok(variables)
}

fn assignment(line: &str) -> Option<(String, String)> {
    let (key, word) = line.split_once('=')?;
    let valid = |c: char| c.is_ascii_alphanumeric() || c == '_';
    (!key.is_empty() && key.chars().all(valid)).then_some(())?;
    Some((key.to_owned(), unquote(word)?))
}

/// One shell word without expansions: quoted parts, escaped characters and bare text side by side.
fn unquote(word: &str) -> Option<String> {
    let mut value = String::new();
    let mut rest = word.chars();
    while let Some(next) = rest.next() {
        match next {
            '\'' => quoted(&mut rest, '\'', &mut value)?,
            '"' => quoted(&mut rest, '"', &mut value)?,
            '\\' => value.push(rest.next()?),
            c if c.is_whitespace() => return None,
            c => value.push(c),
        }
    }
    Some(value)
}

fn quoted(rest: &mut std::str::Chars<'_>, quote: char, value: &mut String) -> Option<()> {
    loop {
        match rest.next()? {
            c if c == quote => return Some(()),
            '\\' if quote == '"' => value.push(rest.next()?),
            c => value.push(c),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quotes_and_escapes_read_as_a_shell_reads_them() {
        let text = "# comment\n\nA='x y'\nB='it'\\''s'\nC=\"q\\\"\"\nD=plain=1\nE=\n";
        let expected = [
            ("A", "x y"),
            ("B", "it's"),
            ("C", "q\""),
            ("D", "plain=1"),
            ("E", ""),
        ];
        let expected: Vec<_> = expected
            .iter()
            .map(|(k, v)| ((*k).to_owned(), (*v).to_owned()))
            .collect();
        assert_eq!(parse(text).unwrap(), expected);
    }

    #[test]
    fn a_line_that_is_no_assignment_is_named() {
        assert_eq!(parse("A=1\nnonsense\n"), Err(2));
        assert_eq!(parse("A='open\n"), Err(1));
    }
}
