import { get, type IncomingHttpHeaders, request } from 'node:http';
import { hostname } from 'node:os';
import type { Browser, Page, SerializedAXNode } from 'puppeteer-core';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { isLoopback, isOurHost } from '../src/control/http-address.js';
import { collectMetrics, type Metrics } from '../src/control/metrics.js';
import { openStatusPage, type StatusPage } from '../src/control/status-page.js';
import type { TargetStatus } from '../src/daemon/status.js';
import { ConfigError } from '../src/errors.js';
import { openTab, shows, startBrowser, type Watched } from './support/browser.js';
import { aCycle, aTarget, inMs, REPORT, ScriptedService } from './support/scripted-service.js';

const TOKEN = 'token-of-the-configuration';

let service: ScriptedService;
let metrics: Metrics;
let opened: StatusPage[];

beforeEach(async () => {
  service = new ScriptedService();
  metrics = await collectMetrics(service);
  opened = [];
});

afterEach(async () => {
  await Promise.all(opened.map((page) => page.close()));
  metrics.close();
});

async function open(token?: string, address = '127.0.0.1:0'): Promise<StatusPage> {
  const page = await openStatusPage(service, metrics, { address, token });
  opened.push(page);
  return page;
}

describe('in a browser, the page', () => {
  let browser: Browser;
  let tab: Watched;
  let page: Page;

  beforeAll(async () => {
    browser = await startBrowser();
  });

  afterAll(async () => {
    await browser.close();
  });

  afterEach(async () => {
    const { complaints } = tab;
    await tab.page.browserContext().close();
    expect(complaints).toEqual([]);
  });

  async function visit(token?: string): Promise<StatusPage> {
    const served = await open(token);
    tab = await openTab(browser);
    page = tab.page;
    await page.goto(served.url);
    if (token === undefined) await shows(page, '#link', 'Live');
    return served;
  }

  const trouble = { code: 'UNREACHABLE', message: 'no route to host; check that the server is up' };
  const guard = { code: 'REFUSED', message: 'too many files would go; if that is right, sync with --force' };

  test.each<[TargetStatus['state'], Partial<TargetStatus>, string, string]>([
    ['starting', { inSyncAt: null, pending: null }, 'Starting', 'Starting'],
    ['in-sync', {}, 'In sync', 'Everything is in sync'],
    ['pushing', { pending: 3 }, 'Pushing', 'Bringing changes over'],
    ['behind', { pending: 3 }, 'Behind', 'Bringing changes over'],
    ['unreachable', { error: trouble, retryAt: inMs(60_000), failures: 3 }, 'Unreachable', 'static1 cannot be reached'],
    ['halted', { error: guard }, 'Needs you', 'static1 needs you'],
  ])(
    'shows a target that is %s in words and colour, and what it means for the whole',
    async (state, more, word, whole) => {
      service.set({ targets: [aTarget({ state, ...more })] });
      await visit();
      await shows(page, '.card .badge', word);
      await shows(page, '#headline', whole);
      if (more.error) await shows(page, '.trouble', more.error.message);
      if (more.retryAt) await shows(page, '.retry', '(3 tries so far)');
      expect(await page.title()).toBe(`${whole} · site:var/static`);
    },
  );

  test('shows each state in a colour that can be told from the others and read', async () => {
    await visit();
    const seen = new Map<string, string>();
    for (const state of ['starting', 'in-sync', 'pushing', 'behind', 'unreachable'] as const) {
      service.set({ targets: [aTarget({ state })] });
      await page.waitForSelector(`.card[data-state="${state}"]`);
      for (const scheme of ['light', 'dark']) {
        await page.emulateMediaFeatures([{ name: 'prefers-color-scheme', value: scheme }]);
        const colours = String(await page.evaluate(COLOURS));
        expect(contrast(colours), `${state} in ${scheme}: ${colours}`).toBeGreaterThanOrEqual(4.5);
        seen.set(`${scheme} ${colours}`, state);
      }
    }
    expect(seen.size).toBe(10);
  });

  test('shows how far a target is, how fast, and what is still to come', async () => {
    const progress = {
      phase: 'stage',
      files: 5000,
      doneFiles: 1200,
      bytes: 4e7,
      doneBytes: 1e7,
      bytesPerSecond: 5.1e6,
    };
    service.set({ targets: [aTarget({ state: 'pushing', pending: 3800, progress })] });
    await visit();
    await shows(page, '.progress', 'Sending · 1,200 of 5,000 files · 10.0 MB of 40.0 MB · 5.1 MB/s');
    expect(await page.$eval('.progress progress', (bar) => bar.getAttribute('value'))).toBe('0.25');
    await shows(page, '.card', '3,800 files');
  });

  test('shows what changed while it is open, at once', async () => {
    await visit();
    await shows(page, '#headline', 'Everything is in sync');
    const { local } = service.status();
    service.set({ local: { ...local, unsettled: 4 }, targets: [aTarget({ state: 'pushing', pending: 4 })] });
    await shows(page, '#local-unsettled', '4 files');
    await shows(page, '.card .badge', 'Pushing');
    service.addCycle(aCycle({ id: 2, changes: [{ kind: 'added', path: 'img/new.png', size: 812_000 }] }));
    await shows(page, '#cycles li', 'img/new.png added');
    await shows(page, '#cycles li', 'served in 142 ms');
    service.set({ targets: [aTarget({ name: 'other' })] });
    await shows(page, '.card h3', 'other');
    expect(await page.$$('.card')).toHaveLength(1);
    service.emit({ kind: 'warning', text: 'the limit of watches is near' });
    await shows(page, '.notice', 'the limit of watches is near');
  });

  test('shows the last cycles with what changed and what failed', async () => {
    const [ok] = REPORT.targets;
    if (ok === undefined) throw new Error('the report is empty');
    const changes = [
      { kind: 'modified', path: 'css/site.css', size: 4120 },
      { kind: 'removed', path: 'js/old.js', size: 10 },
    ] as const;
    const targets = [ok, { ...ok, name: 'static2', ok: false, error: trouble }];
    service.addCycle(aCycle({ changes, changed: 250, ok: false, savedToServedMs: null, targets }));
    await visit();
    await shows(page, '#cycles li', '250 changes');
    await shows(page, '#cycles li', 'failed: static2');
    await page.click('#cycles summary');
    await shows(page, '#cycles .paths', 'js/old.js');
    await shows(page, '#cycles .paths', 'and 248 more');
    await shows(page, '#cycles .results', 'static1: 1 file pushed, 0 removed, 4.1 kB sent in 61 ms');
    await shows(page, '#cycles .results', `static2: ${trouble.message}`);
  });

  test('shows what could not be brought over and why', async () => {
    const problem = { path: 'fonts/a.woff2', step: 'publish', code: 'OBSTRUCTED', message: 'move it away' } as const;
    const { local } = service.status();
    const unreadable = { path: 'x.png', step: 'collect', code: 'UNREADABLE', message: 'permission denied' } as const;
    const problems = Array.from({ length: 60 }, () => problem);
    service.set({ targets: [aTarget({ state: 'behind', problems })], local: { ...local, problems: [unreadable] } });
    await visit();
    await shows(page, '#headline', 'Some files could not be brought over');
    await page.click('.card .problems summary');
    await shows(page, '.card .problems', '60 files could not be pushed');
    await shows(page, '.card .problems', 'move it away');
    await shows(page, '.card .problems', 'and 10 more');
    await page.click('#local-trouble summary');
    await shows(page, '#local-trouble', 'permission denied');
  });

  test('shows when nothing can be collected, and when the configuration is wrong', async () => {
    await visit();
    service.set({ configError: 'pushstatic.yaml:3:1: targets: wrong' });
    await shows(page, '#headline', 'The configuration has a mistake');
    await shows(page, '#subline', 'pushstatic.yaml:3:1');
    const error = { code: 'SOURCE', message: 'assets is not there; is it mounted?' };
    service.set({ local: { state: 'halted', files: 0, unsettled: 0, error, problems: [] } });
    await shows(page, '#headline', 'Collecting has stopped');
    await shows(page, '#subline', error.message);
  });

  test('says what a cycle without a change was about, and why it failed', async () => {
    const collected = aCycle().collect;
    const gone = { code: 'SOURCE', message: 'cannot collect from /srv/site/assets: no such folder' };
    const broken = { path: 'a.css', step: 'collect', code: 'BROKEN_LINK', message: 'it leads nowhere' } as const;
    const nothing = { ok: false, changes: [], changed: 0, savedToServedMs: null };
    service.addCycle(aCycle({ ...nothing, id: 1, targets: [], error: gone }));
    service.addCycle(aCycle({ ...nothing, id: 2, collect: { ...collected, problems: [broken] } }));
    await visit();
    await shows(page, '#cycles li', '1 file could not be collected');
    await page.click('#cycles li:first-child summary');
    await shows(page, '#cycles li:first-child', 'a.css: it leads nowhere');
    await page.click('#cycles li:last-child summary');
    await shows(page, '#cycles li:last-child', 'Collecting failed');
    await shows(page, '#cycles li:last-child', gone.message);
  });

  test('says once what is wrong with the configuration, for as long as it is', async () => {
    await visit();
    const configError = 'pushstatic.yaml:3:1: urk: unknown key';
    service.set({ configError });
    service.emit({ kind: 'warning', text: `the old configuration stays in force: ${configError}` });
    service.emit({ kind: 'warning', text: 'something else' });
    await shows(page, '#subline', configError);
    await shows(page, '#notices', 'something else');
    expect(await page.$$eval('#notices p', (notices) => notices.length)).toBe(1);
  });

  test('tells how the sources are watched and what was lost', async () => {
    const { watch } = service.status();
    service.set({ watch: { ...watch, backend: 'poll', losses: 2, foundBySweep: 7 } });
    await visit();
    await shows(page, '#watch-backend', 'looking again and again');
    await shows(page, '#watch-losses', '2 times');
    await shows(page, '#watch-found', '7 files');
    await shows(page, '#watch-folders', '/srv/site/vendor/dist');
  });

  test('asks for a cycle, a pause and its end by a click', async () => {
    await visit();
    await page.click('#sync');
    await shows(page, '#answer', 'A cycle has been asked for.');
    await page.click('.card button');
    await shows(page, '#answer', 'static1 has been asked for.');
    expect(service.triggers).toEqual([
      { targets: [], force: false, checksum: false },
      { targets: ['static1'], force: false, checksum: false },
    ]);
    await page.click('#pause');
    await shows(page, '#pause', 'Resume');
    await shows(page, '#headline', 'Paused');
    await page.click('#pause');
    await shows(page, '#pause', 'Pause');
    expect(service.asked.slice(2)).toEqual(['pause', 'resume']);
  });

  test('shows what the daemon says where it refuses', async () => {
    await visit();
    service.pause = () => {
      throw new ConfigError('cannot pause: <b>not now</b>');
    };
    await page.click('#pause');
    await shows(page, '#answer', 'cannot pause: <b>not now</b>');
  });

  test('can be used with the keyboard alone', async () => {
    service.addCycle(aCycle());
    await visit();
    const reached: string[] = [];
    for (let step = 0; step < 4; step++) {
      await page.keyboard.press('Tab');
      reached.push(String(await page.evaluate(FOCUSED)));
    }
    expect(reached).toEqual(['Sync now', 'Pause', 'Sync static1 now', 'css/site.css changed']);
    await page.keyboard.press('Enter');
    await page.waitForSelector('#cycles details[open]');
    for (let step = 0; step < 3; step++) {
      await page.keyboard.down('Shift');
      await page.keyboard.press('Tab');
      await page.keyboard.up('Shift');
    }
    await page.keyboard.press('Space');
    await shows(page, '#answer', 'A cycle has been asked for.');
  });

  test('speaks to a screen reader: names, headings, and what changes by itself', async () => {
    const progress = { phase: 'stage', files: 2, doneFiles: 1, bytes: 0, doneBytes: 0, bytesPerSecond: 0 };
    service.set({ targets: [aTarget({ state: 'pushing', progress })] });
    await visit();
    const tree = await page.accessibility.snapshot({ interestingOnly: false });
    expect(tree === null ? [] : spoken(tree)).toEqual(
      expect.arrayContaining([
        'heading Bringing changes over',
        'heading Targets',
        'region Last cycles',
        'button Sync static1 now',
        'progressbar Progress',
        'status',
        'log Notices',
      ]),
    );
  });

  test('keeps the place of whoever reads while everything changes', async () => {
    service.addCycle(aCycle());
    await visit();
    await page.focus('.card button');
    await page.click('#cycles summary');
    await page.focus('.card button');
    service.set({ targets: [aTarget({ state: 'pushing' })] });
    service.addCycle(aCycle({ id: 2, changed: 9 }));
    await shows(page, '#cycles li', '9 changes');
    await shows(page, '.card .badge', 'Pushing');
    expect(await page.evaluate(FOCUSED)).toBe('Sync static1 now');
    expect(await page.$$('#cycles details[open]')).toHaveLength(1);
  });

  test('takes hostile names for text', async () => {
    const hostile = '<img src=x onerror="document.title=1"><script>document.title=1</script>\u202e"\'&amp;';
    const problem = { path: hostile, step: 'publish', code: 'FAILED', message: hostile } as const;
    const error = { code: 'FAILED', message: hostile };
    const { watch, local } = service.status();
    service.set({
      site: hostile,
      config: hostile,
      watch: { ...watch, reason: hostile, folders: [hostile] },
      local: { ...local, problems: [problem] },
      targets: [aTarget({ name: hostile, url: hostile, state: 'halted', error, problems: [problem] })],
    });
    const [target] = REPORT.targets;
    if (target === undefined) throw new Error('the report is empty');
    const targets = [{ ...target, name: hostile, error }];
    service.addCycle(aCycle({ changes: [{ kind: 'added', path: hostile, size: 1 }], ok: false, targets }));
    await visit();
    service.emit({ kind: 'warning', text: hostile });
    await page.click('#cycles summary');
    await page.click('.card .problems summary');
    for (const place of [
      '.card h3',
      '.url',
      '.trouble',
      '.card .problems',
      '#cycles .what',
      '#cycles .results',
      '.notice',
    ]) {
      await shows(page, place, '<script>document.title=1</script>');
    }
    expect(await page.$$('main img, main script')).toEqual([]);
    expect(await page.title()).toContain('needs you');
    expect(tab.requests.every((url) => url.startsWith(opened[0]?.url ?? '-') || url.startsWith('data:'))).toBe(true);
  });

  test.each(['light', 'dark'])('fits a phone of 360 pixels in %s, also with long names', async (scheme) => {
    const long = `img/${'very-long-name-without-a-place-to-break_'.repeat(4)}.webp`;
    service.set({
      site: 'a-site-with-a-rather-long-name:var/www/static',
      targets: [
        aTarget({
          name: 'a'.repeat(60),
          url: `sftp://h/${'x'.repeat(90)}`,
          state: 'halted',
          error: { code: 'X', message: long },
        }),
      ],
    });
    service.addCycle(aCycle({ changes: [{ kind: 'added', path: long, size: 812_000 }] }));
    const served = await open();
    tab = await openTab(browser);
    page = tab.page;
    await page.setViewport({ width: 360, height: 740, isMobile: true, hasTouch: true });
    await page.emulateMediaFeatures([{ name: 'prefers-color-scheme', value: scheme }]);
    await page.goto(served.url);
    await shows(page, '#link', 'Live');
    await page.tap('#cycles summary');
    await shows(page, '#cycles .paths', 'very-long-name');
    expect(await page.evaluate(WIDEST)).toBeLessThanOrEqual(360);
    expect(await page.evaluate(SMALLEST_BUTTON)).toBeGreaterThanOrEqual(44);
    const ground = String(await page.evaluate('getComputedStyle(document.body).backgroundColor'));
    const brightness = Math.max(...(ground.match(/\d+/g) ?? []).map(Number));
    expect(scheme === 'dark' ? brightness < 60 : brightness > 200).toBe(true);
  });

  test('asks for nothing from elsewhere', async () => {
    const served = await visit();
    await page.click('#sync');
    await shows(page, '#answer', 'asked for');
    const foreign = tab.requests.filter((url) => !url.startsWith(served.url) && !url.startsWith('data:'));
    expect(foreign).toEqual([]);
    expect(tab.requests.filter((url) => url.startsWith(served.url)).map((url) => new URL(url).pathname)).toEqual([
      '/',
      '/events',
      '/trigger',
    ]);
  });

  test('says that the daemon is gone, and comes back by itself', async () => {
    const served = await visit();
    const { port } = new URL(served.url);
    await served.close();
    await shows(page, '#lost', 'The connection to the daemon is lost.');
    await shows(page, '#headline', 'No word from the daemon');
    await shows(page, '#subline', 'The last was: Everything is in sync.');
    expect(await page.$eval('#sync', (button) => button.hasAttribute('disabled'))).toBe(true);
    service.set({ targets: [aTarget({ generation: 99 })] });
    await open(undefined, `127.0.0.1:${port}`);
    await shows(page, '.card', 'generation 99');
    await page.waitForSelector('#lost', { hidden: true });
    await shows(page, '#headline', 'Everything is in sync');
    // With the token of the new start.
    await page.click('#sync');
    await shows(page, '#answer', 'A cycle has been asked for.');
    expect(service.asked).toEqual(['trigger']);
  });

  test('asks for the token where one is configured, and remembers who knew it', async () => {
    const served = await visit(TOKEN);
    await shows(page, 'form', 'Token');
    expect(await page.$('[role=alert]:not([hidden])')).toBeNull();
    await page.type('#token', 'not the token');
    await page.keyboard.press('Enter');
    await shows(page, '[role=alert]', 'That is not the token.');
    await page.type('#token', TOKEN);
    await page.click('form button');
    await shows(page, '#headline', 'Everything is in sync');
    await page.click('#sync');
    await shows(page, '#answer', 'A cycle has been asked for.');
    const [cookie] = await page.browserContext().cookies();
    expect(cookie).toMatchObject({ httpOnly: true, sameSite: 'Strict' });
    expect(cookie?.value).not.toContain(TOKEN);
    // Another start with the same token knows it still; one with another token does not.
    const { port } = new URL(served.url);
    await served.close();
    await shows(page, '#lost', 'lost');
    const second = await open(TOKEN, `127.0.0.1:${port}`);
    await shows(page, '#link', 'Live');
    await second.close();
    await open('quite another one', `127.0.0.1:${port}`);
    await shows(page, 'form', 'Token');
  });

  test('does nothing for a page of another origin, even on this machine', async () => {
    const served = await visit();
    const other = await open();
    await page.goto(`${other.url}readyz`); // a page without a policy, of another port
    const tries = String(
      await page.evaluate(`(async () => {
        const ask = (init) => fetch('${served.url}pause', { method: 'POST', ...init }).then((r) => r.type + r.status, () => 'failed');
        const results = [
          await ask({ mode: 'no-cors' }),
          await ask({ headers: { 'x-pushstatic-token': 'x' } }),
          await fetch('${served.url}status').then((r) => r.status, () => 'failed'),
        ];
        const form = document.createElement('form');
        form.method = 'post';
        form.action = '${served.url}pause';
        document.body.append(form);
        form.submit();
        return results.join();
      })()`),
    );
    await page.waitForNavigation();
    expect(tries).toBe('opaque0,failed,failed');
    expect(await page.$eval('body', (body) => body.textContent)).toContain('"FORBIDDEN"');
    expect(service.asked).toEqual([]);
    tab.complaints.splice(0); // of the browser, about just this
  });
});

/** Every node as `role name`. */
function spoken({ role, name = '', children = [] }: SerializedAXNode): string[] {
  return [`${role} ${name}`.trim(), ...children.flatMap(spoken)];
}

/** Text and ground of the badge, as [r,g,b]s from what was painted. */
const COLOURS = `(() => {
  const paint = (colour) => {
    const context = document.createElement('canvas').getContext('2d', { willReadFrequently: true });
    context.fillStyle = colour;
    context.fillRect(0, 0, 1, 1);
    return [...context.getImageData(0, 0, 1, 1).data].slice(0, 3);
  };
  const style = getComputedStyle(document.querySelector('.badge'));
  return [...paint(style.color), ...paint(style.backgroundColor)].join();
})()`;
const FOCUSED = `document.activeElement.getAttribute('aria-label') ??
  (document.activeElement.querySelector('.what') ?? document.activeElement).textContent`;
const WIDEST = `Math.max(document.documentElement.scrollWidth,
  ...[...document.querySelectorAll('body *')].map((e) => Math.ceil(e.getBoundingClientRect().right)))`;
const SMALLEST_BUTTON = `Math.min(...[...document.querySelectorAll('button')].map((e) => e.getBoundingClientRect().height))`;

/** The contrast of six numbers r,g,b,r,g,b as WCAG 2 defines it. */
function contrast(colours: string): number {
  const parts = colours.split(',').map((part) => {
    const share = Number(part) / 255;
    return share <= 0.04045 ? share / 12.92 : ((share + 0.055) / 1.055) ** 2.4;
  });
  const luminance = ([r = 0, g = 0, b = 0]: number[]): number => 0.2126 * r + 0.7152 * g + 0.0722 * b;
  const [dark = 0, bright = 0] = [luminance(parts.slice(0, 3)), luminance(parts.slice(3))].sort((a, b) => a - b);
  return (bright + 0.05) / (dark + 0.05);
}

interface Reply {
  readonly status: number | undefined;
  readonly headers: IncomingHttpHeaders;
  readonly text: string;
}

/** A request with exactly these headers, such as no browser would send. */
function ask(url: string, method = 'GET', headers: Record<string, string> = {}, body = ''): Promise<Reply> {
  return new Promise((resolve, reject) => {
    const asked = request(url, { method, headers, agent: false }, (reply) => {
      let text = '';
      reply.setEncoding('utf8').on('data', (part: string) => (text += part));
      reply.on('end', () => resolve({ status: reply.statusCode, headers: reply.headers, text }));
    });
    asked.on('error', reject);
    asked.end(body);
  });
}

/** What the page was given to send along. */
function pageTokenOf(url: string, headers: Record<string, string> = {}): Promise<string> {
  return new Promise((resolve, reject) => {
    const asked = get(`${url}events`, { headers, agent: false }, (reply) => {
      reply.setEncoding('utf8').on('data', (text: string) => {
        const token = /"token":"([^"]+)"/.exec(text)?.[1];
        if (token === undefined) return;
        asked.destroy();
        resolve(token);
      });
    });
    asked.on('error', reject);
  });
}

describe('the page is sent', () => {
  test('with a policy that allows its own script and nothing else, and is kept nowhere', async () => {
    const { headers, text } = await ask((await open()).url);
    expect(headers).toMatchObject({
      'content-security-policy': expect.stringMatching(
        /^default-src 'none'; style-src 'sha256-[\w+/=]+'; script-src 'sha256-[\w+/=]+'; connect-src 'self'; img-src data:; form-action 'self'; base-uri 'none'; frame-ancestors 'none'$/,
      ),
      'x-content-type-options': 'nosniff',
      'cache-control': 'no-store',
    });
    expect(text).not.toMatch(/ on[a-z]+=| style=|https?:\/\/(?!www\.w3\.org\/2000\/svg)/);
  });

  test('with all that it shows in one document', async () => {
    const { text } = await ask((await open()).url);
    expect(text).toMatch(/<style>[^<]{1000,}<\/style>/);
    expect(text).toMatch(/<script type="module">[\s\S]{1000,}<\/script>/);
  });
});

describe('a request for something to be done', () => {
  test.each<[string, (own: string, token: string) => Record<string, string>]>([
    ['from another site', (_, token) => ({ origin: 'http://evil.example', 'x-pushstatic-token': token })],
    ['from another port', (_, token) => ({ origin: 'http://127.0.0.1:1', 'x-pushstatic-token': token })],
    ['from no origin that has a name', (_, token) => ({ origin: 'null', 'x-pushstatic-token': token })],
    [
      'that the browser calls cross-site',
      (own, token) => ({ origin: own, 'sec-fetch-site': 'cross-site', 'x-pushstatic-token': token }),
    ],
    [
      'that the browser calls same-site',
      (own, token) => ({ origin: own, 'sec-fetch-site': 'same-site', 'x-pushstatic-token': token }),
    ],
    ['that says not where it comes from', (_, token) => ({ 'x-pushstatic-token': token })],
    ['without the token of the page', (own) => ({ origin: own, 'sec-fetch-site': 'same-origin' })],
    ['with another token', (own) => ({ origin: own, 'x-pushstatic-token': 'x'.repeat(43) })],
    ['under another name', (own, token) => ({ origin: own, host: 'evil.example', 'x-pushstatic-token': token })],
  ])('%s is refused', async (_, headers) => {
    const { url } = await open();
    const own = url.slice(0, -1);
    const token = await pageTokenOf(url);
    const refused = await ask(`${url}pause`, 'POST', headers(own, token));
    expect([refused.status, JSON.parse(refused.text)]).toMatchObject([403, { error: { code: 'FORBIDDEN' } }]);
    expect(service.asked).toEqual([]);
    const granted = await ask(`${url}pause`, 'POST', { origin: own, 'x-pushstatic-token': token });
    expect([granted.status, service.asked]).toEqual([200, ['pause']]);
  });

  test('cannot end the daemon or reload it: that is for the socket', async () => {
    const { url } = await open();
    const headers = { origin: url.slice(0, -1), 'x-pushstatic-token': await pageTokenOf(url) };
    for (const path of ['stop', 'reload']) expect((await ask(url + path, 'POST', headers)).status).toBe(404);
  });
});

describe('a name that points here but is not ours (DNS rebinding)', () => {
  test.each(['evil.example', 'evil.example:PORT', '127.0.0.1', '127.0.0.1:1', 'localhost.evil.example:PORT', '[::1'])(
    'is refused everywhere: %j',
    async (name) => {
      const { url } = await open();
      const { port } = new URL(url);
      for (const path of ['', 'status', 'events', 'healthz', 'metrics']) {
        const { status } = await ask(url + path, 'GET', { host: name.replace('PORT', port) });
        expect(status, path).toBe(403);
      }
    },
  );

  test.each(['127.0.0.1:PORT', 'localhost:PORT', '[::1]:PORT', 'LOCALHOST:PORT'])('is not %s', async (name) => {
    const { url } = await open();
    expect((await ask(url, 'GET', { host: name.replace('PORT', new URL(url).port) })).status).toBe(200);
  });

  test.each([
    ['box:80', { host: 'box', port: 80 }, true],
    ['box', { host: 'box', port: 80 }, true],
    ['box', { host: 'box', port: 8873 }, false],
    ['machine:8873', { host: '10.0.0.5', port: 8873 }, true],
    ['machine:8873', { host: '127.0.0.1', port: 8873 }, false],
    ['10.0.0.6:8873', { host: '10.0.0.5', port: 8873 }, false],
    ['10.0.0.6:8873', { host: '0.0.0.0', port: 8873 }, true],
    ['[fe80::1]:8873', { host: '::', port: 8873 }, true],
    ['evil.example:8873', { host: '0.0.0.0', port: 8873 }, false],
    [undefined, { host: '127.0.0.1', port: 8873 }, false],
  ] as const)('is judged by the address that is listened at: %s at %j', (header, address, expected) => {
    expect(isOurHost(header, address, 'machine')).toBe(expected);
  });
});

describe('an address that others can reach', () => {
  test.each([
    ['127.0.0.1', true],
    ['127.9.9.9', true],
    ['::1', true],
    ['localhost', true],
    ['0.0.0.0', false],
    ['::', false],
    ['127.evil.example', false],
    ['10.0.0.1', false],
  ])('%s is this machine alone: %s', (host, expected) => {
    expect(isLoopback(host)).toBe(expected);
  });

  test('is refused without a token', async () => {
    await expect(open(undefined, '0.0.0.0:0')).rejects.toThrow(ConfigError);
    await expect(open(undefined, '[::]:0')).rejects.toThrow(/set daemon\.tokenEnv or daemon\.tokenFile/);
  });

  test('is open to who has the token, under the name of the machine too', async () => {
    const { url } = await open(TOKEN, '0.0.0.0:0');
    const { port } = new URL(url);
    const here = `http://127.0.0.1:${port}/`;
    const bearer = (token: string) => ({ authorization: `Bearer ${token}` });
    expect((await ask(`${here}status`)).status).toBe(401);
    const started = performance.now();
    expect((await ask(`${here}status`, 'GET', bearer(`${TOKEN}x`))).status).toBe(401);
    expect(performance.now() - started).toBeGreaterThan(900); // so that nobody tries many
    expect((await ask(`${here}status`, 'GET', bearer(TOKEN))).status).toBe(200);
    expect((await ask(here, 'GET', { host: `${hostname()}:${port}` })).status).toBe(401);
  });
});

describe('with a token', () => {
  const bearer = { authorization: `Bearer ${TOKEN}` };

  test('everything asks for it but the form, and what monitors on this machine ask', async () => {
    const { url } = await open(TOKEN);
    for (const path of ['status', 'events']) {
      const { status, headers, text } = await ask(url + path);
      expect([status, headers['www-authenticate'], JSON.parse(text)]).toMatchObject([
        401,
        'Bearer',
        { error: { code: 'UNAUTHORIZED' } },
      ]);
    }
    expect((await ask(url)).text).toContain('<form');
    expect((await ask(url)).status).toBe(401);
    for (const path of ['healthz', 'readyz', 'metrics']) expect((await ask(url + path)).status).toBe(200);
  });

  test('a program may do all that the page may, by the token alone', async () => {
    const { url } = await open(TOKEN);
    expect((await ask(`${url}status`, 'GET', bearer)).status).toBe(200);
    expect((await ask(`${url}trigger`, 'POST', bearer, '{"targets":["static1"]}')).status).toBe(202);
    expect((await ask(`${url}metrics`, 'GET', { ...bearer, host: 'prometheus.example' })).status).toBe(200);
    expect(service.triggers).toEqual([{ targets: ['static1'], force: false, checksum: false }]);
  });

  test('a page of another site cannot use the cookie of who is logged in, nor log somebody in', async () => {
    const { url } = await open(TOKEN);
    const own = url.slice(0, -1);
    const body = `token=${TOKEN}`;
    expect((await ask(`${url}login`, 'POST', { origin: 'http://evil.example' }, body)).status).toBe(403);
    const { status, headers } = await ask(`${url}login`, 'POST', { origin: own }, body);
    expect([status, headers.location]).toEqual([303, '/']);
    const cookie = headers['set-cookie']?.[0]?.split(';')[0] ?? '';
    expect((await ask(`${url}status`, 'GET', { cookie })).status).toBe(200);
    const token = await pageTokenOf(url, { cookie });
    const asked = { cookie, 'x-pushstatic-token': token };
    expect((await ask(`${url}pause`, 'POST', { ...asked, origin: 'http://evil.example' })).status).toBe(403);
    expect((await ask(`${url}pause`, 'POST', { ...asked, origin: own })).status).toBe(200);
  });

  test('a wrong one costs time', async () => {
    const { url } = await open(TOKEN);
    const before = performance.now();
    expect((await ask(`${url}login`, 'POST', { origin: url.slice(0, -1) }, 'token=wrong')).status).toBe(401);
    expect(performance.now() - before).toBeGreaterThan(900);
  });
});

describe('the end of the daemon', () => {
  test('ends what streams, within a moment', async () => {
    const page = await open();
    const before = service.listeners;
    const ended = ask(`${page.url}events`);
    await expect.poll(() => service.listeners).toBe(before + 1);
    await page.close();
    expect((await ended).text).toContain('event: hello');
    expect(service.listeners).toBe(before);
  });
});
