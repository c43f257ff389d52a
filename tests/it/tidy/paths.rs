//! What the rules need to know of a Rust file: the paths in its code, its length, its place in the tree of modules.

use std::str::FromStr;

use proc_macro2::{Delimiter, TokenStream, TokenTree};

/// A file under `src`.
pub(super) struct SourceFile {
    /// The name relative to the repository, parted by `/`.
    pub(super) name: String,
    /// The module that the file is; empty for `lib.rs` and `main.rs`.
    pub(super) module: Vec<String>,
    /// The content.
    pub(super) text: String,
    /// Every path of at least two names, `use` trees spread out.
    pub(super) paths: Vec<CodePath>,
    /// The lines of `pub use`.
    pub(super) reexports: Vec<usize>,
    /// How many lines there are outside of test modules.
    pub(super) code_lines: usize,
}

/// A path in code, seen from the module it stands in.
pub(super) struct CodePath {
    /// The names, as written; `self` and `super` are resolved, what is ours begins with `crate`.
    pub(super) names: Vec<String>,
    /// The line, counted from 1.
    pub(super) line: usize,
}

impl CodePath {
    /// Returns the room that the path leads to, if it leads through our own tree.
    pub(super) fn room(&self) -> Option<&str> {
        let ours = self.names.first().is_some_and(|first| first == "crate");
        self.names.get(1).filter(|_| ours).map(String::as_str)
    }

    /// Tells whether these names stand in the path side by side.
    pub(super) fn contains(&self, names: &str) -> bool {
        let wanted: Vec<_> = names.split("::").collect();
        if wanted.len() == 1 {
            return self.names.first().is_some_and(|first| first == names);
        }
        self.names.windows(wanted.len()).any(|part| part == wanted)
    }
}

impl SourceFile {
    /// Reads a file of this name and content.
    pub(super) fn read(name: String, text: String) -> Self {
        let module = module_of(&name);
        let tokens = TokenStream::from_str(&text).unwrap_or_else(|error| panic!("{name}: {error}"));
        let mut reader = Reader {
            paths: Vec::new(),
            reexports: Vec::new(),
            test_lines: 0,
        };
        reader.read(&tokens.into_iter().collect::<Vec<_>>(), &module);
        let tests = module.last().is_some_and(|last| last == "tests");
        let lines = if tests { 0 } else { text.lines().count() };
        Self {
            code_lines: lines.saturating_sub(reader.test_lines),
            paths: reader.paths,
            reexports: reader.reexports,
            name,
            module,
            text,
        }
    }
}

/// Returns the module that a file is: `src/engine/check.rs` is `engine::check`.
fn module_of(name: &str) -> Vec<String> {
    let path = name.trim_start_matches("src/").trim_end_matches(".rs");
    let mut names: Vec<_> = path.split('/').map(str::to_owned).collect();
    if names
        .last()
        .is_some_and(|last| ["mod", "lib", "main"].contains(&last.as_str()))
    {
        names.pop();
    }
    names
}

struct Reader {
    paths: Vec<CodePath>,
    reexports: Vec<usize>,
    test_lines: usize,
}

impl Reader {
    fn read(&mut self, tokens: &[TokenTree], module: &[String]) {
        let mut inner = module.to_vec();
        let mut tests_from = None;
        for (index, token) in tokens.iter().enumerate() {
            let before = index.checked_sub(1).and_then(|index| tokens.get(index));
            match token {
                TokenTree::Group(group) => {
                    self.read(&group.stream().into_iter().collect::<Vec<_>>(), &inner);
                    if group.delimiter() == Delimiter::Bracket && is_attribute_cfg_test(group) {
                        tests_from = Some(group.span_open().start().line);
                    } else if group.delimiter() == Delimiter::Brace {
                        if let Some(from) = tests_from.take() {
                            self.test_lines += group.span_close().end().line - from + 1;
                        }
                        inner = module.to_vec();
                    }
                }
                TokenTree::Ident(name) => {
                    if before.is_some_and(|before| is_ident(before, "mod")) {
                        inner = module.to_vec();
                        inner.push(name.to_string());
                    }
                    if name == "use" && before.is_some_and(is_visibility) {
                        self.reexports.push(name.span().start().line);
                    }
                    if !before.is_some_and(|before| is_punct(before, ':') || is_punct(before, '.'))
                        || is_type_position(tokens, index)
                    {
                        self.follow(tokens, index, Vec::new(), module);
                    }
                }
                TokenTree::Punct(punct) if punct.as_char() == ';' => {
                    tests_from = None;
                    inner = module.to_vec();
                }
                TokenTree::Punct(_) | TokenTree::Literal(_) => {}
            }
        }
    }

    /// Follows a path from the name at `index`, and each branch of a `use` tree.
    fn follow(&mut self, tokens: &[TokenTree], index: usize, mut names: Vec<String>, module: &[String]) {
        let Some(TokenTree::Ident(name)) = tokens.get(index) else {
            return;
        };
        let line = name.span().start().line;
        extend(&mut names, &name.to_string(), module);
        let two = |at: usize| {
            tokens.get(at).is_some_and(|token| is_punct(token, ':'))
                && tokens.get(at + 1).is_some_and(|token| is_punct(token, ':'))
        };
        if !two(index + 1) {
            if names.len() > 1 {
                self.paths.push(CodePath { names, line });
            }
            return;
        }
        match tokens.get(index + 3) {
            Some(TokenTree::Ident(_)) => self.follow(tokens, index + 3, names, module),
            Some(TokenTree::Group(group)) if group.delimiter() == Delimiter::Brace => {
                let branches: Vec<_> = group.stream().into_iter().collect();
                for (at, _) in branches.iter().enumerate() {
                    if at == 0 || is_punct(&branches[at - 1], ',') {
                        self.follow(&branches, at, names.clone(), module);
                    }
                }
            }
            // A star, or generic arguments.
            Some(_) | None => self.paths.push(CodePath { names, line }),
        }
    }
}

/// Adds a name to a path, with `self` and `super` turned into where they lead.
fn extend(names: &mut Vec<String>, name: &str, module: &[String]) {
    let here = || std::iter::once("crate".to_owned()).chain(module.iter().cloned());
    match (name, names.is_empty()) {
        ("self", true) => names.extend(here()),
        ("self", false) => {}
        ("super", true) => {
            names.extend(here());
            names.pop();
        }
        ("super", false) => {
            names.pop();
        }
        (_, _) => names.push(name.to_owned()),
    }
}

/// Tells whether the name at `index` follows a single colon, as in `field: crate::a::B`.
fn is_type_position(tokens: &[TokenTree], index: usize) -> bool {
    let colon = |back: usize| {
        index
            .checked_sub(back)
            .and_then(|at| tokens.get(at))
            .is_some_and(|token| is_punct(token, ':'))
    };
    colon(1) && !colon(2)
}

fn is_visibility(token: &TokenTree) -> bool {
    match token {
        TokenTree::Ident(name) => name == "pub",
        TokenTree::Group(group) => group.delimiter() == Delimiter::Parenthesis,
        TokenTree::Punct(_) | TokenTree::Literal(_) => false,
    }
}

fn is_attribute_cfg_test(group: &proc_macro2::Group) -> bool {
    let text: String = group.stream().to_string().split_whitespace().collect();
    text == "cfg(test)"
}

fn is_ident(token: &TokenTree, name: &str) -> bool {
    matches!(token, TokenTree::Ident(ident) if ident == name)
}

fn is_punct(token: &TokenTree, mark: char) -> bool {
    matches!(token, TokenTree::Punct(punct) if punct.as_char() == mark)
}

#[test]
fn every_way_of_writing_a_path_is_seen() {
    let text = "
        //! Not [`crate::doc`].
        use crate::{a, b::{self, c::D as E}, e::*}; // not crate::comment
        pub(crate) struct S { field: crate::f::T<crate::g::U> }
        fn f() -> super::super::h::V { crate::i::j(\"crate::text\", 'c', &mut crate::macro_one!(crate::k::l)) }
        mod inner { mod deeper { use super::super::super::super::m::N; use super::o; } }
        pub use self::p;
        #[cfg(test)]
        mod tests {
            use crate::q::r;
        }
        use std::{fs, io}; fn g() { Timestamp::now(); }
    ";
    let file = SourceFile::read("src/room/file.rs".to_owned(), text.to_owned());
    let rooms: Vec<_> = file
        .paths
        .iter()
        .filter_map(CodePath::room)
        .filter(|room| *room != "room")
        .collect();
    assert_eq!(
        rooms,
        ["a", "b", "b", "e", "f", "g", "h", "i", "macro_one", "k", "m", "q"]
    );
    assert_eq!(file.module, ["room", "file"]);
    assert_eq!(file.reexports, [7]);
    assert_eq!(file.code_lines, text.lines().count() - 4);
    assert!(file.paths.iter().any(|path| path.contains("std::fs")));
    assert!(file.paths.iter().any(|path| path.contains("Timestamp::now")));
    assert!(!file.paths.iter().any(|path| path.contains("std::net")));
}
