/**
 * What lies in a folder, as data to compare: types, modes, sizes and digests by path. The listings of the golden trees
 * have the same shape.
 */
import { createHash } from 'node:crypto';
import { existsSync, lstatSync, readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { placeIn, textOf } from './escaped-bytes.js';

export type Listed =
  | { readonly type: 'dir'; readonly mode: string }
  | { readonly type: 'link'; readonly target: string }
  | { readonly type: 'other' }
  | {
      readonly type: 'file';
      /** Four octal digits. */
      readonly mode: string;
      readonly size: number;
      readonly sha256: string;
      /** Of the same document with sorted keys, if it is JSON: equal for two manifests that differ in order alone. */
      readonly canonSha256?: string;
    };

/** By path relative to the folder. */
export type Listing = Readonly<Record<string, Listed>>;

/** Everything below `folder`, links not followed. A missing folder is an empty one. */
export function listFolder(folder: string): Listing {
  const listing: Record<string, Listed> = {};
  listInto(listing, folder, '');
  return listing;
}

/** Without what depends on the order of JSON documents. Django below 6.0 writes manifests in the order of the disk. */
export function withoutOrder(listing: Listing): Listing {
  return mapListing(listing, (each) => {
    if (each.type !== 'file' || each.canonSha256 === undefined) return each;
    return { ...each, sha256: `canonical ${each.canonSha256}` };
  });
}

export function mapListing(listing: Listing, change: (listed: Listed, path: string) => Listed): Listing {
  return Object.fromEntries(Object.entries(listing).map(([path, each]) => [path, change(each, path)]));
}

function listInto(listing: Record<string, Listed>, folder: string, path: string): void {
  const place = placeIn(folder, path);
  if (path === '' && !existsSync(place)) return;
  const names = readdirSync(place, { encoding: 'buffer' });
  for (const name of names) {
    const below = path === '' ? textOf(name) : `${path}/${textOf(name)}`;
    const listed = lookAt(placeIn(folder, below), below);
    listing[below] = listed;
    if (listed.type === 'dir') listInto(listing, folder, below);
  }
}

function lookAt(place: Buffer, path: string): Listed {
  const stats = lstatSync(place);
  const mode = (stats.mode & 0o7777).toString(8).padStart(4, '0');
  if (stats.isDirectory()) return { type: 'dir', mode };
  if (stats.isSymbolicLink()) return { type: 'link', target: textOf(readlinkSync(place, 'buffer')) };
  if (!stats.isFile()) return { type: 'other' };
  const content = readFileSync(place);
  const canonical = path.endsWith('.json') ? canonicalJson(content) : undefined;
  return {
    type: 'file',
    mode,
    size: content.length,
    sha256: sha256(content),
    ...(canonical !== undefined && { canonSha256: sha256(canonical) }),
  };
}

function sha256(content: Buffer | string): string {
  return createHash('sha256').update(content).digest('hex');
}

/** As Python's json.dumps(document, sort_keys=True) writes it. */
function canonicalJson(content: Buffer): string | undefined {
  try {
    return dump(JSON.parse(content.toString()));
  } catch {
    return undefined; // not JSON, whatever its name says
  }
}

function dump(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(dump).join(', ')}]`;
  if (typeof value !== 'object' || value === null) return ascii(JSON.stringify(value));
  const entries = Object.entries(value).toSorted(([a], [b]) => byCodePoint(a, b));
  return `{${entries.map(([key, each]) => `${ascii(JSON.stringify(key))}: ${dump(each)}`).join(', ')}}`;
}

function ascii(json: string): string {
  return json.replace(/[^\0-\x7f]/g, (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`);
}

/** UTF-16 sorts characters beyond U+FFFF before the last ones below it; UTF-32 does not. */
function byCodePoint(a: string, b: string): number {
  const [left, right] = [Array.from(a), Array.from(b)];
  const at = left.findIndex((each, index) => each !== right[index]);
  if (at < 0) return left.length - right.length;
  return (left[at]?.codePointAt(0) ?? -1) - (right[at]?.codePointAt(0) ?? -1);
}
