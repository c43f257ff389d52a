//! A daemon of its own process, asked over loopback.

use std::fs;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread;

use serde_json::Value as Json;
use tempfile::TempDir;
use tokio::runtime::Runtime;
use tonic::transport::Channel;

/// A daemon, and the profiles that it serves.
pub(crate) struct Daemon {
    process: Child,
    pub(crate) directory: TempDir,
    pub(crate) channel: Channel,
}

impl Daemon {
    /// Starts a daemon with what is written into its directory, and waits until it is ready.
    pub(crate) fn start(runtime: &Runtime, write: impl FnOnce(&Path)) -> Self {
        let directory = tempfile::tempdir().expect("a temporary directory");
        write(directory.path());
        let mut process = Command::new(env!("CARGO_BIN_EXE_placet"))
            .args(["--listen", "127.0.0.1:0", "--log-format", "json", "--profiles"])
            .arg(directory.path())
            .env("PLACET_HTTP_LISTEN", "off")
            .env("PLACET_ADMIN_LISTEN", "off")
            .env("PLACET_LISTEN_ALLOW", "decide,status,administer")
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .expect("a daemon");
        let stderr = process.stderr.take().expect("its log");
        let mut lines = BufReader::new(stderr).lines().map_while(Result::ok);
        let mut address = String::new();
        for line in lines.by_ref() {
            let line: Json = serde_json::from_str(&line).expect("a line of the log");
            if line["message"] == "listening" {
                address = line["address"].as_str().expect("an address").to_owned();
            }
            if line["message"] == "ready" {
                break;
            }
        }
        // Whoever does not read the log makes the daemon wait at last.
        thread::spawn(move || lines.for_each(drop));
        let endpoint = Channel::from_shared(format!("http://{address}")).expect("an address");
        let channel = runtime
            .block_on(endpoint.tcp_nodelay(true).connect())
            .expect("a connection");
        Self {
            process,
            directory,
            channel,
        }
    }

    /// Returns a figure of the process in MiB, as Linux calls it (`VmRSS`, `VmHWM`); none elsewhere.
    pub(crate) fn memory(&self, name: &str) -> Option<u64> {
        let status = fs::read_to_string(format!("/proc/{}/status", self.process.id())).ok()?;
        let line = status
            .lines()
            .find_map(|line| line.strip_prefix(name)?.strip_prefix(':'))?;
        let kibibytes: u64 = line.trim().strip_suffix(" kB")?.parse().ok()?;
        Some(kibibytes / 1024)
    }

    /// Lets the peak of the memory begin anew.
    pub(crate) fn forget_peak(&self) {
        // Where this is not allowed, the peak is that since the start.
        let _ = fs::write(format!("/proc/{}/clear_refs", self.process.id()), "5");
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
