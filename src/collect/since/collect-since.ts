/**
 * collectSince: what a run before left, brought up to date where something was touched since. Undefined where all is to be
 * collected: nothing was changed then.
 */

import type { Memory } from '../../core/collected-codec.js';
import type { Trouble } from '../../core/manifest/trouble.js';
import { covers } from '../../core/places.js';
import { comparePaths, isBelowOneOf, isWithin, type RelPath } from '../../core/relpath.js';
import { touchedPlaces } from '../../core/touched.js';
import type { CollectOptions } from '../collect.js';
import { type CollectedPlaces, collectPlaces } from '../collect-places.js';
import { warningsOf } from '../hashed/post-process.js';
import type { StoredHashedSite } from '../hashed/stored-site.js';
import { type CollectProject, rootsOf } from '../project.js';
import type { PartSince } from '../thread/protocol.js';
import { isGone } from './gone.js';

/** `touched` are absolute places that have changed since the checkpoint that `site` stands on. */
export async function collectHashedSince(
  project: CollectProject,
  touched: readonly string[],
  site: StoredHashedSite,
  options: CollectOptions,
): Promise<CollectedPlaces | undefined> {
  const { foreign, links, left } = site.stored;
  // No mark tells that something of it is gone: it has none in the checkpoint. And a target may have missed any of it.
  const since = site.changedSince.map((path) => `${project.root}/${path}`);
  const places = touchedPlaces(rootsOf(project), links, [...touched, ...since]);
  if (places === 'all') return undefined;
  // Of a plain copy that is as it was put no more than its content is known.
  const entries = places.flatMap((path) => {
    const digest = site.plainAt(path);
    return digest === undefined ? [] : [{ path, digest, size: 0, mtime: 0, mode: 0 }];
  });
  const known = { entries, foreign, folders: [...site.folders] };
  const collected = await collectPlaces(project, places, known, { ...options, site });
  if (collected === undefined) return undefined;
  const isAsBefore = ({ path }: Trouble): boolean => !covers(collected.places, path);
  for (const warning of warningsOf(left.filter(isAsBefore))) options.onWarning?.(warning);
  return { ...collected, files: site.size };
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
  const entries = [...places, ...below].toSorted(comparePaths).flatMap((path) => {
    const digest = files.get(path);
    return digest === undefined ? [] : [{ path, digest, size: 0, mtime: 0, mode: 0 }];
  });
  const known = { entries, foreign: [], folders: [...folders], counts: sources, moved };
  const collected = await collectPlaces(project, places, known, options);
  return collected && { ...collected, files: files.size - made.size - entries.length + collected.files };
}
