/**
 * Settling: when what was touched has come to rest, so that nothing is published that was there for a moment only.
 *
 * A batch is due when nothing was heard for the settle time. Under constant change that would be never: then it is due
 * after the longest wait. All times are milliseconds of a clock that only goes forward.
 */
import { TouchedSet } from './touched-set.js';

export interface SettleTimes {
  /** Without news for this long, a batch has come to rest. */
  readonly settleMs: number;
  /** No change waits longer than this for its batch. */
  readonly maxWaitMs: number;
}

export interface Batch {
  /** Absolute. None lies below another one. */
  readonly places: readonly string[];
  /** When the first change in it was noticed. */
  readonly since: number;
}

export class Settling {
  readonly #times: SettleTimes;
  /** Heard of since the last batch. */
  readonly #touched: TouchedSet;
  /** When the first and the last news of it came. */
  #first = 0;
  #last = 0;

  /** `folders` are the absolute folders that are watched; see `TouchedSet`. */
  constructor(folders: readonly string[], times: SettleTimes) {
    this.#times = times;
    this.#touched = new TouchedSet(folders);
  }

  /** How many places wait; a folder counts as one. */
  get size(): number {
    return this.#touched.size;
  }

  /** Something at or below each of `places` may be different. */
  note(places: readonly string[], nowMs: number): void {
    if (places.length === 0) return;
    if (this.size === 0) this.#first = nowMs;
    this.#last = nowMs;
    for (const place of places) this.#touched.add(place, nowMs);
  }

  /** When the next batch is due, if nothing more is heard; undefined if nothing waits. */
  dueAt(): number | undefined {
    if (this.size === 0) return undefined;
    const { settleMs, maxWaitMs } = this.#times;
    return Math.min(this.#last + settleMs, this.#first + maxWaitMs);
  }

  /** The places of which nothing was heard for `ms`: a good guess at what will not change any more. */
  quietFor(ms: number, nowMs: number): string[] {
    return [...this.#touched].filter(([, time]) => nowMs - time >= ms).map(([place]) => place);
  }

  /** What waits, whether it is due or not; undefined if nothing does. */
  take(): Batch | undefined {
    if (this.size === 0) return undefined;
    const batch = { places: [...this.#touched].map(([place]) => place), since: this.#first };
    this.#touched.clear();
    return batch;
  }
}
