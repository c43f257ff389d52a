//! Truth of what depends on the item: two filters in place of one word.

use super::condition::Truth;
use super::filter::Filter;

/// What a condition comes to, as far as the item decides: where it surely holds, and where it may, for all that the request
/// tells. INVARIANT: `sure` holds nowhere where `may` does not.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Pair {
    pub(super) sure: Filter,
    pub(super) may: Filter,
}

impl Pair {
    /// Returns what the item alone decides.
    pub(super) fn known(filter: Filter) -> Self {
        Self {
            sure: filter.clone(),
            may: filter,
        }
    }

    /// Returns what the item has no part in.
    pub(super) fn of(truth: Truth) -> Self {
        Self {
            sure: Filter::of(truth == Truth::True),
            may: Filter::of(truth != Truth::False),
        }
    }

    /// Returns what is open wherever this filter holds, and false elsewhere.
    pub(super) fn open_where(filter: Filter) -> Self {
        Self {
            sure: Filter::never(),
            may: filter,
        }
    }

    /// Returns the opposite; what is open stays open.
    pub(super) fn not(self) -> Self {
        self.turned(Filter::not)
    }

    /// Returns the opposite by a negation of one's own.
    pub(super) fn turned(self, not: impl Fn(Filter) -> Filter) -> Self {
        Self {
            sure: not(self.may),
            may: not(self.sure),
        }
    }

    pub(super) fn and(self, other: Self) -> Self {
        Self {
            sure: self.sure.and(other.sure),
            may: self.may.and(other.may),
        }
    }

    pub(super) fn or(self, other: Self) -> Self {
        Self {
            sure: self.sure.or(other.sure),
            may: self.may.or(other.may),
        }
    }

    /// Returns what holds where all of these do.
    pub(super) fn all(parts: impl IntoIterator<Item = Pair>) -> Self {
        let (sure, may): (Vec<_>, Vec<_>) = parts.into_iter().map(|part| (part.sure, part.may)).unzip();
        Self {
            sure: Filter::all(sure),
            may: Filter::all(may),
        }
    }

    /// Returns what holds where one of these does.
    pub(super) fn any(parts: impl IntoIterator<Item = Pair>) -> Self {
        let (sure, may): (Vec<_>, Vec<_>) = parts.into_iter().map(|part| (part.sure, part.may)).unzip();
        Self {
            sure: Filter::any(sure),
            may: Filter::any(may),
        }
    }
}
