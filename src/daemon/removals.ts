/**
 * Removals: when what is missing may be taken for gone.
 *
 * A build, or another collectstatic, removes and makes anew. What is missing for a moment must not be missing on a server,
 * and nobody is in a hurry to see a file go: so it goes when it has been quiet for long enough.
 */
import { setTimeout as pause } from 'node:timers/promises';

const MOST_WAITS = 30; // under change without end, removals come after so many waits
const LATE_SHARE = 0.5; // of the wait
const REST_MS = 1000;
const REST_TICK_MS = 100;
const MOST_REST_MS = 5000; // a person waits for it

export interface RemovalMeans {
  /** How long it has to be quiet. */
  readonly waitMs: number;
  /** Whether something waits. */
  readonly hasHeld: () => boolean;
  readonly remove: () => Promise<void>;
}

/** Its clock is `performance.now`. */
export class Removals {
  readonly #means: RemovalMeans;
  #heardAt = Number.NEGATIVE_INFINITY;
  /** From when on it is known whether something was heard. */
  #listensSince = Number.NEGATIVE_INFINITY;
  #lookedAt = Number.NEGATIVE_INFINITY;
  #heldSince: number | undefined;
  #timer: NodeJS.Timeout | undefined;
  #isStopped = false;

  constructor(means: RemovalMeans) {
    this.#means = means;
  }

  /** Something has changed. */
  heard(): void {
    this.#heardAt = performance.now();
  }

  /** What is missing is known by a look that was begun at `lookedAt`, by `performance.now`. */
  looked(lookedAt: number): void {
    this.#lookedAt = Math.max(this.#lookedAt, lookedAt); // a sweep that began earlier may end later
  }

  /** By `performance.now`. */
  hasHeardSince(at: number): boolean {
    return this.#heardAt >= at;
  }

  /** Waits until nothing has changed for a moment: false if that does not come to pass. Time that it stands still meanwhile does not count. */
  async rest(): Promise<boolean> {
    const endAt = performance.now() + MOST_REST_MS;
    let quietMs = this.#quietMs;
    for (
      let last = performance.now();
      quietMs < REST_MS && last < endAt && !this.#isStopped;
      last = performance.now()
    ) {
      await pause(REST_TICK_MS);
      quietMs = this.hasHeardSince(last) ? 0 : quietMs + Math.min(performance.now() - last, 2 * REST_TICK_MS);
    }
    return quietMs >= REST_MS;
  }

  /** What was heard since the last look may be that something is back. */
  get areDue(): boolean {
    const { waitMs } = this.#means;
    const heldMs = this.#heldSince === undefined ? 0 : performance.now() - this.#heldSince;
    return heldMs >= MOST_WAITS * waitMs || (this.#quietMs >= waitMs && !this.hasHeardSince(this.#lookedAt));
  }

  /** A pause is over, in which nothing was looked at. */
  resume(): void {
    if (this.#heldSince !== undefined) this.#heldSince = performance.now();
  }

  /** After a cycle: what it has held back comes when it is due. */
  plan(): void {
    if (this.#isStopped) return;
    if (!this.#means.hasHeld()) this.#heldSince = undefined;
    else {
      this.#heldSince ??= performance.now();
      const { waitMs } = this.#means;
      const lateAt = performance.now() + waitMs * (1 + LATE_SHARE);
      this.#timer ??= setTimeout(() => void this.#look(lateAt), waitMs);
    }
  }

  stop(): void {
    this.#isStopped = true;
    clearTimeout(this.#timer);
  }

  get #quietMs(): number {
    return performance.now() - Math.max(this.#heardAt, this.#listensSince);
  }

  /** Who stood still has not heard yet what went on meanwhile. */
  #beginAnew(): void {
    this.#listensSince = performance.now();
    this.#heldSince = performance.now();
  }

  async #look(lateAt: number): Promise<void> {
    this.#timer = undefined;
    if (performance.now() > lateAt) this.#beginAnew();
    if (this.areDue) await this.#means.remove().catch(() => undefined); // what went wrong is told there
    this.plan();
  }
}
