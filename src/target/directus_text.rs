//! Operators that look for a text, as Directus makes them of what its database does.

use serde_json::json;

use super::Unsayable;
use super::directus_leaf::{Class, Leaf, Side, Test};
use crate::vocab::operator::Operator;

impl Leaf<'_> {
    /// Writes an operator that looks for a text, whose letter case counts.
    pub(super) fn text(&self, word: &'static str, opposite: Option<&'static str>) -> Result<Side, Unsayable> {
        let Some(part) = self.part()? else {
            return Ok(Side::Never);
        };
        if part.bytes().any(|byte| byte.is_ascii_alphabetic()) {
            return Err(self.unsayable(
                "has letters of A to Z in its operand, whose case counts or not as the database of Directus likes; ask by \
                 `_eq` or `_in`, or put letter case aside",
            ));
        }
        if part.contains(['%', '_', '\\']) {
            return Err(self.unsayable(
                "has `%`, `_` or a backslash in its operand, which Directus takes for wildcards",
            ));
        }
        Ok(self.looking(word, opposite, part))
    }

    /// Writes an operator that puts letter case aside.
    pub(super) fn folded(
        &self,
        word: &'static str,
        opposite: Option<&'static str>,
    ) -> Result<Side, Unsayable> {
        let Some(part) = self.part()? else {
            return Ok(Side::Never);
        };
        self.check_folded(&part)?;
        if part.contains(['%', '_', '\\']) {
            return Err(self.unsayable(
                "has `%`, `_` or a backslash in its operand, which Directus takes for wildcards",
            ));
        }
        Ok(self.looking(word, opposite, part))
    }

    /// Letter case is put aside of A to Z by every database, of other letters by some; and there are letters beyond ASCII that
    /// some take for an i or a k.
    fn check_folded(&self, part: &str) -> Result<(), Unsayable> {
        if part.is_ascii() && !part.contains(['i', 'I', 'k', 'K']) {
            return Ok(());
        }
        Err(self.unsayable(
            "puts letter case aside of an i, a k or letters beyond ASCII, which the databases of Directus do in different ways",
        ))
    }

    fn looking(&self, word: &'static str, opposite: Option<&'static str>, part: String) -> Side {
        if part.is_empty() {
            // Every text has nothing in it.
            return if self.comparison.operator.is_negative() {
                Side::Never
            } else {
                Side::There
            };
        }
        Side::Any(vec![Test {
            word,
            operand: json!(part),
            opposite,
        }])
    }

    /// Returns the text that an operator looks for; `None` if there is none.
    fn part(&self) -> Result<Option<String>, Unsayable> {
        match self.class {
            Class::Text | Class::Joined => {}
            Class::Uuid
            | Class::Number
            | Class::Boolean
            | Class::Moment
            | Class::Time
            | Class::Hash
            | Class::Geometry
            | Class::Other => return Err(self.incomparable()),
        }
        let Some(part) = self
            .comparison
            .values
            .first()
            .and_then(|value| value.view().text())
        else {
            return Ok(None);
        };
        self.literal(&part)?;
        Ok(Some(part.into_owned()))
    }

    /// Writes a pattern, if it looks for one text at one place.
    pub(super) fn like(&self) -> Result<Side, Unsayable> {
        let Some(pattern) = self.part()? else {
            return Ok(Side::Never);
        };
        let is_negative = self.comparison.operator == Operator::Nlike;
        if pattern == "%" {
            return Ok(self.looking("_contains", None, String::new()));
        }
        let folds = pattern.bytes().any(|byte| byte.is_ascii_alphabetic());
        let open = |text: &str| text.strip_prefix('%').map(str::to_owned);
        let close = |text: &str| text.strip_suffix('%').map(str::to_owned);
        let (words, part) = match (open(&pattern), close(&pattern)) {
            (Some(part), Some(_)) if pattern.len() > 1 => {
                let part = close(&part).unwrap_or_default();
                (["_icontains", "", "_contains", "_ncontains"], part)
            }
            (None, Some(part)) => (
                ["_istarts_with", "_nistarts_with", "_starts_with", "_nstarts_with"],
                part,
            ),
            (Some(part), None) => (["_iends_with", "_niends_with", "_ends_with", "_nends_with"], part),
            (_, _) => return Err(self.unsayable("is a pattern that filters of Directus do not have")),
        };
        if folds {
            self.check_folded(&part)?;
        }
        if part.contains(['%', '_', '\\']) {
            return Err(self.unsayable(
                "has wildcards inside, which not every database of Directus reads in the same way",
            ));
        }
        self.literal(&part)?;
        let [folded, nfolded, plain, nplain] = words;
        let (word, opposite) = if folds { (folded, nfolded) } else { (plain, nplain) };
        let (word, opposite) = if is_negative {
            (opposite, word)
        } else {
            (word, opposite)
        };
        if word.is_empty() {
            return Err(self.unsayable("is an operator that filters of Directus do not have"));
        }
        Ok(self.looking(word, Some(opposite).filter(|word| !word.is_empty()), part))
    }
}
