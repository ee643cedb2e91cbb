/**
 * The sources of a project as they lie on the disk: what each of them offers, and what cannot be known of it.
 */

import { realpathSync } from 'node:fs';
import { relative, resolve as resolvePath } from 'node:path';
import { type IgnoreRules, ignoreRules } from '../core/fnmatch.js';
import type { Places } from '../core/places.js';
import { isControl, isWithin, parseRelPath, type RelPath } from '../core/relpath.js';
import { type Counted } from '../core/shrink.js';
import type { FollowedLink, Root } from '../core/touched.js';
import { ConfigError, SourceError } from '../errors.js';
import type { Pacer } from '../fs/pace.js';
import { look } from './look.js';
import { type Walked, type WalkOptions, type Way, walk, walkWays } from './walk.js';

/** A folder to collect from, absolute, and what goes in front of its files' paths ('' for nothing). */
export interface Source {
  readonly path: string;
  readonly prefix: string;
  /** It need not be there: then it has nothing. */
  readonly isOptional?: boolean | undefined;
}

/** Where static files come from and go to. `sources` are in order of precedence; all paths are absolute. */
export interface SourceProject {
  readonly sources: readonly Source[];
  readonly ignore: readonly string[];
  readonly root: string;
}

/** What a source has; all paths begin with its prefix. */
export interface Listing {
  readonly source: Source;
  readonly walked: Walked;
}

/**
 * Lists every source, or what it has in `places`; `marks` are taken of what is listed. Rejects with a SourceError for one
 * that is missing or cannot be read, and with a ConfigError for one that cannot be collected from in this project.
 */
export async function listSources(
  project: SourceProject,
  pacer: Pacer,
  { places, marks }: { readonly places?: Places } & Pick<WalkOptions, 'marks'> = {},
): Promise<Listing[]> {
  const ignore = ignoreRules(project.ignore);
  const checked = project.sources.map((source) => check(source, project.root, ignore));
  const listings: Listing[] = [];
  for (const [index, source] of project.sources.entries()) {
    const found = checked[index];
    const options = { step: 'collect', prefix: found?.prefix, source: index, ignore, pacer, marks } as const;
    if (found === undefined) marks?.enter(source.path); // what comes there is new
    const walked = found === undefined ? NOTHING : await walkIn(source, places, options);
    requireNoWayBack(source, walked, project.root, ignore);
    listings.push({ source, walked });
  }
  return listings;
}

const NOTHING: Walked = { files: [], problems: [], temporaries: [], links: [], folders: new Map() };

async function walkIn({ path, prefix }: Source, places: Places | undefined, options: WalkOptions): Promise<Walked> {
  if (places === undefined) return walk(path, options);
  const ways = places.map((place) => wayTo(place, prefix)).filter((way) => way !== undefined);
  return walkWays(path, ways, options);
}

/** The names that lead from a source with this prefix to `place`: none, if all of the source lies below it. */
export function wayTo(place: RelPath, prefix: string): Way | undefined {
  if (prefix === '') return place.split('/');
  if (isWithin(prefix, place)) return [];
  return isWithin(place, prefix) ? place.slice(prefix.length + 1).split('/') : undefined;
}

/** Undefined for one that need not be there and is not. Throws for a source that cannot be collected from. */
function check(
  { path, prefix, isOptional }: Source,
  root: string,
  ignore: IgnoreRules,
): { readonly prefix: RelPath | undefined } | undefined {
  const cannot = `cannot collect from ${path}`;
  const parsed = parseRelPath(prefix);
  if (prefix !== '' && (parsed === undefined || isControl(prefix))) {
    throw new ConfigError(
      `${cannot} under the prefix "${prefix}": it is no folder that can be published; correct source.dirs`,
    );
  }
  if (holds(realPath(path), realPath(root), ignore)) {
    throw new ConfigError(
      `${cannot}: STATIC_ROOT (${root}) lies in it, and would be collected into itself; move one of them`,
    );
  }
  const stats = look(path);
  if (stats?.isDirectory() !== true && isOptional === true) return undefined;
  if (stats === undefined) throw new SourceError(`${cannot}: no such folder; mount it, or remove it from source.dirs`);
  if (!stats.isDirectory()) throw new SourceError(`${cannot}: it is no folder; correct source.dirs`);
  return { prefix: parsed };
}

/** Whether `place` lies in `folder`, both real, and patterns leave out no folder on the way. */
function holds(folder: string, place: string, ignore?: IgnoreRules): boolean {
  const way = relative(folder, place).split('/');
  return way[0] !== '..' && !way.some((name) => ignore?.ignoresFolder(name) === true);
}

/** Each run would put all of it one folder deeper, or take for its own what is the only copy of a file. */
function requireNoWayBack({ path }: Source, walked: Walked, root: string, ignore: IgnoreRules): void {
  const links = followed(walked);
  const real = links.length === 0 ? root : realPath(root);
  const back = links.find(({ leadsTo }) => {
    const place = realPath(leadsTo);
    return holds(place, real, ignore) || holds(real, place);
  });
  if (back === undefined) return;
  throw new ConfigError(
    `cannot collect from ${path}: its link ${back.path} leads to STATIC_ROOT (${root}), which would be collected into itself; ` +
      'remove the link',
  );
}

/** What is put there would be put into a source, and what is removed would be gone from it. Throws a ConfigError. */
export function requireNoSourceIn({ root, sources, ignore }: SourceProject, walked: Omit<Walked, 'files'>): void {
  const links = followed(walked);
  if (links.length === 0) return;
  const rules = ignoreRules(ignore);
  const places = sources.map((source) => ({ path: source.path, real: realPath(source.path) }));
  for (const { path, leadsTo } of links) {
    const place = realPath(leadsTo);
    const source = places.find(({ real }) => holds(real, place, rules) || holds(place, real));
    if (source === undefined) continue;
    throw new ConfigError(
      `cannot collect into ${root}: its link ${path} leads to what is collected from ${source.path}; remove the link, and copies ` +
        'will be made there',
    );
  }
}

/** The links to folders. One that was not followed leads nowhere. */
function followed({ links, folders }: Pick<Walked, 'links' | 'folders'>): FollowedLink[] {
  return links.filter(({ path }) => folders.has(path));
}

function realPath(place: string): string {
  return look(place) === undefined ? resolvePath(place) : realpathSync(place);
}

export function linksOf(listings: readonly Listing[]): FollowedLink[] {
  return listings.flatMap(({ walked }) => walked.links);
}

export function countOf({ source, walked }: Listing): Counted {
  return { key: countKey(source), path: source.path, files: walked.files.length };
}

/** As `Counted` has it. */
export function countKey({ prefix, path }: Root): string {
  return `${prefix}\0${path}`;
}
