//! Which comparisons settle a condition: what traces and violations name.

use std::fmt::{self, Write};

use crate::model::condition::{Leaf, Left, Node, Program, Related};
use crate::vocab::limits::LEAF_TEXT_BYTES_MAX;
use crate::vocab::value::{Value, quoted, write_literal};

use super::compare::Side;
use super::condition::{Notes, Scene, Truth};
use super::trace::Settled;

/// A comparison that keeps a condition from being what is wanted of it.
pub(super) struct Failing<'m> {
    /// What it looks at.
    pub(super) field: &'m str,
    /// The name of the operator that would have to hold; `_not` if no operator is the opposite of the one that must not.
    pub(super) operator: &'m str,
    /// What the CMS calls the failure; empty if nobody says.
    pub(super) code: &'m str,
    /// What the comparison itself comes to.
    pub(super) truth: Truth,
    part: Part<'m>,
}

/// Of ways that all fail, keeps those whose failure has a name, if there are any.
fn keep_named(failing: &mut Vec<Failing<'_>>, before: usize) {
    let is_named = |each: &Failing<'_>| !each.code.is_empty();
    if failing.iter().skip(before).any(is_named) {
        let mut index = 0;
        failing.retain(|each| {
            index += 1;
            index <= before || is_named(each)
        });
    }
}

#[derive(Clone, Copy)]
enum Part<'m> {
    Leaf(&'m Leaf),
    Related(&'m Related),
}

impl<'s> Scene<'s> {
    /// Returns the first comparison that keeps a condition from holding; `None` if only their combination does.
    pub(super) fn blame<'m: 's>(&self, program: &'m Program) -> Option<Settled> {
        self.first(program, true)
    }

    /// Returns the first comparison that lets a condition hold.
    pub(super) fn credit<'m: 's>(&self, program: &'m Program) -> Option<Settled> {
        self.first(program, false)
    }

    fn first<'m: 's>(&self, program: &'m Program, wanted: bool) -> Option<Settled> {
        let mut failing = Vec::new();
        self.failing(&program.root, wanted, &mut failing);
        // What is sure settles a condition before what is open does.
        let is_open = self.part(&program.root, &mut Notes::new()) == Truth::Open;
        let first = failing
            .iter()
            .find(|each| (each.truth == Truth::Open) == is_open)
            .or(failing.first())?;
        Some(Settled {
            text: self.text(first.part),
            truth: first.truth,
        })
    }

    /// Collects the comparisons that keep a condition from being what is wanted. Related items that leaves share are looked
    /// at one leaf at a time here, so that a condition which fails only by their combination blames nothing.
    pub(super) fn failing<'m: 's>(&self, node: &'m Node, wanted: bool, failing: &mut Vec<Failing<'m>>) {
        let goal = Truth::of(wanted);
        let truth = self.part(node, &mut Notes::new());
        if truth == goal {
            return;
        }
        match node {
            Node::All(parts) | Node::Any(parts) => {
                let before = failing.len();
                parts.iter().for_each(|part| self.failing(part, wanted, failing));
                if wanted && matches!(node, Node::Any(_)) {
                    keep_named(failing, before);
                }
            }
            Node::Not(part) => self.failing(part, !wanted, failing),
            Node::Coded(code, part) => {
                let mut inside = Vec::new();
                self.failing(part, wanted, &mut inside);
                if !wanted {
                    failing.append(&mut inside);
                    return;
                }
                // One failure has the name, and the last comparison of a field is what it is about.
                let is_field = |each: &Failing<'_>| match each.part {
                    Part::Leaf(leaf) => matches!(leaf.left, Left::Field(_)),
                    Part::Related(_) => true,
                };
                let chosen = inside.iter().rposition(is_field).unwrap_or(0);
                failing.extend(
                    inside
                        .into_iter()
                        .nth(chosen)
                        .map(|each| Failing { code, truth, ..each }),
                );
            }
            Node::Neutral => {}
            Node::Related(related) => failing.push(Failing {
                field: &related.text,
                operator: if related.none == wanted { "_none" } else { "_some" },
                code: "",
                truth,
                part: Part::Related(related),
            }),
            Node::Leaf(leaf) => {
                let operator = if wanted {
                    leaf.operator.name()
                } else {
                    leaf.operator
                        .opposite()
                        .map_or("_not", |opposite| opposite.name())
                };
                failing.push(Failing {
                    field: &leaf.name,
                    operator,
                    code: "",
                    truth,
                    part: Part::Leaf(leaf),
                });
            }
        }
    }

    /// Writes a comparison as a profile would, variables filled in as far as they are told.
    fn text(&self, part: Part<'_>) -> String {
        let mut out = Limited::default();
        let written = match part {
            Part::Leaf(leaf) => self.write_leaf(&mut out, leaf),
            Part::Related(related) => self.write_related(&mut out, related),
        };
        if written.is_err() {
            out.text.push('…');
        }
        out.text
    }

    fn write_node(&self, out: &mut Limited, node: &Node) -> fmt::Result {
        let (word, parts) = match node {
            Node::All(parts) => ("_and", parts),
            Node::Any(parts) => ("_or", parts),
            Node::Not(part) => {
                out.write_str("{\"_not\": ")?;
                self.write_node(out, part)?;
                return out.write_char('}');
            }
            Node::Coded(_, part) => return self.write_node(out, part),
            Node::Neutral => return out.write_str("{\"_neutral\": true}"),
            Node::Related(related) => return self.write_related(out, related),
            Node::Leaf(leaf) => return self.write_leaf(out, leaf),
        };
        write!(out, "{{\"{word}\": [")?;
        for (index, part) in parts.iter().enumerate() {
            if index > 0 {
                out.write_str(", ")?;
            }
            self.write_node(out, part)?;
        }
        out.write_str("]}")
    }

    fn write_related(&self, out: &mut Limited, related: &Related) -> fmt::Result {
        let word = match (related.none, related.permitted.is_some()) {
            (false, false) => "_some",
            (false, true) => "_some_permitted",
            (true, false) => "_none",
            (true, true) => "_none_permitted",
        };
        for step in &related.path {
            write!(out, "{{{}: ", quoted(&field_text(step)))?;
        }
        write!(out, "{{\"{word}\": ")?;
        self.write_node(out, &related.program.root)?;
        close(out, related.path.len() + 1)
    }

    fn write_leaf(&self, out: &mut Limited, leaf: &Leaf) -> fmt::Result {
        let function = |name: String| match leaf.function {
            Some(function) => format!("{}({name})", function.name()),
            None => name,
        };
        let depth = match &leaf.left {
            Left::Fact(_) => {
                write!(out, "{{{}: ", quoted(&function(leaf.name.to_string())))?;
                1
            }
            Left::Field(path) => {
                for (index, step) in path.iter().enumerate() {
                    let name = field_text(step);
                    let name = if index + 1 == path.len() {
                        function(name)
                    } else {
                        name
                    };
                    write!(out, "{{{}: ", quoted(&name))?;
                }
                path.len()
            }
        };
        write!(out, "{{\"{}\": ", leaf.operator.name())?;
        // What is asked about related items cannot be told from here, but their operands are those of the request.
        match self.operand(&leaf.right) {
            Side::Open => out.write_str(&leaf.operand_text)?,
            Side::View(view) => write_literal(out, &view.to_value())?,
            Side::Instant(moment) => out.write_str(&quoted(&moment.to_string()))?,
            Side::List(values) => write_literal(out, &Value::List(values))?,
        }
        close(out, depth + 1)
    }
}

fn close(out: &mut Limited, depth: usize) -> fmt::Result {
    (0..depth).try_for_each(|_| out.write_char('}'))
}

/// Takes text up to the limit.
#[derive(Default)]
struct Limited {
    text: String,
}

impl Write for Limited {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        let room = LEAF_TEXT_BYTES_MAX.saturating_sub(self.text.len());
        if text.len() <= room {
            self.text.push_str(text);
            return Ok(());
        }
        let end = text.floor_char_boundary(room);
        self.text.push_str(text.get(..end).unwrap_or_default());
        Err(fmt::Error)
    }
}

/// Writes a name of a field as a key of a condition.
fn field_text(name: &str) -> String {
    match name.chars().next() {
        Some(first @ ('_' | '$')) => format!("{first}{name}"),
        Some(_) | None => name.to_owned(),
    }
}
