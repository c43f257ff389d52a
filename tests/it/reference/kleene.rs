//! Truth with a third value for what a request does not tell.

/// True, false, or open: the request does not tell.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Kleene {
    False,
    Open,
    True,
}

impl Kleene {
    pub(crate) fn not(self) -> Self {
        match self {
            Kleene::False => Kleene::True,
            Kleene::Open => Kleene::Open,
            Kleene::True => Kleene::False,
        }
    }
}

impl From<bool> for Kleene {
    fn from(value: bool) -> Self {
        if value { Kleene::True } else { Kleene::False }
    }
}

/// Evaluation went wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Fault;

/// True, false or open, if evaluation went well.
pub(crate) type Truth = Result<Kleene, Fault>;
