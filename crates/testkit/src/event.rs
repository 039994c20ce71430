//! Conversion events as shops send them: about 1 KiB of JSON with ten identifiers to hash, none of
//! them a real person's.

use holdfast_model::time::UnixSeconds;
use serde_json::{Value, json};

use crate::seeded::Seeded;

/// The time of [`fake_event`]: tests that use it run on a clock of their own near it.
pub const FAKE_EVENT_TIME: UnixSeconds = UnixSeconds(1_700_000_000);

const FIRST_NAMES: &[&str] = &["Anna", "José", "Mehmet", "Zoë", "李", "Olga", "Seán", "Priya"];
const LAST_NAMES: &[&str] = &["Müller", "García", "Yılmaz", "O'Brien", "王", "Smith", "Iyer"];
const PLACES: &[(&str, &str, &str, &str, &str)] = &[
    ("Berlin", "Berlin", "10115", "DE", "+49 30 55501"),
    ("San Francisco", "CA", "94105-1420", "US", "+1 (415) 555-01"),
    ("São Paulo", "SP", "01310-100", "BR", "+55 11 5550-1"),
    ("London", "England", "SW1A 1AA", "GB", "+44 20 7946 01"),
];
const USER_AGENTS: &[&str] = &[
    "Mozilla/5.0 (iPhone; CPU iPhone OS 18_1 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.1 Mobile/15E148 Safari/604.1",
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/131.0.0.0 Safari/537.36",
];

/// Event number `n` at [`FAKE_EVENT_TIME`].
pub fn fake_event(n: u64) -> Value {
    fake_event_at(n, FAKE_EVENT_TIME)
}

/// Event number `n` as JSON text.
pub fn fake_event_json(n: u64, event_time: UnixSeconds) -> Vec<u8> {
    fake_event_at(n, event_time).to_string().into_bytes()
}

/// Event number `n`: the same number gives the same person, order and event id. Identifiers are raw
/// and untidy (blanks, capitals, punctuation), because tidying them is what admission is for.
pub fn fake_event_at(n: u64, event_time: UnixSeconds) -> Value {
    let seeded = &mut Seeded::new(n);
    let user_data = user_data(n, event_time, seeded);
    let order = seeded.hex(12);
    let items = 1 + seeded.below(2);
    json!({
        "event_name": "Purchase",
        "event_time": event_time.0,
        "event_id": format!("order-{n}-{order}"),
        "action_source": "website",
        "event_source_url": format!("https://shop.example/checkout/thank-you?order={order}"),
        "user_data": user_data,
        "custom_data": {
            "currency": seeded.pick(&["EUR", "USD", "BRL", "GBP"]),
            "value": seeded.below(50_000) as f64 / 100.0,
            "order_id": order,
            "content_type": "product",
            "num_items": items,
            "contents": contents(items, seeded),
        },
    })
}

fn user_data(n: u64, event_time: UnixSeconds, seeded: &mut Seeded) -> Value {
    let (city, state, zip, country, phone) = *seeded.pick(PLACES);
    let clicked_ms = event_time.0.saturating_sub(3_600).saturating_mul(1_000);
    json!({
        "em": [format!(" Buyer.{n}@Shop.Example ")],
        "ph": [format!("{phone}{:03}", seeded.below(1_000))],
        "fn": [seeded.pick(FIRST_NAMES)],
        "ln": [seeded.pick(LAST_NAMES)],
        "db": [format!("19{:02}{:02}{:02}", 50 + seeded.below(50), 1 + seeded.below(12), 1 + seeded.below(28))],
        "ct": [city],
        "st": [state],
        "zp": [zip],
        "country": [country],
        "external_id": [format!("customer-{n}")],
        // From the blocks reserved for documentation.
        "client_ip_address": format!("203.0.113.{}", seeded.below(256)),
        "client_user_agent": seeded.pick(USER_AGENTS),
        "fbp": format!("fb.1.{clicked_ms}.{}", 1_000_000_000 + seeded.below(1_000_000_000)),
        "fbc": format!("fb.1.{clicked_ms}.IwAR{}", seeded.hex(48)),
    })
}

fn contents(count: usize, seeded: &mut Seeded) -> Vec<Value> {
    let content = |seeded: &mut Seeded| {
        json!({
            "id": format!("sku-{}", seeded.below(100_000)),
            "quantity": 1 + seeded.below(3),
            "item_price": seeded.below(20_000) as f64 / 100.0,
        })
    };
    (0..count).map(|_| content(seeded)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const IDENTIFIERS: [&str; 10] =
        ["em", "ph", "fn", "ln", "db", "ct", "st", "zp", "country", "external_id"];

    #[test]
    fn events_are_about_a_kibibyte_with_ten_identifiers_and_ids_of_their_own() {
        let mut ids = std::collections::BTreeSet::new();
        for n in 0..500 {
            let event = fake_event(n);
            assert_eq!(event, fake_event(n));
            let length = event.to_string().len();
            assert!((850..=1_250).contains(&length), "event {n} has {length} bytes");
            for name in IDENTIFIERS {
                let value = event["user_data"][name][0].as_str();
                assert!(value.is_some_and(|text| !text.is_empty()), "{name}");
            }
            assert!(ids.insert(event["event_id"].to_string()));
        }
    }

    #[test]
    fn the_time_is_the_one_given() {
        let text = fake_event_json(1, UnixSeconds(1_800_000_000));
        let event: Value = serde_json::from_slice(&text).unwrap();
        assert_eq!(event["event_time"], 1_800_000_000);
    }
}
