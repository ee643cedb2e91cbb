/**
 * SftpHandles: how many files a server keeps open for one channel, and who waits for one of them to be closed.
 */
export class SftpHandles {
  /** What is known without a refusal. */
  #told: number;
  #limit: number;
  readonly #isOver: () => boolean;
  readonly #waiting: (() => void)[] = [];
  #taken = 0;
  /** Whether what is refused would be so with any number of them open. */
  #refusesAnyway = false;

  /** Once `isOver`, nobody has to wait. */
  constructor(limit: number, isOver: () => boolean) {
    this.#told = limit;
    this.#limit = limit;
    this.#isOver = isOver;
  }

  get limit(): number {
    return this.#limit;
  }

  /** What the server tells. */
  set limit(limit: number) {
    this.#told = limit;
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

  /** Is told of each one that the server gave. */
  opened(): void {
    this.#refusesAnyway = false;
  }

  /**
   * Gives back one that the server refused. True where the others may be the reason: no more will be asked for than are open now,
   * and it may be asked for again. One that is refused alone has another reason, such as a full disk. What its like seemed to
   * teach is forgotten then, and those that follow are taken for the same, until one is `opened`.
   */
  refuse(): boolean {
    const wasTooMany = this.#taken > 1 && !this.#refusesAnyway;
    this.#refusesAnyway = !wasTooMany;
    this.#limit = wasTooMany ? Math.min(this.#limit, this.#taken - 1) : this.#told;
    this.#taken--;
    this.#passOnAll();
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

  /** One at a time would leave it at one at a time. */
  #passOnAll(): void {
    const free = Math.min(this.#limit - this.#taken, this.#waiting.length);
    for (let woken = 0; woken < free; woken++) this.passOn();
  }
}
