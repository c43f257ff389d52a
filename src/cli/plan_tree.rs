//! A filter as people read it: a line for each comparison, indented below the groups that it belongs to.

use crate::cli::answer::value_text;
use crate::rpc::proto::v1;
use crate::rpc::proto::v1::plan_filter::Node;
use crate::source::diagnostic::quote;
use crate::vocab::operator::Operator;

/// Returns the lines of a filter, indented by so many steps.
pub(super) fn tree_lines(filter: &v1::PlanFilter, depth: usize) -> Vec<String> {
    let mut lines = Vec::new();
    write_node(filter, depth, "", &mut lines);
    lines
}

/// Writes a node; `before` stands in front of its first line.
fn write_node(filter: &v1::PlanFilter, depth: usize, before: &str, lines: &mut Vec<String>) {
    let mut line = |text: &str| lines.push(format!("{}{before}{text}", "  ".repeat(depth)));
    match &filter.node {
        None => line("something that this version does not know"),
        Some(Node::AllOf(parts)) => {
            line("all of");
            parts
                .parts
                .iter()
                .for_each(|part| write_node(part, depth + 1, "", lines));
        }
        Some(Node::AnyOf(parts)) => {
            line("any of");
            parts
                .parts
                .iter()
                .for_each(|part| write_node(part, depth + 1, "", lines));
        }
        Some(Node::Negation(part)) => write_node(part, depth, &format!("{before}not: "), lines),
        Some(Node::Comparison(comparison)) => line(&comparison_text(comparison)),
        Some(Node::Exists(exists)) => {
            let path = quote(&exists.path.join("."));
            let or_nulls = if exists.or_nulls {
                ", or an empty one if there are none,"
            } else {
                ""
            };
            match &exists.filter {
                None => line(&format!("there is one of {path}{or_nulls}")),
                Some(inner) => {
                    line(&format!("there is one of {path}{or_nulls} where"));
                    write_node(inner, depth + 1, "", lines);
                }
            }
        }
        Some(Node::Holds(holds)) => {
            let who = if holds.subject_id.is_empty() {
                "a visitor".to_owned()
            } else {
                quote(&holds.subject_id)
            };
            let groups = match holds.groups.as_slice() {
                [] => String::new(),
                groups => format!(", or the group {},", names(groups, " or ")),
            };
            line(&format!(
                "{who}{groups} holds the role {} there",
                names(&holds.roles, " or ")
            ));
        }
        Some(Node::Below(below)) => {
            let documents = below.documents.iter();
            let documents: Vec<String> = documents
                .map(|document| quote(&format!("{}/{}", document.collection, document.id)))
                .collect();
            line(&format!("lies below {}", documents.join(" or ")));
        }
    }
}

fn names(names: &[String], between: &str) -> String {
    let names: Vec<String> = names.iter().map(|name| quote(name)).collect();
    names.join(between)
}

fn comparison_text(comparison: &v1::PlanComparison) -> String {
    let path = comparison.path.join(".");
    let left = if comparison.function.is_empty() {
        quote(&path)
    } else {
        quote(&format!("{}({path})", comparison.function))
    };
    let values: Vec<String> = comparison.values.iter().map(value_text).collect();
    let name = comparison.operator().as_str_name();
    let word = name
        .strip_prefix("OPERATOR_")
        .unwrap_or(name)
        .to_ascii_lowercase();
    let Some(operator) = Operator::find(&format!("_{word}")) else {
        return format!("{left} _{word} {}", values.join(", "));
    };
    let between = if matches!(operator, Operator::Between | Operator::Nbetween) {
        " and "
    } else {
        ", "
    };
    let phrase = phrase_of(operator);
    if values.is_empty() && operator.operand() == crate::vocab::operator::Operand::Flag {
        return format!("{left} {phrase}");
    }
    format!("{left} {phrase} {}", values.join(between))
}

/// Returns how a comparison is read. Those that say "other" or "without" are of values: null is none of them.
fn phrase_of(operator: Operator) -> &'static str {
    match operator {
        Operator::Eq | Operator::Is => "is",
        Operator::Neq => "is other than",
        Operator::Ieq => "is, letter case aside,",
        Operator::Nieq => "is, letter case aside, other than",
        Operator::In => "is one of",
        Operator::Nin => "is other than any of",
        Operator::Lt => "is less than",
        Operator::Lte => "is at most",
        Operator::Gt => "is greater than",
        Operator::Gte => "is at least",
        Operator::Between => "is between",
        Operator::Nbetween => "is outside of",
        Operator::Null => "is null",
        Operator::Nnull => "is not null",
        Operator::Empty => "is empty or null",
        Operator::Nempty => "is neither empty nor null",
        Operator::Contains => "contains",
        Operator::Ncontains => "is without",
        Operator::Icontains => "contains, letter case aside,",
        Operator::Nicontains => "is, letter case aside, without",
        Operator::StartsWith => "starts with",
        Operator::NstartsWith => "starts otherwise than with",
        Operator::IstartsWith => "starts, letter case aside, with",
        Operator::NistartsWith => "starts, letter case aside, otherwise than with",
        Operator::EndsWith => "ends with",
        Operator::NendsWith => "ends otherwise than with",
        Operator::IendsWith => "ends, letter case aside, with",
        Operator::NiendsWith => "ends, letter case aside, otherwise than with",
        Operator::Like => "fits the pattern",
        Operator::Nlike => "is other than the pattern",
        Operator::IsText => "is text",
        Operator::IsNumber => "is a number",
        Operator::Regex => "matches",
        Operator::Submitted => "is submitted",
        Operator::Intersects => "shares a point with",
        Operator::Nintersects => "shares no point with",
        Operator::IntersectsBbox => "lies in a box that shares a point with the box of",
        Operator::NintersectsBbox => "lies in a box that shares no point with the box of",
    }
}
