//! Words and values of ours as the wire has them.

use std::time::Duration;

use jiff::Timestamp;

use super::proto::v1;
use crate::vocab::effect::{Effect, Operation, Reason};
use crate::vocab::operator::Operator;

/// Returns the effect of the wire.
pub(super) fn effect(effect: Effect) -> v1::Effect {
    match effect {
        Effect::Allow => v1::Effect::Allow,
        Effect::Deny => v1::Effect::Deny,
    }
}

/// Returns the reason of the wire.
pub(super) fn reason(reason: Reason) -> v1::Reason {
    match reason {
        Reason::Allowed => v1::Reason::Allowed,
        Reason::NoGrant => v1::Reason::NoGrant,
        Reason::NoMatchingGrant => v1::Reason::NoMatchingGrant,
        Reason::Denied => v1::Reason::Denied,
        Reason::FieldOutOfReach => v1::Reason::FieldOutOfReach,
        Reason::FieldNotCovered => v1::Reason::FieldNotCovered,
        Reason::Violation => v1::Reason::Violation,
        Reason::Network => v1::Reason::Network,
        Reason::ExplanationRequired => v1::Reason::ExplanationRequired,
        Reason::ApprovalMissing => v1::Reason::ApprovalMissing,
        Reason::NotOffered => v1::Reason::NotOffered,
        Reason::UnknownCollection => v1::Reason::UnknownCollection,
        Reason::UnknownAction => v1::Reason::UnknownAction,
        Reason::UnknownTransition => v1::Reason::UnknownTransition,
        Reason::UnknownRole => v1::Reason::UnknownRole,
        Reason::MissingAttribute => v1::Reason::MissingAttribute,
        Reason::BrokenRule => v1::Reason::BrokenRule,
        Reason::Fault => v1::Reason::Fault,
    }
}

/// Returns the operation of the wire.
pub(super) fn operation(operation: Operation) -> v1::Operation {
    match operation {
        Operation::Read => v1::Operation::Read,
        Operation::Create => v1::Operation::Create,
        Operation::Update => v1::Operation::Update,
        Operation::Delete => v1::Operation::Delete,
        Operation::Other => v1::Operation::Other,
    }
}

/// Returns the operator of the wire for a name in conditions (`_eq`).
pub(super) fn operator_named(name: &str) -> v1::Operator {
    Operator::ALL
        .iter()
        .find(|operator| operator.name() == name)
        .map_or(v1::Operator::Unspecified, |each| operator(*each))
}

/// Returns the operator of the wire.
pub(super) fn operator(operator: Operator) -> v1::Operator {
    match operator {
        Operator::Eq => v1::Operator::Eq,
        Operator::Neq => v1::Operator::Neq,
        Operator::Is => v1::Operator::Is,
        Operator::Ieq => v1::Operator::Ieq,
        Operator::Nieq => v1::Operator::Nieq,
        Operator::In => v1::Operator::In,
        Operator::Nin => v1::Operator::Nin,
        Operator::Lt => v1::Operator::Lt,
        Operator::Lte => v1::Operator::Lte,
        Operator::Gt => v1::Operator::Gt,
        Operator::Gte => v1::Operator::Gte,
        Operator::Between => v1::Operator::Between,
        Operator::Nbetween => v1::Operator::Nbetween,
        Operator::Null => v1::Operator::Null,
        Operator::Nnull => v1::Operator::Nnull,
        Operator::Empty => v1::Operator::Empty,
        Operator::Nempty => v1::Operator::Nempty,
        Operator::Contains => v1::Operator::Contains,
        Operator::Ncontains => v1::Operator::Ncontains,
        Operator::Icontains => v1::Operator::Icontains,
        Operator::Nicontains => v1::Operator::Nicontains,
        Operator::StartsWith => v1::Operator::StartsWith,
        Operator::NstartsWith => v1::Operator::NstartsWith,
        Operator::IstartsWith => v1::Operator::IstartsWith,
        Operator::NistartsWith => v1::Operator::NistartsWith,
        Operator::EndsWith => v1::Operator::EndsWith,
        Operator::NendsWith => v1::Operator::NendsWith,
        Operator::IendsWith => v1::Operator::IendsWith,
        Operator::NiendsWith => v1::Operator::NiendsWith,
        Operator::Like => v1::Operator::Like,
        Operator::Nlike => v1::Operator::Nlike,
        Operator::IsText => v1::Operator::IsText,
        Operator::IsNumber => v1::Operator::IsNumber,
        Operator::Regex => v1::Operator::Regex,
        Operator::Submitted => v1::Operator::Submitted,
        Operator::Intersects => v1::Operator::Intersects,
        Operator::Nintersects => v1::Operator::Nintersects,
        Operator::IntersectsBbox => v1::Operator::IntersectsBbox,
        Operator::NintersectsBbox => v1::Operator::NintersectsBbox,
    }
}

/// Returns a length of time as the wire has it; one beyond its range is the longest it has.
pub(super) fn duration(length: Duration) -> prost_types::Duration {
    prost_types::Duration {
        seconds: i64::try_from(length.as_secs()).unwrap_or(i64::MAX),
        nanos: i32::try_from(length.subsec_nanos()).unwrap_or(0),
    }
}

/// Returns a moment as the wire has it.
pub(super) fn moment(moment: Timestamp) -> prost_types::Timestamp {
    let (seconds, nanos) = (moment.as_second(), moment.subsec_nanosecond());
    // The wire counts nanoseconds forward, always.
    if nanos < 0 {
        return prost_types::Timestamp {
            seconds: seconds - 1,
            nanos: nanos + 1_000_000_000,
        };
    }
    prost_types::Timestamp { seconds, nanos }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_word_has_one_of_its_own_on_the_wire() {
        for each in Operator::ALL {
            let wire = operator(*each);
            let name = wire.as_str_name().strip_prefix("OPERATOR_").unwrap();
            assert_eq!(format!("_{}", name.to_ascii_lowercase()), each.name());
            assert_eq!(operator_named(each.name()), wire);
        }
        for each in Reason::ALL {
            assert_eq!(reason(each).as_str_name(), format!("REASON_{}", each.name()));
        }
    }

    #[test]
    fn moments_before_1970_count_forward() {
        let at = |text: &str| {
            let moment = moment(text.parse().unwrap());
            (moment.seconds, moment.nanos)
        };
        assert_eq!(at("1969-12-31T23:59:59.25Z"), (-1, 250_000_000));
        assert_eq!(at("1970-01-01T00:00:01.5Z"), (1, 500_000_000));
    }
}
