//! What happens, and when.

use holdfast_sandbox::{Misbehaviour, NewRule, TokenState};

use super::Plan;
use super::stage::{BRAND, SHOP, Stage};
use super::traffic::{POISON, Traffic};
use super::view::{FRAME, View};

/// Share of the traffic after which each thing happens.
const TROUBLE_AT: f64 = 0.10;
const TOKEN_DIES_AT: f64 = 0.35;
const NEW_TOKEN_AT: f64 = 0.70;

pub async fn play(
    stage: &Stage,
    _plan: &Plan,
    traffic: &Traffic,
    view: &mut View,
) -> anyhow::Result<()> {
    let control = stage.sandbox.handle();
    control.misbehave(rule(
        SHOP.1,
        None,
        Misbehaviour::Poison {
            event_name: POISON.to_owned(),
            subcode: Some(2_804_019),
            with_index: false,
        },
    ));

    until(TROUBLE_AT, stage, traffic, view).await?;
    view.say("Brand: the platform cuts a connection, answers HTML and 500 for a moment.");
    for what in [
        Misbehaviour::CutAfter,
        Misbehaviour::Html { status: 502 },
        Misbehaviour::Error {
            status: 500,
            error: serde_json::json!({ "message": "An unknown error occurred", "code": 1, "is_transient": true }),
        },
    ] {
        control.misbehave(rule(BRAND.1, Some(1), what));
    }

    until(TOKEN_DIES_AT, stage, traffic, view).await?;
    control.set_token_state(stage.shop_token(), TokenState::Expired);
    view.say("Shop: the token expires at the platform (190/463). Traffic goes on.");

    until(NEW_TOKEN_AT, stage, traffic, view).await?;
    let outcome = stage.add_new_shop_token().await?;
    view.say(format!(
        "Shop: an operator adds a new token. {} Holds lifted: {}.",
        outcome.because, outcome.holds_lifted
    ));
    until(1.0, stage, traffic, view).await
}

async fn until(
    share: f64,
    stage: &Stage,
    traffic: &Traffic,
    view: &mut View,
) -> anyhow::Result<()> {
    while traffic.progress() < share && !traffic.is_over() {
        tokio::time::sleep(FRAME).await;
        view.draw(stage).await?;
    }
    Ok(())
}

fn rule(asset: &str, times: Option<u64>, what: Misbehaviour) -> NewRule {
    NewRule { asset: Some(asset.to_owned()), times, percent: 100, what }
}
