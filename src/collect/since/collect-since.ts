/**
 * collectSince: what a run before left, brought up to date where something was touched since. Undefined where all is to be
 * collected: nothing was changed then.
 */

import type { Memory } from '../../core/collected-codec.js';
import type { Digest, Entry } from '../../core/entry.js';
import type { Trouble } from '../../core/manifest/trouble.js';
import { covers, type Places } from '../../core/places.js';
import { comparePaths, isBelowOneOf, isWithin, type RelPath } from '../../core/relpath.js';
import { touchedPlaces } from '../../core/touched.js';
import type { CollectOptions } from '../collect.js';
import { type CollectedPlaces, collectPlaces, type KnownPlaces } from '../collect-places.js';
import { GrowingSite } from '../hashed/growing-site.js';
import { warningsOf } from '../hashed/post-process.js';
import type { StoredHashedSite } from '../hashed/stored-site.js';
import { type CollectProject, rootsOf } from '../project.js';
import { saveState } from '../run-options.js';
import type { PartSince } from '../thread/protocol.js';
import { isStillLeft, leaveGrown } from './checkpoint.js';
import { isGone } from './gone.js';

/** What a run before left of a site with hashed names. */
export interface LeftSite {
  readonly site: StoredHashedSite;
  /** What lies in STATIC_ROOT because of pushstatic. It takes long to read, and is only asked for where files came or went. */
  readonly memory: () => Promise<Memory>;
}

/** `touched` are absolute places that have changed since the checkpoint that `site` stands on. */
export async function collectHashedSince(
  project: CollectProject,
  touched: readonly string[],
  { site, memory }: LeftSite,
  options: CollectOptions,
): Promise<CollectedPlaces | undefined> {
  const { foreign, links, left } = site.stored;
  // No mark tells that something of it is gone: it has none in the checkpoint. And a target may have missed any of it.
  const since = site.changedSince.map((path) => `${project.root}/${path}`);
  const places = touchedPlaces(rootsOf(project), links, [...touched, ...since]);
  if (places === 'all') return undefined;
  const plain = entriesOf(site.plainIn(places), (path) => site.plainAt(path));
  const known = { entries: plain, foreign, folders: [...site.folders] };
  const collected = await collectPlaces(project, places, known, { ...options, site });
  if (collected === undefined) return collectGrown(project, places, known, { site, memory }, options);
  const isAsBefore = ({ path }: Trouble): boolean => !covers(collected.places, path);
  for (const warning of warningsOf(left.filter(isAsBefore))) options.onWarning?.(warning);
  return { ...collected, files: site.size };
}

/** Where files came or went. The site as it is then is left in place of the one that was there. */
async function collectGrown(
  project: CollectProject,
  places: Places,
  known: KnownPlaces,
  { site, memory }: LeftSite,
  options: CollectOptions,
): Promise<CollectedPlaces | undefined> {
  const { state, checkpoint: version = '', mode } = options;
  options.onFound?.(site.size);
  const { growing, counts } = grow(site, await memory());
  // Who collected meanwhile knows more than the site.
  if (!(await isStillLeft(project, version, state, site, 0))) return undefined;
  const made = entriesOf(growing.madeIn(places), (path) => growing.madeAt(path));
  const entries = [...known.entries, ...made].sort((a, b) => comparePaths(a.path, b.path));
  const all = { ...known, entries, counts };
  const collected = await collectPlaces(project, places, all, { ...options, site: growing });
  const { whole } = growing;
  if (collected === undefined || whole === undefined) return undefined;
  const isSettled = collected.problems.length + collected.putOff.length + collected.links.length === 0;
  if (mode === 'write' && isSettled) {
    const { ownership } = collected;
    const others = known.foreign.filter((path) => !covers(collected.places, path));
    const beside = { foreign: [...others, ...ownership.foreign], folders: ownership.folders, links: site.stored.links };
    await saveState(options, () => leaveGrown(project, version, state, { site, whole, beside }));
  }
  return { ...collected, files: whole.files.length };
}

/** Nothing else of the memory is kept while the site is gone over. */
function grow(site: StoredHashedSite, memory: Memory): { growing: GrowingSite; counts: Memory['sources'] } {
  return { growing: new GrowingSite(site.whole(memory)), counts: memory.sources };
}

/** What is known of what was put: no more than its content. */
function entriesOf(paths: readonly RelPath[], digestAt: (path: RelPath) => Digest | undefined): Entry[] {
  return paths.flatMap((path) => {
    const digest = digestAt(path);
    return digest === undefined ? [] : [{ path, digest, size: 0, mtime: 0, mode: 0 }];
  });
}

/**
 * Where names are plain: `touched` are absolute places that have changed since the baseline. Undefined as well where something
 * lies there that was not put there as it is now known.
 */
export async function collectPlainSince(
  project: CollectProject,
  { touched, moved }: PartSince,
  { sources, files, made, folders }: Memory,
  options: CollectOptions,
): Promise<CollectedPlaces | undefined> {
  const places = touchedPlaces(rootsOf(project), [], touched);
  if (places === 'all') return undefined;
  const others: ReadonlySet<string> = new Set(places.filter((place) => !files.has(place)));
  const all = [...files.keys()] as RelPath[];
  const below = others.size === 0 ? [] : all.filter((path) => isBelowOneOf(path, others));
  const isOurs = (place: RelPath): boolean => files.has(place) || below.some((path) => isWithin(path, place));
  if (!places.every((place) => isOurs(place) || isGone(`${project.root}/${place}`))) return undefined;
  const entries = entriesOf([...places, ...below].toSorted(comparePaths), (path) => files.get(path));
  const known = { entries, foreign: [], folders: [...folders], counts: sources, moved };
  const collected = await collectPlaces(project, places, known, options);
  return collected && { ...collected, files: files.size - made.size - entries.length + collected.files };
}
