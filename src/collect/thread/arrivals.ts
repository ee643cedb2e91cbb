/**
 * Arrivals: the entries of a snapshot as they become known, for those who can use some before all of them are there.
 */
import type { Entry } from '../../core/entry.js';
import { EntryTable } from '../../core/entry-table.js';
import { EntryPacker } from '../../core/packed-entries.js';
import { comparePaths } from '../../core/relpath.js';
import { inSlices, type Pacer, sortPaced } from '../../fs/pace.js';

const MOST_LISTED = 131_072; // entries: to pack them takes a little time, and all of a first push are asked for again

/** Whoever iterates gets all batches from the first on, and waits for those to come. */
export class Arrivals implements AsyncIterable<readonly Entry[]> {
  readonly #batches: (readonly Entry[])[] = [];
  /** What is not handed on. */
  readonly #later: (readonly Entry[])[] = [];
  /** How many of those are still objects. */
  #listed = 0;
  /** The first of them, where they are too many for that. They come in order but for a few. */
  readonly #packed = new EntryPacker();
  readonly #outOfOrder: Entry[] = [];
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
    this.#listed += batch.length;
    // Twice as fast as they come, so that soon none is left.
    if (this.#listed > MOST_LISTED || this.#packed.length > 0) this.#packFirst(2);
  }

  /** No more will come. */
  end(): void {
    this.#isOver = true;
    this.#announce();
  }

  /** All that came. */
  async table(pacer: Pacer): Promise<EntryTable> {
    const now = this.#batches.flat();
    if (this.#packed.length === 0)
      return EntryTable.listing(await sortPaced([...now, ...this.#later.flat()], byPath, pacer));
    while (this.#later.length > 0) {
      this.#packFirst(1);
      if (pacer.isDue) await pacer.breathe();
    }
    const beside = [...now, ...this.#outOfOrder].map((entry) => [entry.path, entry] as const);
    return inSlices(new EntryTable(this.#packed.finish()).changing(new Map(beside)), pacer);
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

  #packFirst(batches: number): void {
    for (const entry of this.#later.splice(0, batches).flat()) {
      this.#listed--;
      if (this.#packed.takes(entry.path)) this.#packed.add(entry);
      else this.#outOfOrder.push(entry);
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

function byPath(a: Entry, b: Entry): number {
  return comparePaths(a.path, b.path);
}
