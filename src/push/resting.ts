/**
 * Resting: a note on this machine that a target held, at the time of a baseline, all that it was to hold. It is good for as
 * long as nothing was written to the target: for the head of then, and for the terms of then.
 */
import type { Head } from '../core/index-codec.js';
import type { StateFolder } from '../fs/state.js';

const NAME = 'resting';

export class Resting {
  readonly #cache: StateFolder;
  readonly #terms: string;

  /** `terms` is all that decides what the target is to hold of a snapshot. */
  constructor(cache: StateFolder, terms: string) {
    this.#cache = cache;
    this.#terms = terms;
  }

  /** Whether there may be a baseline to be told of. */
  isNoted(): Promise<boolean> {
    return this.#cache.has(NAME);
  }

  /** The baseline; undefined where none is noted for this head. */
  async since(head: Head): Promise<string | undefined> {
    const text = (await this.#cache.read(NAME))?.toString('utf8');
    const [id, ...rest] = text?.split('\n') ?? [];
    return rest.join('\n') === this.#noteOf(head) ? id : undefined;
  }

  /** That it cannot be written costs time. */
  async note(baseline: string, head: Head): Promise<void> {
    await this.#cache.write(NAME, `${baseline}\n${this.#noteOf(head)}`).catch(() => undefined);
  }

  #noteOf({ generation, committedAt, snapshot, journal }: Head): string {
    return JSON.stringify([generation, committedAt, snapshot.checksum, journal.checksum, this.#terms]);
  }
}
