//! Patterns as SQL writes them.

/// Tells whether a text fits a pattern: `%` is any text, `_` any one character, and nothing escapes them. Upper and lower case
/// of A to Z are one, and of no other letters.
///
/// A text of n characters and a pattern of m cost at most n times m steps.
pub(super) fn like(text: &str, pattern: &str) -> bool {
    let (mut text, mut pattern) = (text, pattern);
    // Where to go on if what follows the last `%` does not fit: behind it, and one character later.
    let mut retry: Option<(&str, &str)> = None;
    loop {
        let mut rest = pattern.chars();
        let mut left = text.chars();
        match rest.next() {
            Some('%') => {
                pattern = rest.as_str();
                retry = Some((text, pattern));
                continue;
            }
            Some(wanted)
                if left
                    .next()
                    .is_some_and(|found| wanted == '_' || wanted.eq_ignore_ascii_case(&found)) =>
            {
                (text, pattern) = (left.as_str(), rest.as_str());
                continue;
            }
            None if text.is_empty() => return true,
            Some(_) | None => {}
        }
        let Some((from, behind)) = retry else { return false };
        let mut later = from.chars();
        if later.next().is_none() {
            return false;
        }
        (text, pattern) = (later.as_str(), behind);
        retry = Some((text, pattern));
    }
}

#[cfg(test)]
mod tests {
    use super::like;

    #[test]
    fn patterns_fit_as_in_sql() {
        let cases = [
            ("", "", true),
            ("", "%", true),
            ("", "_", false),
            ("abc", "abc", true),
            ("ABC", "aBc", true),
            ("Ü", "ü", false),
            ("Ü", "_", true),
            ("100%", "100%", true),
            ("a\\%", "a\\%", true),
            ("aXbXc", "%x%x%", true),
            ("mississippi", "%iss%ip%", true),
            ("mississippi", "%iss%ipx", false),
            ("ab", "%_b", true),
            ("b", "%_b", false),
            ("a\nb", "a%b", true),
        ];
        for (text, pattern, fits) in cases {
            assert_eq!(like(text, pattern), fits, "{text:?} like {pattern:?}");
        }
        let long = "a".repeat(5_000);
        assert!(!like(&long, &format!("{}b", "%a".repeat(20))), "and it ends");
    }
}
