//! How fast events are admitted, beside what it cannot be faster than: the hashing alone, and a
//! typed parse of the same event that checks nothing.
//!
//! Budget: 250,000 events of 1 KiB with 10 identifiers a second on one core.

use std::collections::BTreeMap;
use std::hint::black_box;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use holdfast_model::destination::{DestinationSettings, NormalizationProfile};
use holdfast_model::item::BatchGroup;
use holdfast_model::time::UnixSeconds;
use holdfast_platforms::meta::Meta;
use holdfast_platforms::{AdmitContext, Platform};
use serde::Deserialize;
use sha2::{Digest, Sha256};

const NOW: UnixSeconds = UnixSeconds(1_795_000_000);

/// 1 KiB; ten identifiers that are hashed.
const EVENT: &str = r#"{"event_name":"Purchase","event_time":1794999940,"event_id":"order-2026-11-18-000417","action_source":"website","event_source_url":"https://shop.example.com/checkout/thanks?order=000417&utm_source=newsletter","user_data":{"em":["John_Smith@gmail.com"],"ph":["+1 (650) 555-1212"],"fn":["John"],"ln":["Smith"],"db":["19970216"],"ge":["m"],"ct":["Menlo Park"],"st":["California"],"zp":["94025-1234"],"external_id":["user-000417"],"client_ip_address":"2001:db8:85a3::8a2e:370:7334","client_user_agent":"Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/141.0.0.0 Safari/537.36","fbc":"fb.1.1794999000000.IwAR2F4dbP0l7Mn1IawQQGCINEz7PYXQvwjNwB_qa2ofrHyiLjcbCRxTDMgk","fbp":"fb.1.1793558571054.1098115397"},"custom_data":{"value":142.52,"currency":"USD","content_type":"product","content_ids":["sku-1001","sku-1002"],"contents":[{"id":"sku-1001","quantity":1,"item_price":99.9},{"id":"sku-1002","quantity":2,"item_price":21.31}],"order_id":"000417","num_items":3}}"#;

const IDENTIFIERS: [&str; 10] = [
    "john_smith@gmail.com",
    "16505551212",
    "john",
    "smith",
    "19970216",
    "m",
    "menlopark",
    "ca",
    "94025",
    "user-000417",
];

/// What a service would declare that only wants the fields.
#[derive(Deserialize)]
#[allow(dead_code)]
struct Typed<'a> {
    event_name: &'a str,
    event_time: i64,
    event_id: &'a str,
    action_source: &'a str,
    event_source_url: &'a str,
    #[serde(borrow)]
    user_data: TypedUser<'a>,
    #[serde(borrow)]
    custom_data: BTreeMap<&'a str, &'a serde_json::value::RawValue>,
}

#[derive(Deserialize)]
#[allow(dead_code)]
struct TypedUser<'a> {
    #[serde(borrow)]
    em: Vec<&'a str>,
    ph: Vec<&'a str>,
    #[serde(rename = "fn")]
    first: Vec<&'a str>,
    ln: Vec<&'a str>,
    db: Vec<&'a str>,
    ge: Vec<&'a str>,
    ct: Vec<&'a str>,
    st: Vec<&'a str>,
    zp: Vec<&'a str>,
    external_id: Vec<&'a str>,
    client_ip_address: &'a str,
    client_user_agent: &'a str,
    fbc: &'a str,
    fbp: &'a str,
}

fn admit(c: &mut Criterion) {
    let settings = DestinationSettings::default();
    let group = BatchGroup::default();
    let cx = AdmitContext { settings: &settings, now: NOW, fallback_event_id: "f", group: &group };
    let admitted = Meta.admit(EVENT.as_bytes(), &cx).expect("the event is good");
    assert!(admitted.warnings.is_empty(), "{:?}", admitted.warnings);

    let mut benches = c.benchmark_group("event_of_1_kib");
    benches.throughput(Throughput::Elements(1));
    benches.bench_function("admit", |b| {
        b.iter(|| Meta.admit(black_box(EVENT.as_bytes()), black_box(&cx)));
    });
    for (name, profile) in [
        ("admit_param_builder", NormalizationProfile::ParamBuilder),
        ("admit_sdk_legacy", NormalizationProfile::SdkLegacy),
    ] {
        let settings = DestinationSettings { profile, ..DestinationSettings::default() };
        let cx = AdmitContext { settings: &settings, ..cx };
        benches.bench_function(name, |b| {
            b.iter(|| Meta.admit(black_box(EVENT.as_bytes()), black_box(&cx)));
        });
    }
    benches.bench_function("sha256_of_10_identifiers", |b| {
        b.iter(|| IDENTIFIERS.map(|text| Sha256::digest(black_box(text))));
    });
    benches.bench_function("serde_json_typed_parse", |b| {
        b.iter(|| serde_json::from_str::<Typed<'_>>(black_box(EVENT)));
    });
    benches.bench_function("serde_json_tree", |b| {
        b.iter(|| serde_json::from_str::<serde_json::Value>(black_box(EVENT)));
    });
    benches.finish();
}

criterion_group!(benches, admit);
criterion_main!(benches);
