/**
 * HelperThread: a Helper in a thread of its own. It takes a moment to come up, and nobody waits for it before that.
 */
import { Worker } from 'node:worker_threads';
import { reasonOf } from '../errors.js';
import type { Helper, SharedList } from './helper.js';

const MOST_YOUNG_MB = 12; // it makes much that is thrown away at once, and nothing that lasts

export interface HelperThreadOptions {
  /** Told, in a sentence, why the rest is done without it. */
  readonly onWarning?: ((text: string) => void) | undefined;
  /** The built program of the thread. */
  readonly program?: URL;
}

export class HelperThread implements Helper {
  readonly #worker: Worker;
  /** Lists under way, in order. */
  readonly #waiting: (() => void)[] = [];
  #hasEnded = false;

  constructor({ onWarning, program = new URL('./hand-thread.cjs', import.meta.url) }: HelperThreadOptions) {
    this.#worker = new Worker(program, { resourceLimits: { maxYoungGenerationSizeMb: MOST_YOUNG_MB } });
    this.#worker.on('error', (error) => {
      onWarning?.(`a thread that helped to read and write ended: ${reasonOf(error)}; the rest is done without it`);
    });
    // Whatever ended it: what it has not done is left.
    this.#worker.on('exit', () => {
      this.#hasEnded = true;
      for (const done of this.#waiting.splice(0)) done();
    });
    this.#worker.on('message', () => this.#waiting.shift()?.());
    this.#worker.unref();
  }

  async help(list: SharedList): Promise<void> {
    if (this.#hasEnded) return;
    await new Promise<void>((resolve) => {
      this.#waiting.push(resolve);
      this.#worker.postMessage(list);
    });
  }

  async end(): Promise<void> {
    await this.#worker.terminate();
  }
}
