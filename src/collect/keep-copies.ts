/**
 * keepCopies: takes out of a staging folder all but the plain copies that equal what the sources offer now, so that a
 * collectstatic which finds the rest missing makes it anew, and the result is that of an empty folder.
 *
 * collectstatic takes a copy for right that is not older than its source, in whole seconds. So what stays gets the time of
 * its source: what is edited from now on is newer. A source of this very second could be edited within it, and its copy goes.
 */
import { rmdirSync, unlinkSync, utimesSync } from 'node:fs';
import { ancestorsOf, type RelPath } from '../core/relpath.js';
import type { Counted } from '../core/shrink.js';
import type { FollowedLink } from '../core/touched.js';
import type { Pacer } from '../fs/pace.js';
import { codeOf } from '../system-error.js';
import { DigestCache } from './digest-cache.js';
import type { Identified } from './identify.js';
import { type RunOptions, saveState } from './run-options.js';
import { scanTree } from './scan.js';
import { countOf, linksOf, listSources, type SourceProject } from './sources.js';
import { readWinners } from './winners.js';

const YOUNG_S = 2; // the clock of a file system may count in steps of two seconds

/** What was met of the sources. */
export interface Origins {
  readonly counts: readonly Counted[];
  readonly links: readonly FollowedLink[];
  /** Whether all that is left in the folder is known to be right; else it is to be emptied. */
  readonly isClean: boolean;
}

/** Rejects as `listSources` does. */
export async function keepCopies(
  folder: string,
  project: SourceProject,
  { state, reread, onWarning }: Pick<RunOptions, 'state' | 'reread' | 'onWarning'>,
  pacer: Pacer,
): Promise<Origins> {
  const nowS = Math.floor(Date.now() / 1000);
  const listings = await listSources(project, pacer);
  const [sources, copies] = [
    await DigestCache.load(state, 'origins', pacer),
    await DigestCache.load(state, 'sources', pacer),
  ];
  const wanted = await readWinners(listings, { step: 'collect', cache: sources, pacer, reread });
  const present = await scanTree(folder, { step: 'scan', cache: copies, pacer, reread });
  const winners = new Map(wanted.files.map((file) => [file.entry.path, file]));
  const gone: RelPath[] = [];
  for (const copy of present.files) {
    const winner = winners.get(copy.entry.path);
    if (winner !== undefined && isRight(copy, winner, nowS)) asOldAs(winner, copy);
    else gone.push(remove(copy));
    if (pacer.isDue) await pacer.breathe();
  }
  removeEmpty(folder, gone);
  sources.retain(
    wanted.files.map(({ entry }) => entry),
    wanted.problems,
  );
  await saveState({ state, onWarning }, () => sources.save(pacer));
  await saveState({ state, onWarning }, () => copies.save(pacer));
  const isClean = present.problems.length + present.temporaries.length === 0;
  return { counts: listings.map(countOf), links: linksOf(listings), isClean };
}

function isRight({ found, entry }: Identified, winner: Identified, nowS: number): boolean {
  return !found.isLink && entry.digest === winner.entry.digest && winner.found.mtime < nowS - YOUNG_S;
}

function asOldAs({ found: { mtime } }: Identified, { found }: Identified): void {
  if (found.mtime !== mtime) utimesSync(found.file, mtime, mtime);
}

function remove({ found: { file }, entry: { path } }: Identified): RelPath {
  unlinkSync(file);
  return path;
}

/** A folder is something that a reference may lead to. */
function removeEmpty(root: string, gone: readonly RelPath[]): void {
  const deepestFirst = [...new Set(gone.flatMap(ancestorsOf))].toSorted((a, b) => b.length - a.length);
  for (const folder of deepestFirst) {
    try {
      rmdirSync(`${root}/${folder}`);
    } catch (error) {
      if (!['ENOTEMPTY', 'EEXIST'].includes(codeOf(error))) throw error;
    }
  }
}
