/**
 * LoopTurn: the present turn of this thread's event loop, which all long work of the thread shares: what wants more than its part of one
 * goes on in the next, in the order in which it came. So whatever else waits for a turn is not held up, however many are at work.
 */

export const TURN_MS = 4; // beside a burst of replies and some garbage collection it is short of the 20 ms in which a loop should have turned

class LoopTurn {
  /** When its first work began. */
  #begun: number | undefined;
  readonly #waiting: Waiting[] = [];

  /** How long there has been work in it. */
  get workedMs(): number {
    this.#begun ??= this.#begin();
    return performance.now() - this.#begun;
  }

  get isUsedUp(): boolean {
    return this.workedMs >= TURN_MS;
  }

  /** Does `act`, which never throws, now, or in a later turn if this one is used up. */
  take(act: () => void): void {
    if (this.#waiting.length > 0 || this.isUsedUp) this.#waiting.push({ act, takes: 'a part' });
    else act();
  }

  /** Resolves in a later turn, which has nothing before it of what waits here. */
  next(): Promise<void> {
    return new Promise((resolve) => {
      this.#waiting.push({ act: resolve, takes: 'all' });
      this.#begun ??= this.#begin();
    });
  }

  #begin(): number {
    setImmediate(() => this.#end());
    return performance.now();
  }

  #end(): void {
    this.#begun = undefined;
    if (this.#waiting.length === 0) return;
    this.#begun = this.#begin();
    let done = 0;
    for (const { act, takes } of this.#waiting) {
      if (done > 0 && (takes === 'all' || this.isUsedUp)) break;
      act();
      done++;
      if (takes === 'all') break;
    }
    this.#waiting.splice(0, done);
  }
}

interface Waiting {
  readonly act: () => void;
  /** Of the turn in which it goes on. */
  readonly takes: 'a part' | 'all';
}

export const loopTurn = new LoopTurn();
