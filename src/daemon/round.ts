/**
 * Round: one change on its way from the sources to all targets.
 *
 * Targets may take it up before it is whole: what is already quiet arrives while the settle time still runs, and is staged;
 * where something is different is known once it was collected.
 */
import { Arrivals } from '../collect/thread/arrivals.js';
import type { Digest, Entry } from '../core/entry.js';
import type { RelPath } from '../core/relpath.js';
import type { Wanted } from '../sync.js';

export interface ContentSource {
  of(digest: Digest): Uint8Array | undefined;
}

/** Where something is different; what it is like there is asked when it is served, for by then it may be different again. */
export interface Changed extends Omit<Wanted, 'snapshot'> {
  /** What was found different, where all was looked at: enough for whoever is served later. */
  readonly found?: readonly RelPath[] | undefined;
}

export class Round {
  /** What will be wanted, most likely. Its content is at hand. */
  readonly arrivals = new Arrivals();
  readonly changed: Promise<Changed>;
  readonly #contents: ContentSource[] = [];
  #resolve: (changed: Changed) => void = () => undefined;
  #reject: (error: unknown) => void = () => undefined;

  constructor() {
    this.changed = new Promise((resolve, reject) => {
      this.#resolve = resolve;
      this.#reject = reject;
    });
    this.changed.catch(() => undefined); // nobody may have taken it up
  }

  /** Content that is in memory already. */
  contentOf(digest: Digest): Uint8Array | undefined {
    for (const contents of this.#contents) {
      const bytes = contents.of(digest);
      if (bytes !== undefined) return bytes;
    }
    return undefined;
  }

  /** Only what is in memory is told: STATIC_ROOT does not hold it yet. */
  foreseen(entries: readonly Entry[], contents: ContentSource): void {
    this.#contents.push(contents);
    this.arrivals.add(entries.filter(({ digest }) => contents.of(digest) !== undefined));
  }

  collected(changed: Changed, contents: ContentSource | undefined): void {
    if (contents !== undefined) this.#contents.push(contents);
    this.arrivals.end();
    this.#resolve(changed);
  }

  /** Nothing came of it. */
  abandoned(): void {
    this.collected({ places: [], removals: 'hold' }, undefined);
  }

  failed(error: unknown): void {
    this.arrivals.end();
    this.#reject(error);
  }
}
