// The whole of connecting, clicked through. Each page is looked at twice, wide and narrow: what a
// screen reader would stumble over fails the test.
'use strict';

const assert = require('node:assert/strict');
const fs = require('node:fs');
const path = require('node:path');
const { after, before, test } = require('node:test');
const { chromium } = require('playwright-core');

const { GATEWAY_URL, SANDBOX_URL, SIGN_IN_LINK, ADMIN_KEY, DATASET, PIXEL } = process.env;
const SCREENSHOTS = process.env.HOLDFAST_SCREENSHOTS;
const AXE = fs.readFileSync(require.resolve('axe-core/axe.min.js'), 'utf8');
const WIDE = { width: 1100, height: 800 };
const NARROW = { width: 380, height: 800 };

let browser;
let page;
let pictures = 0;
const callbacks = [];

before(async () => {
  browser = await chromium.launch({
    executablePath: process.env.CHROMIUM,
    args: ['--no-sandbox', '--no-proxy-server', '--disable-dev-shm-usage'],
  });
  const context = await browser.newContext({ viewport: WIDE });
  context.setDefaultTimeout(20_000);
  page = await context.newPage();
  page.on('request', (request) => {
    if (request.url().includes('/callback?')) callbacks.push(request.url());
  });
  page.on('console', (message) => {
    // A rule of the page's own policy that the page breaks shows here.
    assert.ok(!message.text().includes('Content Security Policy'), message.text());
  });
});

after(async () => browser?.close());

/** Nothing to stumble over, no token, nothing cut off; and a picture, where one is wanted. */
async function look(name) {
  for (const scheme of ['light', 'dark']) {
    await page.emulateMedia({ colorScheme: scheme });
    for (const [size, words] of [[WIDE, 'wide'], [NARROW, 'narrow']]) {
      await page.setViewportSize(size);
      await page.evaluate(AXE);
      const found = await page.evaluate(() => globalThis.axe.run(document));
      const told = found.violations.map((one) => `${one.id}: ${one.help} ${one.nodes[0].html}`);
      assert.deepEqual(told, [], `${name}, ${scheme}, ${words}`);
      const excess = await page.evaluate(
        () => document.documentElement.scrollWidth - document.documentElement.clientWidth,
      );
      assert.ok(excess <= 0, `${name} is ${excess} pixels too wide when ${words}`);
      if (SCREENSHOTS) {
        const file = `${String(pictures).padStart(2, '0')}-${name}-${words}-${scheme}.png`;
        await page.screenshot({ path: path.join(SCREENSHOTS, file), fullPage: true });
      }
    }
  }
  pictures += 1;
  await page.emulateMedia({ colorScheme: 'light' });
  await page.setViewportSize(WIDE);
  const html = await page.content();
  assert.doesNotMatch(html, /EA[A-Za-z0-9]{60,}/, 'no page has a token in it');
}

const heading = () => page.locator('h1').innerText();
const click = (name) => page.getByRole('button', { name, exact: true }).click();

async function api(method, where, body) {
  const answer = await fetch(`${GATEWAY_URL}${where}`, {
    method,
    headers: { authorization: `Bearer ${ADMIN_KEY}`, 'content-type': 'application/json' },
    body: body && JSON.stringify(body),
  });
  const text = await answer.text();
  assert.ok(answer.ok, `${method} ${where}: ${answer.status} ${text}`);
  return text ? JSON.parse(text) : null;
}

async function sandbox(method, where, body) {
  const answer = await fetch(`${SANDBOX_URL}${where}`, {
    method,
    headers: { 'content-type': 'application/json' },
    body: body && JSON.stringify(body),
  });
  assert.ok(answer.ok, `${where}: ${answer.status}`);
  return answer.json();
}

function event(id) {
  return {
    event_name: 'Lead',
    event_time: Math.floor(Date.now() / 1000) - 5,
    event_id: id,
    action_source: 'website',
    event_source_url: 'https://shop.example.com/',
    user_data: { em: 'joe@example.com', client_user_agent: 'x', client_ip_address: '192.0.2.1' },
  };
}

/** Waits for a condition of the ledger, and for nothing else. */
async function until(what, holds) {
  const end = Date.now() + 60_000;
  for (;;) {
    const status = await api('GET', '/v1/status');
    if (holds(status.ledger)) return;
    assert.ok(Date.now() < end, `${what} did not come: ${JSON.stringify(status.ledger)}`);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

test('a link signs the browser in', async () => {
  await page.goto(`${GATEWAY_URL}/connect`);
  assert.equal(await heading(), 'Sign in');
  await look('sign-in');
  await page.goto(SIGN_IN_LINK);
  await look('sign-in-by-link');
  await click('Sign in');
  assert.equal(await heading(), 'Credentials');
  await look('no-credentials');
});

test('a person connects Meta', async () => {
  await page.locator('#meta-name').fill('shop');
  await page.locator('#meta-contact').fill('ana@example.com');
  await click('Continue to Meta');
  assert.match(await heading(), /would like to act for you/);
  await look('dialog-of-meta');
  await click('Continue as Sandbox Person');
  assert.equal(await heading(), 'Stored, not yet proved');
  assert.match(page.url(), /\/connect\/result\//, 'no code is left in the address');
  await look('stored');
  await api('POST', '/v1/destinations', {
    id: 'shop', platform: 'meta', asset: DATASET, credential: 'shop',
  });
  await api('POST', '/v1/events?destination=shop', event('before'));
  await until('the first event', (ledger) => ledger.delivered === 1);
});

test('what is declined is named, asked for again, and what waited is delivered', async () => {
  const tokens = await sandbox('GET', '/_sandbox/tokens');
  for (const { name, kind } of tokens) {
    if (kind === 'user') {
      const change = { token_state: { token: name, state: 'revoked' } };
      await sandbox('POST', '/_sandbox/timeline', { change });
    }
  }
  await api('POST', '/v1/events?destination=shop', event('held'));
  await until('the hold', (ledger) => ledger.held === 1);

  await page.goto(`${GATEWAY_URL}/connect`);
  assert.match(await page.locator('.state').innerText(), /^Held: .*One item waits behind it\./);
  await look('held');
  await page.getByRole('link', { name: 'Ask again for shop' }).click();
  assert.equal(await heading(), 'Ask again for shop');
  await look('ask-again');
  await click('Ask again at Meta');
  await page.getByLabel('ads_management').uncheck();
  await click('Continue as Sandbox Person');
  assert.equal(await heading(), 'Not active');
  const missing = await page.locator('section li').allInnerTexts();
  assert.deepEqual(missing, ['ads_management']);
  await look('not-active');

  await click('Ask again for what is missing');
  await click('Continue as Sandbox Person');
  assert.equal(await heading(), 'Connected');
  assert.match(await page.locator('.note.good').innerText(), /One hold was lifted/);
  await look('connected');
  await until('what waited', (ledger) => ledger.delivered === 2 && ledger.held === 0);
});

test('a person connects Snap', async () => {
  await page.getByRole('link', { name: 'To the credentials' }).click();
  await page.locator('#snap-name').fill('snap');
  await click('Continue to Snap');
  assert.equal(await heading(), 'Sign in with Snapchat');
  await look('dialog-of-snap');
  await click('Log in as Sandbox Member and allow');
  assert.equal(await heading(), 'Stored, not yet proved');
  assert.match(await page.content(), new RegExp(PIXEL));
  await look('snap-stored');
  await api('POST', '/v1/destinations', {
    id: 'snap', platform: 'snap', asset: PIXEL, credential: 'snap',
  });
});

test('who cancels changes nothing', async () => {
  await page.goto(`${GATEWAY_URL}/connect`);
  await look('credentials');
  await page.locator('#meta-name').fill('other');
  await click('Continue to Meta');
  await click('Cancel');
  assert.equal(await heading(), 'Nothing was granted');
  await look('cancelled');
});

test('a sign-in is good once', async () => {
  assert.ok(callbacks.length >= 4);
  await page.goto(callbacks[0]);
  assert.equal(await heading(), 'This sign-in is over');
  await look('over');
});

test('a form is refused with reasons, and by keyboard it is sent', async () => {
  await page.goto(`${GATEWAY_URL}/connect`);
  await page.locator('#meta-name').fill('shop');
  await page.locator('#meta-scopes').fill('<b>');
  await page.locator('#meta-scopes').press('Enter');
  assert.equal(await heading(), 'That cannot be done');
  await look('refused');
});

test('a person signs out, and in with a key', async () => {
  await click('Sign out');
  assert.equal(await heading(), 'Sign in');
  await page.goto(`${GATEWAY_URL}/connect/regrant/shop`);
  await page.locator('#key').fill('hfk_wrong');
  await click('Sign in');
  assert.match(await page.getByRole('alert').innerText(), /not the key/);
  await look('wrong-key');
  await page.locator('#key').fill(ADMIN_KEY);
  await click('Sign in');
  assert.equal(await heading(), 'Ask again for shop', 'on to where one wanted to go');
});
