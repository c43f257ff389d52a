//! Who and what a rule is for: selectors of names, and networks.

use crate::policy::Selector;
use crate::source::code::Code;
use crate::source::diagnostic::{Diagnostic, quote};
use crate::source::json::{Json, Node};
use crate::source::span::Spanned;
use crate::vocab::network::Network;

use super::reader::{Empty, Keys, read_ids, wrong_type};

/// Reads a selector: a list of names, one name, `{"except": […]}`, or `"*"` for any.
pub(super) fn read_selector(
    json: &Json,
    what: &str,
    empty: Empty,
    diagnostics: &mut Vec<Diagnostic>,
) -> Option<Selector> {
    let names = match &json.node {
        Node::Text(text) if text == ANY => return Some(Selector::Any),
        Node::Object(_) => {
            let mut keys = Keys::open(json, "a selector", diagnostics)?;
            let names = keys.required("except", diagnostics);
            let names = names.and_then(|names| read_ids(names, "`except`", empty, diagnostics));
            keys.finish(diagnostics);
            let names = names?;
            refuse_any(&names, diagnostics);
            return Some(Selector::Except(names));
        }
        Node::List(_) | Node::Text(_) => read_ids(json, what, empty, diagnostics)?,
        Node::Null | Node::Bool(_) | Node::Number(_) => {
            wrong_type(
                json,
                what,
                "a list, one name, `\"*\"` or `{\"except\": […]}`",
                diagnostics,
            );
            return None;
        }
    };
    refuse_any(&names, diagnostics);
    Some(Selector::Only(names))
}

/// The word for any name.
const ANY: &str = "*";

/// Beside other names the star would make them meaningless, and nothing has that name.
fn refuse_any(names: &[Spanned<String>], diagnostics: &mut Vec<Diagnostic>) {
    for name in names.iter().filter(|name| name.value == ANY) {
        diagnostics.push(
            Diagnostic::new(
                Code::WrongType,
                name.span,
                "`*` is for any name and stands in no list",
            )
            .help("write `\"*\"` instead of the list, or leave the key out"),
        );
    }
}

/// Reads a list of networks; one text is a list of one.
pub(super) fn read_networks(
    json: &Json,
    what: &str,
    diagnostics: &mut Vec<Diagnostic>,
) -> Option<Vec<Spanned<Network>>> {
    let texts = read_ids(json, what, Empty::Refused, diagnostics)?;
    let mut networks = Vec::with_capacity(texts.len());
    for text in texts {
        if let Some(network) = Network::parse(&text.value) {
            networks.push(text.map(|_| network));
        } else {
            let message = format!("{} is no network", quote(&text.value));
            let help = "write an address, a range (`10.0.0.1-10.0.0.9`) or a block (`10.0.0.0/8`)";
            diagnostics.push(Diagnostic::new(Code::InvalidNetwork, text.span, message).help(help));
        }
    }
    Some(networks)
}
