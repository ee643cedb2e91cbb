/**
 * ByteBudget: how many bytes may be somewhere at once, in memory or on their way. More than all of it is let through alone.
 * `most` may become more or less from one time to the next.
 */
export class ByteBudget {
  readonly #most: () => number;
  readonly #waiting: { readonly bytes: number; readonly admit: () => void }[] = [];
  #taken = 0;

  constructor(most: () => number) {
    this.#most = most;
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
    return this.#taken === 0 || this.#taken + bytes <= this.#most();
  }
}
