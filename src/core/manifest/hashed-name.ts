/**
 * hashedName: the name under which the content of a file is published: `css/app.css` becomes `css/app.<hash>.css`.
 *
 * Django takes a name for a URL here (`HashedFilesMixin.hashed_name`): escapes are decoded, and what follows a `?` or a
 * `#` is kept behind the hash.
 */
import { joinPath, splitExtension, splitPath, strip } from '../python-path.js';
import { joinUrl, type PythonMinor, splitUrl, unquote } from './python-url.js';

/** The first 12 hexadecimal digits of the MD5 of a content. */
export type ContentHash = string;

export const CONTENT_HASH_DIGITS = 12;

const HASH_IN_NAME = /\.[0-9a-f]{12}(?=(?:\.[^./?#]*)?(?:[?#].*)?$)/;

const DOT = '.'.charCodeAt(0);

const PLAIN = /^(?!\/\/)[\w./~@+,=!()-]+$/; // behind two slashes stands a host

/** Whether nothing in `name` means anything in a URL: as nearly all names are. */
export function isPlainName(name: string): boolean {
  return PLAIN.test(name);
}

/** Whether a path looks like one that has a hash in its name. */
export function looksHashed(path: string): boolean {
  return HASH_IN_NAME.test(path);
}

/** What `withHash` made it of, where it is that. */
export function withoutHash(name: string): string {
  return name.replace(HASH_IN_NAME, '');
}

/** Undefined where Django raises a ValueError: the name is no URL. */
export function hashedName(name: string, hash: ContentHash, python: PythonMinor): string | undefined {
  if (isPlainName(name)) return withHash(name, hash);
  const parts = splitUrl(unquote(name), python);
  if (parts === undefined) return undefined;
  const path = withHash(strip(parts.path), hash);
  // A trick of style sheets, `font.eot?#iefix`: the empty query stays.
  const keepsQuery = name.includes('?#') && parts.query === '';
  return joinUrl({ ...parts, path: keepsQuery ? `${path}?` : path }, python);
}

/** The path that a name leads to in STATIC_ROOT; undefined where the name is no URL. */
export function pathOfName(name: string, python: PythonMinor): string | undefined {
  if (isPlainName(name)) return name;
  const parts = splitUrl(unquote(name), python);
  return parts === undefined ? undefined : strip(parts.path);
}

function withHash(path: string, hash: ContentHash): string {
  const dot = path.lastIndexOf('.');
  const slash = path.lastIndexOf('/');
  // The usual case, in one go.
  if (dot > slash + 1 && path.charCodeAt(slash + 1) !== DOT) return `${path.slice(0, dot)}.${hash}${path.slice(dot)}`;
  const [folder, file] = splitPath(path);
  const [stem, extension] = splitExtension(file);
  return joinPath(folder, `${stem}.${hash}${extension}`);
}
