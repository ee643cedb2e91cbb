/**
 * Settling: when what was touched has come to rest, so that nothing is published that was there for a moment only.
 *
 * A batch is due when nothing was heard for the settle time. Under constant change that would be never: then it is cut
 * after the longest wait, and what it held stays under observation and is in the next batch that came to rest. All times
 * are milliseconds of a clock that only goes forward.
 */
import { TouchedSet } from './touched-set.js';

const MOST_WAITS = 30; // a file that is written without end must not hold back the removals of all others for good

export interface SettleTimes {
  /** Without news for this long, a batch has come to rest. */
  readonly settleMs: number;
  /** No change waits longer than this for its batch. */
  readonly maxWaitMs: number;
}

export interface Batch {
  /** Absolute. None lies below another one. */
  readonly places: readonly string[];
  /**
   * Whether it came to rest. If not, what was added or changed may be published; what is missing may be on its way back
   * and must stay until the same places come again.
   */
  readonly quiet: boolean;
  /** When the first change in it was noticed that was in no batch before. */
  readonly since: number;
}

export class Settling {
  readonly #times: SettleTimes;
  /** Heard of since the last batch. */
  readonly #fresh: TouchedSet;
  /** Was in a batch that had not come to rest. */
  readonly #held: TouchedSet;
  #freshSince: number | undefined;
  #heldSince: number | undefined;
  /** When the last news came. */
  #last = 0;
  /** When the wait for the next batch began. */
  #first = 0;

  /** `folders` are the absolute folders that are watched; see `TouchedSet`. */
  constructor(folders: readonly string[], times: SettleTimes) {
    this.#times = times;
    this.#fresh = new TouchedSet(folders);
    this.#held = new TouchedSet(folders);
  }

  /** How many places wait; a folder counts as one. */
  get size(): number {
    return this.#fresh.size + this.#held.size;
  }

  /** Something at or below each of `places` may be different. */
  note(places: readonly string[], nowMs: number): void {
    if (places.length === 0) return;
    if (this.size === 0) this.#first = nowMs;
    this.#freshSince ??= nowMs;
    this.#last = nowMs;
    for (const place of places) this.#fresh.add(place, nowMs);
  }

  /** When the next batch is due, if nothing more is heard; undefined if nothing waits. */
  dueAt(): number | undefined {
    if (this.size === 0) return undefined;
    const { settleMs, maxWaitMs } = this.#times;
    return Math.min(this.#last + settleMs, this.#first + maxWaitMs);
  }

  /** The places of which nothing was heard for `ms`: a good guess at what will not change any more. */
  quietFor(ms: number, nowMs: number): string[] {
    return [...this.#fresh].filter(([, time]) => nowMs - time >= ms).map(([place]) => place);
  }

  /** What waits, whether it is due or not; undefined if nothing does. */
  take(nowMs: number): Batch | undefined {
    if (this.size === 0) return undefined;
    return this.#isQuiet(nowMs) ? this.#takeAll(nowMs) : this.#cut(nowMs);
  }

  #isQuiet(nowMs: number): boolean {
    const { settleMs, maxWaitMs } = this.#times;
    const isHeldTooLong = this.#heldSince !== undefined && nowMs - this.#heldSince >= MOST_WAITS * maxWaitMs;
    return nowMs - this.#last >= settleMs || isHeldTooLong;
  }

  #takeAll(nowMs: number): Batch {
    this.#held.takeOver(this.#fresh);
    const batch = { places: placesOf(this.#held), quiet: true, since: this.#freshSince ?? this.#heldSince ?? nowMs };
    this.#held.clear();
    this.#heldSince = undefined;
    this.#freshSince = undefined;
    return batch;
  }

  #cut(nowMs: number): Batch {
    const batch = { places: placesOf(this.#fresh), quiet: false, since: this.#freshSince ?? nowMs };
    this.#held.takeOver(this.#fresh);
    this.#heldSince ??= batch.since;
    this.#freshSince = undefined;
    this.#first = nowMs;
    return batch;
  }
}

function placesOf(places: TouchedSet): string[] {
  return [...places].map(([place]) => place);
}
