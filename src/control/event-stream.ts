/**
 * EventStream: a reply that goes on for as long as something happens.
 *
 * It never buffers without bound: a reader who does not keep up loses what may be left out first, and then its connection.
 */
import type { ServerResponse } from 'node:http';

const HEARTBEAT_MS = 10_000;
const MUCH_WAITING = 64 * 1024; // bytes a reader may have before it, and still get what may be left out
const MOST_WAITING = 4 * 1024 * 1024; // before what comes next, which may be as long as it is: the report of a cycle, with all its problems

export interface StreamOptions {
  readonly type: 'application/x-ndjson' | 'text/event-stream';
  /** What is sent every ten seconds, so that both ends notice when the other one is gone. */
  readonly heartbeat: string;
  readonly closing: AbortSignal;
}

export class EventStream {
  readonly #response: ServerResponse;
  readonly #heartbeat: NodeJS.Timeout;
  #isOpen = true;

  /** `onEnd` is called exactly once, and never before the constructor has returned. */
  constructor(response: ServerResponse, { type, heartbeat, closing }: StreamOptions, onEnd: () => void) {
    this.#response = response;
    response.writeHead(200, { 'content-type': type, 'cache-control': 'no-store', connection: 'close' });
    response.flushHeaders();
    this.#heartbeat = setInterval(() => this.offer(heartbeat), HEARTBEAT_MS).unref();
    const end = (): void => this.end();
    closing.addEventListener('abort', end, { once: true });
    const ended = (): void => {
      this.#isOpen = false;
      clearInterval(this.#heartbeat);
      closing.removeEventListener('abort', end);
      onEnd();
    };
    response.on('error', end);
    if (response.destroyed) {
      setImmediate(ended); // the client left already: 'close' will not come again
    } else {
      response.once('close', ended);
    }
  }

  /** What the reader must get, in its order. Who is too far behind is cut off. */
  send(text: string): void {
    if (!this.#isOpen) return;
    if (this.#response.writableLength > MOST_WAITING) this.#response.destroy();
    else this.#response.write(text);
  }

  /** What the reader can do without. False if it was left out. */
  offer(text: string): boolean {
    if (this.#response.writableLength > MUCH_WAITING) return false;
    this.send(text);
    return true;
  }

  end(): void {
    if (!this.#isOpen) return;
    this.#isOpen = false;
    this.#response.end();
  }
}
