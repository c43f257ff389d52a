//! When time alone changes an answer.
//!
//! Every comparison with the clock flips at moments that can be computed; the question is asked again at each of these, the
//! nearest first, until the answer differs. So the moment returned is not an estimate: until then the answer is the same, and
//! at it the answer is another.

use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp, ToSpan};
use smallvec::SmallVec;

use crate::model::Model;
use crate::model::condition::{Leaf, Left, Operand, Variable};
use crate::vocab::limits::VALIDITY_TRIALS_MAX;
use crate::vocab::operator::Function;
use crate::vocab::time::{Step, from_milliseconds, parse_instant};
use crate::vocab::value::View;

use super::check::check;
use super::compare::{Side, apply};
use super::comparison::plain;
use super::condition::Scene;
use super::decision::Decision;
use super::facts::Facts;
use super::programs::touched;
use super::query::Query;

/// Returns the first moment after that of the question at which the answer is another; `None` if time does not change it
/// within what is compared (of parts of the clock, such as `hour($NOW)`, the next round).
///
/// If more moments than [`VALIDITY_TRIALS_MAX`] leave the answer as it is, the next one untried is returned.
pub fn valid_until(model: &Model, query: &Query<'_>, decision: &Decision<'_>) -> Option<Timestamp> {
    if !model.looks_at_clock {
        return None;
    }
    let now = query.context.now;
    let mut moments = flips(model, query);
    moments.retain(|moment| *moment > now);
    moments.sort_unstable();
    moments.dedup();
    for (index, moment) in moments.into_iter().enumerate() {
        if index >= VALIDITY_TRIALS_MAX {
            return Some(moment);
        }
        let mut later = query.clone();
        later.context.now = moment;
        let is_same = check(model, &later).is_ok_and(|other| same(decision, &other));
        if !is_same {
            return Some(moment);
        }
    }
    None
}

/// Whether two answers are one: effect, reason, fields left out and demanded explanation.
fn same(one: &Decision<'_>, other: &Decision<'_>) -> bool {
    let left_out = |decision: &Decision<'_>| {
        let mut fields: Vec<_> = decision
            .left_out
            .iter()
            .map(|each| (each.field.to_owned(), each.reason))
            .collect();
        fields.sort_unstable();
        fields
    };
    one.effect == other.effect
        && one.reason == other.reason
        && one.explanation_required == other.explanation_required
        && left_out(one) == left_out(other)
}

/// Collects the moments at which a comparison with the clock may flip.
fn flips(model: &Model, query: &Query<'_>) -> Vec<Timestamp> {
    let touched = touched(model, query);
    let mut moments = Vec::new();
    for transition in touched.transitions.iter().filter_map(|id| model.transition(*id)) {
        moments.extend(transition.opens);
        moments.extend(transition.closes);
    }
    let Ok(facts) = Facts::bind(model, query) else {
        return moments;
    };
    let look = Look {
        scene: plain(&facts),
        presets: &touched.presets,
    };
    // A preset may write the clock into any field.
    let writes_clock = touched.presets.iter().any(|(_, operand)| operand.is_clock());
    for condition in &touched.programs {
        if condition.program.looks_at_clock || writes_clock {
            condition.each_leaf(&mut |leaf, prefix| {
                look.flips_of(leaf, prefix, &mut moments);
            });
        }
    }
    moments
}

/// Where the sides of comparisons are looked up.
struct Look<'l> {
    scene: Scene<'l>,
    /// What constraints write into fields.
    presets: &'l [(&'l str, &'l Operand)],
}

impl<'l> Look<'l> {
    fn flips_of(&self, leaf: &'l Leaf, prefix: &[&str], moments: &mut Vec<Timestamp>) {
        let now = self.scene.facts.query.context.now;
        let mut clocks = Vec::new();
        let mut values = Points::new();
        match &leaf.left {
            Left::Field(path) => {
                self.presets_of(path, prefix, &mut clocks, &mut values);
                let path: Vec<&str> = prefix
                    .iter()
                    .copied()
                    .chain(path.iter().map(AsRef::as_ref))
                    .collect();
                let query = self.scene.facts.query;
                collect(View::Object(&query.resource.attributes), &path, &mut values);
                collect(View::Object(&query.changes), &path, &mut values);
            }
            Left::Fact(Variable::Now(step)) => clocks.push(*step),
            Left::Fact(variable) => self.variable_points(variable, &mut values),
        }
        let mut steps = Vec::new();
        let mut others = Points::new();
        self.sides(&leaf.right, &mut steps, &mut others);
        for clock in clocks {
            match leaf.function {
                Some(function) => rounds(function, &others, clock, now, moments),
                None => others
                    .iter()
                    .filter_map(|point| point.instant)
                    .for_each(|at| reach(clock, at, moments)),
            }
        }
        for at in values.iter().filter_map(|point| point.instant) {
            for step in &steps {
                reach(*step, at, moments);
            }
        }
    }

    /// What presets may write into the field that a path begins with.
    fn presets_of(
        &self,
        path: &[Box<str>],
        prefix: &[&str],
        clocks: &mut Vec<Option<Step>>,
        values: &mut Points,
    ) {
        let [field] = path else { return };
        let own = self
            .presets
            .iter()
            .filter(|(name, _)| prefix.is_empty() && *name == field.as_ref());
        for (_, operand) in own {
            self.sides(operand, clocks, values);
        }
    }

    /// The steps by which an operand looks at the clock, and its values: lists and facts of the request are resolved.
    fn sides(&self, operand: &'l Operand, steps: &mut Vec<Option<Step>>, values: &mut Points) {
        match operand {
            Operand::Value(value) => collect(value.view(), &[], values),
            Operand::Variable(Variable::Now(step)) => steps.push(*step),
            Operand::Variable(variable) => self.variable_points(variable, values),
            Operand::List(parts) => parts.iter().for_each(|part| self.sides(part, steps, values)),
        }
    }

    fn variable_points(&self, variable: &'l Variable, values: &mut Points) {
        match self.scene.variable(variable) {
            Side::View(view) => collect(view, &[], values),
            Side::List(list) => list.iter().for_each(|value| collect(value.view(), &[], values)),
            Side::Instant(_) | Side::Open => {}
        }
    }
}

/// What a value may be compared with the clock as.
struct Point {
    instant: Option<Timestamp>,
    number: Option<f64>,
}

type Points = SmallVec<[Point; 4]>;

/// Adds the first moments at which the clock, a step away, has reached, and has passed, a moment.
fn reach(step: Option<Step>, at: Timestamp, moments: &mut Vec<Timestamp>) {
    let tick = SignedDuration::from_nanos(1);
    for goal in [Some(at), at.checked_add(tick).ok()].into_iter().flatten() {
        moments.extend(first_reaching(step, goal));
    }
}

/// Returns the first moment whose step lies at or behind the goal. Calendar steps are not the same length everywhere, but
/// never go back, so that halving finds it.
fn first_reaching(step: Option<Step>, goal: Timestamp) -> Option<Timestamp> {
    let Some(step) = step else { return Some(goal) };
    let back = Step {
        amount: step.amount.checked_neg()?,
        unit: step.unit,
    };
    let near = back.from(goal)?;
    let around = SignedDuration::from_hours(24 * 5);
    let (mut low, mut high) = (near.checked_sub(around).ok()?, near.checked_add(around).ok()?);
    if step.from(high)? < goal {
        return None;
    }
    while low < high {
        let half = high.duration_since(low).as_nanos() / 2;
        let middle = low.checked_add(SignedDuration::from_nanos_i128(half)).ok()?;
        if step.from(middle)? >= goal {
            high = middle;
        } else {
            low = middle.checked_add(SignedDuration::from_nanos(1)).ok()?;
        }
    }
    Some(low)
}

/// Adds the next moments at which a part of the clock is, or has just been, one of the values.
fn rounds(
    function: Function,
    values: &[Point],
    step: Option<Step>,
    now: Timestamp,
    moments: &mut Vec<Timestamp>,
) {
    let (unit, count) = match function {
        Function::Year => (1.year(), 0),
        Function::Month => (1.month(), 13),
        Function::Week | Function::Day | Function::Weekday => (1.day(), 367),
        Function::Hour => (1.hour(), 25),
        Function::Minute => (1.minute(), 61),
        Function::Second => (1.second(), 61),
        Function::Count | Function::Joined => return,
    };
    let Some(clock) = step.map_or(Some(now), |step| step.from(now)) else {
        return;
    };
    if function == Function::Year {
        for year in values.iter().filter_map(|point| point.number) {
            for year in [year, year + 1.0] {
                let start = parse_instant(&format!("{year:04}-01-01"));
                moments.extend(start.and_then(|start| first_reaching(step, start)));
            }
        }
        return;
    }
    let zoned = clock.to_zoned(TimeZone::UTC);
    let day = zoned.date();
    let start = match function {
        Function::Month => day.first_of_month().at(0, 0, 0, 0),
        Function::Hour => day.at(zoned.hour(), 0, 0, 0),
        Function::Minute => day.at(zoned.hour(), zoned.minute(), 0, 0),
        Function::Second => day.at(zoned.hour(), zoned.minute(), zoned.second(), 0),
        Function::Year | Function::Week | Function::Day | Function::Weekday => day.at(0, 0, 0, 0),
        Function::Count | Function::Joined => return,
    };
    let Ok(mut boundary) = start.to_zoned(TimeZone::UTC) else {
        return;
    };
    let part = |at: &jiff::Zoned| {
        let side = Side::Instant(at.timestamp());
        match apply(function, &side) {
            Ok(Side::View(View::Number(part))) => Some(part),
            _ => None,
        }
    };
    let mut before = part(&boundary);
    for _ in 0..count {
        let Ok(next) = boundary.checked_add(unit) else {
            return;
        };
        boundary = next;
        let after = part(&boundary);
        let crosses = |value: f64| {
            let side = |part: Option<f64>| part.map(|part| part.total_cmp(&value));
            side(before) != side(after)
        };
        if values.iter().filter_map(|point| point.number).any(crosses) {
            moments.extend(first_reaching(step, boundary.timestamp()));
        }
        before = after;
    }
}

fn number(value: View<'_>) -> Option<f64> {
    match value {
        View::Number(number) => Some(number),
        View::Text(text) => text.parse().ok(),
        View::Null | View::Bool(_) | View::List(_) | View::Object(_) => None,
    }
}

fn instant(value: View<'_>) -> Option<Timestamp> {
    match value {
        View::Text(text) => parse_instant(text),
        View::Number(number) => from_milliseconds(number),
        View::Null | View::Bool(_) | View::List(_) | View::Object(_) => None,
    }
}

/// Collects what a path leads to, through every element of the lists on its way.
fn collect(value: View<'_>, path: &[&str], values: &mut Points) {
    if let View::List(items) = value {
        items.iter().for_each(|item| collect(item.view(), path, values));
        return;
    }
    let Some((first, rest)) = path.split_first() else {
        values.push(Point {
            instant: instant(value),
            number: number(value),
        });
        return;
    };
    if let View::Object(object) = value
        && let Some(next) = object.get(first)
    {
        collect(next.view(), rest, values);
    }
}
