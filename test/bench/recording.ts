/** Recording: what was asked of an SFTP server on one channel, to be asked once more. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';

/** What is on its way at once: of more, OpenSSH's server moves all that it has read with each request. */
const WINDOW_BYTES = 400_000;
const LENGTH_BYTES = 4; // before each request and each reply

export class Recording {
  readonly #bytes: Buffer;
  /** Where each request ends. */
  readonly #ends: readonly number[];

  constructor(bytes: Buffer) {
    const ends: number[] = [];
    for (let at = 0; at < bytes.length; at = ends.at(-1) ?? 0) ends.push(at + LENGTH_BYTES + bytes.readUInt32BE(at));
    this.#bytes = bytes;
    this.#ends = ends;
  }

  /**
   * Asks all of it of the server behind a program, and waits for its end. A server gives the same handles for the same requests, so
   * that none has to wait for a reply to another one.
   */
  async replay(program: string, args: readonly string[]): Promise<void> {
    const child = spawn(program, args, { stdio: ['pipe', 'pipe', 'inherit'] });
    let [sent, answered, missing] = [0, 0, 0];
    let head = Buffer.alloc(0);
    const send = (): void => {
      const most = Math.min(this.#bytes.length, (this.#ends[answered - 1] ?? 0) + WINDOW_BYTES);
      if (most > sent) child.stdin.write(this.#bytes.subarray(sent, most));
      sent = Math.max(sent, most);
      if (answered === this.#ends.length) child.stdin.end();
    };
    child.stdout.on('data', (chunk: Buffer) => {
      let at = Math.min(missing, chunk.length);
      missing -= at;
      while (missing === 0 && at < chunk.length) {
        const taken = Math.min(LENGTH_BYTES - head.length, chunk.length - at);
        head = Buffer.concat([head, chunk.subarray(at, at + taken)]);
        at += taken;
        if (head.length < LENGTH_BYTES) break;
        const length = head.readUInt32BE(0);
        head = Buffer.alloc(0);
        const here = Math.min(length, chunk.length - at);
        at += here;
        missing = length - here;
        answered++;
      }
      send();
    });
    send();
    const [status] = (await once(child, 'close')) as [number | null];
    if (status !== 0 || answered !== this.#ends.length)
      throw new TypeError(`${answered} of ${this.#ends.length} requests were answered, status ${status}`);
  }
}
