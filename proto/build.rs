//! Turns the wire contract into Rust: types, server traits, clients, and the descriptor set.
//!
//! The compiler of proto files is `protox`, so a build needs no `protoc` on the machine.

use std::error::Error;
use std::path::{Path, PathBuf};
use std::{env, fs};

use prost::Message;

/// The folder of the wire contract; its layout mirrors the package names.
const ROOT: &str = "proto";

fn main() -> Result<(), Box<dyn Error>> {
    println!("cargo::rerun-if-changed={ROOT}");

    let files = proto_files(&Path::new(ROOT).join("placet/v1"))?;
    let mut descriptors = protox::compile(files, [ROOT])?;
    tonic_prost_build::configure().compile_fds(descriptors.clone())?;

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
