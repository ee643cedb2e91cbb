/**
 * PendingTable: who waits for which reply, by the number of the request.
 *
 * A ring, since numbers are given in order and most replies come in order: a Map costs three times as much, and there are a
 * few requests for every file. It grows when a number comes round to a place whose reply is still due.
 */

const FIRST_RING = 1024; // a power of two

export class PendingTable<W> {
  #ring: (W | undefined)[] = emptyRing(FIRST_RING);
  #next = 0;
  #size = 0;

  get size(): number {
    return this.#size;
  }

  /** The number for the request. */
  add(waiter: W): number {
    while (this.#ring[this.#next & (this.#ring.length - 1)] !== undefined) this.#grow();
    const id = this.#next;
    this.#ring[id & (this.#ring.length - 1)] = waiter;
    this.#next = (this.#next + 1) >>> 0;
    this.#size++;
    return id;
  }

  get(id: number): W | undefined {
    const age = (this.#next - id) >>> 0;
    return age === 0 || age > this.#ring.length ? undefined : this.#ring[id & (this.#ring.length - 1)];
  }

  remove(id: number): void {
    this.#ring[id & (this.#ring.length - 1)] = undefined;
    this.#size--;
  }

  /** The number of the oldest one; undefined if nobody waits. Looks through all of them. */
  get oldest(): number | undefined {
    if (this.#size === 0) return undefined;
    for (let age = this.#ring.length; age > 0; age--) {
      const id = (this.#next - age) >>> 0;
      if (this.#ring[id & (this.#ring.length - 1)] !== undefined) return id;
    }
    return undefined;
  }

  takeAll(): W[] {
    const waiters = this.#ring.filter((waiter) => waiter !== undefined);
    this.#ring.fill(undefined);
    this.#size = 0;
    return waiters;
  }

  /** Twice the room: what was given since the oldest one keeps its number. */
  #grow(): void {
    const old = this.#ring;
    this.#ring = emptyRing(old.length * 2);
    for (let age = 1; age <= old.length; age++) {
      const id = (this.#next - age) >>> 0;
      this.#ring[id & (this.#ring.length - 1)] = old[id & (old.length - 1)];
    }
  }
}

function emptyRing(length: number): undefined[] {
  return Array.from({ length }, () => undefined);
}
