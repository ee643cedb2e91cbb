/**
 * resolve: which file wins a path, when several sources have one. Django's rule: the first source that has it.
 *
 * The others are remembered as shadowed. A path can only be a file or a folder, so a winner `a` and a winner `a/b`
 * exclude each other; the one from the earlier source stays, and the other is a problem.
 */
import type { Problem } from '../errors.js';
import { isBelowOneOf, type RelPath } from './relpath.js';

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
  const shadowed = new Map<RelPath, C[]>();
  const winners: C[] = [];
  const heads = withoutUnknown(listings, unknown).map((listing) => ({ listing, at: 0 }));
  for (let winner = firstOf(heads); winner !== undefined; winner = firstOf(heads)) {
    winners.push(winner);
    for (const head of heads) {
      const next = head.listing[head.at];
      if (next?.path !== winner.path) continue;
      head.at++;
      if (next !== winner) shadow(shadowed, next);
    }
  }
  const losers = findConflicts(winners);
  return {
    winners: losers.size === 0 ? winners : winners.filter((winner) => !losers.has(winner)),
    shadowed,
    conflicts: [...losers].map(([loser, winner]) => conflict(loser, winner)),
  };
}

/** Whether `path` or a folder above it is among `places`; '' stands for everything. */
export function isCovered(path: string, places: ReadonlySet<string>): boolean {
  if (places.size === 0) return false;
  return places.has(path) || places.has('') || isBelowOneOf(path, places);
}

/**
 * Those that cannot stand because another one needs their path for a folder, or has a folder of theirs for a file,
 * each with the one that stands. `sorted` is sorted by path and has each path once; the smaller `source` stands.
 */
export function findConflicts<C extends Pick<Candidate, 'path' | 'source'>>(sorted: readonly C[]): Map<C, C> {
  const losers = new Map<C, C>();
  // In this order, everything below `a` comes while `a` is still a beginning of the string at hand.
  const open: { readonly file: C; below: C[] | undefined }[] = [];
  for (const file of sorted) {
    for (let last = open.at(-1); last !== undefined && !file.path.startsWith(last.file.path); last = open.at(-1)) {
      open.pop();
      close(last.file, last.below);
    }
    for (const above of open) if (file.path[above.file.path.length] === '/') (above.below ??= []).push(file);
    open.push({ file, below: undefined });
  }
  for (const { file, below } of open) close(file, below);
  return losers;

  function close(file: C, below: readonly C[] = []): void {
    const stronger = below.find((each) => each.source < file.source);
    if (stronger !== undefined) losers.set(file, stronger);
    else for (const each of below) losers.set(each, file);
  }
}

interface Head<C> {
  readonly listing: readonly C[];
  at: number;
}

/** The next of all, and of those with its path the one with the highest precedence. */
function firstOf<C extends Candidate>(heads: readonly Head<C>[]): C | undefined {
  let first: C | undefined;
  for (const { listing, at } of heads) {
    const next = listing[at];
    if (next !== undefined && (first === undefined || next.path < first.path)) first = next;
  }
  return first;
}

function shadow<C extends Candidate>(shadowed: Map<RelPath, C[]>, candidate: C): void {
  const others = shadowed.get(candidate.path);
  if (others === undefined) shadowed.set(candidate.path, [candidate]);
  else others.push(candidate);
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

/** Why `loser` is not collected beside `winner`. */
export function conflict(loser: Pick<Candidate, 'path'>, winner: Pick<Candidate, 'path'>): Problem {
  const message =
    winner.path.length > loser.path.length
      ? `a file of that name excludes "${winner.path}", which an earlier source has; rename one of them`
      : `it needs a folder where an earlier source has the file "${winner.path}"; rename one of them`;
  return { path: loser.path, step: 'collect', code: 'OBSTRUCTED', message };
}
