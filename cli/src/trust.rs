//! What a program needs beside its settings to trust a local Namespace, for languages that take no file from a setting.

use std::ffi::OsString;
use std::path::Path;

/// Folders that Python searches for modules.
const PYTHON: &str = "PYTHONPATH";
/// The roots of curl, whatever it was built with; goes before `SSL_CERT_FILE`, which some machines' curl does not know.
const CURL: &str = "CURL_CA_BUNDLE";
/// Arguments of every Java program.
const JAVA: &str = "JAVA_TOOL_OPTIONS";

/// Variables for a program whose settings name `bundle`: curl is told of it like SDKs are by the settings, Python programs
/// find a module there that makes them use it, Java programs a trust store. `inherited` is what a variable that may say
/// several things says already; that stays in effect.
pub(crate) fn variables(
    bundle: &Path,
    inherited: impl Fn(&str) -> Option<OsString>,
) -> Vec<(&'static str, OsString)> {
    let mut variables = Vec::new();
    if bundle.is_file() {
        variables.push((CURL, bundle.into()));
    }
    let python = bundle.with_file_name("python");
    if python.is_dir() {
        variables.push((PYTHON, joined(python.into(), ":", inherited(PYTHON))));
    }
    let store = bundle.with_extension("p12");
    if store.is_file() {
        // In quotes, for folders with spaces. Of two equal options the later one counts, so the user's comes last.
        let mut option = OsString::from("-Djavax.net.ssl.trustStore=\"");
        option.push(store);
        option.push("\"");
        variables.push((JAVA, joined(option, " ", inherited(JAVA))));
    }
    variables
}

fn joined(mut ours: OsString, separator: &str, theirs: Option<OsString>) -> OsString {
    if let Some(theirs) = theirs.filter(|theirs| !theirs.is_empty()) {
        ours.push(separator);
        ours.push(theirs);
    }
    ours
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn what_the_user_says_stays_in_effect() {
        let folder = tempfile::tempdir().unwrap();
        let bundle = folder.path().join("bundle.pem");
        assert!(variables(&bundle, |_| None).is_empty(), "nothing is there");
        fs::write(&bundle, "").unwrap();
        assert_eq!(variables(&bundle, |_| None), [(CURL, bundle.clone().into())]);
        fs::create_dir(folder.path().join("python")).unwrap();
        fs::write(folder.path().join("bundle.p12"), "").unwrap();
        let place = folder.path().display();
        let own = [
            (CURL, bundle.display().to_string()),
            (PYTHON, format!("{place}/python")),
            (JAVA, format!("-Djavax.net.ssl.trustStore=\"{place}/bundle.p12\"")),
        ];
        let alone = variables(&bundle, |_| None);
        assert_eq!(alone, own.clone().map(|(key, value)| (key, value.into())));
        let with = variables(&bundle, |key| Some(format!("my-{key}").into()));
        let expected = own.map(|(key, value)| match key {
            PYTHON => (key, format!("{value}:my-{key}").into()),
            JAVA => (key, format!("{value} my-{key}").into()),
            _ => (key, value.into()),
        });
        assert_eq!(with, expected);
    }
}
