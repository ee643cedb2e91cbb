/**
 * Winners: the files that the sources offer, one for each path, with what they hold.
 */

import type { RelPath } from '../core/relpath.js';
import { type Candidate, isCovered, resolve } from '../core/resolve.js';
import type { Problem } from '../errors.js';
import { type Identified, type IdentifyOptions, identify } from './identify.js';
import type { Listing } from './sources.js';

/** The winners of all sources. */
export interface Winners {
  readonly files: readonly Identified[];
  /** Those included that could not be read. */
  readonly count: number;
  readonly shadowed: ReadonlyMap<RelPath, readonly Candidate[]>;
  readonly conflicts: readonly Problem[];
  /** What could not be read of the sources. */
  readonly problems: readonly Problem[];
  /** Whether a source may have this path, for all that could be read. */
  readonly isUnknown: (path: string) => boolean;
}

/** Reads the files that win by the order of the sources. Rejects as `identify` does; one file that cannot be read is a problem. */
export async function readWinners(listings: readonly Listing[], options: IdentifyOptions): Promise<Winners> {
  const { winners, shadowed, conflicts } = resolve(
    listings.map(({ walked }) => walked.files),
    listings.map(({ walked }) => pathsOf(walked.problems)),
  );
  const unlisted = listings.flatMap(({ walked }) => walked.problems);
  const { files, problems: unread } = await identify(winners, options);
  const problems = [...unlisted, ...unread];
  const places = pathsOf(problems);
  return { files, count: winners.length, shadowed, conflicts, problems, isUnknown: (path) => isCovered(path, places) };
}

function pathsOf(problems: readonly Problem[]): Set<string> {
  return new Set(problems.map(({ path }) => path));
}
