/**
 * touchedPlaces: which published paths may be different when something changed at some places of the disk.
 */
import { type Places, placesOf } from './places.js';
import { isWithin, parseRelPath, type RelPath } from './relpath.js';

/** A link that was followed: its published path, and an absolute place on the way that it leads: one of these for each. */
export interface FollowedLink {
  readonly path: RelPath;
  readonly leadsTo: string;
}

/** A folder whose files are published below `prefix` ('' for nothing). `path` is absolute. */
export interface Root {
  readonly path: string;
  readonly prefix: string;
}

/** Of links that lead to links. */
export const MOST_HOPS = 8;

/**
 * The published paths for absolute places; 'all' where one stands for a root as a whole. A place outside of every root is
 * nothing to us, unless a link leads there.
 */
export function touchedPlaces(
  roots: readonly Root[],
  links: readonly FollowedLink[],
  places: Iterable<string>,
): Places | 'all' {
  const found = new Set<RelPath>();
  const seen = new Set<string>();
  const open = [...places].map((place) => ({ place, hops: 0 }));
  for (let next = open.pop(); next !== undefined; next = open.pop()) {
    const { place, hops } = next;
    if (seen.has(place)) continue;
    seen.add(place);
    for (const root of roots) {
      if (isWithin(root.path, place)) return 'all';
      if (!place.startsWith(`${root.path}/`)) continue;
      const path = pathIn(root, place);
      if (path === undefined) return 'all';
      found.add(path);
    }
    if (hops === MOST_HOPS) continue;
    for (const link of links) {
      for (const each of throughLink(roots, link, place)) open.push({ place: each, hops: hops + 1 });
    }
  }
  return placesOf(found);
}

/** What is published of the absolute `place` stands there: '' for the root of all. Undefined outside of the root. */
export function pathUnder({ path, prefix }: Root, place: string): string | undefined {
  if (!isWithin(place, path)) return undefined;
  const below = place.slice(path.length + 1);
  return prefix === '' || below === '' ? `${prefix}${below}` : `${prefix}/${below}`;
}

/** A name that is not valid Unicode, or can be no path, is a problem of the folder that it is in; undefined for the root. */
function pathIn({ path, prefix }: Root, place: string): RelPath | undefined {
  const names = place.slice(path.length + 1).split('/');
  for (let length = names.length; length > 0; length--) {
    const below = names.slice(0, length).join('/');
    const parsed = below.includes('\ufffd') ? undefined : parseRelPath(prefix === '' ? below : `${prefix}/${below}`);
    if (parsed !== undefined) return parsed;
  }
  return prefix === '' ? undefined : parseRelPath(prefix);
}

/** Where `place` is seen through `link`, as places below the roots. */
function throughLink(roots: readonly Root[], { path, leadsTo }: FollowedLink, place: string): string[] {
  const rest = isWithin(place, leadsTo) ? place.slice(leadsTo.length) : isWithin(leadsTo, place) ? '' : undefined;
  if (rest === undefined) return [];
  return roots.flatMap((root) => {
    const below = root.prefix === '' ? path : isWithin(path, root.prefix) ? path.slice(root.prefix.length + 1) : '';
    return below === '' ? [] : [`${root.path}/${below}${rest}`];
  });
}
