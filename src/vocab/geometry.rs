//! GeoJSON geometries (RFC 7946) as values: what is one, and how large it is.

use super::value::{Object, Value};

/// Returns how many positions a GeoJSON geometry has; `None` if the object is no geometry.
pub fn count_positions(object: &Object<'_>) -> Option<usize> {
    let Value::Text(kind) = object.get("type")? else {
        return None;
    };
    if kind == "GeometryCollection" {
        let parts = list(object.get("geometries")?)?;
        return parts
            .iter()
            .map(|part| match part {
                Value::Object(part) => count_positions(part),
                Value::Null | Value::Bool(_) | Value::Number(_) | Value::Text(_) | Value::List(_) => None,
            })
            .sum();
    }
    let coordinates = object.get("coordinates")?;
    match kind.as_ref() {
        "Point" => count_position(coordinates),
        "MultiPoint" => count_each(coordinates, 0, count_position),
        "LineString" => count_line(coordinates),
        "MultiLineString" => count_each(coordinates, 0, count_line),
        "Polygon" => count_polygon(coordinates),
        "MultiPolygon" => count_each(coordinates, 0, count_polygon),
        _ => None,
    }
}

fn list<'v>(value: &'v Value<'_>) -> Option<&'v [Value<'v>]> {
    match value {
        Value::List(values) => Some(values),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::Text(_) | Value::Object(_) => None,
    }
}

fn count_each(value: &Value<'_>, least: usize, count: fn(&Value<'_>) -> Option<usize>) -> Option<usize> {
    let values = list(value).filter(|values| values.len() >= least)?;
    values.iter().map(count).sum()
}

fn count_position(value: &Value<'_>) -> Option<usize> {
    match list(value)? {
        [Value::Number(x), Value::Number(y), ..] if x.is_finite() && y.is_finite() => Some(1),
        _ => None,
    }
}

fn count_line(value: &Value<'_>) -> Option<usize> {
    count_each(value, 2, count_position)
}

fn count_polygon(value: &Value<'_>) -> Option<usize> {
    count_each(value, 1, count_line)
}
