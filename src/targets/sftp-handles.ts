/**
 * SftpHandles: how many files a server keeps open for one channel, and who waits for one of them to be closed.
 */
export class SftpHandles {
  #limit: number;
  readonly #isOver: () => boolean;
  readonly #waiting: (() => void)[] = [];
  #taken = 0;

  /** Once `isOver`, nobody has to wait. */
  constructor(limit: number, isOver: () => boolean) {
    this.#limit = limit;
    this.#isOver = isOver;
  }

  get limit(): number {
    return this.#limit;
  }

  set limit(limit: number) {
    this.#limit = limit;
  }

  /** Takes as many; false where they are not free: `wait` then. */
  take(count: number): boolean {
    if (this.#taken + count > this.#limit && !this.#isOver()) return false;
    this.#taken += count;
    return true;
  }

  /** Calls `go` once when one may be free. */
  wait(go: () => void): void {
    this.#waiting.push(go);
  }

  give(): void {
    this.#taken--;
    this.passOn();
  }

  /**
   * Gives back one that the server refused, and no more will be asked for than are open now. False where none is: then that was
   * not the reason.
   */
  refuse(): boolean {
    const wasTooMany = this.#taken > 1;
    if (wasTooMany) this.#limit = Math.min(this.#limit, this.#taken - 1);
    this.give();
    return wasTooMany;
  }

  /** Lets the next one have what may be free. */
  passOn(): void {
    if (this.#isOver()) return; // whoever waits is told by `wakeAll`
    if (this.#taken < this.#limit) this.#waiting.shift()?.();
  }

  wakeAll(): void {
    for (const go of this.#waiting.splice(0)) go();
  }
}
