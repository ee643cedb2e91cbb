/**
 * ReplyWatch: notices a request whose reply never comes while those after it are answered.
 *
 * A slow line delays all replies alike, and a dead one is found by the keepalive of the connection. But a server that loses
 * one reply would be waited for without end, and so would one whose disk hangs while its connections live.
 */

const LOOK_MS = 30_000;
const PATIENCE = 3; // looks: no single request takes a minute and a half while others are done
const MOST_SILENCE = 20; // looks: ten minutes without any reply; what is on its way comes in a fraction of that, and so do large copies

export interface WatchedRequests {
  /** The number of the oldest request that is not answered; undefined if there is none. */
  readonly oldest: () => number | undefined;
  /** Asks something, so that there is a later request. */
  readonly probe: () => void;
  readonly onLost: (how: 'overtaken' | 'silent') => void;
}

export class ReplyWatch {
  readonly #requests: WatchedRequests;
  readonly #lookMs: number;
  #timer: NodeJS.Timeout | undefined;
  #oldest: number | undefined;
  #looks = 0;
  #silence = 0;
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
      this.#looks = this.#silence = 0;
      this.#isOvertaken = false;
    } else if (this.#isOvertaken) {
      if (++this.#looks >= PATIENCE) this.#requests.onLost('overtaken');
    } else if (++this.#silence >= MOST_SILENCE) this.#requests.onLost('silent');
    else this.#requests.probe();
  }
}
