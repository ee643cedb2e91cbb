/**
 * Later: work that is put off until there is time for it. What it holds on to is let go as soon as it is done.
 */
export class Later {
  #works: (() => Promise<void>)[] = [];

  add(work: () => Promise<void>): void {
    this.#works.push(work);
  }

  /** Does `work`, and after it, also if it fails, what is still put off. */
  async atLatestAfter<T>(work: () => Promise<T>): Promise<T> {
    try {
      return await work();
    } finally {
      await this.do();
    }
  }

  /** Does all of it, in order; what fails keeps the rest from being done. */
  async do(): Promise<void> {
    for (let work = this.#works.shift(); work !== undefined; work = this.#works.shift()) await work();
  }
}
