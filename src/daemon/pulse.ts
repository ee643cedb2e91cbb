/**
 * Pulse: from touched places to batches at the right time. The timers to the settle algebra.
 */
import { type Batch, type SettleTimes, Settling } from '../core/settle.js';

export interface PulseHooks {
  /** These have been quiet for a moment, and the batch that they are in is not due yet. */
  readonly onQuiet: (places: readonly string[]) => void;
  /** Until `goOn`, what is touched waits, and then it is one batch: there is no queue of them. */
  readonly onBatch: (batch: Batch) => void;
}

const QUIET_SHARE = 0.25; // of the settle time, after which it is worth beginning with what was touched

/** Its clock is `performance.now`. */
export class Pulse {
  readonly #settling: Settling;
  readonly #quietMs: number;
  readonly #hooks: PulseHooks;
  #timer: NodeJS.Timeout | undefined;
  #quietTimer: NodeJS.Timeout | undefined;
  #isPaused = false;
  #isStopped = false;
  /** A batch was given out, and is still being worked on. */
  #isBusy = false;

  constructor(folders: readonly string[], times: SettleTimes, hooks: PulseHooks) {
    this.#settling = new Settling(folders, times);
    this.#quietMs = times.settleMs * QUIET_SHARE;
    this.#hooks = hooks;
  }

  /** How many places wait. */
  get size(): number {
    return this.#settling.size;
  }

  note(places: readonly string[]): void {
    this.#settling.note(places, performance.now());
    this.#schedule();
  }

  /** The places that wait: they are looked at otherwise. */
  takeBack(): readonly string[] {
    return this.#settling.take()?.places ?? [];
  }

  /** The last batch is done with. */
  goOn(): void {
    this.#isBusy = false;
    this.#schedule();
  }

  pause(): void {
    this.#isPaused = true;
    this.#clear();
  }

  resume(): void {
    this.#isPaused = false;
    this.#schedule();
  }

  /** For good. What is touched is still noted. */
  stop(): void {
    this.#isStopped = true;
    this.#clear();
  }

  #clear(): void {
    clearTimeout(this.#timer);
    clearTimeout(this.#quietTimer);
    this.#timer = this.#quietTimer = undefined;
  }

  #schedule(): void {
    const due = this.#settling.dueAt();
    if (due === undefined || this.#isPaused || this.#isBusy || this.#isStopped) return;
    const now = performance.now();
    // One timer at a time: news in a burst must cost nothing.
    this.#timer ??= setTimeout(() => this.#look(), Math.max(0, due - now));
    if (due - now > this.#quietMs) this.#quietTimer ??= setTimeout(() => this.#lookAhead(), this.#quietMs);
  }

  #look(): void {
    this.#timer = undefined;
    const now = performance.now();
    if ((this.#settling.dueAt() ?? Number.POSITIVE_INFINITY) > now) return this.#schedule();
    const batch = this.#settling.take();
    if (batch === undefined) return;
    this.#isBusy = true;
    this.#hooks.onBatch(batch);
  }

  #lookAhead(): void {
    this.#quietTimer = undefined;
    const places = this.#settling.quietFor(this.#quietMs, performance.now());
    if (places.length > 0) this.#hooks.onQuiet(places);
    this.#schedule(); // for those that are not quiet yet
  }
}
