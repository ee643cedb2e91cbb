/**
 * RoundTrip: how far away a server is, as the least time that it took to answer a request before which nothing was on its way.
 *
 * One such time says little: a busy event loop hears late of what has come, and takes a server next door for one in another country.
 */

/** Milliseconds. From here on a server is far: to connect takes its time, and a channel's window holds too little. */
export const FAR_MS = 5;

export class RoundTrip {
  #ms: number | undefined;
  /** The request that is measured, and since when. */
  #request: number | undefined;
  #since: number | undefined;

  /** In milliseconds; 0 until anything was measured. */
  get ms(): number {
    return this.#ms ?? 0;
  }

  /** Is told of a request before which nothing was on its way. */
  asked(request: number): void {
    this.#request = request;
    this.#since = undefined;
  }

  /** Is told when what was asked leaves. */
  sent(now: number): void {
    if (this.#request !== undefined) this.#since ??= now;
  }

  /** Is told of each reply. */
  answered(request: number, now: () => number): void {
    if (request !== this.#request) return;
    if (this.#since !== undefined) this.#ms = Math.min(this.#ms ?? Number.POSITIVE_INFINITY, now() - this.#since);
    this.#request = undefined;
  }
}
