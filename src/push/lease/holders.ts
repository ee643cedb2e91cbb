/**
 * Holders: who has a folder on the stage, and which of them are alive.
 */
import { holderOf, isMark, nameOfHolder } from '../../core/lease.js';
import { join, nameOf, parentOf, type RelPath, STAGE } from '../../core/relpath.js';
import { isRunning } from '../../fs/is-running.js';
import type { RemoteFile } from '../../targets/target.js';
import { holderFor } from './self.js';

const LEAST_POLL_MS = 100;
const MOST_POLL_MS = 1000;
/** For how much of its term one is watched whose last sign is old. */
const WATCHED = 1 / 4;

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

/** What a holder was seen to do. */
export interface Sign {
  /** When it gave its last sign of life, by the clock of the server, in seconds since 1970. */
  readonly at: number;
  /** What it has brought over by now. Over a slow line a sign of life may wait for minutes behind that. */
  readonly bytes: number;
}

/** Each holder with its signs. Other files on the stage have the times of what they are to become. */
export function signsOf(found: readonly RemoteFile[]): Map<string, Sign> {
  const signs = new Map<string, Sign>();
  for (const { path, kind, mtime } of found) {
    const isHolder = kind === 'folder' && parentOf(path) === STAGE && !isMark(nameOf(path));
    if (isHolder) signs.set(nameOf(path), { at: mtime, bytes: 0 });
  }
  for (const { path, kind, size, mtime } of found) {
    const [name = ''] = path.slice(STAGE.length + 1).split('/');
    const sign = signs.get(name);
    if (sign === undefined || kind !== 'file') continue;
    const at = path === signIn(join(STAGE, name as RelPath)) ? Math.max(sign.at, mtime) : sign.at;
    signs.set(name, { at, bytes: sign.bytes + size });
  }
  return signs;
}

/** For others to be gone, or to be found dead. */
export class Waiting {
  readonly #terms: LeaseTerms;
  readonly #began = performance.now();
  /** Since when each was seen to do nothing more, by `performance.now`: clocks that are wrong need not be believed. */
  readonly #seen = new Map<string, Sign & { readonly since: number }>();
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

  /** Random, so that two that gave way to each other do not meet again. Milliseconds. */
  nextPause(): number {
    const longest = Math.min(MOST_POLL_MS, LEAST_POLL_MS * 2 ** this.#rounds++);
    return longest * (0.5 + Math.random() / 2);
  }

  /** One that has a young folder, by a look at the folders alone. `now` is what the server's clock says, in seconds since 1970. */
  youngAmong(folders: readonly RemoteFile[], now: number): string | undefined {
    const isYoung = ({ at }: Sign): boolean => at <= now && (now - at) * 1000 <= this.#terms.ttl;
    return [...signsOf(folders)].find(([name, sign]) => mayLive(name) && isYoung(sign))?.[0];
  }

  /**
   * One that is alive, by all that lies on the stage. `asked` is when that was asked for, by `performance.now`: what was not looked at
   * since may have given signs.
   */
  livingAmong(
    found: readonly RemoteFile[],
    { now, asked }: { readonly now: number; readonly asked: number },
  ): string | undefined {
    const { ttl } = this.#terms;
    for (const [name, { at, bytes }] of signsOf(found)) {
      const before = this.#seen.get(name);
      const isSame = before?.at === at && before.bytes === bytes;
      const since = isSame ? before.since : performance.now();
      this.#seen.set(name, { at, bytes, since });
      const idle = asked - since;
      const isDead = idle > ttl || ((now - at) * 1000 > ttl && idle >= ttl * WATCHED);
      if (mayLive(name) && !isDead) return name;
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
