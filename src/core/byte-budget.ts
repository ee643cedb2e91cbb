/**
 * ByteBudget: a limit on bytes that are in memory or on their way at once. A single request over the limit is let through alone.
 * The limit is asked for each time, since it may change.
 */
export class ByteBudget {
  readonly #limit: () => number;
  readonly #waiting: { readonly bytes: number; readonly admit: () => void }[] = [];
  #taken = 0;

  constructor(limit: () => number) {
    this.#limit = limit;
  }

  /** Resolves in the order of the calls; undefined if there is room now. */
  take(bytes: number): Promise<void> | undefined {
    if (this.#waiting.length === 0 && this.#fits(bytes)) {
      this.#taken += bytes;
      return undefined;
    }
    return new Promise((admit) => this.#waiting.push({ bytes, admit }));
  }

  give(bytes: number): void {
    this.#taken -= bytes;
    for (let next = this.#waiting[0]; next !== undefined && this.#fits(next.bytes); next = this.#waiting[0]) {
      this.#taken += next.bytes;
      this.#waiting.shift();
      next.admit();
    }
  }

  #fits(bytes: number): boolean {
    return this.#taken === 0 || this.#taken + bytes <= this.#limit();
  }
}
