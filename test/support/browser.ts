/**
 * A real headless Chromium, Debian's, which `npm test` installs where it is missing.
 */
import { existsSync } from 'node:fs';
import { type Browser, launch, type Page } from 'puppeteer-core';

const PLACES = ['/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome'];

/** The console is how a page speaks to its test. */
const REPORT_VIOLATIONS = `addEventListener('securitypolicyviolation', ({ violatedDirective, blockedURI }) =>
  console.error('policy: ' + violatedDirective + ' ' + blockedURI))`;

export function startBrowser(): Promise<Browser> {
  const executablePath = PLACES.find((place) => existsSync(place));
  if (executablePath === undefined) throw new Error('there is no Chromium; node config/ensure.mjs test');
  // Root has no sandbox to offer, and a container little shared memory.
  const args = ['--no-sandbox', '--disable-dev-shm-usage', '--disable-gpu'];
  return launch({ executablePath, args, headless: true });
}

export interface Watched {
  readonly page: Page;
  /** Every URL that was asked for. */
  readonly requests: string[];
  /** What the page itself complained of: exceptions, and what its policy forbade. */
  readonly complaints: string[];
}

/** A page of its own, with no cookies of another one. */
export async function openTab(browser: Browser): Promise<Watched> {
  const context = await browser.createBrowserContext();
  const page = await context.newPage();
  const requests: string[] = [];
  const complaints: string[] = [];
  page.on('request', (request) => requests.push(request.url()));
  page.on('pageerror', (error) => complaints.push(String(error)));
  page.on('console', (message) => {
    // That a server is gone for a while is what some tests are about.
    const isNetwork = /Failed to load resource|net::ERR/.test(message.text());
    if (message.type() === 'error' && !isNetwork) complaints.push(message.text());
  });
  await page.evaluateOnNewDocument(REPORT_VIOLATIONS);
  return { page, requests, complaints };
}

/** Resolves when the page shows `text` somewhere inside `selector`. */
export async function shows(page: Page, selector: string, text: string): Promise<void> {
  await page
    .waitForFunction(
      `[...document.querySelectorAll(${JSON.stringify(selector)})].some((e) => e.offsetParent !== null && e.innerText.includes(${JSON.stringify(text)}))`,
      { timeout: 30_000 },
    )
    .catch(async () => {
      const found = await page.$$eval(selector, (elements) => elements.map((element) => element.textContent));
      throw new Error(`${selector} does not show ${JSON.stringify(text)} but ${JSON.stringify(found)}`);
    });
}
