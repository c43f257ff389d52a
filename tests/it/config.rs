//! The configuration: where it comes from, what wins, and what is said of values that make no sense.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::process::Output;

use clap::CommandFactory;
use confique::meta::{FieldKind, Meta};
use confique::{Config, Layer};
use placet::cli::Cli;
use placet::server::config::{MASK, Serves};
use placet::server::effective::{Effective, Given};
use placet::server::settings::{BUILTIN, ListenerSettings, Settings, SettingsLayer};
use placet::server::settings_file::SettingsFile;
use placet::server::settings_print;
use tempfile::TempDir;

use crate::serve::placet;

struct Place {
    directory: TempDir,
}

impl Place {
    fn with(text: &str) -> Self {
        let directory = tempfile::tempdir().unwrap();
        fs::write(directory.path().join("placet.toml"), text).unwrap();
        Self { directory }
    }

    /// Runs `placet serve` beside the file.
    fn run(&self, options: &[&str], variables: &[(&str, &str)]) -> Output {
        let mut command = placet(&["serve"]);
        command.args(options).env_remove("PLACET_HTTP_LISTEN");
        command.current_dir(self.directory.path());
        command.envs(variables.iter().copied()).output().unwrap()
    }

    /// Returns the configuration in force as key, value and origin.
    fn print(&self, options: &[&str], variables: &[(&str, &str)]) -> BTreeMap<String, (String, String)> {
        let output = self.run(&[options, &["--print-config"]].concat(), variables);
        let text = String::from_utf8(output.stdout.clone()).unwrap();
        assert_eq!(output.status.code(), Some(0), "{output:?}");
        read(&text)
    }

    fn fail(&self, options: &[&str], variables: &[(&str, &str)]) -> (i32, String) {
        let output = self.run(options, variables);
        let text = String::from_utf8_lossy(&output.stderr).into_owned();
        (output.status.code().unwrap(), text)
    }
}

/// Reads what `--print-config` writes.
fn read(text: &str) -> BTreeMap<String, (String, String)> {
    let mut table = String::new();
    let mut values = BTreeMap::new();
    for line in text.lines() {
        if let Some(name) = line.strip_prefix('[') {
            table = format!("{}.", name.trim_end_matches(']'));
        } else if let Some((key, rest)) = line.split_once(" = ").filter(|_| !line.starts_with('#')) {
            let (value, origin) = rest.rsplit_once(" # ").unwrap();
            values.insert(format!("{table}{key}"), (value.to_owned(), origin.to_owned()));
        }
    }
    values
}

fn pair<'v>(values: &'v BTreeMap<String, (String, String)>, key: &str) -> (&'v str, &'v str) {
    let (value, origin) = values
        .get(key)
        .unwrap_or_else(|| panic!("no `{key}` in {values:#?}"));
    (value, origin)
}

const FILE: &str = r#"
drain_seconds = 3
default_profile = "from-file"
allow_removal = true

[log]
level = "warn"
format = "json"

[listener.grpc]
address = "127.0.0.1:7001"
detail = "code"

[listener.second]
address = "127.0.0.1:7003"
allow = ["status"]
"#;

#[test]
fn options_win_over_variables_and_these_over_the_file_and_that_over_defaults() {
    let place = Place::with(FILE);
    let values = place.print(&[], &[]);
    assert_eq!(pair(&values, "drain_seconds"), ("10", "default"));
    assert_eq!(
        pair(&values, "listener.grpc.address"),
        ("\"127.0.0.1:7420\"", "default")
    );
    assert_eq!(
        pair(&values, "listener.http.address"),
        ("\"127.0.0.1:7421\"", "default")
    );
    assert_eq!(pair(&values, "listener.health.address"), ("\"off\"", "default"));
    assert!(!values.contains_key("default_profile"));

    let values = place.print(&["--config", "placet.toml"], &[]);
    assert_eq!(pair(&values, "drain_seconds"), ("3", "placet.toml:2:1"));
    assert_eq!(pair(&values, "allow_removal"), ("true", "placet.toml:4:1"));
    assert_eq!(pair(&values, "log.level"), ("\"warn\"", "placet.toml:7:1"));
    assert_eq!(pair(&values, "message_bytes"), ("4194304", "default"));
    let grpc = pair(&values, "listener.grpc.address");
    assert_eq!(grpc, ("\"127.0.0.1:7001\"", "placet.toml:11:1"));
    assert_eq!(
        pair(&values, "listener.grpc.detail"),
        ("\"code\"", "placet.toml:12:1")
    );
    assert_eq!(
        pair(&values, "listener.second.allow"),
        ("[\"status\"]", "placet.toml:16:1")
    );
    assert_eq!(pair(&values, "listener.second.serves"), ("\"grpc\"", "default"));

    let variables = [
        ("PLACET_CONFIG", "placet.toml"),
        ("PLACET_DRAIN_SECONDS", "4"),
        ("PLACET_LOG_LEVEL", "debug"),
        ("PLACET_ALLOW_REMOVAL", "false"),
        ("PLACET_LISTEN", "127.0.0.1:7002"),
        ("PLACET_DEFAULT_PROFILE", "from-environment"),
    ];
    let values = place.print(&[], &variables);
    assert_eq!(pair(&values, "drain_seconds"), ("4", "PLACET_DRAIN_SECONDS"));
    assert_eq!(pair(&values, "log.level"), ("\"debug\"", "PLACET_LOG_LEVEL"));
    assert_eq!(pair(&values, "log.format"), ("\"json\"", "placet.toml:8:1"));
    assert_eq!(pair(&values, "allow_removal"), ("false", "PLACET_ALLOW_REMOVAL"));
    assert_eq!(
        pair(&values, "listener.grpc.address"),
        ("\"127.0.0.1:7002\"", "PLACET_LISTEN")
    );
    // What an option says of a listener leaves the rest of its table as it is.
    assert_eq!(
        pair(&values, "listener.grpc.detail"),
        ("\"code\"", "placet.toml:12:1")
    );
    let profile = pair(&values, "default_profile");
    assert_eq!(profile, ("\"from-environment\"", "PLACET_DEFAULT_PROFILE"));

    let options = [
        "--drain-seconds",
        "5",
        "--log-level",
        "error",
        "--listen",
        "[::1]:7004",
        "--allow-removal",
    ];
    let values = place.print(&options, &variables);
    assert_eq!(pair(&values, "drain_seconds"), ("5", "--drain-seconds"));
    assert_eq!(pair(&values, "log.level"), ("\"error\"", "--log-level"));
    assert_eq!(pair(&values, "allow_removal"), ("true", "--allow-removal"));
    assert_eq!(
        pair(&values, "listener.grpc.address"),
        ("\"[::1]:7004\"", "--listen")
    );
}

#[test]
fn what_is_printed_is_a_file_that_says_the_same() {
    let place = Place::with(FILE);
    let output = place.run(&["--config", "placet.toml", "--print-config"], &[]);
    let first = String::from_utf8(output.stdout).unwrap();
    let again = Place::with(&first);
    let values = |text: &str| -> BTreeMap<String, String> {
        read(text)
            .into_iter()
            .map(|(key, (value, _))| (key, value))
            .collect()
    };
    let output = again.run(&["--config", "placet.toml", "--print-config"], &[]);
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    let second = String::from_utf8(output.stdout).unwrap();
    assert_eq!(values(&first), values(&second));
    assert!(values(&first).len() > 20, "{first}");
    // Every key is explained, those too that are not set.
    assert!(
        first.contains("# Seconds that requests in flight have to finish"),
        "{first}"
    );
    assert!(first.contains("\n# client_ca =\n"), "{first}");
}

#[test]
fn a_broken_file_is_refused_with_place_and_hint() {
    // What stands in the file, where the complaint points, and what it says.
    let cases = [
        (
            "drain_second = 3",
            "placet.toml:1:1",
            &["no key `drain_second`", "did you mean `drain_seconds`?"][..],
        ),
        (
            "\n[log]\nlevle = \"info\"",
            "placet.toml:3:1",
            &["did you mean `level`?"],
        ),
        (
            "[listener.grpc]\nadress = \"off\"",
            "placet.toml:2:1",
            &["did you mean `address`?"],
        ),
        (
            "[listener.a.tls]\n\nkeys = 1",
            "placet.toml:3:1",
            &["no key `keys`", "did you mean `key`?"],
        ),
        ("zebra = 1\nant = 2", "placet.toml:1:1", &["no key `zebra`"]),
        ("\"bell\\u0007\" = 1", "placet.toml:1:1", &["no key `bell\\u{7}`"]),
        ("drain_seconds = \"ten\"", "placet.toml:1:17", &["invalid type"]),
        ("drain_seconds = -1", "placet.toml:1:17", &["-1"]),
        (
            "drain_seconds = 4000",
            "placet.toml:1:1",
            &["4000 is more than 3600"],
        ),
        (
            "# ä\nmessage_bytes = 1",
            "placet.toml:2:1",
            &["1 is not between 65536 and 67108864"],
        ),
        (
            "drain_seconds = 1\ndrain_seconds = 2",
            "placet.toml:2:1",
            &["duplicate key"],
        ),
        ("[log\n", "placet.toml:1:5", &[]),
        (
            "[log]\nlevel = \"==\"",
            "placet.toml:2:1",
            &["no log level", "levels are error"],
        ),
        ("[log]\nformat = \"yaml\"", "placet.toml:2:10", &["yaml", "text"]),
        (
            "[listener.grpc]\naddress = \"7420\"",
            "placet.toml:2:11",
            &["is no address", "127.0.0.1:7420"],
        ),
        (
            "[listener.other]\ndetail = \"none\"",
            "placet.toml:1:11",
            &["`other` has no address"],
        ),
        (
            "[listener.grpc]\naddress = \"off\"",
            "placet.toml:2:1",
            &["no listener serves gRPC", "--listen"],
        ),
        (
            "[listener.a]\naddress = \"127.0.0.1:7420\"",
            "placet.toml:1",
            &["the address of another listener"],
        ),
        (
            "[listener.\"A b\"]\naddress = \"off\"",
            "placet.toml:1:11",
            &["cannot be called `A b`"],
        ),
        (
            "[listener.http]\ndetail = \"none\"",
            "placet.toml:2:1",
            &["means nothing", "`detail`"],
        ),
        (
            "[listener.grpc]\nallow = [\"dance\"]",
            "placet.toml:2",
            &["dance", "decide"],
        ),
        (
            "[listener.grpc.tls]\nkey = \"k\"",
            "placet.toml:1:16",
            &["`certificate` and `key` belong together"],
        ),
        (
            "[listener.http]\naddress = \"unix:a\"",
            "placet.toml:2:1",
            &["only gRPC is served on Unix sockets"],
        ),
        (
            "[listener.http.tls]\ncertificate = \"c\"\nkey = \"k\"",
            "placet.toml:1:16",
            &["`tls` is there for gRPC alone"],
        ),
        (
            "[listener.grpc]\nowner = \"www\"",
            "placet.toml:2:1",
            &["means nothing but on a Unix socket"],
        ),
        (
            "[listener.socket]\nowner = \"a:b:c\"",
            "placet.toml:2:9",
            &["is no owner"],
        ),
        (
            "[listener.grpc.auth]\ntoken = \"short\"",
            "placet.toml:2:1",
            &["at least 16 characters"],
        ),
        (
            "[listener.grpc.auth.names]\ncms = [\"decide\"]",
            "placet.toml:1:21",
            &["nobody is asked for a certificate", "`client_ca`"],
        ),
        ("threads = 0", "placet.toml:1:1", &["not between 1 and 64"]),
        (
            "connections = 70000",
            "placet.toml:1:1",
            &["not between 1 and 65536"],
        ),
        ("[listener.grpc]\nmode = \"999\"", "placet.toml:2:8", &["octal"]),
    ];
    for (text, at, parts) in cases {
        let place = Place::with(text);
        let (code, message) = place.fail(&["--config", "placet.toml"], &[]);
        assert_eq!(code, 6, "{text}: {message}");
        assert!(message.contains(at), "{text}: not `{at}` in {message}");
        for part in parts {
            assert!(message.contains(part), "{text}: not `{part}` in {message}");
        }
    }
    let place = Place::with("");
    let (code, message) = place.fail(&["--config", "other.toml"], &[]);
    assert_eq!(code, 6, "{message}");
    assert!(
        message.contains("other.toml: cannot be read") && message.contains("--config"),
        "{message}"
    );
    fs::write(place.directory.path().join("bytes.toml"), [0xff, 0xfe]).unwrap();
    assert!(
        place
            .fail(&["--config", "bytes.toml"], &[])
            .1
            .contains("is not UTF-8")
    );
    let long = "#".repeat(1024 * 1024 + 1);
    fs::write(place.directory.path().join("long.toml"), long).unwrap();
    assert!(
        place
            .fail(&["--config", "long.toml"], &[])
            .1
            .contains("more than 1048576 bytes")
    );
    let (code, message) = place.fail(&["--config", "."], &[]);
    assert_eq!((code, message.contains("cannot be read")), (6, true), "{message}");
}

#[test]
fn a_value_is_blamed_on_whoever_gave_it() {
    let place = Place::with("drain_seconds = 4000");
    let config = ["--config", "placet.toml"];
    let options = [&config[..], &["--drain-seconds", "5000"]].concat();
    let (code, message) = place.fail(&options, &[("PLACET_DRAIN_SECONDS", "6000")]);
    assert_eq!(code, 2, "{message}");
    assert!(
        message.contains("--drain-seconds: 5000 is more than 3600"),
        "{message}"
    );
    let (code, message) = place.fail(&config, &[("PLACET_DRAIN_SECONDS", "6000")]);
    assert_eq!(code, 2, "{message}");
    assert!(
        message.contains("PLACET_DRAIN_SECONDS: 6000 is more than 3600"),
        "{message}"
    );
    let (code, message) = place.fail(&["--http-listen", "127.0.0.1:7420"], &[]);
    assert_eq!(code, 2, "{message}");
    assert!(
        message.contains("--http-listen: `127.0.0.1:7420` is the address of another"),
        "{message}"
    );
}

#[test]
fn secrets_are_masked() {
    let text = "[listener.grpc.auth]\ntoken = \"hush\"\ncallers = \"callers\"\n[listener.grpc.auth.names]\ncms = [\"decide\"]";
    let file = SettingsFile::parse("placet.toml", text.to_owned()).unwrap();
    let given = Given {
        layer: SettingsLayer::empty(),
        origins: BTreeMap::new(),
    };
    let effective = Effective::merge(given, Some(file)).unwrap();
    let printed = settings_print::print(&effective).unwrap();
    assert!(
        !printed.contains("hush") && !format!("{effective:?}").contains("hush\""),
        "{printed}"
    );
    assert!(
        printed.contains(&format!("token = \"{MASK}\" # placet.toml:2:1")),
        "{printed}"
    );
    assert!(printed.contains("names = { cms = [\"decide\"] }"), "{printed}");
}

#[test]
fn relative_paths_of_a_file_are_relative_to_it() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("placet.toml");
    let text = "profiles = \"mine\"\n[listener.grpc.tls]\nkey = \"k.pem\"\ncertificate = \"/c.pem\"";
    fs::write(&path, text).unwrap();
    let layer = SettingsFile::read(&path).unwrap().layer;
    assert_eq!(layer.profiles, Some(directory.path().join("mine")));
    let tls = &layer.listener.unwrap()["grpc"].tls;
    assert_eq!(tls.key, Some(directory.path().join("k.pem")));
    assert_eq!(tls.certificate.as_deref(), Some("/c.pem".as_ref()));
}

/// Lists the keys of a table, those in its tables included.
fn keys(meta: &'static Meta, path: &str) -> Vec<(String, String)> {
    let mut found = Vec::new();
    for field in meta.fields {
        let key = format!("{path}{}", field.name);
        match field.kind {
            FieldKind::Nested { meta } => found.extend(keys(meta, &format!("{key}."))),
            FieldKind::Leaf { .. } => found.push((key, field.doc.join(" "))),
        }
    }
    found
}

#[test]
fn every_key_has_an_option_and_a_variable_of_its_name() {
    let cli = Cli::command();
    let serve = cli.find_subcommand("serve").unwrap();
    let options: BTreeSet<_> = serve
        .get_arguments()
        .chain(cli.get_arguments())
        .filter_map(|argument| {
            Some((
                argument.get_long()?.to_owned(),
                argument.get_env()?.to_str()?.to_owned(),
            ))
        })
        .collect();
    for (key, doc) in keys(&Settings::META, "") {
        assert!(!doc.trim().is_empty(), "`{key}` is not explained");
        if key == "listener" {
            continue;
        }
        let long = key.replace(['.', '_'], "-");
        let variable = format!("PLACET_{}", key.replace('.', "_").to_uppercase());
        assert!(
            options.contains(&(long.clone(), variable.clone())),
            "no --{long} with {variable}"
        );
    }
    for (_, _, _, id) in BUILTIN {
        let option = (id.replace('_', "-"), format!("PLACET_{}", id.to_uppercase()));
        assert!(options.contains(&option), "no {option:?}");
    }
}

#[test]
fn readme_lists_every_key() {
    let readme = fs::read_to_string(crate::decisions::project("README.md")).unwrap();
    let section = readme
        .split("\n### Configuration\n")
        .nth(1)
        .expect("a section about it");
    let section = section.split("\n## ").next().unwrap();
    let own = keys(&Settings::META, "")
        .into_iter()
        .filter(|(key, _)| key != "listener");
    let of_listener = keys(&ListenerSettings::META, "listener.<name>.");
    for (key, _) in own.chain(of_listener) {
        assert!(
            section.contains(&format!("| `{key}` |")),
            "README has no row for `{key}`"
        );
    }
}

#[test]
fn listeners_exist_without_being_written() {
    let given = Given {
        layer: SettingsLayer::empty(),
        origins: BTreeMap::new(),
    };
    let config = Effective::merge(given, None).unwrap().check().unwrap();
    let listeners: Vec<_> = config
        .listeners
        .iter()
        .map(|listener| {
            (
                listener.name.as_str(),
                listener.serves,
                listener.address.to_string(),
            )
        })
        .collect();
    let expected = [
        ("grpc", Serves::Grpc, "127.0.0.1:7420".to_owned()),
        ("admin", Serves::Grpc, "127.0.0.1:7423".to_owned()),
        ("http", Serves::Http, "127.0.0.1:7421".to_owned()),
    ];
    assert_eq!(listeners, expected);
}
