//! What a list costs: filtered by the database with a plan, and filtered by checks of each row.
//!
//! `tests/databases/run cargo bench --bench lists` prints the table; `-- --test` goes through it once, with few rows. The rows lie in
//! PostgreSQL; without PLACET_POSTGRESQL nothing is measured, and that is said.
#![allow(
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    clippy::cast_precision_loss,
    missing_docs,
    reason = "a benchmark prints, and fails by panicking"
)]

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use jiff::Timestamp;
use placet::rpc::DecisionService;
use placet::rpc::proto::v1;
use placet::store::PolicyStore;
use placet::store::reload::{ReloadConfig, Reloader};
use prost_types::Struct;
use prost_types::value::Kind;
use sqlx::{AssertSqlSafe, Connection, Executor, PgConnection, Row};
use tokio::runtime::{Builder, Runtime};

/// The allocator of the daemon, so that times compare.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// How many rows one batch of checks is about, as many as a batch may have.
const BATCH: usize = 1_000;

/// How often each way is tried; the median counts.
const ROUNDS: usize = 5;

fn main() {
    let is_test = std::env::args().any(|argument| argument == "--test");
    let Ok(url) = std::env::var("PLACET_POSTGRESQL") else {
        println!("lists: nothing is measured, as PLACET_POSTGRESQL is not set");
        return;
    };
    let runtime = Builder::new_current_thread()
        .enable_all()
        .build()
        .expect("a runtime");
    let rows = if is_test { 2_000 } else { 200_000 };
    let mut database = runtime
        .block_on(PgConnection::connect(&url))
        .expect("a connection");
    runtime.block_on(fill(&mut database, rows));
    let service = service();
    println!("{rows} rows, of which an intern reads those that are her own or published");
    let mut found = Vec::new();
    for (name, list) in [("by the plan", by_plan as List), ("by checks", by_checks as List)] {
        let mut times = Vec::new();
        for _ in 0..if is_test { 1 } else { ROUNDS } {
            let begun = Instant::now();
            let count = list(&runtime, &mut database, &service);
            times.push(begun.elapsed());
            found.push(count);
        }
        times.sort_unstable();
        let median = times.get(times.len() / 2).copied().unwrap_or(Duration::MAX);
        let each = rows as f64 / median.as_secs_f64();
        println!("{name:12} {median:9.1?}  {each:10.0} rows a second");
    }
    assert!(
        found.windows(2).all(|pair| pair.first() == pair.last()),
        "{found:?}"
    );
    println!("both find {:?}", found.first());
}

type List = fn(&Runtime, &mut PgConnection, &DecisionService) -> usize;

async fn fill(database: &mut PgConnection, rows: u32) {
    let statements = format!(
        "DROP SCHEMA IF EXISTS bench_lists CASCADE; CREATE SCHEMA bench_lists; SET search_path = bench_lists;
         CREATE TABLE users (id integer PRIMARY KEY, role text);
         INSERT INTO users SELECT n, (ARRAY['intern', 'staff', 'manager'])[n % 3 + 1] FROM generate_series(1, 100) AS n;
         CREATE TABLE articles (id integer PRIMARY KEY, title text, status text, created_by integer);
         INSERT INTO articles SELECT n, 'Title ' || n, (ARRAY['draft', 'review', 'published', 'locked'])[n % 4 + 1], n % 100 + 1
           FROM generate_series(1, {rows}) AS n;
         ANALYZE;"
    );
    let done = database.execute(sqlx::raw_sql(AssertSqlSafe(statements))).await;
    done.expect("tables");
}

/// Serves the sample profiles in this process.
fn service() -> DecisionService {
    let store = Arc::new(PolicyStore::new(None));
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("policies");
    let (mut reloader, _rounds) = Reloader::new(ReloadConfig::new(&root), Arc::clone(&store));
    reloader.reload();
    DecisionService::new(store, Timestamp::now)
}

fn subject() -> Option<v1::Subject> {
    Some(v1::Subject {
        id: "7".to_owned(),
        roles: vec!["intern".to_owned()],
        ..v1::Subject::default()
    })
}

/// Asks for one plan, and lets the database filter.
fn by_plan(runtime: &Runtime, database: &mut PgConnection, service: &DecisionService) -> usize {
    let request = v1::PlanQueryRequest {
        profile: "newsroom".to_owned(),
        subject: subject(),
        action: "read".to_owned(),
        collection: "articles".to_owned(),
        targets: vec![v1::PlanTarget::Postgresql.into()],
        ..v1::PlanQueryRequest::default()
    };
    let plan = service
        .plan_query(&request)
        .expect("a plan")
        .plan
        .expect("a plan");
    let rendering = plan.renderings.first().expect("a rendering");
    assert!(rendering.error.is_empty(), "{}", rendering.error);
    let sql = format!("SELECT id, title, status FROM articles WHERE {}", rendering.text);
    let mut query = sqlx::query(AssertSqlSafe(sql));
    for value in &rendering.parameters {
        query = match &value.kind {
            Some(Kind::StringValue(text)) => query.bind(text),
            Some(Kind::NumberValue(number)) => query.bind(*number),
            other => panic!("{other:?} is no parameter here"),
        };
    }
    let rows = runtime.block_on(query.fetch_all(database)).expect("rows");
    rows.len()
}

/// Reads everything, and asks about each row.
fn by_checks(runtime: &Runtime, database: &mut PgConnection, service: &DecisionService) -> usize {
    let sql = "SELECT a.id, a.title, a.status, a.created_by, u.role FROM articles a LEFT JOIN users u ON u.id = a.created_by";
    let rows = runtime
        .block_on(sqlx::query(sql).fetch_all(database))
        .expect("rows");
    let text = |text: String| prost_types::Value {
        kind: Some(Kind::StringValue(text)),
    };
    let number = |number: i32| prost_types::Value {
        kind: Some(Kind::NumberValue(number.into())),
    };
    let object = |entries: Vec<(&str, prost_types::Value)>| Struct {
        fields: entries
            .into_iter()
            .map(|(name, value)| (name.to_owned(), value))
            .collect(),
    };
    let mut found = 0;
    for batch in rows.chunks(BATCH) {
        let checks = batch.iter().map(|row| {
            let author = object(vec![("id", number(row.get(3))), ("role", text(row.get(4)))]);
            let author = prost_types::Value {
                kind: Some(Kind::StructValue(author)),
            };
            let attributes = object(vec![
                ("id", number(row.get(0))),
                ("status", text(row.get(2))),
                ("created_by", author),
            ]);
            v1::CheckItem {
                id: row.get::<i32, _>(0).to_string(),
                action: "read".to_owned(),
                resource: Some(v1::Resource {
                    collection: "articles".to_owned(),
                    attributes: Some(attributes),
                    ..v1::Resource::default()
                }),
                ..v1::CheckItem::default()
            }
        });
        let request = v1::CheckBatchRequest {
            profile: "newsroom".to_owned(),
            subject: subject(),
            checks: checks.collect(),
            ..v1::CheckBatchRequest::default()
        };
        let answer = service.check_batch(&request).expect("decisions");
        found += answer
            .results
            .iter()
            .filter(|result| match &result.result {
                Some(v1::check_result::Result::Decision(decision)) => decision.effect() == v1::Effect::Allow,
                other => panic!("{other:?}"),
            })
            .count();
    }
    found
}
