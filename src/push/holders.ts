/**
 * Holders: who has a folder on the stage, and which of them are alive.
 */
import { holderOf, isMark, nameOfHolder } from '../core/lease.js';
import { join, nameOf, parentOf, type RelPath, STAGE } from '../core/relpath.js';
import type { RemoteFile } from '../targets/target.js';
import { holderFor, isRunning } from './self.js';

const LEAST_POLL_MS = 100;
const MOST_POLL_MS = 1000;

/** In milliseconds. */
export interface LeaseTerms {
  /** How long after its last sign of life a holder is taken for dead. */
  readonly ttl: number;
  /** How long to wait for one that is alive. */
  readonly patience: number;
}

/** Longer than a line may be silent before it is given up, and longer than it takes to find that out. */
export const USUAL_TERMS: LeaseTerms = { ttl: 60_000, patience: 90_000 };

/** Those of this process that have a folder on a stage, or are about to: any other name of it is of one that has ended. */
export const present = new Set<string>();

/** What a holder in this folder writes to as a sign of life. */
export function signIn(folder: RelPath): RelPath {
  return join(folder, 'alive' as RelPath);
}

/** Each holder with its last sign of life. Other files on the stage have the times of what they are to become. */
export function signsOf(found: readonly RemoteFile[]): Map<string, number> {
  const signs = new Map<string, number>();
  for (const { path, kind, mtime } of found) {
    const isHolder = kind === 'folder' && parentOf(path) === STAGE && !isMark(nameOf(path));
    if (isHolder) signs.set(nameOf(path), mtime);
  }
  for (const { path, mtime } of found) {
    const folder = parentOf(path);
    const name = folder === undefined ? '' : nameOf(folder);
    const before = signs.get(name);
    if (before !== undefined && path === signIn(join(STAGE, name as RelPath))) signs.set(name, Math.max(before, mtime));
  }
  return signs;
}

/** For others to be gone, or to be found dead. */
export class Waiting {
  readonly #terms: LeaseTerms;
  readonly #began = performance.now();
  /** When each sign of life was seen first, by `performance.now`: clocks that are wrong need not be believed. */
  readonly #seen = new Map<string, { readonly at: number; readonly since: number }>();
  #rounds = 0;

  constructor(terms: LeaseTerms) {
    this.#terms = terms;
  }

  get isOver(): boolean {
    return performance.now() - this.#began > this.#terms.patience;
  }

  get hasJustBegun(): boolean {
    return this.#rounds === 1;
  }

  /** By accident, so that two that gave way to each other do not do so again. In milliseconds. */
  nextPause(): number {
    const longest = Math.min(MOST_POLL_MS, LEAST_POLL_MS * 2 ** this.#rounds++);
    return longest * (0.5 + Math.random() / 2);
  }

  /** One that is alive; `now` is what the server's clock says, in seconds since 1970. */
  livingAmong(found: readonly RemoteFile[], now: number): string | undefined {
    for (const [name, at] of signsOf(found)) {
      const before = this.#seen.get(name);
      if (before?.at !== at) this.#seen.set(name, { at, since: performance.now() });
      const unchanged = performance.now() - (this.#seen.get(name)?.since ?? 0);
      const age = Math.max((now - at) * 1000, unchanged);
      if (mayLive(name) && age <= this.#terms.ttl) return name;
    }
    return undefined;
  }
}

/** False for what has surely ended. */
function mayLive(name: string): boolean {
  const holder = holderOf(name);
  if (holder === undefined) return false;
  const { machine, pid } = holderFor('');
  if (holder.machine !== machine) return true;
  return holder.pid === pid ? present.has(nameOfHolder(holder)) : isRunning(holder.pid);
}
