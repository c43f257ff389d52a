//! `/metrics`: every metric, named once, read from the cells of [`counts`](crate::observe::counts) and from what is served,
//! at the moment when somebody asks.
//!
//! No label has a value that a client chooses: profiles are those on disk, calls those of the contract, listeners those of
//! the configuration.

use std::fmt;
use std::sync::Arc;
use std::time::Instant;

use prometheus_client::collector::Collector;
use prometheus_client::encoding::{
    DescriptorEncoder, EncodeLabelSet, MetricEncoder, NoLabelSet, prometheus_text, text,
};
use prometheus_client::metrics::MetricType;
use prometheus_client::registry::Registry;

use crate::observe::counts::{CallCounts, Counter, ReloadCounts, Spread};
use crate::observe::logging;
use crate::server::tally::{Connections, PageCounts, Tally};
use crate::source::diagnostic::Severity;
use crate::store::PolicyStore;
use crate::store::clock::Clock;
use crate::store::rounds::Rounds;
use crate::store::snapshot::{Entry, Published};
use crate::vocab::effect::Effect;

/// Lists every metric: its name, what it is, its labels, and what it tells. Counters end in `_total` where they are shown.
pub const METRICS: [(&str, MetricType, &[&str], &str); 27] = [
    (
        "placet_decisions",
        MetricType::Counter,
        &["profile", "call", "effect", "reason"],
        "Decisions; of a batch or a list each one, of `FilterFields` one per field",
    ),
    (
        "placet_calls",
        MetricType::Counter,
        &["call", "code"],
        "Calls over gRPC by the status they ended with",
    ),
    (
        "placet_call_duration_seconds",
        MetricType::Histogram,
        &["call"],
        "Time from the head of a request to the head of its answer",
    ),
    (
        "placet_connections",
        MetricType::Gauge,
        &["serves"],
        "Connections that are open, by what is served there: `grpc`, `http`, `health`",
    ),
    (
        "placet_connections_accepted",
        MetricType::Counter,
        &["serves"],
        "Connections that were accepted",
    ),
    (
        "placet_connections_refused",
        MetricType::Counter,
        &["serves", "why"],
        "Connections that came to nothing: `full`, `handshake` (its first words included)",
    ),
    (
        "placet_connections_delayed",
        MetricType::Counter,
        &["serves"],
        "Connections for HTTP and health that waited until others had ended",
    ),
    (
        "placet_connections_slowed",
        MetricType::Counter,
        &[],
        "Times that a connection for gRPC was not read for a while, because what it sent was good for nothing",
    ),
    (
        "placet_http_requests",
        MetricType::Counter,
        &["page", "code"],
        "Requests over HTTP by page and status",
    ),
    (
        "placet_requests_refused",
        MetricType::Counter,
        &["why"],
        "Requests over gRPC that were refused: `overload`, `caller`, `late`, `malformed`",
    ),
    (
        "placet_panics",
        MetricType::Counter,
        &[],
        "Requests that made the daemon fail; nothing was allowed by them",
    ),
    (
        "placet_profile_served",
        MetricType::Gauge,
        &["profile"],
        "1 if the profile is served, 0 if its files were never good or are stale for too long",
    ),
    (
        "placet_profile_stale",
        MetricType::Gauge,
        &["profile"],
        "1 if the files of the profile are not those that are served",
    ),
    (
        "placet_profile_stale_seconds",
        MetricType::Gauge,
        &["profile"],
        "Time since the files of the profile ceased to be those that are served, else 0",
    ),
    (
        "placet_profile_generation",
        MetricType::Gauge,
        &["profile"],
        "Counts the versions of the profile in this process",
    ),
    (
        "placet_profile_age_seconds",
        MetricType::Gauge,
        &["profile"],
        "Time since the served version was loaded",
    ),
    (
        "placet_profile_rules",
        MetricType::Gauge,
        &["profile", "kind"],
        "Rules of the served version: `grant` (denies included), `constraint`",
    ),
    (
        "placet_profile_complaints",
        MetricType::Gauge,
        &["profile", "severity"],
        "Complaints about the files of the profile as they are now",
    ),
    (
        "placet_reloads",
        MetricType::Counter,
        &["outcome"],
        "Reloads: `published`, `unchanged`, `broken` (a profile is), `unreadable` (the directory is)",
    ),
    (
        "placet_reload_duration_seconds",
        MetricType::Histogram,
        &[],
        "Time that a reload took, from reading to publishing",
    ),
    (
        "placet_reload_good_age_seconds",
        MetricType::Gauge,
        &[],
        "Time since the last reload after which every profile was served as its files are",
    ),
    (
        "placet_reload_running_seconds",
        MetricType::Gauge,
        &[],
        "Time for which the reload in progress has been running, else 0",
    ),
    (
        "placet_reload_blind",
        MetricType::Gauge,
        &[],
        "1 if changes of some files cannot be seen at all, as with mounts of single files",
    ),
    (
        "placet_ready",
        MetricType::Gauge,
        &[],
        "1 if requests that name no profile can be answered; without a default profile: any request",
    ),
    (
        "placet_log_lines_lost",
        MetricType::Counter,
        &[],
        "Lines of the log that were not written because nobody took them in time",
    ),
    (
        "placet_uptime_seconds",
        MetricType::Gauge,
        &[],
        "Time since the daemon was started",
    ),
    (
        "placet_build",
        MetricType::Info,
        &["version"],
        "The version of the daemon",
    ),
];

/// Returns the name of a code of gRPC, as the specification has it.
fn code_name(code: usize) -> &'static str {
    const NAMES: [&str; 17] = [
        "OK",
        "CANCELLED",
        "UNKNOWN",
        "INVALID_ARGUMENT",
        "DEADLINE_EXCEEDED",
        "NOT_FOUND",
        "ALREADY_EXISTS",
        "PERMISSION_DENIED",
        "RESOURCE_EXHAUSTED",
        "FAILED_PRECONDITION",
        "ABORTED",
        "OUT_OF_RANGE",
        "UNIMPLEMENTED",
        "INTERNAL",
        "UNAVAILABLE",
        "DATA_LOSS",
        "UNAUTHENTICATED",
    ];
    NAMES.get(code).copied().unwrap_or("UNKNOWN")
}

/// Holds what the metrics are read from.
#[derive(Clone, Debug)]
pub struct Sources {
    /// What is served.
    pub store: Arc<PolicyStore>,
    /// What is counted of calls.
    pub calls: Arc<CallCounts>,
    /// What is counted of connections and refusals.
    pub tally: Arc<Tally>,
    /// What is counted of requests over HTTP.
    pub pages: Arc<PageCounts>,
    /// What is counted of reloads.
    pub reloads: Arc<ReloadCounts>,
    /// When the daemon was started.
    pub started: Instant,
    /// Which reloads have ended.
    pub rounds: Rounds,
    /// The clock that ages are measured by.
    pub clock: Clock,
}

/// Writes the page of metrics.
#[derive(Debug)]
pub struct MetricsPage {
    registry: Registry,
}

/// Says in which form the page is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PageForm {
    /// The text format of Prometheus, 0.0.4.
    Prometheus,
    /// OpenMetrics 1.0.
    OpenMetrics,
}

impl PageForm {
    /// Returns the media type.
    pub fn media_type(self) -> &'static str {
        match self {
            Self::Prometheus => "text/plain; version=0.0.4; charset=utf-8",
            Self::OpenMetrics => "application/openmetrics-text; version=1.0.0; charset=utf-8",
        }
    }

    /// Chooses the form by what a client accepts.
    pub fn accepted(accept: &str) -> Self {
        if accept.contains("application/openmetrics-text") {
            Self::OpenMetrics
        } else {
            Self::Prometheus
        }
    }
}

impl MetricsPage {
    /// Prepares the page.
    pub fn new(sources: Sources) -> Self {
        let mut registry = Registry::default();
        registry.register_collector(Box::new(sources));
        Self { registry }
    }

    /// Writes the page as things are now.
    ///
    /// # Errors
    ///
    /// None that is known: a text takes whatever is written to it.
    pub fn write(&self, form: PageForm) -> Result<String, fmt::Error> {
        let mut page = String::new();
        match form {
            PageForm::Prometheus => prometheus_text::encode(&mut page, &self.registry)?,
            PageForm::OpenMetrics => text::encode(&mut page, &self.registry)?,
        }
        Ok(page)
    }
}

impl Collector for Sources {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> Result<(), fmt::Error> {
        let published = Arc::clone(&self.store.current());
        for (name, kind, _, help) in METRICS {
            // The formats append the unit of time and `_total` themselves.
            let family = encoder.encode_descriptor(name, help, None, kind)?;
            self.write(name, Family(family), &published)?;
        }
        Ok(())
    }
}

impl Sources {
    /// Returns what is counted of connections, by what is served there.
    fn connections(&self) -> [(&'static str, &Connections); 3] {
        [
            ("grpc", &self.tally.grpc),
            ("http", &self.tally.http),
            ("health", &self.tally.health),
        ]
    }

    /// Returns the seconds since a moment of the steady clock.
    fn age(&self, since: Instant) -> f64 {
        self.clock.steady().saturating_duration_since(since).as_secs_f64()
    }

    fn write(&self, name: &str, mut family: Family<'_>, published: &Published) -> Result<(), fmt::Error> {
        match name {
            "placet_decisions" => write_decisions(&mut family, published),
            "placet_calls" => {
                let mut codes = self.calls.codes();
                codes.try_for_each(|(call, code, count)| {
                    family.counter(&[("call", call.name()), ("code", code_name(code))], count)
                })
            }
            "placet_call_duration_seconds" => {
                let mut durations = self.calls.durations();
                durations.try_for_each(|(call, spread)| family.histogram(&[("call", call.name())], &spread))
            }
            "placet_connections" => self.connections().into_iter().try_for_each(|(serves, counts)| {
                family.gauge(&[("serves", serves)], counts.open.get() as f64)
            }),
            "placet_connections_accepted" => {
                self.connections().into_iter().try_for_each(|(serves, counts)| {
                    family.counter(&[("serves", serves)], counts.accepted.get())
                })
            }
            "placet_connections_refused" => {
                self.connections().into_iter().try_for_each(|(serves, counts)| {
                    let why = |why| [("serves", serves), ("why", why)];
                    family.counter(&why("full"), counts.turned_away.get())?;
                    family.counter(&why("handshake"), counts.failed_handshakes.get())
                })
            }
            "placet_connections_delayed" => self
                .connections()
                .into_iter()
                .skip(1)
                .try_for_each(|(serves, counts)| family.counter(&[("serves", serves)], counts.delayed.get())),
            "placet_connections_slowed" => family.counter_alone(self.tally.grpc.slowed.get()),
            "placet_http_requests" => self.pages.list().try_for_each(|(page, code, count)| {
                family.counter(&[("page", page), ("code", code.to_string().as_str())], count)
            }),
            "placet_requests_refused" => family.counters([
                ("overload", &self.tally.shed),
                ("caller", &self.tally.forbidden),
                ("late", &self.tally.late),
                ("malformed", &self.tally.malformed),
            ]),
            "placet_panics" => family.counter_alone(self.tally.panics.get()),
            "placet_reloads" => {
                let mut outcomes = self.reloads.outcomes();
                outcomes
                    .try_for_each(|(outcome, count)| family.counter(&[("outcome", outcome.name())], count))
            }
            "placet_reload_duration_seconds" => family.histogram_alone(&self.reloads.durations()),
            "placet_reload_good_age_seconds" => match self.rounds.latest().last_good {
                Some(good) => family.gauge_alone(self.age(good.steady)),
                None => Ok(()),
            },
            "placet_reload_running_seconds" => {
                let running = self.rounds.running_since().map(|since| self.age(since));
                family.gauge_alone(running.unwrap_or(0.0))
            }
            "placet_reload_blind" => family.gauge_alone(number(!self.rounds.latest().frozen.is_empty())),
            "placet_ready" => family.gauge_alone(number(published.is_ready())),
            "placet_log_lines_lost" => family.counter_alone(logging::lines_lost()),
            "placet_uptime_seconds" => family.gauge_alone(self.started.elapsed().as_secs_f64()),
            "placet_build" => family.0.encode_info(&[("version", env!("CARGO_PKG_VERSION"))]),
            _ => published
                .entries()
                .iter()
                .try_for_each(|(id, entry)| self.write_profile(name, &mut family, id, entry)),
        }
    }

    fn write_profile(
        &self,
        name: &str,
        family: &mut Family<'_>,
        id: &str,
        entry: &Entry,
    ) -> Result<(), fmt::Error> {
        let profile = [("profile", id)];
        let snapshot = entry.snapshot.as_ref();
        match (name, snapshot) {
            ("placet_profile_served", _) => family.gauge(&profile, number(entry.served().is_some())),
            ("placet_profile_complaints", _) => {
                let count = |severity| -> usize {
                    let latest = entry.latest().iter();
                    latest.map(|loaded| loaded.count(severity)).sum()
                };
                for (word, severity) in [("error", Severity::Error), ("warning", Severity::Warning)] {
                    family.gauge(&[("profile", id), ("severity", word)], count(severity) as f64)?;
                }
                Ok(())
            }
            ("placet_profile_stale", Some(snapshot)) => family.gauge(&profile, number(snapshot.is_stale)),
            ("placet_profile_generation", Some(snapshot)) => {
                family.gauge(&profile, snapshot.generation as f64)
            }
            ("placet_profile_age_seconds", Some(snapshot)) => {
                family.gauge(&profile, self.age(snapshot.served_since))
            }
            ("placet_profile_stale_seconds", Some(_)) => {
                let since = entry.stale_since.map(|since| self.age(since.steady));
                family.gauge(&profile, since.unwrap_or(0.0))
            }
            ("placet_profile_rules", Some(snapshot)) => {
                let model = &snapshot.model;
                let kinds = [
                    ("grant", model.grants.len()),
                    ("constraint", model.constraints.len()),
                ];
                kinds.into_iter().try_for_each(|(kind, count)| {
                    family.gauge(&[("profile", id), ("kind", kind)], count as f64)
                })
            }
            _ => Ok(()),
        }
    }
}

fn write_decisions(family: &mut Family<'_>, published: &Published) -> Result<(), fmt::Error> {
    for (id, entry) in published.entries() {
        let Some(snapshot) = &entry.snapshot else { continue };
        for (call, effect, reason, count) in snapshot.counts.list() {
            let effect = match effect {
                Effect::Allow => "ALLOW",
                Effect::Deny => "DENY",
            };
            let labels = [
                ("profile", &**id),
                ("call", call.name()),
                ("effect", effect),
                ("reason", reason.name()),
            ];
            family.counter(&labels, count)?;
        }
    }
    Ok(())
}

fn number(yes: bool) -> f64 {
    if yes { 1.0 } else { 0.0 }
}

/// A metric that is being written, with each set of labels in turn.
struct Family<'e>(MetricEncoder<'e>);

impl Family<'_> {
    fn counter(&mut self, labels: &impl EncodeLabelSet, count: u64) -> Result<(), fmt::Error> {
        let mut metric = self.0.encode_family(labels)?;
        metric.encode_counter::<NoLabelSet, u64, f64>(&count, None)
    }

    /// Writes counters that differ in why they were counted.
    fn counters<const N: usize>(&mut self, counters: [(&str, &Counter); N]) -> Result<(), fmt::Error> {
        let mut counters = counters.into_iter();
        counters.try_for_each(|(why, counter)| self.counter(&[("why", why)], counter.get()))
    }

    fn counter_alone(&mut self, count: u64) -> Result<(), fmt::Error> {
        self.0.encode_counter::<NoLabelSet, u64, f64>(&count, None)
    }

    fn gauge(&mut self, labels: &impl EncodeLabelSet, value: f64) -> Result<(), fmt::Error> {
        self.0.encode_family(labels)?.encode_gauge(&value)
    }

    fn gauge_alone(&mut self, value: f64) -> Result<(), fmt::Error> {
        self.0.encode_gauge(&value)
    }

    fn histogram(&mut self, labels: &impl EncodeLabelSet, spread: &Spread) -> Result<(), fmt::Error> {
        let mut metric = self.0.encode_family(labels)?;
        metric.encode_histogram::<NoLabelSet>(spread.seconds, spread.count, &spread.buckets, None)
    }

    fn histogram_alone(&mut self, spread: &Spread) -> Result<(), fmt::Error> {
        self.0
            .encode_histogram::<NoLabelSet>(spread.seconds, spread.count, &spread.buckets, None)
    }
}
