//! Truth with a third value for what a request does not tell, and a fourth for what went wrong.

/// True, false, or open: the request does not tell. A fault is open, too, but is never taken in favour of anybody.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Kleene {
    False,
    Fault,
    Open,
    True,
}

impl Kleene {
    pub(crate) fn not(self) -> Self {
        match self {
            Kleene::False => Kleene::True,
            Kleene::Fault => Kleene::Fault,
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
