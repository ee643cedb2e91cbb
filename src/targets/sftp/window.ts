/**
 * Window: how many bytes of content may be on their way to a server. It follows what arrives: as long as twice as much on its
 * way brings twice as much across, it doubles with each round trip; where the line is full it stays, for more would only wait
 * in front of it, and could not take another way any more when there is a better one. On a very slow line it is less than at first:
 * whatever else is asked, such as a sign of life, waits behind it.
 */
const FIRST_BYTES = 1024 * 1024;
/** How much shorter a text gets by compression, about. */
const COMPRESSION = 4;
const LEAST_SAMPLE_MS = 50;
/** Content waits for two round trips, and what is on its way is to be twice what they bring. */
const ROUND_TRIPS = 4;
const SHRINK = 0.75;
const LEAST_BYTES = 128 * 1024;
const MOST_WAIT_MS = 10_000;
const SLOW_MS = 500; // until anything arrives

export class Window {
  readonly #roundTripMs: () => number;
  readonly #first: number;
  #bytes: number;
  #arrived = 0;
  /** What it was when the sample began. */
  #before: number;
  #since = 0;

  /** `roundTripMs` may be found out later. */
  constructor(line: 'plain' | 'compressed', roundTripMs: () => number) {
    this.#roundTripMs = roundTripMs;
    this.#first = line === 'plain' ? FIRST_BYTES : FIRST_BYTES * COMPRESSION;
    this.#bytes = this.#first;
    this.#before = this.#first;
  }

  get bytes(): number {
    return this.#bytes;
  }

  /** Is told that something is sent after nothing was on its way. `now` in milliseconds. */
  begin(now: number): void {
    this.#since = now;
    this.#arrived = 0;
    this.#before = this.#bytes;
  }

  /** Is told of what is known to be there. */
  arrived(bytes: number, now: number): void {
    this.#arrived += bytes;
    const ms = now - this.#since;
    if (ms < Math.max(LEAST_SAMPLE_MS, this.#roundTripMs())) {
      this.#bytes = Math.min(this.#bytes + bytes, this.#before * 2);
      return;
    }
    const rate = this.#arrived / ms;
    const isSlow = ms > Math.max(SLOW_MS, this.#roundTripMs() * ROUND_TRIPS);
    const most = isSlow ? rate * MOST_WAIT_MS : Number.POSITIVE_INFINITY;
    const wanted = Math.min(this.#first + rate * this.#roundTripMs() * ROUND_TRIPS, most);
    this.#bytes = Math.max(wanted, this.#before * SHRINK, LEAST_BYTES);
    this.begin(now);
  }
}
