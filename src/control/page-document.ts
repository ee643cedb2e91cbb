/**
 * page-document: the status page and its login form, each one document with its style and script inside.
 *
 * The browser is told to take nothing from elsewhere, and of script and style only these very texts.
 */
import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';

export interface PageDocument {
  readonly html: string;
  /** The Content-Security-Policy that goes with it. */
  readonly policy: string;
}

export interface PageDocuments {
  readonly page: PageDocument;
  readonly login: PageDocument;
  /** The login form after a wrong token. */
  readonly loginAgain: PageDocument;
}

export async function loadPageDocuments(): Promise<PageDocuments> {
  const [page, login, style, script] = await Promise.all(['page.html', 'login.html', 'page.css', 'page.js'].map(read));
  const parts = { style: style ?? '', script: script ?? '' };
  return {
    page: documentOf(page ?? '', parts),
    login: documentOf((login ?? '').replace('role="alert"', 'hidden'), parts),
    loginAgain: documentOf(login ?? '', parts),
  };
}

function read(name: string): Promise<string> {
  return readFile(new URL(`./page/${name}`, import.meta.url), 'utf8');
}

/** `frame` has an empty style, and an empty script if it has one. */
function documentOf(
  frame: string,
  { style, script }: { readonly style: string; readonly script: string },
): PageDocument {
  const html = frame
    .replace('<style></style>', () => `<style>${style}</style>`)
    .replace('<script type="module"></script>', () => `<script type="module">${script}</script>`);
  const policy = [
    "default-src 'none'",
    `style-src '${hashOf(style)}'`,
    `script-src ${html.includes('<script') ? `'${hashOf(script)}'` : "'none'"}`,
    "connect-src 'self'",
    'img-src data:',
    "form-action 'self'",
    "base-uri 'none'",
    "frame-ancestors 'none'",
  ];
  return { html, policy: policy.join('; ') };
}

function hashOf(text: string): string {
  return `sha256-${createHash('sha256').update(text).digest('base64')}`;
}
