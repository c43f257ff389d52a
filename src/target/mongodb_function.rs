//! Comparisons of what a function makes of a field.

use std::ops::RangeInclusive;

use jiff::civil::Date;
use jiff::tz::TimeZone;
use serde_json::json;

use super::Unsayable;
use super::literal::number_in;
use super::mongodb::Doc;
use super::mongodb_field::Class;
use super::mongodb_leaf::{Leaf, render as render_leaf};
use super::mongodb_moment::{Order, Part, Written, expression, form_of_moments};
use crate::engine::filter::Comparison;
use crate::vocab::operator::{Function, Operator};
use crate::vocab::value::{Value, find_twin};

/// What an operator asks of a number that a function makes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Asked {
    IsNull,
    IsThere,
    /// What is so of any.
    Known(bool),
    Among,
    NotAmong,
    Order(Order),
    Inside,
    Outside,
}

impl Asked {
    fn of(leaf: &Leaf<'_>) -> Result<Self, Unsayable> {
        use Operator as O;
        Ok(match leaf.comparison.operator {
            O::Null | O::Empty => Asked::IsNull,
            O::Nnull | O::Nempty | O::IsNumber => Asked::IsThere,
            O::IsText | O::Regex => Asked::Known(false),
            O::Nin if leaf.comparison.values.is_empty() => Asked::Known(true),
            O::Eq | O::Is | O::In => Asked::Among,
            O::Neq | O::Nin => Asked::NotAmong,
            O::Lt => Asked::Order(Order::Less),
            O::Lte => Asked::Order(Order::LessOrEqual),
            O::Gt => Asked::Order(Order::Greater),
            O::Gte => Asked::Order(Order::GreaterOrEqual),
            O::Between => Asked::Inside,
            O::Nbetween => Asked::Outside,
            O::Ieq
            | O::Nieq
            | O::Contains
            | O::Ncontains
            | O::Icontains
            | O::Nicontains
            | O::StartsWith
            | O::NstartsWith
            | O::IstartsWith
            | O::NistartsWith
            | O::EndsWith
            | O::NendsWith
            | O::IendsWith
            | O::NiendsWith
            | O::Like
            | O::Nlike => {
                return Err(leaf.unsayable("looks at a number as text; compare it as a number"));
            }
            O::Submitted | O::Intersects | O::Nintersects | O::IntersectsBbox | O::NintersectsBbox => {
                return Err(leaf.unsayable("asks of a number what no number is asked"));
            }
        })
    }
}

/// Writes a comparison of what a function makes of a field.
pub(super) fn render(leaf: &Leaf<'_>, function: Function) -> Result<Doc, Unsayable> {
    if function == Function::Joined {
        return render_joined(leaf);
    }
    let there = match function {
        Function::Count => leaf.place.is_list(),
        Function::Year
        | Function::Month
        | Function::Week
        | Function::Day
        | Function::Weekday
        | Function::Hour
        | Function::Minute
        | Function::Second
        | Function::Joined => {
            if leaf.place.class != Class::Moment {
                return Err(
                    leaf.unsayable("wants a moment; declare the field as date, dateTime or timestamp")
                );
            }
            leaf.place.is_there()
        }
    };
    let asked = match Asked::of(leaf)? {
        Asked::IsNull => return Ok(leaf.place.is_null()),
        Asked::IsThere => return Ok(there),
        Asked::Known(true) => return Ok(leaf.place.is_null().or(there)),
        Asked::Known(false) => return Ok(Doc::Never),
        asked @ (Asked::Among | Asked::NotAmong | Asked::Order(_) | Asked::Inside | Asked::Outside) => asked,
    };
    match function {
        Function::Count => Count { leaf }.render(asked, there),
        Function::Year => Year { leaf }.render(asked, there),
        Function::Month => render_part(leaf, asked, there, Part::Month, 1..=12),
        Function::Day => render_part(leaf, asked, there, Part::Day, 1..=31),
        Function::Hour => render_part(leaf, asked, there, Part::Hour, 0..=23),
        Function::Minute => render_part(leaf, asked, there, Part::Minute, 0..=59),
        Function::Second => render_part(leaf, asked, there, Part::Second, 0..=59),
        Function::Week | Function::Weekday => Err(leaf.unsayable(
            "counts days and weeks, which MongoDB cannot of a moment that is text; keep the number in a field of its own",
        )),
        Function::Joined => render_joined(leaf),
    }
}

/// Text is itself; the elements of a list are no text that MongoDB could look into.
fn render_joined(leaf: &Leaf<'_>) -> Result<Doc, Unsayable> {
    if leaf.place.class != Class::Text {
        return Err(
            leaf.unsayable("makes one text of a list, which MongoDB cannot; ask for elements by `_contains`")
        );
    }
    let alone = Comparison {
        function: None,
        ..leaf.comparison.clone()
    };
    render_leaf(leaf.home, leaf.place, &alone)
}

/// A whole number that a function makes, in steps.
trait Steps {
    /// The condition that it is at least so much.
    fn from(&self, least: f64) -> Result<Doc, Unsayable>;
    /// The condition that it is less than so much, and there.
    fn before(&self, end: f64) -> Result<Doc, Unsayable>;
    /// The condition that it is this whole number.
    fn is(&self, number: f64) -> Result<Doc, Unsayable>;
    fn leaf(&self) -> &Leaf<'_>;

    /// Writes a comparison of the number, which is there where `there` holds.
    fn render(&self, asked: Asked, there: Doc) -> Result<Doc, Unsayable> {
        let values = self.leaf().comparison.values.as_slice();
        let order = |order: Order, index: usize| match (order, bound(values, index)) {
            (_, None) => Ok(Doc::Never),
            (Order::Less, Some(number)) => self.before(number.ceil()),
            (Order::LessOrEqual, Some(number)) => self.before(number.floor() + 1.0),
            (Order::Greater, Some(number)) => self.from(number.floor() + 1.0),
            (Order::GreaterOrEqual, Some(number)) => self.from(number.ceil()),
        };
        let among = || -> Result<Doc, Unsayable> {
            let numbers = values
                .iter()
                .filter_map(equal_number)
                .filter(|number| number.fract() == 0.0);
            let ways: Result<Vec<Doc>, _> = numbers.map(|number| self.is(number)).collect();
            Ok(Doc::any(ways?))
        };
        let is_pair = bound(values, 0).is_some() && bound(values, 1).is_some();
        match asked {
            Asked::IsNull | Asked::IsThere | Asked::Known(_) => Ok(there),
            Asked::Among => among(),
            Asked::NotAmong => Ok(there.and(among()?.not())),
            Asked::Order(each) => order(each, 0),
            Asked::Inside | Asked::Outside if !is_pair => Ok(Doc::Never),
            Asked::Inside => Ok(order(Order::GreaterOrEqual, 0)?.and(order(Order::LessOrEqual, 1)?)),
            Asked::Outside => Ok(order(Order::Less, 0)?.or(order(Order::Greater, 1)?)),
        }
    }
}

/// How many elements a list has.
struct Count<'l> {
    leaf: &'l Leaf<'l>,
}

impl Count<'_> {
    /// The condition that a list has, or has not, an element before this place.
    fn reaches(&self, length: f64, exists: bool) -> Doc {
        let name = &self.leaf.place.name;
        let element = Doc::of(format!("{name}.{}", length - 1.0), json!({"$exists": exists}));
        self.leaf.place.is_list().and(element)
    }
}

impl Steps for Count<'_> {
    fn from(&self, least: f64) -> Result<Doc, Unsayable> {
        if least <= 0.0 {
            return Ok(self.leaf.place.is_list());
        }
        Ok(self.reaches(least, true))
    }

    fn before(&self, end: f64) -> Result<Doc, Unsayable> {
        if end <= 0.0 {
            return Ok(Doc::Never);
        }
        Ok(self.reaches(end, false))
    }

    fn is(&self, number: f64) -> Result<Doc, Unsayable> {
        // `$size` wants 32 bits, and no document has room for more elements.
        if !(0.0..=f64::from(i32::MAX)).contains(&number) {
            return Ok(Doc::Never);
        }
        Ok(Doc::of(
            &self.leaf.place.name,
            json!({"$size": self.leaf.number(number)?}),
        ))
    }

    fn leaf(&self) -> &Leaf<'_> {
        self.leaf
    }
}

/// The year of a moment: years are spans of time, so the field itself is compared.
struct Year<'l> {
    leaf: &'l Leaf<'l>,
}

impl Year<'_> {
    #[expect(
        clippy::cast_possible_truncation,
        reason = "callers have checked that it is within 1 and 9999"
    )]
    fn order(&self, order: Order, year: f64) -> Result<Doc, Unsayable> {
        let first = Date::new(year as i16, 1, 1).and_then(|date| date.to_zoned(TimeZone::UTC));
        let first = first.map_err(|_| self.leaf.unsayable("asks for a year that no calendar has"))?;
        Ok(Written::moment(first.timestamp())?.order(&self.leaf.place.name, order))
    }
}

impl Steps for Year<'_> {
    fn from(&self, least: f64) -> Result<Doc, Unsayable> {
        if least <= 0.0 {
            return Ok(self.leaf.place.is_there());
        }
        if least > 9999.0 {
            return Ok(Doc::Never);
        }
        self.order(Order::GreaterOrEqual, least)
    }

    fn before(&self, end: f64) -> Result<Doc, Unsayable> {
        if end <= 0.0 {
            return Ok(Doc::Never);
        }
        if end > 9999.0 {
            return Ok(self.leaf.place.is_there());
        }
        self.order(Order::Less, end)
    }

    fn is(&self, number: f64) -> Result<Doc, Unsayable> {
        Ok(self.from(number)?.and(self.before(number + 1.0)?))
    }

    fn leaf(&self) -> &Leaf<'_> {
        self.leaf
    }
}

/// Writes a comparison of a part of a moment as the list of those parts that pass it.
fn render_part(
    leaf: &Leaf<'_>,
    asked: Asked,
    there: Doc,
    part: Part,
    range: RangeInclusive<i32>,
) -> Result<Doc, Unsayable> {
    let mut passing = Vec::new();
    for each in range.clone() {
        if passes(asked, &leaf.comparison.values, f64::from(each)) {
            passing.push(each);
        }
    }
    if passing.is_empty() {
        return Ok(Doc::Never);
    }
    if passing.len() == range.count() {
        return Ok(there);
    }
    if leaf.home.is_element {
        return Err(leaf.unsayable(
            "wants an expression, which MongoDB does not take among the elements of a list; compare the moment itself",
        ));
    }
    let path = format!("${}", leaf.place.name);
    let word = match part {
        Part::Month => "$month",
        Part::Day => "$dayOfMonth",
        Part::Hour => "$hour",
        Part::Minute => "$minute",
        Part::Second => "$second",
    };
    let is_date = json!({"$eq": [{"$type": path}, "date"]});
    let passes = json!({"$in": [{word: path}, passing]});
    let date = Doc::of("$expr", json!({"$cond": [is_date, passes, false]}));
    let text = Doc::of(
        &leaf.place.name,
        json!({"$regex": expression(&form_of_moments(Some((part, &passing))))}),
    );
    Ok(date.or(text))
}

/// Tells whether a number passes a comparison.
fn passes(asked: Asked, values: &[Value<'_>], number: f64) -> bool {
    let is_among = || values.iter().filter_map(equal_number).any(|each| each == number);
    let pair = || bound(values, 0).zip(bound(values, 1));
    match asked {
        Asked::IsNull => false,
        Asked::IsThere => true,
        Asked::Known(holds) => holds,
        Asked::Among => is_among(),
        Asked::NotAmong => !is_among(),
        Asked::Order(order) => bound(values, 0).is_some_and(|bound| match order {
            Order::Less => number < bound,
            Order::LessOrEqual => number <= bound,
            Order::Greater => number > bound,
            Order::GreaterOrEqual => number >= bound,
        }),
        Asked::Inside => pair().is_some_and(|(low, high)| low <= number && number <= high),
        Asked::Outside => pair().is_some_and(|(low, high)| number < low || number > high),
    }
}

fn bound(values: &[Value<'_>], index: usize) -> Option<f64> {
    values.get(index).and_then(number_in)
}

/// Returns the number that is equal to a value.
fn equal_number(value: &Value<'_>) -> Option<f64> {
    match value {
        Value::Number(number) => Some(*number),
        Value::Text(text) => find_twin(text),
        Value::Null | Value::Bool(_) | Value::List(_) | Value::Object(_) => None,
    }
}
