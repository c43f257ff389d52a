//! Turns the wire contract into Rust: types, server traits, clients, the fields of each message, and the descriptor set.
//!
//! The compiler of proto files is `protox`, so a build needs no `protoc` on the machine.

use std::error::Error;
use std::fmt::Write;
use std::path::{Path, PathBuf};
use std::{env, fs};

use prost::Message;
use prost_types::{DescriptorProto, FieldDescriptorProto, FileDescriptorSet};

/// The folder of the wire contract; its layout mirrors the package names.
const ROOT: &str = "proto";

fn main() -> Result<(), Box<dyn Error>> {
    println!("cargo::rerun-if-changed={ROOT}");

    let files = proto_files(&Path::new(ROOT).join("placet/v1"))?;
    let mut descriptors = protox::compile(files, [ROOT])?;
    tonic_prost_build::configure().compile_fds(descriptors.clone())?;
    let fields = PathBuf::from(env::var("OUT_DIR")?).join("placet_fields.rs");
    fs::write(fields, write_fields(&descriptors)?)?;

    // Reflection shows comments to clients; the other source information, which the generator needs,
    // would only make the binary larger.
    for info in descriptors
        .file
        .iter_mut()
        .filter_map(|file| file.source_code_info.as_mut())
    {
        info.location.retain(|place| place.leading_comments.is_some());
    }
    let target = PathBuf::from(env::var("OUT_DIR")?).join("placet_descriptor.bin");
    fs::write(target, descriptors.encode_to_vec())?;
    Ok(())
}

/// Returns a module per message with a constant per field, typed by what the field holds, so that whoever writes messages by
/// hand takes no number and no type from his head. Lists of numbers have none: no answer holds one.
fn write_fields(descriptors: &FileDescriptorSet) -> Result<String, std::fmt::Error> {
    let mut out = String::new();
    for message in descriptors.file.iter().flat_map(|file| &file.message_type) {
        write_message(&mut out, message.name(), message)?;
    }
    Ok(out)
}

fn write_message(out: &mut String, name: &str, message: &DescriptorProto) -> Result<(), std::fmt::Error> {
    writeln!(out, "pub mod r#{} {{", snake(name))?;
    for field in &message.field {
        let kind = match field.r#type().as_str_name() {
            "TYPE_STRING" => "Text",
            "TYPE_MESSAGE" => "Nested",
            "TYPE_ENUM" if !is_list(field) => "Word",
            "TYPE_BOOL" if !is_list(field) => "Flag",
            "TYPE_DOUBLE" if !is_list(field) => "Double",
            "TYPE_INT32" | "TYPE_INT64" | "TYPE_UINT32" | "TYPE_UINT64" if !is_list(field) => "Number",
            _ => continue,
        };
        // Of what may be absent, even nothing is told; so is each entry of a list.
        let always = field.oneof_index.is_some() || is_list(field);
        let (name, number) = (field.name().to_uppercase(), field.number());
        writeln!(
            out,
            "pub const {name}: super::{kind} = super::{kind}::new({number}, {always});"
        )?;
    }
    writeln!(out, "}}")?;
    for nested in &message.nested_type {
        write_message(out, &format!("{name}{}", nested.name()), nested)?;
    }
    Ok(())
}

fn is_list(field: &FieldDescriptorProto) -> bool {
    field.label().as_str_name() == "LABEL_REPEATED"
}

fn snake(name: &str) -> String {
    let mut out = String::new();
    for (index, letter) in name.char_indices() {
        if letter.is_ascii_uppercase() && index > 0 {
            out.push('_');
        }
        out.push(letter.to_ascii_lowercase());
    }
    out
}

/// Returns the proto files of a folder, sorted, so that the descriptor set does not depend on the
/// order in which the file system lists them.
fn proto_files(folder: &Path) -> Result<Vec<PathBuf>, Box<dyn Error>> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.extension().is_some_and(|extension| extension == "proto") {
            files.push(path);
        }
    }
    files.sort();
    Ok(files)
}
