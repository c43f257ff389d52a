//! Geometries: whether two shapes, or their bounding boxes, share a point.
//!
//! A shape is cut into isolated points, segments and areas on a plane. Two shapes share a point if two of their segments cross,
//! or if a position of one lies on the other: everything else that they could share implies one of these.

use crate::vocab::limits::GEOMETRY_POSITIONS_MAX;
use crate::vocab::value::{Object, Value, View};

use super::compare::Side;

/// A position on the plane; a height is not looked at.
type Position = (f64, f64);

/// Tells whether two GeoJSON geometries share a point, or their bounding boxes do; `None` if a side is no geometry.
pub(super) fn intersects(left: &Side<'_>, right: &Side<'_>, boxes: bool) -> Option<bool> {
    let (left, right) = (read_side(left)?, read_side(right)?);
    Some(if boxes {
        boxes_meet(&left, &right)
    } else {
        shapes_meet(&left, &right)
    })
}

/// A geometry in pieces.
#[derive(Debug, Default)]
struct Shape {
    /// Every position of it.
    positions: Vec<Position>,
    /// Positions that belong to no segment.
    points: Vec<Position>,
    /// Lines, and the borders of areas.
    segments: Vec<(Position, Position)>,
    /// The rings of each area: the outer one, then its holes.
    areas: Vec<Vec<Vec<Position>>>,
}

fn read_side(side: &Side<'_>) -> Option<Shape> {
    match side {
        Side::View(View::Object(object)) => {
            let mut shape = Shape::default();
            shape.read(object, true)?;
            Some(shape)
        }
        Side::View(_) | Side::Instant(_) | Side::List(_) | Side::Open => None,
    }
}

impl Shape {
    /// Reads a GeoJSON geometry; a collection holds geometries, but no collections.
    fn read(&mut self, object: &Object<'_>, may_collect: bool) -> Option<()> {
        let Some(Value::Text(kind)) = object.get("type") else {
            return None;
        };
        if kind == "GeometryCollection" {
            for part in list(object.get("geometries")?)? {
                let Value::Object(part) = part else {
                    return None;
                };
                if !may_collect {
                    return None;
                }
                self.read(part, false)?;
            }
            return Some(());
        }
        let coordinates = object.get("coordinates")?;
        match kind.as_ref() {
            "Point" => self.read_point(coordinates),
            "MultiPoint" => each(coordinates, |part| self.read_point(part)),
            "LineString" => self.read_line(coordinates).map(|_| ()),
            "MultiLineString" => each(coordinates, |part| self.read_line(part).map(|_| ())),
            "Polygon" => self.read_area(coordinates),
            "MultiPolygon" => each(coordinates, |part| self.read_area(part)),
            _ => None,
        }
    }

    fn read_point(&mut self, value: &Value<'_>) -> Option<()> {
        let position = self.read_position(value)?;
        self.points.push(position);
        Some(())
    }

    fn read_line(&mut self, value: &Value<'_>) -> Option<Vec<Position>> {
        let line: Vec<Position> = list(value)?
            .iter()
            .map(|position| self.read_position(position))
            .collect::<Option<_>>()?;
        self.segments.extend(pairs(&line));
        Some(line)
    }

    fn read_area(&mut self, value: &Value<'_>) -> Option<()> {
        let rings = list(value)?
            .iter()
            .map(|ring| self.read_line(ring))
            .collect::<Option<_>>()?;
        self.areas.push(rings);
        Some(())
    }

    fn read_position(&mut self, value: &Value<'_>) -> Option<Position> {
        let [Value::Number(x), Value::Number(y), ..] = list(value)? else {
            return None;
        };
        // Shapes are compared pair by pair, so a larger one is none.
        if self.positions.len() >= GEOMETRY_POSITIONS_MAX || !x.is_finite() || !y.is_finite() {
            return None;
        }
        self.positions.push((*x, *y));
        Some((*x, *y))
    }

    /// Tells whether a position lies on the shape, borders included.
    fn holds(&self, position: Position) -> bool {
        self.points.contains(&position)
            || self.segments.iter().any(|segment| lies_on(position, *segment))
            || self.areas.iter().any(|rings| lies_within(position, rings))
    }

    /// Returns the lower left and the upper right corner of the bounding box; `None` if the shape is empty.
    fn bounds(&self) -> Option<(Position, Position)> {
        let (first, rest) = self.positions.split_first()?;
        Some(rest.iter().fold((*first, *first), |(low, high), (x, y)| {
            ((low.0.min(*x), low.1.min(*y)), (high.0.max(*x), high.1.max(*y)))
        }))
    }
}

fn list<'v>(value: &'v Value<'_>) -> Option<&'v [Value<'v>]> {
    match value {
        Value::List(values) => Some(values),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::Text(_) | Value::Object(_) => None,
    }
}

fn each(value: &Value<'_>, read: impl FnMut(&Value<'_>) -> Option<()>) -> Option<()> {
    list(value)?.iter().try_for_each(read)
}

fn pairs(line: &[Position]) -> impl Iterator<Item = (Position, Position)> {
    line.iter().copied().zip(line.iter().copied().skip(1))
}

fn boxes_meet(left: &Shape, right: &Shape) -> bool {
    let (Some((left_low, left_high)), Some((right_low, right_high))) = (left.bounds(), right.bounds()) else {
        return false;
    };
    left_low.0 <= right_high.0
        && right_low.0 <= left_high.0
        && left_low.1 <= right_high.1
        && right_low.1 <= left_high.1
}

fn shapes_meet(left: &Shape, right: &Shape) -> bool {
    boxes_meet(left, right)
        && (left.positions.iter().any(|position| right.holds(*position))
            || right.positions.iter().any(|position| left.holds(*position))
            || left
                .segments
                .iter()
                .any(|one| right.segments.iter().any(|other| cross(*one, *other))))
}

/// Tells on which side of the line through `a` and `b` a position lies: positive is left, zero is on the line.
fn side(a: Position, b: Position, position: Position) -> f64 {
    (b.0 - a.0) * (position.1 - a.1) - (b.1 - a.1) * (position.0 - a.0)
}

fn lies_on(position: Position, (a, b): (Position, Position)) -> bool {
    let between = |value: f64, one: f64, other: f64| one.min(other) <= value && value <= one.max(other);
    side(a, b, position) == 0.0 && between(position.0, a.0, b.0) && between(position.1, a.1, b.1)
}

/// Tells whether two segments cross inside both; where an end of one touches the other, that end lies on it.
fn cross((a, b): (Position, Position), (c, d): (Position, Position)) -> bool {
    side(a, b, c) * side(a, b, d) < 0.0 && side(c, d, a) * side(c, d, b) < 0.0
}

/// Tells whether a ray to the right leaves an area an odd number of times; holes count like the outer ring.
fn lies_within(position: Position, rings: &[Vec<Position>]) -> bool {
    let (x, y) = position;
    let is_crossed = |(a, b): &(Position, Position)| {
        (a.1 > y) != (b.1 > y) && x < (b.0 - a.0) * (y - a.1) / (b.1 - a.1) + a.0
    };
    rings
        .iter()
        .flat_map(|ring| pairs(ring))
        .filter(is_crossed)
        .count()
        % 2
        == 1
}
