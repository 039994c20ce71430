// The official SDK, unmodified, against Holdfast.
//
// What a company changes when it moves to Holdfast is done here and nothing else: the base URL and
// the text in the place of the access token. Each of the SDK's ways of sending is used, and each way
// of being refused looks to it as if Meta had refused.

"use strict";

const assert = require("node:assert/strict");
const { randomUUID } = require("node:crypto");
const { describe, it } = require("node:test");

const sdk = require("facebook-nodejs-business-sdk");

const { BASE_URL, INGEST_KEY, DATASET } = process.env;
const { FacebookAdsApi, EventRequest, ServerEvent, UserData, CustomData, Content } = sdk;

// The one place where the SDK is told that Meta is elsewhere.
Object.defineProperty(FacebookAdsApi, "GRAPH", { get: () => BASE_URL.replace(/\/+$/, "") });

// What was accepted, for whoever compares it with what arrived.
const sent = [];
// Not on "exit", when what a pipe does not take at once is lost.
process.once("beforeExit", () => {
  process.stdout.write(`${JSON.stringify({ sent })}\nsent ${sent.length}\n`);
});

const now = () => Math.floor(Date.now() / 1000);

// A purchase by one and the same person, with identifiers as people type them.
function event(change = () => {}) {
  const user = new UserData()
    .setEmail(" Joe@eXample.com ")
    .setPhone("+1 (415) 555-0199")
    .setFirstName("Joe")
    .setCountry("US")
    .setClientIpAddress("203.0.113.9")
    .setClientUserAgent("Mozilla/5.0 (X11; Linux x86_64) Firefox/140.0")
    .setFbp(`fb.1.${Date.now()}.1098115397`);
  const content = new Content().setId("sku-1").setQuantity(2).setItemPrice(61.5);
  const custom = new CustomData().setCurrency("usd").setValue(123.45).setContents([content]);
  const made = new ServerEvent()
    .setEventName("Purchase")
    .setEventTime(now())
    .setEventId(`sdk-${randomUUID()}`)
    .setActionSource("website")
    .setEventSourceUrl("https://shop.example/thank-you")
    .setUserData(user)
    .setCustomData(custom);
  change(made);
  return made;
}

function request(events, { key = INGEST_KEY, dataset = DATASET } = {}) {
  FacebookAdsApi.init(key);
  return new EventRequest(key, dataset).setEvents(events);
}

function check(mode, events, response) {
  assert.equal(response.events_received, events.length);
  assert.deepEqual(response.messages, []);
  assert.match(response.fbtrace_id, /^A[A-Za-z0-9_-]{22}$/);
  for (const one of events) {
    sent.push({
      mode,
      event_id: one.event_id,
      event_name: one.event_name,
      event_time: one.event_time,
    });
  }
}

// What the SDK's documentation tells people to write who bring their own HTTP client.
class OwnClient extends sdk.HttpServiceInterface {
  async executeRequest(url, method, headers, params) {
    const response = await fetch(url, { method, headers, body: JSON.stringify(params) });
    assert.equal(response.status, 200);
    const { events_received, messages, fbtrace_id } = await response.json();
    return new sdk.EventResponse(events_received, messages, fbtrace_id);
  }
}

describe("what is accepted", () => {
  it("a request of the SDK's own", async () => {
    const events = [event(), event((made) => made.setEventName("ViewContent"))];
    check("plain", events, await request(events).execute());
  });

  it("a request with a proof and a name", async () => {
    // The proof is made with a secret that Holdfast never saw, over a key that is no token.
    const events = [event()];
    const asked = request(events)
      .setAppSecret("0123456789abcdef".repeat(2))
      .setPartnerAgent("sdk-e2e");
    check("with a proof", events, await asked.execute());
  });

  it("a client of one's own", async () => {
    const events = [event(), event()];
    const asked = request(events).setHttpService(new OwnClient());
    check("own client", events, await asked.execute());
  });

  it("several requests at once", async () => {
    const batches = [1, 2, 3].map(() => [event(), event()]);
    const answers = await Promise.all(batches.map((events) => request(events).execute()));
    batches.forEach((events, n) => check("several at once", events, answers[n]));
  });

  it("a thousand events", async () => {
    const events = Array.from({ length: 1000 }, () => event());
    check("a thousand", events, await request(events).execute());
  });

  it("an event of an app", async () => {
    const details = new sdk.ExtendedDeviceInfo().setExtInfoVersion("a2").setOsVersion("14.1");
    const app = new sdk.AppData()
      .setAdvertiserTrackingEnabled(true)
      .setApplicationTrackingEnabled(true)
      .setExtinfo(details);
    const events = [event((made) => made.setActionSource("app").setAppData(app))];
    check("app", events, await request(events).execute());
  });

  it("an event of a conversation", async () => {
    const user = new UserData().setPageId("1234").setCtwaClid("ARAkLkA8rmlFeiCktEJQ");
    const conversation = (made) =>
      made
        .setActionSource("business_messaging")
        .setMessagingChannel("whatsapp")
        .setUserData(user);
    const events = [event(conversation)];
    check("conversation", events, await request(events).execute());
  });
});

describe("what is refused", () => {
  async function refusal(asked) {
    const error = await asked.execute().then(
      () => assert.fail("it was accepted"),
      (error) => error,
    );
    // The error that the SDK makes of an answer that it understands.
    assert.equal(error.name, "FacebookRequestError", String(error));
    return error;
  }

  it("an event that is too old, by its place", async () => {
    const old = event((made) => made.setEventTime(now() - 10 * 86_400));
    const error = await refusal(request([event(), old, event()]));
    assert.equal(error.status, 400);
    assert.match(error.message, /\$\['data'\]\[1\]\['event_time'\]/);
    const { code, error_subcode, type, is_transient, error_user_title, error_user_msg } =
      error.response;
    assert.deepEqual([code, error_subcode, type], [100, 2804003, "OAuthException"]);
    assert.equal(is_transient, false);
    assert.equal(error_user_title, "meta.event_too_old");
    assert.match(error_user_msg, /event 1, event_time/);
    assert.ok(error.response.fbtrace_id);
  });

  it("a purchase without a value", async () => {
    const custom = new CustomData().setCurrency("usd");
    const error = await refusal(request([event(), event((made) => made.setCustomData(custom))]));
    assert.deepEqual([error.response.code, error.response.error_subcode], [100, 2804009]);
  });

  it("an event without a person", async () => {
    const nobody = event((made) => made.setUserData(new UserData()));
    const error = await refusal(request([nobody]));
    assert.deepEqual([error.response.code, error.response.error_subcode], [100, 2804050]);
  });

  it("a test event where nobody allowed them", async () => {
    const error = await refusal(request([event()]).setTestEventCode("TEST123"));
    assert.equal(error.response.error_user_title, "meta.test_event_refused");
  });

  it("a key that is none", async () => {
    const error = await refusal(request([event()], { key: "hfk_made-up" }));
    assert.deepEqual([error.status, error.response.code], [401, 190]);
    assert.match(error.message, /Cannot parse access token/);
    assert.ok(!JSON.stringify(error.response).includes("hfk_made-up"));
  });

  it("a dataset that is unknown", async () => {
    const error = await refusal(request([event()], { dataset: "1" }));
    assert.deepEqual([error.response.code, error.response.error_subcode], [100, 33]);
    assert.equal(error.response.type, "GraphMethodException");
  });
});
