//! The headers that tell how much of a limit is used (`meta-conversions.md §9`).

use serde_json::json;

use crate::timeline::UsageForm;

/// Name and value of the header. The time is written in the unit that the form has: minutes,
/// seconds, or not at all.
pub fn header(
    form: UsageForm,
    asset: &str,
    percent: u64,
    minutes: u64,
) -> Option<(&'static str, String)> {
    let tier = "standard_access";
    let (name, value) = match form {
        UsageForm::None => return None,
        UsageForm::BusinessUseCase => (
            "x-business-use-case-usage",
            json!({ asset: [{
                "type": "ads_management", "call_count": percent, "total_cputime": percent / 4,
                "total_time": percent / 4, "estimated_time_to_regain_access": minutes,
                "ads_api_access_tier": tier,
            }]}),
        ),
        UsageForm::AdAccount => (
            "x-ad-account-usage",
            json!({
                "acc_id_util_pct": percent, "reset_time_duration": minutes * 60,
                "ads_api_access_tier": tier,
            }),
        ),
        UsageForm::App => (
            "x-app-usage",
            json!({
                "call_count": percent, "total_time": percent / 4, "total_cputime": percent / 4,
            }),
        ),
    };
    Some((name, value.to_string()))
}
