/**
 * resolve: which file wins a path, when several sources have one. Django's rule: the first source that has it.
 *
 * The others are remembered as shadowed. A path can only be a file or a folder, so a winner `a` and a winner `a/b`
 * exclude each other; the one from the earlier source stays, and the other is a problem.
 */
import type { Problem } from '../errors.js';
import { ancestorsOf, type RelPath } from './relpath.js';

/** A file that a source offers for `path`. */
export interface Candidate {
  /** Below STATIC_ROOT, so with the source's prefix. */
  readonly path: RelPath;
  /** The position of its source; the smaller one wins. */
  readonly source: number;
  /** Where it lies, absolute. */
  readonly file: string;
}

export interface Resolution<C extends Candidate = Candidate> {
  /** One for each path, sorted by path. */
  readonly winners: readonly C[];
  /** For a path that several sources have, the candidates after the winner, in order of precedence. */
  readonly shadowed: ReadonlyMap<RelPath, readonly C[]>;
  /** Winners that are none, because a file stands where they need a folder, or a folder where they are a file. */
  readonly conflicts: readonly Problem[];
}

/**
 * Merges the listings of all sources, in order of precedence, each sorted by path. `unknown` holds the paths of each
 * source whose state could not be read. What a later source has at or below one of them wins nothing, because the
 * earlier source might have it.
 */
export function resolve<C extends Candidate>(
  listings: readonly (readonly C[])[],
  unknown: readonly ReadonlySet<string>[] = [],
): Resolution<C> {
  const shadowed = new Map<RelPath, readonly C[]>();
  const winners: C[] = [];
  for (const [winner, ...others] of byPath(withoutUnknown(listings, unknown))) {
    winners.push(winner);
    if (others.length > 0) shadowed.set(winner.path, others);
  }
  const losers = findConflicts(winners);
  if (losers.size === 0) return { winners, shadowed, conflicts: [] };
  return {
    winners: winners.filter((winner) => !losers.has(winner)),
    shadowed,
    conflicts: [...losers].map(([loser, winner]) => conflict(loser, winner)),
  };
}

/** Whether `path` or a folder above it is among `places`; '' stands for everything. */
export function isCovered(path: RelPath, places: ReadonlySet<string>): boolean {
  if (places.size === 0) return false;
  return places.has(path) || places.has('') || ancestorsOf(path).some((folder) => places.has(folder));
}

/**
 * Those that cannot stand because another one needs their path for a folder, or has a folder of theirs for a file,
 * each with the one that stands. `sorted` is sorted by path and has each path once; the smaller `source` stands.
 */
export function findConflicts<C extends Pick<Candidate, 'path' | 'source'>>(sorted: readonly C[]): Map<C, C> {
  const losers = new Map<C, C>();
  // In this order, everything below `a` comes while `a` is still a beginning of the string at hand.
  const open: { file: C; below: C[] }[] = [];
  const close = ({ file, below }: { file: C; below: C[] }) => {
    const stronger = below.find((each) => each.source < file.source);
    if (stronger !== undefined) losers.set(file, stronger);
    else for (const each of below) losers.set(each, file);
  };
  for (const file of sorted) {
    for (let last = open.at(-1); last !== undefined && !file.path.startsWith(last.file.path); last = open.at(-1)) {
      open.pop();
      close(last);
    }
    for (const above of open) if (file.path[above.file.path.length] === '/') above.below.push(file);
    open.push({ file, below: [] });
  }
  for (const last of open) close(last);
  return losers;
}

/** The candidates of one path after another, each group in order of precedence. */
function* byPath<C extends Candidate>(listings: readonly (readonly C[])[]): Generator<readonly [C, ...C[]]> {
  const positions = listings.map(() => 0);
  for (;;) {
    let first: C | undefined;
    for (const [i, listing] of listings.entries()) {
      const next = listing[positions[i] ?? 0];
      if (next !== undefined && (first === undefined || next.path < first.path)) first = next;
    }
    if (first === undefined) return;
    const others: C[] = [];
    for (const [i, listing] of listings.entries()) {
      const at = positions[i] ?? 0;
      const next = listing[at];
      if (next?.path !== first.path) continue;
      positions[i] = at + 1;
      if (next !== first) others.push(next);
    }
    yield [first, ...others];
  }
}

function withoutUnknown<C extends Candidate>(
  listings: readonly (readonly C[])[],
  unknown: readonly ReadonlySet<string>[],
): readonly (readonly C[])[] {
  return listings.map((listing, source) => {
    const earlier = unknown.slice(0, source).filter((places) => places.size > 0);
    if (earlier.length === 0) return listing;
    return listing.filter(({ path }) => !earlier.some((places) => isCovered(path, places)));
  });
}

function conflict(loser: Candidate, winner: Candidate): Problem {
  const message =
    winner.path.length > loser.path.length
      ? `a file of that name excludes "${winner.path}", which an earlier source has; rename one of them`
      : `it needs a folder where an earlier source has the file "${winner.path}"; rename one of them`;
  return { path: loser.path, step: 'collect', code: 'OBSTRUCTED', message };
}
