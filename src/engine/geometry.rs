//! Geometries: whether two shapes, or their bounding boxes, share a point.

use geo::{
    BoundingRect, Coord, Geometry, GeometryCollection, Intersects, LineString, MultiLineString, MultiPoint,
    MultiPolygon, Point, Polygon,
};

use crate::vocab::geometry::count_positions;
use crate::vocab::limits::GEOMETRY_POSITIONS_MAX;
use crate::vocab::value::{Object, Value, View};

use super::compare::Side;

/// Tells whether two GeoJSON geometries share a point, or their bounding boxes do; `None` if a side is no geometry.
pub(super) fn intersects(left: &Side<'_>, right: &Side<'_>, boxes: bool) -> Option<bool> {
    let (left, right) = (geometry_of(left)?, geometry_of(right)?);
    if boxes {
        return Some(left.bounding_rect()?.intersects(&right.bounding_rect()?));
    }
    Some(left.intersects(&right))
}

/// Tells whether a side is a geometry with more positions than are compared.
pub(super) fn is_too_large(side: &Side<'_>) -> bool {
    match side {
        Side::View(View::Object(object)) => {
            count_positions(object).is_some_and(|count| count > GEOMETRY_POSITIONS_MAX)
        }
        Side::View(_) | Side::Instant(_) | Side::List(_) | Side::Open => false,
    }
}

fn geometry_of(side: &Side<'_>) -> Option<Geometry> {
    match side {
        Side::View(View::Object(object)) => geometry(object),
        Side::View(_) | Side::Instant(_) | Side::List(_) | Side::Open => None,
    }
}

/// Reads a GeoJSON geometry (RFC 7946); `None` if the object is none.
pub(super) fn geometry(object: &Object<'_>) -> Option<Geometry> {
    let Value::Text(kind) = object.get("type")? else {
        return None;
    };
    if kind == "GeometryCollection" {
        let parts = list(object.get("geometries")?)?.iter().map(|part| match part {
            Value::Object(part) => geometry(part),
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::Text(_) | Value::List(_) => None,
        });
        return parts
            .collect::<Option<Vec<_>>>()
            .map(|parts| Geometry::GeometryCollection(GeometryCollection(parts)));
    }
    let coordinates = object.get("coordinates")?;
    Some(match kind.as_ref() {
        "Point" => Point(coordinate(coordinates)?).into(),
        "MultiPoint" => MultiPoint(each(coordinates, |each| coordinate(each).map(Point))?).into(),
        "LineString" => line(coordinates)?.into(),
        "MultiLineString" => MultiLineString(each(coordinates, line)?).into(),
        "Polygon" => polygon(coordinates)?.into(),
        "MultiPolygon" => MultiPolygon(each(coordinates, polygon)?).into(),
        _ => return None,
    })
}

fn list<'v>(value: &'v Value<'_>) -> Option<&'v [Value<'v>]> {
    match value {
        Value::List(values) => Some(values),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::Text(_) | Value::Object(_) => None,
    }
}

fn each<T>(value: &Value<'_>, read: impl Fn(&Value<'_>) -> Option<T>) -> Option<Vec<T>> {
    list(value)?.iter().map(read).collect()
}

fn coordinate(value: &Value<'_>) -> Option<Coord> {
    match list(value)? {
        [Value::Number(x), Value::Number(y), ..] if x.is_finite() && y.is_finite() => {
            Some(Coord { x: *x, y: *y })
        }
        _ => None,
    }
}

fn line(value: &Value<'_>) -> Option<LineString> {
    each(value, coordinate)
        .filter(|line| line.len() >= 2)
        .map(LineString)
}

fn polygon(value: &Value<'_>) -> Option<Polygon> {
    let mut rings = each(value, line)?.into_iter();
    let outer = rings.next()?;
    Some(Polygon::new(outer, rings.collect()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shape(kind: &str, coordinates: Value<'static>) -> Value<'static> {
        let kind = Value::Text(kind.to_owned().into());
        Value::Object(Object::new(vec![
            ("type".into(), kind),
            ("coordinates".into(), coordinates),
        ]))
    }

    fn at(x: f64, y: f64) -> Value<'static> {
        Value::List(vec![Value::Number(x), Value::Number(y)])
    }

    fn ask(left: &Value<'static>, right: &Value<'static>, boxes: bool) -> Option<bool> {
        intersects(&Side::View(left.view()), &Side::View(right.view()), boxes)
    }

    #[test]
    fn a_corner_of_the_box_is_not_in_the_triangle() {
        let ring = Value::List(vec![at(0.0, 0.0), at(4.0, 0.0), at(0.0, 4.0), at(0.0, 0.0)]);
        let triangle = shape("Polygon", Value::List(vec![ring]));
        let inside = shape("Point", at(1.0, 1.0));
        let corner = shape("Point", at(3.5, 3.5));
        assert_eq!(ask(&triangle, &inside, false), Some(true));
        assert_eq!(ask(&triangle, &corner, false), Some(false));
        assert_eq!(ask(&triangle, &corner, true), Some(true));
    }

    #[test]
    fn what_is_no_geometry_shares_nothing() {
        let point = shape("Point", at(1.0, 1.0));
        for other in [
            shape("Circle", at(1.0, 1.0)),
            shape("Point", Value::Null),
            shape("Point", at(f64::INFINITY, 1.0)),
            shape("Point", at(1.0, f64::NAN)),
            Value::Text("POINT(1 1)".into()),
        ] {
            assert_eq!(ask(&point, &other, false), None);
        }
    }
}
