//! Conditions whose paths run through lists of related items: all comparisons of one condition that run through the same list
//! speak of the same item of it.
//!
//! While a condition is made, a comparison behind a list is an [`Exists`] of its own with `or_nulls`, and stands for the
//! comparison of *some one* item that the others share. [`negate`] knows that; [`share`] then puts those that stand together into
//! one. Looks at related items that share nothing (`_some`) have no `or_nulls`, and stay as they are.

use super::filter::{Exists, Filter};
use super::plan::PlanError;
use crate::vocab::limits::PLAN_NODES_MAX;

/// Negates what is asked of shared items: of the same item the opposite is asked.
pub(super) fn negate(filter: Filter) -> Filter {
    match filter {
        Filter::All(parts) => Filter::any(parts.into_iter().map(negate)),
        Filter::Any(parts) => Filter::all(parts.into_iter().map(negate)),
        Filter::Exists(exists) if exists.or_nulls => Filter::Exists(Exists {
            filter: Box::new(negate(*exists.filter)),
            ..exists
        }),
        other @ (Filter::Not(_)
        | Filter::Compare(_)
        | Filter::Exists(_)
        | Filter::Holds(_)
        | Filter::Below(_)) => other.not(),
    }
}

/// Lets all looks at one list that a condition shares be one.
///
/// # Errors
///
/// [`PlanError::TooLarge`] if there are too many ways in which the condition may hold.
pub(super) fn share(filter: Filter) -> Result<Filter, PlanError> {
    let mut budget = PLAN_NODES_MAX;
    share_within(filter, &mut budget)
}

fn share_within(filter: Filter, budget: &mut usize) -> Result<Filter, PlanError> {
    if !is_shared(&filter) {
        return Ok(filter);
    }
    match filter {
        Filter::Any(parts) => {
            let parts = parts.into_iter().map(|part| share_within(part, budget));
            parts.collect::<Result<Vec<_>, _>>().map(Filter::any)
        }
        Filter::All(parts) => share_all(parts, budget),
        Filter::Exists(exists) => Ok(Filter::Exists(Exists {
            filter: Box::new(share_within(*exists.filter, budget)?),
            ..exists
        })),
        other @ (Filter::Not(_) | Filter::Compare(_) | Filter::Holds(_) | Filter::Below(_)) => Ok(other),
    }
}

/// Whether any comparison in it is of a shared item.
fn is_shared(filter: &Filter) -> bool {
    match filter {
        Filter::All(parts) | Filter::Any(parts) => parts.iter().any(is_shared),
        Filter::Exists(exists) => exists.or_nulls,
        Filter::Not(_) | Filter::Compare(_) | Filter::Holds(_) | Filter::Below(_) => false,
    }
}

fn share_all(parts: Vec<Filter>, budget: &mut usize) -> Result<Filter, PlanError> {
    *budget = budget.checked_sub(parts.len()).ok_or(PlanError::TooLarge)?;
    let (mut shared, mut plain): (Vec<_>, Vec<_>) = parts.into_iter().partition(is_shared);
    if shared.len() == 1
        && let Some(only) = shared.pop()
    {
        plain.push(share_within(only, budget)?);
        return Ok(Filter::all(plain));
    }
    let mut looks: Vec<Exists> = Vec::new();
    let mut choices: Vec<Vec<Filter>> = Vec::new();
    for part in shared {
        match part {
            Filter::Exists(exists) => match looks.iter_mut().find(|look| look.path == exists.path) {
                Some(look) => {
                    let before = std::mem::replace(&mut *look.filter, Filter::always());
                    *look.filter = before.and(*exists.filter);
                }
                None => looks.push(exists),
            },
            Filter::Any(ways) => choices.push(ways),
            // What is shared is one of these, as groups of one kind are never nested.
            other @ (Filter::All(_)
            | Filter::Not(_)
            | Filter::Compare(_)
            | Filter::Holds(_)
            | Filter::Below(_)) => choices.push(vec![other]),
        }
    }
    let Some(ways) = choices.pop() else {
        for look in looks {
            plain.push(share_within(Filter::Exists(look), budget)?);
        }
        return Ok(Filter::all(plain));
    };
    // Each way is tried with all that stands beside it, as it may speak of the same item.
    let looks = looks.into_iter().map(Filter::Exists);
    let rest: Vec<Filter> = looks.chain(choices.into_iter().map(Filter::Any)).collect();
    let mut all = Vec::with_capacity(ways.len());
    for way in ways {
        let together = Filter::all(rest.iter().cloned().chain([way]));
        all.push(share_within(together, budget)?);
    }
    plain.push(Filter::any(all));
    Ok(Filter::all(plain))
}
