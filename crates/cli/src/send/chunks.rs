//! A chunk of rows: one request, tried again until the gateway answers for every row.

use std::time::Duration;

use serde_json::Value;

use super::progress::Progress;
use super::rows::{Raw, Row, Rows};
use crate::client::{Client, EventsAnswer};
use crate::exit::Failure;

/// First and longest pause before a request is repeated, where the gateway names none.
const FIRST_PAUSE: Duration = Duration::from_millis(500);
const LONGEST_PAUSE: Duration = Duration::from_secs(30);

#[derive(Default)]
pub struct Chunk {
    rows: Vec<Row>,
}

/// What became of a chunk.
pub struct Settled {
    pub rows: u64,
    pub accepted: u64,
    pub held: u64,
    pub refused: Vec<Refused>,
}

/// A row that was refused, and why.
pub struct Refused {
    pub line: u64,
    pub raw: Raw,
    pub fault: String,
    pub field: String,
    pub message: String,
}

impl Chunk {
    pub fn read(rows: &mut Rows, most: usize) -> anyhow::Result<Self> {
        let mut chunk = Self::default();
        while chunk.rows.len() < most {
            let Some(row) = rows.next()? else { break };
            chunk.rows.push(row);
        }
        Ok(chunk)
    }

    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    pub async fn send(
        self,
        client: &Client,
        query: &str,
        identity: &str,
        progress: &Progress,
    ) -> anyhow::Result<Settled> {
        let first = self.rows.first().map_or(0, |row| row.line);
        let key = format!("send-{identity}-{first}-{}", self.rows.len());
        let path = format!("/v1/events?{query}");
        let body = self.body();
        if body.is_empty() {
            return self.settle(&Value::Null);
        }
        let mut pause = FIRST_PAUSE;
        loop {
            let answer = client.send_events(&path, &key, body.clone()).await;
            let (why, wait) = match answer {
                Ok(answer) if matches!(answer.status, 202 | 422) && has_receipts(&answer) => {
                    return self.settle(&serde_json::from_slice(&answer.body)?);
                }
                Ok(answer) if is_passing(answer.status) => {
                    (format!("the gateway answers {}", answer.status), answer.retry_after_s)
                }
                Ok(answer) => return Err(answer.into_failure().into()),
                Err(failure @ Failure::Unreachable { .. }) => (failure.to_string(), None),
                Err(failure) => return Err(failure.into()),
            };
            let wait = wait.map_or(pause, Duration::from_secs);
            progress.waits(&why, wait);
            tokio::time::sleep(wait).await;
            pause = (pause * 2).min(LONGEST_PAUSE);
        }
    }

    fn body(&self) -> Vec<u8> {
        let mut body = Vec::new();
        for event in self.rows.iter().filter_map(|row| row.event.as_ref().ok()) {
            // A map of JSON values always has a JSON form.
            let _ = serde_json::to_writer(&mut body, event);
            body.push(b'\n');
        }
        body
    }

    /// A row is accepted if any destination took it, and refused if one refused it: then it is in
    /// the file of refused ones although others have it.
    fn settle(self, answer: &Value) -> anyhow::Result<Settled> {
        let receipts = answer["receipts"].as_array().map(Vec::as_slice).unwrap_or_default();
        let mut settled =
            Settled { rows: self.rows.len() as u64, accepted: 0, held: 0, refused: Vec::new() };
        // What is not usable was not sent: the gateway counts without it.
        let mut sent = 0_u64;
        for row in self.rows {
            if let Err(unusable) = row.event {
                settled.refused.push(Refused {
                    line: row.line,
                    raw: row.raw,
                    fault: "send.unusable_row".to_owned(),
                    field: unusable.field,
                    message: unusable.message,
                });
                continue;
            }
            let of_row = || receipts.iter().filter(|receipt| receipt["index"] == sent);
            let took = of_row().filter(|receipt| receipt["status"] == "accepted");
            settled.accepted += u64::from(took.clone().next().is_some());
            settled.held += u64::from(took.clone().any(|receipt| receipt["held"] == true));
            let refused = of_row().find(|receipt| receipt["status"] == "refused");
            if refused.is_none() && took.clone().next().is_none() {
                anyhow::bail!("the gateway has no receipt for line {}", row.line);
            }
            if let Some(receipt) = refused {
                let text = |key: &str| receipt[key].as_str().unwrap_or_default().to_owned();
                settled.refused.push(Refused {
                    line: row.line,
                    raw: row.raw,
                    fault: text("fault"),
                    field: text("field"),
                    message: text("message"),
                });
            }
            sent += 1;
        }
        Ok(settled)
    }
}

fn has_receipts(answer: &EventsAnswer) -> bool {
    serde_json::from_slice::<Value>(&answer.body).is_ok_and(|body| body["receipts"].is_array())
}

/// Back-pressure, a restart, a proxy: it passes.
fn is_passing(status: u16) -> bool {
    matches!(status, 408 | 429) || status >= 500
}
