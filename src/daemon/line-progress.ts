/**
 * LineProgress: how far the cycle of one target is, from the events it tells.
 */
import { rateOf } from '../cycle/rate.js';
import type { CycleEvent } from '../sync.js';
import type { TargetProgress } from './status.js';

export class LineProgress {
  readonly #clock: () => number;
  #phase = 'connect';
  #sendingSince: number | undefined;
  #files = 0;
  #bytes = 0;
  #doneFiles = 0;
  #doneBytes = 0;

  /** `clock` gives milliseconds and only goes forward. */
  constructor(clock: () => number) {
    this.#clock = clock;
  }

  take(event: CycleEvent): void {
    if (event.kind === 'phase') this.#phase = event.phase;
    if (event.kind === 'plan') [this.#files, this.#bytes] = [event.files, event.bytes];
    if (event.kind !== 'file') return;
    this.#sendingSince ??= this.#clock();
    this.#doneFiles++;
    this.#doneBytes += event.bytes;
  }

  /** A new cycle begins. */
  reset(): void {
    this.#phase = 'stage';
    this.#sendingSince = undefined;
    this.#files = this.#bytes = this.#doneFiles = this.#doneBytes = 0;
  }

  status(): TargetProgress {
    const ms = this.#sendingSince === undefined ? 0 : this.#clock() - this.#sendingSince;
    return {
      phase: this.#phase,
      files: this.#files,
      doneFiles: this.#doneFiles,
      bytes: this.#bytes,
      doneBytes: this.#doneBytes,
      bytesPerSecond: Math.round(rateOf(this.#doneBytes, ms) ?? 0),
    };
  }
}
