/**
 * Turns: work that comes in heaps, done in turns of the event loop that are so short that whatever else waits for one is not
 * held up. Thousands of files may be opened by one piece of data that comes in, and each is to be read, hashed, compressed and
 * encrypted.
 */
const TURN_MS = 10;

export class Turns {
  readonly #waiting: (() => void)[] = [];
  #endsAt = 0;

  /** Does `act` now, or in a later turn if this one has lasted long enough. In the order of the calls. */
  take(act: () => void): void {
    if (this.#endsAt === 0) this.#begin();
    if (this.#waiting.length > 0 || performance.now() >= this.#endsAt) this.#waiting.push(act);
    else act();
  }

  #begin(): void {
    this.#endsAt = performance.now() + TURN_MS;
    setImmediate(() => this.#goOn());
  }

  #goOn(): void {
    this.#endsAt = 0;
    if (this.#waiting.length === 0) return;
    this.#begin();
    let done = 0;
    // One by itself may take longer than a turn.
    do this.#waiting[done++]?.();
    while (done < this.#waiting.length && performance.now() < this.#endsAt);
    this.#waiting.splice(0, done);
  }
}
