/**
 * URLs as Python's `urllib.parse` takes them apart and puts them together, for Django treats every name as one.
 */

export interface UrlParts {
  readonly scheme: string;
  readonly host: string;
  readonly path: string;
  readonly query: string;
  readonly fragment: string;
}

/** Minor version of Python 3: a few rules are of one version. */
export type PythonMinor = number;

const NEWER_SCHEMES = 11; // from here on a scheme begins with a letter
const NEWER_UNSPLIT = 13; // from here on a host is not made up for a path without a slash in front

const NETLOC_SCHEMES = new Set(
  (
    'ftp http gopher nntp telnet imap wais file mms https shttp snews prospero rtsp rtsps rtspu rsync svn svn+ssh sftp ' +
    'nfs git git+ssh ws wss itms-services'
  ).split(' '),
);
const PARAMETER_SCHEMES = new Set([
  '',
  ...'ftp hdl prospero http imap https shttp rtsp rtsps rtspu sip sips mms sftp tel'.split(' '),
]);

const decoder = new TextDecoder('utf-8', { ignoreBOM: true });

/** `urlsplit`; undefined where it raises a ValueError. */
export function splitUrl(url: string, python: PythonMinor): UrlParts | undefined {
  let rest = withoutUnsafe(url);
  const scheme = schemeOf(rest, python);
  if (scheme !== undefined) rest = rest.slice(scheme.length + 1);
  let host = '';
  if (rest.startsWith('//')) {
    const end = rest.slice(2).search(/[/?#]/);
    host = end < 0 ? rest.slice(2) : rest.slice(2, end + 2);
    if (!isHost(host)) return undefined;
    rest = rest.slice(host.length + 2);
  }
  const [beforeFragment, fragment] = cut(rest, '#');
  const [path, query] = cut(beforeFragment, '?');
  return { scheme: scheme?.toLowerCase() ?? '', host, path, query, fragment };
}

/** `urlunsplit`. */
export function joinUrl({ scheme, host, path, query, fragment }: UrlParts, python: PythonMinor): string {
  let url = withHost(scheme, host, path, python);
  if (scheme !== '') url = `${scheme}:${url}`;
  if (query !== '') url += `?${query}`;
  return fragment === '' ? url : `${url}#${fragment}`;
}

/** `urldefrag`: an empty query loses its `?`, empty parameters their `;`. Undefined where it raises a ValueError. */
export function withoutFragment(
  url: string,
  python: PythonMinor,
): { readonly url: string; readonly fragment: string } | undefined {
  if (!url.includes('#')) return { url, fragment: '' };
  const parts = splitUrl(url, python);
  if (parts === undefined) return undefined;
  const { scheme, fragment } = parts;
  const path = PARAMETER_SCHEMES.has(scheme) ? withoutEmptyParameters(parts.path) : parts.path;
  return { url: joinUrl({ ...parts, path, fragment: '' }, python), fragment };
}

/** `unquote`: what is no escape stays; bytes that are no UTF-8 become U+FFFD. */
export function unquote(text: string): string {
  if (!text.includes('%')) return text;
  return text.replaceAll(/(?:%[\da-fA-F]{2})+/g, (run) => decoder.decode(Buffer.from(run.replaceAll('%', ''), 'hex')));
}

function withoutUnsafe(url: string): string {
  // oxlint-disable-next-line no-control-regex -- they are what is taken away
  return url.replace(/^[\0-\x20]+/, '').replaceAll(/[\t\r\n]/g, '');
}

function schemeOf(url: string, python: PythonMinor): string | undefined {
  const found = /^([A-Za-z\d+.-]+):/.exec(url)?.[1];
  if (found === undefined) return undefined;
  return python < NEWER_SCHEMES || /^[A-Za-z]/.test(found) ? found : undefined;
}

/** The checks of `urlsplit`: what is in brackets is an address, and nothing in another script stands for a mark of URLs. */
function isHost(host: string): boolean {
  if (host.includes('[') !== host.includes(']')) return false;
  if (host.includes('[') && !isBracketed(cut(cut(host, '[')[1], ']')[0])) return false;
  const others = host.replaceAll(/[@:#?]/g, '');
  const plain = others.normalize('NFKC');
  return plain === others || !/[/?#@:]/.test(plain);
}

/** `_check_bracketed_host`: an IPv6 address, with a zone or not, or one of a version to come. */
function isBracketed(host: string): boolean {
  if (host.startsWith('v')) return /^v[\da-fA-F]+\.[^\n]+$/.test(host);
  const [address, zone] = cut(host, '%');
  if (host.includes('%') && (zone === '' || zone.includes('%'))) return false;
  return /^[\da-fA-F:.]+$/.test(address) && URL.canParse(`http://[${address}]/`);
}

function withHost(scheme: string, host: string, path: string, python: PythonMinor): string {
  const slashed = path === '' || path.startsWith('/') ? path : `/${path}`;
  if (host !== '') return `//${host}${slashed}`;
  const takesHost = scheme !== '' && NETLOC_SCHEMES.has(scheme);
  if (python < NEWER_UNSPLIT) return takesHost && !path.startsWith('//') ? `//${slashed}` : path;
  return path.startsWith('//') || (takesHost && slashed === path) ? `//${path}` : path;
}

function withoutEmptyParameters(path: string): string {
  const at = path.indexOf(';', Math.max(path.lastIndexOf('/'), 0));
  return at >= 0 && at === path.length - 1 ? path.slice(0, at) : path;
}

function cut(text: string, mark: string): readonly [before: string, after: string] {
  const at = text.indexOf(mark);
  return at < 0 ? [text, ''] : [text.slice(0, at), text.slice(at + 1)];
}
