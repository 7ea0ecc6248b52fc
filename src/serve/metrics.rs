//! What is counted, in the text format of OpenMetrics, which Prometheus reads.

use std::sync::atomic::AtomicU64;
use std::time::Duration;

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::Registry;

/// The media type of what [`Metrics::text`] gives.
pub(super) const MEDIA_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// In which steps the time of answers is counted, in seconds.
const STEPS: [f64; 10] = [0.0001, 0.0005, 0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1.0, 10.0];

/// A kind of request and its status.
#[derive(Debug, Clone, Hash, PartialEq, Eq, EncodeLabelSet)]
struct Answered {
    route: &'static str,
    status: u16,
}

#[derive(Debug, Clone, Hash, PartialEq, Eq, EncodeLabelSet)]
struct OfRoute {
    route: &'static str,
}

/// A form, and what became of it.
#[derive(Debug, Clone, Hash, PartialEq, Eq, EncodeLabelSet)]
struct FormLabels {
    form: &'static str,
    outcome: &'static str,
}

#[derive(Debug, Clone, Hash, PartialEq, Eq, EncodeLabelSet)]
struct OfRegistry {
    registry: String,
}

#[derive(Debug, Clone, Hash, PartialEq, Eq, EncodeLabelSet)]
struct OfList {
    list: String,
}

#[derive(Debug, Clone, Hash, PartialEq, Eq, EncodeLabelSet)]
struct Outcome {
    outcome: &'static str,
}

/// All that is counted.
pub(super) struct Metrics {
    registry: Registry,
    requests: Family<Answered, Counter>,
    seconds: Family<OfRoute, Histogram, fn() -> Histogram>,
    pub(super) connections: Gauge,
    pub(super) refused_connections: Counter,
    forms: Family<FormLabels, Counter>,
    questions: Family<Outcome, Counter>,
    registry_requests: Family<OfRegistry, Gauge<u64, AtomicU64>>,
    registry_pulls: Family<OfRegistry, Gauge<u64, AtomicU64>>,
    inventory_ended: Family<OfList, Gauge>,
    inventory_failed: Family<OfList, Counter>,
    inventory_unknown: Family<OfList, Gauge>,
    facts: Gauge,
}

impl Metrics {
    pub(super) fn new() -> Metrics {
        let steps: fn() -> Histogram = || Histogram::new(STEPS);
        let mut metrics = Metrics {
            registry: Registry::with_prefix("workson"),
            requests: Family::default(),
            seconds: Family::new_with_constructor(steps),
            connections: Gauge::default(),
            refused_connections: Counter::default(),
            forms: Family::default(),
            questions: Family::default(),
            registry_requests: Family::default(),
            registry_pulls: Family::default(),
            inventory_ended: Family::default(),
            inventory_failed: Family::default(),
            inventory_unknown: Family::default(),
            facts: Gauge::default(),
        };
        let registry = &mut metrics.registry;
        registry.register("http_requests", "Answered requests", metrics.requests.clone());
        registry.register(
            "http_request_duration_seconds",
            "Time until the answer began",
            metrics.seconds.clone(),
        );
        registry.register("connections", "Connections that are open", metrics.connections.clone());
        registry.register(
            "refused_connections",
            "Connections for which there was no room",
            metrics.refused_connections.clone(),
        );
        registry.register("forms", "Forms, and what became of them", metrics.forms.clone());
        registry.register(
            "live_questions",
            "Live queries, and how they were answered",
            metrics.questions.clone(),
        );
        registry.register(
            "registry_requests",
            "Requests to a registry for live queries since the start",
            metrics.registry_requests.clone(),
        );
        registry.register(
            "registry_pulls",
            "Counted pulls from a registry for live queries since the start",
            metrics.registry_pulls.clone(),
        );
        registry.register(
            "inventory_ended_timestamp_seconds",
            "When an inventory came to its end last",
            metrics.inventory_ended.clone(),
        );
        registry.register(
            "inventory_failures",
            "Inventories that could not be made",
            metrics.inventory_failed.clone(),
        );
        registry.register(
            "inventory_unknown_images",
            "Images that could not be told in the last inventory",
            metrics.inventory_unknown.clone(),
        );
        registry.register(
            "facts_timestamp_seconds",
            "How far the newest fact of the site reaches",
            metrics.facts.clone(),
        );
        metrics
    }

    pub(super) fn answered(&self, route: &'static str, status: u16, took: Duration) {
        self.requests.get_or_create(&Answered { route, status }).inc();
        self.seconds.get_or_create(&OfRoute { route }).observe(took.as_secs_f64());
    }

    pub(super) fn form(&self, form: &'static str, outcome: &'static str) {
        self.forms.get_or_create(&FormLabels { form, outcome }).inc();
    }

    pub(super) fn question(&self, outcome: &'static str) {
        self.questions.get_or_create(&Outcome { outcome }).inc();
    }

    pub(super) fn inventory_ended(&self, list: &str, at: jiff::Timestamp) {
        self.inventory_ended.get_or_create(&OfList { list: list.to_owned() }).set(at.as_second());
    }

    /// How many images the last inventory of a list could not tell.
    pub(super) fn inventory_unknown(&self, list: &str, images: u64) {
        self.inventory_unknown
            .get_or_create(&OfList { list: list.to_owned() })
            .set(i64::try_from(images).unwrap_or(i64::MAX));
    }

    pub(super) fn inventory_failed(&self, list: &str) {
        self.inventory_failed.get_or_create(&OfList { list: list.to_owned() }).inc();
    }

    pub(super) fn facts_reach(&self, at: Option<jiff::Timestamp>) {
        self.facts.set(at.map_or(0, jiff::Timestamp::as_second));
    }

    pub(super) fn registry_cost(&self, registry: String, requests: u64, pulls: u64) {
        let of = OfRegistry { registry };
        self.registry_requests.get_or_create(&of).set(requests);
        self.registry_pulls.get_or_create(&of).set(pulls);
    }

    /// All of it; empty only where memory can't be written.
    pub(super) fn text(&self) -> String {
        let mut text = String::new();
        if encode(&mut text, &self.registry).is_err() {
            tracing::error!("the metrics could not be written");
        }
        text
    }
}
