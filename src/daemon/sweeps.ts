/**
 * Sweeps: when everything is looked at, for what no event told of: at an interval, and soon after a doubt.
 */

const SHARE = 400; // of the time: less than half a percent of a core, with all that a sweep takes besides
const SHARE_IN_DOUBT = 20;
const JUDGED = 5;
const DOUBT_MS = 1000; // doubts come in bursts, and one sweep settles all of them

export interface SweepMeans {
  /** The least time between two of them. */
  readonly intervalMs: number;
  /** A sweep, with all that follows from it; false where nothing was looked at. */
  readonly sweep: () => Promise<boolean>;
  /** What the last one took, in milliseconds. */
  readonly costMs: () => number;
  /** How many there were before. Default: none. */
  readonly count?: number;
}

export class Sweeps {
  readonly #means: SweepMeans;
  #timer: NodeJS.Timeout | undefined;
  /** By `performance.now`. */
  #dueAt = Number.POSITIVE_INFINITY;
  #isStopped = false;
  #costs: readonly number[] = [];
  #count: number;
  #lastAt: number | undefined;

  constructor(means: SweepMeans) {
    this.#means = means;
    this.#count = means.count ?? 0;
  }

  get count(): number {
    return this.#count;
  }

  /** Milliseconds since 1970. */
  get lastAt(): number | undefined {
    return this.#lastAt;
  }

  /** From now on, at the interval. The bigger the tree, the longer that is. */
  start(): void {
    const cost = this.#means.costMs();
    if (cost > 0) this.#costs = [cost, ...this.#costs].slice(0, JUDGED);
    this.#plan(Math.max(this.#means.intervalMs, this.#costMs * SHARE));
  }

  /** Events may have been lost. */
  soon(): void {
    this.#plan(Math.max(DOUBT_MS, this.#costMs * SHARE_IN_DOUBT));
  }

  stop(): void {
    this.#isStopped = true;
    clearTimeout(this.#timer);
  }

  /** Of the last ones the quickest: others had to wait for what else was going on. */
  get #costMs(): number {
    return this.#costs.length === 0 ? 0 : Math.min(...this.#costs);
  }

  #plan(inMs: number): void {
    const dueAt = performance.now() + inMs;
    if (this.#isStopped || dueAt >= this.#dueAt) return;
    this.#dueAt = dueAt;
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => void this.#sweep(), inMs);
  }

  async #sweep(): Promise<void> {
    this.#dueAt = Number.POSITIVE_INFINITY;
    const hasLooked = await this.#means.sweep().catch(() => false); // what went wrong is told there
    if (hasLooked) {
      this.#count++;
      this.#lastAt = Date.now();
    }
    this.start();
  }
}
