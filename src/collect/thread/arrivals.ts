/**
 * Arrivals: the entries of a snapshot as they become known, for those who can use some before all of them are there.
 */
import type { Entry } from '../../core/entry.js';
import { EntryTable } from '../../core/entry-table.js';
import { EntryPacker } from '../../core/packed-entries.js';
import { comparePaths } from '../../core/relpath.js';
import { sorting } from '../../core/sorting.js';
import { inSlices, type Pacer } from '../../fs/pace.js';
import type { Use } from './entry-sender.js';

/** Whoever iterates gets all batches that are of use now, from the first on, and waits for those to come. */
export class Arrivals implements AsyncIterable<readonly Entry[]> {
  readonly #now: (readonly Entry[])[] = [];
  readonly #later: (readonly Entry[])[] = [];
  /** What is hardly of use, as far as it came in order. */
  readonly #packed = new EntryPacker();
  #isOver = false;
  #wake: () => void = () => undefined;
  #news = this.#whenNext();

  add(batch: readonly Entry[], use: Use = 'now'): void {
    if (use !== 'now') return void this.#later.push(use === 'hardly' ? this.#pack(batch) : batch);
    this.#now.push(batch);
    this.#announce();
  }

  /** No more will come. */
  end(): void {
    this.#isOver = true;
    this.#announce();
  }

  /** All that came. */
  async table(pacer: Pacer): Promise<EntryTable> {
    const listed = await this.#listed(pacer);
    if (this.#packed.length === 0) return EntryTable.listing(await inSlices(sorting(listed, byPath), pacer));
    const beside = new Map(listed.map((entry) => [entry.path, entry]));
    return inSlices(new EntryTable(this.#packed.finish()).changing(beside), pacer);
  }

  /** Those that are not packed, one by one: `flat` takes several times as long, and all of it in one go. */
  async #listed(pacer: Pacer): Promise<Entry[]> {
    const listed: Entry[] = [];
    for (const batches of [this.#now, this.#later]) {
      for (const batch of batches) {
        for (const entry of batch) listed.push(entry);
        if (pacer.isDue) await pacer.breathe();
      }
    }
    return listed;
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<readonly Entry[], void> {
    for (let at = 0; ; ) {
      const batch = this.#now[at];
      if (batch !== undefined) {
        at++;
        yield batch;
      } else if (this.#isOver) return;
      else await this.#news;
    }
  }

  /** Answers with those that did not come in order. */
  #pack(batch: readonly Entry[]): readonly Entry[] {
    const others: Entry[] = [];
    for (const entry of batch) {
      if (this.#packed.takes(entry.path)) this.#packed.add(entry);
      else others.push(entry);
    }
    return others;
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
