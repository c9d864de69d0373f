/** The board as a dispatcher sees it: a real browser, a real site behind it, and what happens when parts of it go away. */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { chromium, type Page } from 'playwright-core';
import { bundleBoard } from '../scripts/bundle-board.ts';
import { findChromium, isBrowserRequired } from '../scripts/ensure-chromium.ts';
import { CadLine } from '../src/simulate/cad/cad-line.ts';
import { freePort } from '../src/simulate/redis/ping.ts';
import { Child, Site } from '../src/simulate/site/site.ts';

const executablePath = findChromium();
const skip =
  executablePath === undefined && !isBrowserRequired()
    ? 'no chromium here; scripts/ensure-chromium.ts'
    : false;
const args = [
  '--headless',
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
];
/** Words that stand for a name, a plate, a case: only ever in a body. */
const canary = 'QJXKWZVB';
const folder = mkdtempSync(join(tmpdir(), 'tenfour-board-'));

let site: Site;
let board: Child;
let port: number;
let page: Page;
let dispatch: CadLine;
/** What was started, to be ended last to first. */
const endings: (() => unknown)[] = [];
/** What the browser asked for, and what it complained of since the last look. */
const asked: string[] = [];
const complaints: string[] = [];
/** Complaints, without those of a stream that was cut off while we had taken the board away, and of a trace of nothing. */
const newComplaints = (): readonly string[] =>
  complaints
    .splice(0)
    .filter(
      (text) => !/Failed to load resource: (net::ERR_|the server responded with a status of 404)/.test(text),
    );

before(async () => {
  if (skip !== false) return;
  assert.ok(executablePath !== undefined, 'a browser is required here, and there is none: install chromium');
  assert.ok(await bundleBoard());
  site = await Site.start({ folder: join(folder, 'site') });
  endings.push(() => site.stop());
  port = await freePort();
  board = new Child('board', ['board', '--port', String(port)], site.env, site.folder);
  endings.push(() => board.stop());
  const [browser] = await Promise.all([chromium.launch({ executablePath, args }), board.start()]);
  endings.push(() => browser.close());
  const context = await browser.newContext({ viewport: { width: 1280, height: 800 }, colorScheme: 'dark' });
  page = await context.newPage();
  page.setDefaultTimeout(10_000);
  page.on('request', (request) => asked.push(request.url()));
  page.on('console', (message) => {
    if (['error', 'warning'].includes(message.type())) complaints.push(message.text());
  });
  page.on('pageerror', (error) => complaints.push(error.message));
  await page.addInitScript(
    `addEventListener('securitypolicyviolation', (e) => console.error('policy: ' + e.violatedDirective + ' ' + e.blockedURI))`,
  );
  await page.goto(`http://127.0.0.1:${String(port)}/`);
  dispatch = await CadLine.connect(site.linePorts.get('ca-dispatch') ?? 0, 'link');
  endings.push(() => {
    dispatch.close();
  });
});
after(async () => {
  for (const end of endings.toReversed()) await end();
  rmSync(folder, { recursive: true });
});

const send = async (text: string): Promise<void> => {
  assert.deepEqual(await dispatch.send(Buffer.from(`\x02${text}\x03`)), [{ kind: 'accepted' }]);
};
const tile = (station: string) => page.locator('.tile', { hasText: station });
const reads = (selector: string, text: string | RegExp) =>
  page.locator(selector, { hasText: text }).first().waitFor({ state: 'visible' });
const value = <T>(script: string): Promise<T> => page.evaluate<T>(script);

test('the page is live, and shows every station by word and shape and every lane', { skip }, async () => {
  await reads('#live-word', /^LIVE$/);
  assert.equal(
    await page.locator('.tile').count(),
    await page.locator('#lane-rows tr', { hasText: 'station.' }).count(),
  );
  assert.equal(await page.locator('#lane-rows tr', { hasText: 'topic ' }).count(), 2);
  await tile('ca-dispatch-cad').getByText('CONNECTED').waitFor();
  await tile('nv-patrol-cad').getByText('NEVER SEEN').waitFor();
  assert.equal(await tile('ca-dispatch-cad').locator('use').getAttribute('href'), '#shape-connected');
  assert.deepEqual(await value('[...document.querySelectorAll(".chart canvas")].length'), 2);
  assert.equal(await page.title(), 'tenfour board');
});

test('a station that is plugged in and out changes its word and its shape within seconds, and it is read out', {
  skip,
}, async () => {
  const patrol = await CadLine.connect(site.linePorts.get('nv-patrol') ?? 0, 'link');
  await tile('nv-patrol-cad').getByText('CONNECTED').waitFor();
  await send('AM.CA0990100.NV0990400.*BRD0000001.TXT\r\nHELLO');
  await tile('nv-patrol-cad')
    .getByText(/to it (now|\d+ s ago)/)
    .waitFor();
  await tile('ca-dispatch-cad')
    .getByText(/from it (now|\d+ s ago)/)
    .waitFor();
  assert.equal(await page.locator('#stations-amiss', { hasText: 'nv-patrol-cad' }).count(), 0);
  patrol.close();
  const startedAt = performance.now();
  await tile('nv-patrol-cad').getByText('AWAY').waitFor();
  assert.ok(performance.now() - startedAt < 8000);
  assert.equal(await tile('nv-patrol-cad').locator('use').getAttribute('href'), '#shape-away');
  assert.match(await value('document.getElementById("said").textContent'), /nv-patrol-cad is away/);
  await reads('#stations-amiss', /Look at: .*nv-patrol-cad AWAY/);
  await send('AM.CA0990100.NV0990400.*BRD0000002.TXT\r\nHELLO');
  await tile('nv-patrol-cad')
    .getByText(/1 waiting, oldest/)
    .waitFor();
  await page.locator('#lane-rows tr', { hasText: 'nv-patrol-cad' }).getByText('4: 1').waitFor();
});

test('a broadcast shows its audience: who has it after how long, and who waits', { skip }, async () => {
  await send('AM.CA0990100.Z1.*BRD0000003.TXT\r\nHELLO');
  const card = page.locator('.broadcast').first();
  await card.locator('.listener', { hasText: /topic NV ?has it, [\d.]+ (ms|s)/ }).waitFor();
  await card.getByText(/\d+ of \d+ have it/).waitFor();
});

test('a message is traced from the list of hops, as bars from its acceptance on', { skip }, async () => {
  const first = page.locator('.broadcast .id').first();
  const id = await first.textContent();
  await first.click();
  await page
    .locator('#trace-says', { hasText: `AM ${id ?? '?'} from CA0990100 on line ca-dispatch` })
    .waitFor();
  const stages = await page.locator('#trace-bars .stage').allTextContents();
  assert.deepEqual(stages.slice(0, 5), ['parse', 'authorize', 'validate', 'route', 'store']);
  assert.ok(stages.includes('wait') && stages.includes('deliver'), stages.join(' '));
  const offsets = await value<number[]>(
    '[...document.querySelectorAll("#trace-bars [data-kind=deliver] .piece")].map((one) => parseFloat(one.style.left))',
  );
  assert.ok(offsets.every((one) => one >= 0 && one <= 100));
  assert.ok((offsets.at(-1) ?? 0) > 0, 'the delivery begins after the acceptance');
  await reads('#trace-bars .says', 'still waits, by the record');
  await reads('#trace-says', /Deliveries that still wait: \d/);
  // From the keyboard: an id that is not there, and one that is none.
  await page.locator('#trace-id').fill('gaaaaaaaaaaaa-1');
  await page.keyboard.press('Enter');
  await reads('#trace-says', 'is on the record');
  await page.locator('#trace-id').fill('no id!');
  await page.keyboard.press('Enter');
  await reads('#trace-says', 'not an id');
});

test('nothing of a body is on the page, in the stream or in a trace', { skip }, async () => {
  await send(`AM.CA0990100.Z1.*BRD0000004.TXT\r\n${canary} SUBJECT`);
  await dispatch.send(Buffer.from(`\x02RQ.CA0990100.NV.*BRD0000005.TXT\r\nLIC/${canary}\x03`));
  await reads('.hop .code', 'VALIDATE_');
  const id = await page.locator('.broadcast .id').first().textContent();
  const trace = await (await fetch(`http://127.0.0.1:${String(port)}/trace/${id ?? ''}`)).text();
  assert.ok(trace.includes('"stage":"deliver"'), trace);
  const stream = await fetch(`http://127.0.0.1:${String(port)}/events`);
  const reader = stream.body?.getReader();
  let pictures = '';
  while (!pictures.includes('}\n\n')) pictures += Buffer.from((await reader?.read())?.value ?? []).toString();
  await reader?.cancel();
  assert.ok(pictures.includes(id ?? '?'));
  for (const text of [trace, pictures, await page.content()])
    assert.ok(!text.toUpperCase().includes(canary) && !text.includes('SUBJECT'));
});

test('it fits 1280 by 800 and a telephone, in the dark and in the light, and its words stand out', {
  skip,
}, async () => {
  for (const colorScheme of ['light', 'dark'] as const)
    for (const width of [400, 1280]) {
      await page.emulateMedia({ colorScheme });
      await page.setViewportSize({ width, height: 800 });
      const where = `${colorScheme} ${String(width)}`;
      assert.equal(await value('document.documentElement.scrollWidth'), width, where);
      assert.deepEqual(await value(tooFaint), [], where);
    }
});

test('everything that can be worked has a name, and can be reached by keys alone', { skip }, async () => {
  assert.deepEqual(await value(nameless), []);
  await page.locator('.skip').focus();
  const reached = new Set<string>();
  for (let presses = 0; presses < 12; presses += 1) {
    await page.keyboard.press('Tab');
    reached.add(
      await value<string>('document.activeElement.tagName + " " + document.activeElement.className'),
    );
    assert.notEqual(await value('getComputedStyle(document.activeElement).outlineStyle'), 'none');
  }
  assert.ok(reached.has('BUTTON id') && reached.has('SUMMARY '), [...reached].join(', '));
  await value('document.activeElement.blur()');
});

test('when Redis goes away the page says so and keeps what it knew; then it is live again', {
  skip,
}, async () => {
  assert.deepEqual(newComplaints(), []);
  site.redis.kill9();
  await reads('#live-word', 'REDIS DOWN');
  await reads('#alarm', /Redis does not answer.*What you see is \d+ (ms|s) old/);
  assert.equal(await tile('nv-patrol-cad').count(), 1);
  await site.redis.restart();
  await reads('#live-word', /^LIVE$/);
  assert.equal(await page.locator('#alarm').isVisible(), false);
});

test('without a courier the page says so in large letters, and at the topics', { skip }, async () => {
  await reads('#figures div', /courier ?working/);
  assert.equal(await site.courier.stop(), 0);
  await reads('#figures div[data-bad=yes]', /courier ?NONE/);
  assert.equal(await page.locator('.served[data-served=missing]', { hasText: 'NO: no courier' }).count(), 2);
  await site.courier.start();
  await reads('#figures div[data-bad=no]', 'courier');
});

test('pictures that are late, and pictures that cannot be shown, do not make a page live', {
  skip,
}, async () => {
  const stream = await fetch(`http://127.0.0.1:${String(port)}/events`);
  const reader = stream.body?.getReader();
  let text = '';
  while (!/^data: .*\n\n/m.test(text)) text += Buffer.from((await reader?.read())?.value ?? []).toString();
  await reader?.cancel();
  assert.match(text, /^id: \d+$/m);
  const picture = /^data: (.*)$/m.exec(text)?.[1] ?? '';
  const late = await page.context().newPage();
  // The line alone is ours: what comes on it, and when it was sent.
  await late.addInitScript(
    'window.EventSource = class extends EventTarget { constructor() { super(); window.line = this; } close() {} }',
  );
  await late.goto(`http://127.0.0.1:${String(port)}/`);
  const comes = (data: string, lateMs: number): Promise<unknown> =>
    late.evaluate(
      `line.dispatchEvent(new MessageEvent('message', { data: ${JSON.stringify(data)}, lastEventId: String(performance.now() - ${String(lateMs)}) }))`,
    );
  const says = (word: string) =>
    late.locator('#live-word', { hasText: new RegExp(`^${word}$`) }).waitFor({ timeout: 6000 });
  const alarm = () => late.locator('#alarm').textContent();
  await says('CONNECTING');
  await comes('{}', 0);
  await says('NOT LIVE');
  assert.match((await alarm()) ?? '', /There is no picture yet/);
  await comes(picture, 0);
  await says('LIVE');
  await comes(picture, 60_000);
  await says('NOT LIVE');
  assert.match((await alarm()) ?? '', /What you see is 1 min \d s old/);
  // On a line begun anew the first picture is what others are compared with, whatever the two clocks say.
  await comes(picture, 90_000);
  await says('LIVE');
  await late.close();
});

test('when the board goes away the page says that it is not live, and how old it is; then it is live again', {
  skip,
}, async () => {
  assert.equal(await board.stop(), 0);
  await reads('#live-word', 'NOT LIVE');
  await reads('#alarm', /this page is not live.*What you see is \d+ s old/);
  assert.match(await value('document.getElementById("shouted").textContent'), /not live/);
  await board.start();
  await reads('#live-word', /^LIVE$/);
  assert.equal(await page.locator('#alarm').isVisible(), false);
});

test('the browser complained of nothing, and asked nobody but the board', { skip }, () => {
  assert.deepEqual(newComplaints(), []);
  assert.ok(asked.length > 5);
  assert.deepEqual(
    asked.filter((url) => !url.startsWith(`http://127.0.0.1:${String(port)}/`)),
    [],
  );
});

/** Texts whose colour is too near to what is behind them: WCAG AA asks 4.5 to 1. */
const tooFaint = `(() => {
  const rgb = (text) => (text.match(/[\\d.]+/g) ?? []).map(Number);
  const light = ([r, g, b]) => [r, g, b].map((v) => v / 255).map((v) => (v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4))
    .reduce((sum, v, at) => sum + v * [0.2126, 0.7152, 0.0722][at], 0);
  const ground = (node) => {
    for (let at = node; at !== null; at = at.parentElement) {
      const colour = rgb(getComputedStyle(at).backgroundColor);
      if ((colour[3] ?? 1) === 1 && colour.length > 0) return colour;
    }
    return [255, 255, 255];
  };
  const found = new Set();
  for (const node of document.querySelectorAll('body *')) {
    const hasText = [...node.childNodes].some((one) => one.nodeType === 3 && one.textContent.trim() !== '');
    if (!hasText || node.getClientRects().length === 0) continue;
    const [a, b] = [light(rgb(getComputedStyle(node).color)), light(ground(node))];
    const ratio = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
    if (ratio < 4.5) found.add(node.tagName + '.' + node.className + ' ' + ratio.toFixed(2));
  }
  return [...found];
})()`;

/** Controls, charts and sections without a name for those who do not see them; fields without a label; a second h1. */
const nameless = `(() => {
  const named = (node) => (node.getAttribute('aria-label') ?? '') !== '' || node.textContent.trim() !== '' ||
    (node.labels?.length ?? 0) > 0 || document.getElementById(node.getAttribute('aria-labelledby') ?? '') !== null;
  const wrong = [...document.querySelectorAll('button:not([hidden]), a, input, summary, section, [role=img], [tabindex="0"]')]
    .filter((node) => !named(node)).map((node) => node.outerHTML.slice(0, 80));
  const pictures = [...document.querySelectorAll('svg:not([aria-hidden=true])')].map((node) => node.outerHTML.slice(0, 80));
  return [...wrong, ...pictures, ...(document.querySelectorAll('h1').length === 1 ? [] : ['h1'])];
})()`;
