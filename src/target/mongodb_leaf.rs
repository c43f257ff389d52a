//! One comparison of a field.

use serde_json::{Value as Json, json};

use super::Unsayable;
use super::literal::{WHOLE_MAX, number_in, number_of, unsayable};
use super::mongodb::{Doc, Home};
use super::mongodb_field::{Class, Fraction, Place};
use super::mongodb_function;
use super::mongodb_moment::{Order, Written, expression};
use super::mongodb_text::{Where, pattern_of, pattern_of_like, pattern_of_regex};
use crate::engine::filter::Comparison;
use crate::vocab::limits::PATTERN_TEXT_BYTES_MAX;
use crate::vocab::operator::Operator;
use crate::vocab::time::{parse_instant, parse_time_of_day};
use crate::vocab::value::{Value, find_twin, number_text};

/// A comparison that is being written.
pub(super) struct Leaf<'c> {
    pub(super) home: Home<'c>,
    pub(super) place: &'c Place,
    pub(super) comparison: &'c Comparison,
}

/// Writes a comparison of a field.
pub(super) fn render(home: Home<'_>, place: &Place, comparison: &Comparison) -> Result<Doc, Unsayable> {
    let leaf = Leaf {
        home,
        place,
        comparison,
    };
    if let Some(function) = comparison.function {
        return mongodb_function::render(&leaf, function);
    }
    leaf.render()
}

impl Leaf<'_> {
    fn render(&self) -> Result<Doc, Unsayable> {
        use Operator as O;
        let place = self.place;
        match self.comparison.operator {
            O::Null => Ok(place.is_null()),
            O::Nnull => Ok(place.is_there()),
            O::Empty => Ok(self.is_empty()),
            O::Nempty => Ok(self.is_filled()),
            O::Eq | O::Is => self.is_among(self.one()),
            O::Neq => self.is_not_among(self.one()),
            O::In => self.is_among(&self.comparison.values),
            O::Nin if self.comparison.values.is_empty() => Ok(Doc::Always),
            O::Nin => self.is_not_among(&self.comparison.values),
            O::Lt => self.order(Order::Less, self.one()),
            O::Lte => self.order(Order::LessOrEqual, self.one()),
            O::Gt => self.order(Order::Greater, self.one()),
            O::Gte => self.order(Order::GreaterOrEqual, self.one()),
            O::Between | O::Nbetween => self.between(),
            O::Contains | O::Ncontains => self.text(Where::Inside, false),
            O::Icontains | O::Nicontains => self.text(Where::Inside, true),
            O::StartsWith | O::NstartsWith => self.text(Where::Start, false),
            O::IstartsWith | O::NistartsWith => self.text(Where::Start, true),
            O::EndsWith | O::NendsWith => self.text(Where::End, false),
            O::IendsWith | O::NiendsWith => self.text(Where::End, true),
            O::Ieq | O::Nieq => self.text(Where::Whole, true),
            O::Like | O::Nlike => self.like(),
            O::Regex => self.regex(),
            O::IsText => Ok(self.is_text()),
            O::IsNumber => self.is_number(),
            O::Submitted => Err(self.unsayable("asks what a request submits, which no stored document tells")),
            O::Intersects | O::Nintersects | O::IntersectsBbox | O::NintersectsBbox => Err(self.unsayable(
                "compares shapes in the plane, and MongoDB does on a globe; keep a field that tells the region",
            )),
        }
    }

    /// Returns the complaint that this comparison cannot be said.
    pub(super) fn unsayable(&self, why: &str) -> Unsayable {
        unsayable(self.comparison, why)
    }

    /// The values of an operator that has one.
    pub(super) fn one(&self) -> &[Value<'static>] {
        self.comparison.values.get(..1).unwrap_or_default()
    }

    /// Tells whether the field may hold a list, whose elements MongoDB would look at.
    fn may_be_list(&self) -> bool {
        matches!(self.place.class, Class::Any | Class::Csv)
    }

    fn is_empty(&self) -> Doc {
        let name = &self.place.name;
        if self.may_be_list() {
            let alone = Doc::of(name, json!({"$in": [null, ""], "$not": {"$type": "array"}}));
            return alone.or(Doc::of(name, json!({"$size": 0})));
        }
        match self.place.class {
            Class::Text => Doc::of(name, json!({"$in": [null, ""]})),
            Class::Number(_) | Class::Bool | Class::Moment | Class::TimeOfDay | Class::Csv | Class::Any => {
                self.place.is_null()
            }
        }
    }

    fn is_filled(&self) -> Doc {
        match self.place.class {
            Class::Csv | Class::Any => self.is_empty().not(),
            Class::Text => Doc::of(&self.place.name, json!({"$nin": [null, ""]})),
            Class::Number(_) | Class::Bool | Class::Moment | Class::TimeOfDay => self.place.is_there(),
        }
    }

    fn is_among(&self, values: &[Value<'static>]) -> Result<Doc, Unsayable> {
        let mut equals = self.equals(values)?;
        let is_plain = equals.len() == 1 && !equals.iter().any(|value| value.is_object());
        let mut what = match equals.pop() {
            None => return Ok(Doc::Never),
            Some(only) if is_plain => json!({"$eq": only}),
            Some(last) => {
                equals.push(last);
                json!({"$in": equals})
            }
        };
        if self.may_be_list()
            && let Some(members) = what.as_object_mut()
        {
            members.insert("$not".to_owned(), json!({"$type": "array"}));
        }
        Ok(Doc::of(&self.place.name, what))
    }

    fn is_not_among(&self, values: &[Value<'static>]) -> Result<Doc, Unsayable> {
        let mut equals = self.equals(values)?;
        if equals.is_empty() {
            return Ok(self.place.is_there());
        }
        equals.insert(0, Json::Null);
        let differs = Doc::of(&self.place.name, json!({"$nin": equals}));
        Ok(if self.may_be_list() {
            differs.or(self.place.is_list())
        } else {
            differs
        })
    }

    /// Returns all that a document may hold to be equal to one of these values.
    fn equals(&self, values: &[Value<'static>]) -> Result<Vec<Json>, Unsayable> {
        let mut all: Vec<Json> = Vec::new();
        for value in values {
            for each in self.equal_to(value)? {
                if !all.contains(&each) {
                    all.push(each);
                }
            }
        }
        Ok(all)
    }

    fn equal_to(&self, value: &Value<'static>) -> Result<Vec<Json>, Unsayable> {
        Ok(match (self.place.class, value) {
            (_, Value::Null | Value::List(_) | Value::Object(_)) => Vec::new(),
            (Class::Any | Class::Bool, Value::Bool(value)) => vec![json!(value)],
            (_, Value::Bool(_)) => Vec::new(),
            (Class::Text | Class::TimeOfDay | Class::Csv, Value::Text(text)) => vec![json!(text)],
            (Class::Text | Class::TimeOfDay | Class::Csv, Value::Number(number)) => {
                vec![json!(number_text(*number))]
            }
            (Class::Moment, Value::Text(text)) => match parse_instant(text) {
                Some(moment) => Written::moment(moment)?.equals(),
                None => vec![json!(text)],
            },
            (Class::Moment | Class::Bool, Value::Number(_)) | (Class::Bool, Value::Text(_)) => Vec::new(),
            (Class::Number(_), Value::Number(number)) => vec![self.number(*number)?],
            (Class::Number(_), Value::Text(text)) => match find_twin(text) {
                Some(number) => vec![self.number(number)?],
                None => Vec::new(),
            },
            (Class::Any, Value::Number(number)) => vec![self.number(*number)?, json!(number_text(*number))],
            (Class::Any, Value::Text(text)) => match find_twin(text) {
                Some(number) => vec![json!(text), self.number(number)?],
                None => vec![json!(text)],
            },
        })
    }

    /// Writes a number that is compared with stored ones.
    pub(super) fn number(&self, number: f64) -> Result<Json, Unsayable> {
        let is_whole = number.fract() == 0.0;
        let fraction = match self.place.class {
            Class::Number(fraction) => fraction,
            Class::Text | Class::Bool | Class::Moment | Class::TimeOfDay | Class::Csv | Class::Any => {
                Fraction::Binary
            }
        };
        if !number.is_finite() || is_whole && number.abs() > WHOLE_MAX {
            return Err(self.unsayable(
                "has an operand beyond 2^53, which is not exact as a number; write such ids as text",
            ));
        }
        if !is_whole && fraction == Fraction::Decimal {
            return Err(self.unsayable(
                "has an operand with a fraction, and a decimal may equal none that a double holds; declare the field as \
                 float if it is stored as one, or count in whole cents",
            ));
        }
        Ok(number_of(number))
    }

    fn order(&self, order: Order, values: &[Value<'static>]) -> Result<Doc, Unsayable> {
        let Some(value) = values.first() else {
            return Ok(Doc::Never);
        };
        let number = number_in(value);
        let moment = match value {
            Value::Text(text) => parse_instant(text),
            Value::Number(number) => crate::vocab::time::from_milliseconds(*number),
            Value::Null | Value::Bool(_) | Value::List(_) | Value::Object(_) => None,
        };
        let time = match value {
            Value::Text(text) => parse_time_of_day(text),
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::List(_) | Value::Object(_) => None,
        };
        let name = &self.place.name;
        match self.place.class {
            Class::Bool => Ok(Doc::Never),
            Class::Number(_) => match (number, moment) {
                (Some(number), _) => Ok(Doc::of(name, json!({order.word(): self.number(number)?}))),
                (None, Some(_)) => Err(self.unsayable(
                    "compares a number with a moment; declare the field as timestamp and store it as a date",
                )),
                (None, None) => Ok(Doc::Never),
            },
            Class::Moment => match moment {
                Some(moment) => Ok(Written::moment(moment)?.order(name, order)),
                None => Ok(Doc::Never),
            },
            Class::TimeOfDay => match time {
                Some(time) => Ok(Written::time(time).order(name, order)),
                None => Ok(Doc::Never),
            },
            Class::Text | Class::Csv | Class::Any => {
                if number.is_none() && moment.is_none() && time.is_none() {
                    return Ok(Doc::Never);
                }
                Err(self.unsayable(
                    "orders values of a field that may hold any text; declare it as a number, a moment or a time",
                ))
            }
        }
    }

    fn between(&self) -> Result<Doc, Unsayable> {
        let [low, high] = self.comparison.values.as_slice() else {
            return Ok(Doc::Never);
        };
        let (low, high) = (std::slice::from_ref(low), std::slice::from_ref(high));
        let (from, to) = (
            self.order(Order::GreaterOrEqual, low)?,
            self.order(Order::LessOrEqual, high)?,
        );
        // A side that is ordered with nothing leaves nothing, inside and outside.
        if from == Doc::Never || to == Doc::Never {
            return Ok(Doc::Never);
        }
        if self.comparison.operator == Operator::Nbetween {
            return Ok(self
                .order(Order::Less, low)?
                .or(self.order(Order::Greater, high)?));
        }
        if let Class::Number(_) = self.place.class
            && let (Doc::Of(from), Doc::Of(to)) = (&from, &to)
            && let (Some(from), Some(to)) = (from.get(&self.place.name), to.get(&self.place.name))
        {
            return Ok(Doc::of(
                &self.place.name,
                json!({"$gte": from.get("$gte"), "$lte": to.get("$lte")}),
            ));
        }
        Ok(from.and(to))
    }

    /// Writes an operator that looks for a text.
    fn text(&self, place: Where, folded: bool) -> Result<Doc, Unsayable> {
        let Some(wanted) = self.one().first().and_then(|value| value.view().text()) else {
            return Ok(Doc::Never);
        };
        self.check_text(&|| could_write_scalar(&wanted, place, folded))?;
        self.matching(&pattern_of(&wanted, place, folded)?, || {
            if place != Where::Inside {
                return Ok(Doc::Never);
            }
            let element = if folded {
                json!({"$regex": expression(&pattern_of(&wanted, Where::Whole, true)?)})
            } else {
                json!({"$eq": wanted})
            };
            Ok(Doc::of(&self.place.name, json!({"$elemMatch": element})))
        })
    }

    fn like(&self) -> Result<Doc, Unsayable> {
        let Some(pattern) = self.one().first().and_then(|value| value.view().text()) else {
            return Ok(Doc::Never);
        };
        // Whoever looks for a letter that is in no number, `true` or `false` looks for text.
        self.check_text(&|| {
            pattern
                .chars()
                .all(|each| "%_-.0123456789truefalsTRUEFALS".contains(each))
        })?;
        self.matching(&pattern_of_like(&pattern)?, || Ok(Doc::Never))
    }

    /// Refuses fields whose values are not text, but have one that an operator would look into.
    fn check_text(&self, could_be_other: &dyn Fn() -> bool) -> Result<(), Unsayable> {
        match self.place.class {
            Class::Text | Class::TimeOfDay | Class::Csv => Ok(()),
            Class::Any if !could_be_other() => Ok(()),
            Class::Any => Err(self.unsayable(
                "looks for what a number or a truth value could be written with; declare the field as string",
            )),
            Class::Number(_) | Class::Bool | Class::Moment => Err(self.unsayable(
                "looks at a value as text, and MongoDB writes it otherwise; declare the field as string if it is stored as text",
            )),
        }
    }

    /// Returns the condition that a text matches, or a list has an element that does; or that they do not, if the operator
    /// says so.
    fn matching(
        &self,
        pattern: &str,
        in_list: impl Fn() -> Result<Doc, Unsayable>,
    ) -> Result<Doc, Unsayable> {
        let name = &self.place.name;
        let is_negative = self.comparison.operator.is_negative();
        if !self.may_be_list() {
            let what = if is_negative {
                json!({"$ne": null, "$not": {"$regex": expression(pattern)}})
            } else {
                json!({"$regex": expression(pattern)})
            };
            return Ok(Doc::of(name, what));
        }
        let in_text = Doc::of(
            name,
            json!({"$regex": expression(pattern), "$not": {"$type": "array"}}),
        );
        let in_list = in_list()?;
        if !is_negative {
            return Ok(in_text.or(in_list));
        }
        let is_object = Doc::of(name, json!({"$type": "object"}));
        // An operator that does not look into lists is not true of them, however it is meant.
        let other = if in_list == Doc::Never {
            self.place.is_list()
        } else {
            in_list
        };
        Ok(Doc::any([self.place.is_null(), is_object, in_text, other]).not())
    }

    fn regex(&self) -> Result<Doc, Unsayable> {
        let Some(Value::Text(pattern)) = self.one().first() else {
            return Ok(Doc::Never);
        };
        let what = match self.place.class {
            Class::Number(_) | Class::Bool => return Ok(Doc::Never),
            Class::Moment => {
                return Err(self.unsayable("looks at a moment as text, which may be stored as a date"));
            }
            Class::Text | Class::TimeOfDay => json!({"$regex": expression(&pattern_of_regex(pattern)?)}),
            Class::Csv | Class::Any => {
                json!({"$regex": expression(&pattern_of_regex(pattern)?), "$not": {"$type": "array"}})
            }
        };
        if self.home.is_element {
            return Err(self.unsayable(
                "is for texts up to 64 KiB, and MongoDB cannot measure a text among the elements of a list",
            ));
        }
        let path = format!("${}", self.place.name);
        let text = json!({"$cond": [{"$eq": [{"$type": path}, "string"]}, path, ""]});
        let is_short = json!({"$lte": [{"$strLenBytes": text}, PATTERN_TEXT_BYTES_MAX]});
        Ok(Doc::of(&self.place.name, what).and(Doc::of("$expr", is_short)))
    }

    fn is_text(&self) -> Doc {
        match self.place.class {
            Class::Text | Class::Moment | Class::TimeOfDay => self.place.is_there(),
            Class::Number(_) | Class::Bool => Doc::Never,
            Class::Csv | Class::Any => Doc::of(
                &self.place.name,
                json!({"$type": "string", "$not": {"$type": "array"}}),
            ),
        }
    }

    fn is_number(&self) -> Result<Doc, Unsayable> {
        match self.place.class {
            Class::Number(_) => Ok(self.place.is_there()),
            Class::Bool | Class::Moment | Class::TimeOfDay => Ok(Doc::Never),
            Class::Text | Class::Csv | Class::Any => Err(self.unsayable(
                "asks whether text writes a number, which MongoDB cannot read in the same way; declare the field as a number",
            )),
        }
    }
}

/// Tells whether a number, `true` or `false` could pass an operator on text, as they are written.
fn could_write_scalar(wanted: &str, place: Where, folded: bool) -> bool {
    let wanted = if folded {
        wanted.to_lowercase()
    } else {
        wanted.to_owned()
    };
    let in_word = |word: &str| match place {
        Where::Inside => word.contains(&wanted),
        Where::Start => word.starts_with(&wanted),
        Where::End => word.ends_with(&wanted),
        Where::Whole => word == wanted,
    };
    let in_number = wanted
        .bytes()
        .all(|byte| byte.is_ascii_digit() || matches!(byte, b'-' | b'.'));
    in_number || ["true", "false"].into_iter().any(in_word)
}
