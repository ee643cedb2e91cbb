/**
 * ReplyWatch: notices a request whose reply never comes while those after it are answered.
 *
 * A slow line delays all replies alike, and a dead one is found by the keepalive of the connection. But a server that loses
 * one reply would be waited for without end.
 */

const LOOK_MS = 30_000;
const PATIENCE = 3; // looks: no single request takes a minute and a half while others are done

export interface WatchedRequests {
  /** The number of the oldest request that is not answered; undefined if there is none. */
  readonly oldest: () => number | undefined;
  /** Asks something, so that there is a later request. */
  readonly probe: () => void;
  readonly onLost: () => void;
}

export class ReplyWatch {
  readonly #requests: WatchedRequests;
  readonly #lookMs: number;
  #timer: NodeJS.Timeout | undefined;
  #oldest: number | undefined;
  #looks = 0;
  /** Whether a later one was answered. */
  #isOvertaken = false;

  constructor(requests: WatchedRequests, lookMs = LOOK_MS) {
    this.#requests = requests;
    this.#lookMs = lookMs;
  }

  /** A request was sent. Costs nothing while others are open. */
  asked(): void {
    this.#timer ??= setInterval(() => this.#look(), this.#lookMs).unref();
  }

  /** A reply came. */
  answered(): void {
    this.#isOvertaken = true;
  }

  stop(): void {
    clearInterval(this.#timer);
    this.#timer = undefined;
  }

  #look(): void {
    const oldest = this.#requests.oldest();
    if (oldest === undefined) return this.stop();
    if (oldest !== this.#oldest) {
      this.#oldest = oldest;
      this.#looks = 0;
      this.#isOvertaken = false;
    } else if (!this.#isOvertaken) this.#requests.probe();
    else if (++this.#looks >= PATIENCE) this.#requests.onLost();
  }
}
