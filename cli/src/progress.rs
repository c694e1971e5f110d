//! Progress on standard error, only when somebody is watching.

use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};

/// A bar that counts towards `total`, or a spinner when nobody knows how much there is. Invisible unless standard
/// error is a terminal.
pub(crate) fn bar(what: &'static str, total: Option<u64>) -> ProgressBar {
    let template = match total {
        Some(_) => "{msg} {wide_bar} {human_pos}/{human_len} ({eta})",
        None => "{spinner} {msg} {human_pos} ({per_sec})",
    };
    let bar = total.map_or_else(ProgressBar::new_spinner, ProgressBar::new);
    if let Ok(style) = ProgressStyle::with_template(template) {
        bar.set_style(style);
    }
    bar.set_message(what);
    bar.enable_steady_tick(Duration::from_millis(120));
    bar
}
