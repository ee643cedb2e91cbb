/**
 * Arrivals: the entries of a snapshot as they become known, for those who can use some before all of them are there.
 */
import type { Entry } from '../../core/entry.js';
import { comparePaths } from '../../core/relpath.js';
import { type Pacer, sortPaced } from '../../fs/pace.js';

/** Whoever iterates gets all batches from the first on, and waits for those to come. */
export class Arrivals implements AsyncIterable<readonly Entry[]> {
  readonly #batches: (readonly Entry[])[] = [];
  /** What is not handed on. */
  readonly #later: (readonly Entry[])[] = [];
  #isOver = false;
  #wake: () => void = () => undefined;
  #news = this.#whenNext();

  add(batch: readonly Entry[]): void {
    this.#batches.push(batch);
    this.#announce();
  }

  /** Of very many entries, these are of no use before all of them are there. */
  addForLater(batch: readonly Entry[]): void {
    this.#later.push(batch);
  }

  /** No more will come. */
  end(): void {
    this.#isOver = true;
    this.#announce();
  }

  /** All that came, sorted by path. */
  sorted(pacer: Pacer): Promise<Entry[]> {
    const all: Entry[] = [];
    for (const batches of [this.#batches, this.#later])
      for (const batch of batches) for (const each of batch) all.push(each);
    return sortPaced(all, (a, b) => comparePaths(a.path, b.path), pacer);
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<readonly Entry[], void> {
    for (let at = 0; ; ) {
      const batch = this.#batches[at];
      if (batch !== undefined) {
        at++;
        yield batch;
      } else if (this.#isOver) return;
      else await this.#news;
    }
  }

  #announce(): void {
    const wake = this.#wake;
    this.#news = this.#whenNext();
    wake();
  }

  #whenNext(): Promise<void> {
    return new Promise((resolve) => {
      this.#wake = resolve;
    });
  }
}
