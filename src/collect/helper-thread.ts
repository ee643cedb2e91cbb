/**
 * HelperThread: a Helper in a thread of its own, which is started when there seems to be something to help with. It takes a
 * moment to come up, and nobody waits for it before that.
 */
import { Worker } from 'node:worker_threads';
import { reasonOf } from '../errors.js';
import { type Helper, MANY_ITEMS, type SharedList } from './helper.js';

const MOST_YOUNG_MB = 12; // it makes much that is thrown away at once, and nothing that lasts

export interface HelperThreadOptions {
  /** Told, in a sentence, why the rest is done without it. */
  readonly onWarning?: ((text: string) => void) | undefined;
  /** The built program of the thread. */
  readonly program?: URL;
}

export class HelperThread implements Helper {
  readonly #options: HelperThreadOptions;
  #worker: Worker | undefined;
  /** Lists under way, in order. */
  readonly #waiting: (() => void)[] = [];
  #hasEnded = false;

  constructor(options: HelperThreadOptions) {
    this.#options = options;
  }

  expect(items: number): void {
    if (items >= MANY_ITEMS) this.#atWork();
  }

  async help(list: SharedList): Promise<void> {
    const worker = this.#atWork();
    if (worker === undefined) return;
    await new Promise<void>((resolve) => {
      this.#waiting.push(resolve);
      worker.postMessage(list);
    });
  }

  async end(): Promise<void> {
    await this.#worker?.terminate();
  }

  #atWork(): Worker | undefined {
    return this.#hasEnded ? undefined : (this.#worker ??= this.#start());
  }

  /** Undefined where no thread can be had. */
  #start(): Worker | undefined {
    const { program = new URL('./hand-thread.cjs', import.meta.url) } = this.#options;
    try {
      const worker = new Worker(program, { resourceLimits: { maxYoungGenerationSizeMb: MOST_YOUNG_MB } });
      worker.on('error', (error) => this.#warn(error));
      // Whatever ended it: what it has not done is left.
      worker.on('exit', () => {
        this.#hasEnded = true;
        for (const done of this.#waiting.splice(0)) done();
      });
      worker.on('message', () => this.#waiting.shift()?.());
      worker.unref();
      return worker;
    } catch (error) {
      this.#hasEnded = true;
      this.#warn(error);
      return undefined;
    }
  }

  #warn(error: unknown): void {
    const text = `a second thread to read and write with cannot be had: ${reasonOf(error)}; one does all of it`;
    this.#options.onWarning?.(text);
  }
}
