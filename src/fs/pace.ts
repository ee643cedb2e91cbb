/**
 * Pacer: lets synchronous work run in slices, between which the event loop gets its turn.
 *
 * The synchronous calls of `node:fs` are several times as fast as the promised ones for small files. Their price is
 * that nothing else runs; a pacer keeps that price to a few milliseconds at a time.
 */
import { setTimeout } from 'node:timers/promises';
import { loopTurn, TURN_MS } from './loop-turn.js';

export interface PacerOptions {
  readonly signal?: AbortSignal | undefined;
  readonly sliceMs?: number;
}

/**
 * One per task. `if (pacer.isDue) await pacer.breathe();` belongs into every loop over files. All tasks of a thread share its turns:
 * of those that breathe, one goes on in each turn, in the order in which they stopped.
 */
export class Pacer {
  readonly #signal: AbortSignal | undefined;
  readonly #sliceMs: number;

  constructor({ signal, sliceMs = TURN_MS }: PacerOptions = {}) {
    signal?.throwIfAborted();
    this.#signal = signal;
    this.#sliceMs = sliceMs;
  }

  /** Whether the slice is used up, or all is over. */
  get isDue(): boolean {
    return this.#signal?.aborted === true || loopTurn.workedMs >= this.#sliceMs;
  }

  /** Lets everything else run, then begins the next slice. Rejects with the signal's reason once that is aborted. */
  async breathe(): Promise<void> {
    await loopTurn.next();
    this.#signal?.throwIfAborted();
  }

  /** Does nothing for `ms`. Rejects as `breathe` does. */
  async rest(ms: number): Promise<void> {
    await setTimeout(ms, undefined, { signal: this.#signal }).catch((error: unknown) => {
      this.#signal?.throwIfAborted();
      throw error;
    });
    await this.breathe();
  }
}

/** Carries out `work`, which stops now and then, with a breath wherever one is due. */
export async function inSlices<T>(work: Generator<void, T, void>, pacer: Pacer): Promise<T> {
  for (;;) {
    const step = work.next();
    if (step.done === true) return step.value;
    if (pacer.isDue) await pacer.breathe();
  }
}
