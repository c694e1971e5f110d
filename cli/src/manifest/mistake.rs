//! A mistake in a manifest: where it is, which rule it breaks, how to fix it.

use std::fmt::Write;
use std::path::PathBuf;
use std::sync::Arc;

use super::spans::Position;

/// One manifest file as it was read.
#[derive(Debug)]
pub(crate) struct Source {
    /// As it is shown: relative to where `weft` was started, when it was given that way.
    pub(crate) path: PathBuf,
    pub(crate) text: String,
}

/// A position in a file.
#[derive(Clone, Debug)]
pub(crate) struct Place {
    pub(crate) source: Arc<Source>,
    pub(crate) at: Option<Position>,
}

impl Place {
    /// `file:line:column`, as editors and terminals understand it.
    pub(crate) fn text(&self) -> String {
        let path = self.source.path.display();
        match self.at {
            Some(at) => format!("{path}:{}:{}", at.line, at.column),
            None => path.to_string(),
        }
    }

    /// By file and line.
    pub(crate) fn order(&self) -> (&PathBuf, Option<Position>) {
        (&self.source.path, self.at)
    }
}

/// What is wrong, where, and what to do.
#[derive(Clone, Debug)]
pub(crate) struct Mistake {
    pub(crate) place: Place,
    /// `Topic orders`; nothing when the file does not even parse.
    pub(crate) object: Option<String>,
    /// `spec.namespaceRef.name`
    pub(crate) field: Option<String>,
    pub(crate) rule: String,
    pub(crate) fix: String,
}

impl Mistake {
    /// In the order of files and lines.
    pub(crate) fn sort(mistakes: &mut [Self]) {
        mistakes.sort_by(|a, b| {
            a.place
                .order()
                .cmp(&b.place.order())
                .then_with(|| a.rule.cmp(&b.rule))
        });
    }

    /// The mistake as a person reads it:
    ///
    /// ```text
    /// topic.yaml:6:3: Topic orders: spec.namespaceReff
    ///     6 |   namespaceReff: {name: shop}
    ///       |   ^
    ///   rule: …
    ///   fix:  …
    /// ```
    pub(crate) fn text(&self) -> String {
        let mut text = self.place.text();
        for part in [&self.object, &self.field].into_iter().flatten() {
            let _ = write!(text, ": {part}");
        }
        if let Some((at, line)) = self.place.at.and_then(|at| Some((at, self.line(at.line)?))) {
            let number = at.line;
            let margin = " ".repeat(number.to_string().len());
            let indent = " ".repeat(at.column - 1);
            let _ = write!(text, "\n    {number} | {line}\n    {margin} | {indent}^");
        }
        let _ = write!(text, "\n  rule: {}\n  fix:  {}", self.rule, self.fix);
        text
    }

    /// The line, with tabs as single spaces so that the mark below it stands right.
    fn line(&self, number: usize) -> Option<String> {
        Some(
            self.place
                .source
                .text
                .lines()
                .nth(number - 1)?
                .trim_end()
                .replace('\t', " "),
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mistake_reads_as_place_line_rule_and_fix() {
        let source = Source {
            path: "topic.yaml".into(),
            text: "kind: Topic\nspec:\n  retention: 9\n".into(),
        };
        let place = Place {
            source: Arc::new(source),
            at: Some(Position { line: 3, column: 3 }),
        };
        let mistake = Mistake {
            place,
            object: Some("Topic orders".into()),
            field: Some("spec.retention".into()),
            rule: "there is no such field".into(),
            fix: "remove it".into(),
        };
        let expected = "topic.yaml:3:3: Topic orders: spec.retention\n    3 |   retention: 9\n      |   ^\n  rule: there is no such field\n  fix:  remove it";
        assert_eq!(mistake.text(), expected);
    }
}
