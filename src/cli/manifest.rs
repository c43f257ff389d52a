//! `placet manifest`: names the files of profiles, so that half a copy is never taken for a policy.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use clap::Args;
use serde_json::json;
use thiserror::Error;

use crate::cli::Globals;
use crate::cli::exit::Exit;
use crate::cli::output::{Format, Output};
use crate::load::discover::{self, Scan, ScanLimits, ScannedProfile};
use crate::load::manifest::{MANIFEST_FILE, digests};

/// Holds the options of `placet manifest`.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  \
                  placet manifest                           writes `manifest.json` into each profile in `policies`\n  \
                  placet manifest build/policies            before they are copied over those of a running daemon\n\n\
                  A profile with a manifest is served only if its files are exactly those that the manifest names.")]
pub struct ManifestCommand {
    /// Directory of profiles, or of one profile [default: that of --profiles]
    #[arg(value_name = "DIR")]
    pub directory: Option<PathBuf>,
}

/// Says why a manifest cannot be written.
#[derive(Debug, Error)]
#[error("cannot write `{}`", .path.display())]
struct WriteError {
    path: PathBuf,
    source: io::Error,
}

/// Writes a manifest into each profile directory.
pub(super) fn run(command: &ManifestCommand, globals: &Globals, output: &mut Output) -> Exit {
    let root = command.directory.as_deref().unwrap_or(globals.root());
    let scan = match discover::read_root(root, &ScanLimits::default()) {
        Ok(scan) => scan,
        Err(error) => {
            output.failure(
                &error,
                Some("name a directory of profiles: `placet manifest DIR`"),
            );
            return Exit::Unavailable;
        }
    };
    if let Some(problem) = scan.profiles.iter().flat_map(|each| &each.problems).next() {
        let text = format!("placet: `{}`: {}\n", problem.path, problem.message);
        output.error_text(&text);
        return Exit::BadProfile;
    }
    let mut written = Vec::new();
    for profile in &scan.profiles {
        match write(&scan, profile) {
            Ok(path) => written.push(json!({"file": path, "files": digests(profile).len()})),
            Err(error) => {
                output.failure(&error, None);
                return Exit::Unavailable;
            }
        }
    }
    match globals.format {
        Format::Text => {
            for manifest in &written {
                let file = manifest["file"].as_str().unwrap_or_default();
                output.line(&format!("{file}: {} files", manifest["files"]));
            }
        }
        Format::Json => output.json(&json!({"manifests": written})),
    }
    Exit::Done
}

/// Writes one manifest, by renaming, and returns its path below the root.
fn write(scan: &Scan, profile: &ScannedProfile) -> Result<String, WriteError> {
    let directory = scan.root.join(&profile.prefix);
    let (new, path) = (
        directory.join(".manifest.json.new"),
        directory.join(MANIFEST_FILE),
    );
    let text = format!("{:#}\n", json!({"files": digests(profile)}));
    let fail = |path: &Path, source| WriteError {
        path: path.to_path_buf(),
        source,
    };
    fs::write(&new, text).map_err(|source| fail(&new, source))?;
    fs::rename(&new, &path).map_err(|source| fail(&path, source))?;
    Ok(Path::new(&profile.prefix)
        .join(MANIFEST_FILE)
        .display()
        .to_string())
}
