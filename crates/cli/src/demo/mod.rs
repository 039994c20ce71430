//! The demo: watch a token die and nothing get lost.
//!
//! Everything is real but the platform: HTTP in, the durable outbox, the lanes, HTTP out to the
//! sandbox. `stage` sets it up, `traffic` sends events as a client would, `story` lets things
//! happen, `view` shows them, `report` counts.

mod report;
mod stage;
mod story;
mod traffic;
mod view;

use std::time::Duration;

use anyhow::bail;

pub use report::Report;

use crate::output::Output;
use stage::Stage;
use view::View;

pub struct Plan {
    pub events: u64,
    pub length: Duration,
}

/// After the traffic has ended, everything must be delivered within this time.
const PATIENCE: Duration = Duration::from_secs(120);

pub async fn run(plan: &Plan, output: &Output) -> anyhow::Result<Report> {
    let stage = Stage::build().await?;
    let mut view = View::new(output.json);
    view.say("Sandbox, gateway and two destinations (shop, brand) on two tokens are up.");
    let traffic = traffic::start(&stage, plan);
    story::play(&stage, plan, &traffic, &mut view).await?;
    let sent = traffic.finish().await?;
    view.say("All events are sent; the lanes drain.");
    let mut waited = Duration::ZERO;
    while !stage.is_drained().await? {
        if waited > PATIENCE {
            bail!("the lanes did not drain within {} s", PATIENCE.as_secs());
        }
        tokio::time::sleep(view::FRAME).await;
        waited += view::FRAME;
        view.draw(&stage).await?;
    }
    view.draw(&stage).await?;
    let report = Report::gather(&stage, &sent).await?;
    view.end();
    stage.tear_down().await?;
    Ok(report)
}
