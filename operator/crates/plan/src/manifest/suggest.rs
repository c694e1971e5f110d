//! Did you mean …?

/// Longest word that is compared: the cost is the product of both lengths.
const LENGTH_MAX: usize = 64;

/// What to do about a word that is not among `known`: the nearest of them if it is near, else all.
pub(super) fn fix(word: &str, known: &[&str]) -> String {
    match nearest(word, known) {
        Some(near) => format!("did you mean {near}?"),
        None => format!("use one of: {}", known.join(", ")),
    }
}

/// The known word that differs only in case, or in the fewest letters: at most a third of them.
pub(super) fn nearest<'a>(word: &str, known: &[&'a str]) -> Option<&'a str> {
    if word.len() > LENGTH_MAX {
        return None;
    }
    let word = word.to_lowercase();
    let distance = |candidate: &str| edits(&word, &candidate.to_lowercase());
    let (best, edits) = known
        .iter()
        .map(|candidate| (*candidate, distance(candidate)))
        .min_by_key(|pair| pair.1)?;
    (edits <= (word.chars().count() / 3).max(1)).then_some(best)
}

/// Levenshtein's distance.
fn edits(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, from) in a.chars().enumerate() {
        let mut diagonal = i;
        row[0] = i + 1;
        for (j, to) in b.iter().enumerate() {
            let replaced = diagonal + usize::from(from != *to);
            diagonal = row[j + 1];
            row[j + 1] = replaced.min(row[j] + 1).min(diagonal + 1);
        }
    }
    row[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_word_is_offered_and_a_far_one_is_not() {
        let known = ["maxDeliveryCount", "eventTimeToLive", "key"];
        assert_eq!(nearest("maxdeliverycount", &known), Some("maxDeliveryCount"));
        assert_eq!(nearest("maxDeliveryCounts", &known), Some("maxDeliveryCount"));
        assert_eq!(nearest("eventTTL", &known), None);
        assert_eq!(nearest("kye", &known), None);
        assert_eq!(nearest("keys", &known), Some("key"));
        assert_eq!(nearest(&"k".repeat(100_000), &known), None);
    }
}
