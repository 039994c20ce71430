//! How long Meta asks to wait, and how much of a limit is used, from its headers.

use holdfast_model::wire::HttpResponse;
use serde_json::Value;

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Usage {
    pub wait_ms: Option<u64>,
    pub used_percent: Option<u32>,
}

/// The longest wait and the highest use that any of the headers names.
pub fn read(response: &HttpResponse) -> Usage {
    let mut usage = Usage::default();
    if let Some(seconds) = response.header("retry-after").and_then(|v| v.trim().parse::<u64>().ok())
    {
        usage.wait(seconds.saturating_mul(1_000));
    }
    if let Some(app) = json(response, "x-app-usage") {
        usage.use_of(&app, &["call_count", "total_time", "total_cputime"]);
    }
    if let Some(account) = json(response, "x-ad-account-usage") {
        usage.use_of(&account, &["acc_id_util_pct"]);
        if let Some(seconds) = account["reset_time_duration"].as_u64()
            && usage.used_percent.is_some_and(|used| used >= 100)
        {
            usage.wait(seconds.saturating_mul(1_000));
        }
    }
    let businesses = json(response, "x-business-use-case-usage").unwrap_or_default();
    for uses in businesses.as_object().into_iter().flat_map(|all| all.values()) {
        for one in uses.as_array().into_iter().flatten() {
            usage.use_of(one, &["call_count", "total_time", "total_cputime"]);
            // Minutes, unlike everything else.
            if let Some(minutes @ 1..) = one["estimated_time_to_regain_access"].as_u64() {
                usage.wait(minutes.saturating_mul(60_000));
            }
        }
    }
    usage
}

impl Usage {
    fn wait(&mut self, ms: u64) {
        self.wait_ms = Some(self.wait_ms.unwrap_or(0).max(ms));
    }

    fn use_of(&mut self, value: &Value, keys: &[&str]) {
        for percent in keys.iter().filter_map(|key| value[*key].as_f64()) {
            let percent = percent.clamp(0.0, 10_000.0) as u32;
            self.used_percent = Some(self.used_percent.unwrap_or(0).max(percent));
        }
    }
}

fn json(response: &HttpResponse, header: &str) -> Option<Value> {
    serde_json::from_str(response.header(header)?).ok()
}
