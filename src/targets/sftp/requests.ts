/**
 * SftpRequests: what is asked on one channel, and the replies. All requests of one turn of the event loop travel together, and each
 * reply finds whoever asked. Once the channel has ended, or broken the protocol, all of them fail, and whatever is asked from then on.
 */
import type { Duplex } from 'node:stream';
import { TargetError } from '../../errors.js';
import { PendingTable } from './pending.js';
import { ReplyWatch } from './reply-watch.js';
import { RoundTrip } from './round-trip.js';
import { confused, lost, refusal, statusOf, troubleIn } from './trouble.js';
import { init, REPLY, Reply, ReplyReader, type RequestWriter, STATUS } from './wire.js';

const FULL_BYTES = 32 * 1024; // one SSH packet, which gains nothing by waiting
const LOST_REPLY = {
  overtaken: 'the server has answered later requests, but not an earlier one',
  silent: 'the server keeps the connection, and has answered nothing for ten minutes; its disk may hang',
} as const;
const FAREWELL_MS = 100; // after its last byte the other side may still say with which code it ended
const MANY_REQUESTS = 16;
const COMPANY_MS = 1; // the least that a timer can wait

/** What is asked, for messages, and how the answer is read from a reply of `type`. */
export interface Question<T> {
  readonly verb: string;
  readonly path: string;
  readonly type: number;
  readonly read: (reply: Reply) => T;
  /** A status that is an answer as well: to make an error of each where thousands of files are missing would take its time. */
  readonly or?: { readonly status: number; readonly answer: T };
}

/** Is given the reply, which is good during the call only, or why there is none. What it throws is a broken reply. */
export type Waiter = (failure: TargetError | undefined, reply: Reply) => void;

export interface RequestEvents {
  /** The server's first word. */
  readonly onVersion: (reply: Reply) => void;
  /** Asks for anything, to learn whether the server still answers. */
  readonly probe: () => void;
  /** When all that was under way has failed. */
  readonly onEnd: (failure: TargetError) => void;
}

export class SftpRequests {
  readonly #stream: Duplex;
  readonly #writer: RequestWriter;
  readonly #events: RequestEvents;
  readonly #reader = new ReplyReader();
  readonly #waiters = new PendingTable<Waiter>();
  readonly #watch: ReplyWatch;
  readonly #roundTrip = new RoundTrip();
  #isGreeted = false;
  #isFlushing = false;
  #broken: TargetError | undefined;

  /** All requests are written with `writer`. */
  constructor(stream: Duplex, writer: RequestWriter, events: RequestEvents, lookMs?: number) {
    this.#stream = stream;
    this.#writer = writer;
    this.#events = events;
    const onLost = (how: keyof typeof LOST_REPLY): void => this.#end(new TargetError('unreachable', LOST_REPLY[how]));
    this.#watch = new ReplyWatch({ oldest: () => this.#waiters.oldest, probe: events.probe, onLost }, lookMs);
    let exitCode: unknown;
    const end = (error?: Error): void => this.#end(lost(error, exitCode));
    stream.on('exit', (code: unknown) => (exitCode = code));
    stream.on('error', end).on('close', end);
    stream.on('end', () => setTimeout(end, FAREWELL_MS).unref());
    stream.on('data', (chunk: Buffer) => this.#take(chunk));
    stream.write(init());
  }

  get isOver(): boolean {
    return this.#broken !== undefined;
  }

  get unanswered(): number {
    return this.#waiters.size;
  }

  /** Milliseconds; 0 until it is known. */
  get roundTripMs(): number {
    return this.#roundTrip.ms;
  }

  /** A request, written by `write` under this number. */
  send(waiter: Waiter, write: (id: number) => void): void {
    if (this.#broken !== undefined) return waiter(this.#broken, NO_REPLY);
    this.#watch.asked();
    const isFirst = this.#waiters.size === 0;
    const id = this.#waiters.add(waiter);
    if (isFirst) this.#roundTrip.asked(id);
    write(id);
    if (this.#writer.waitingBytes >= FULL_BYTES) this.#flush();
    else if (!this.#isFlushing) {
      this.#isFlushing = true;
      // A lone request goes at once; one of many waits for company, as in Nagle's algorithm.
      if (this.#waiters.size < MANY_REQUESTS) setImmediate(this.#flushNow);
      else setTimeout(this.#flushNow, COMPANY_MS);
    }
  }

  /** A request that is answered by whether it was done. */
  tell(verb: string, path: string, write: (id: number) => void): Promise<void> {
    return new Promise((resolve, reject) => {
      this.send((failure, reply) => {
        const trouble = failure ?? troubleIn(reply, verb, path);
        if (trouble === undefined) resolve();
        else reject(trouble);
      }, write);
    });
  }

  ask<T>(question: Question<T>, write: (id: number) => void): Promise<T> {
    return new Promise((resolve, reject) => {
      this.send((failure, reply) => {
        if (failure !== undefined) return reject(failure);
        if (reply.type === question.type) return resolve(question.read(reply));
        const { verb, path, or } = question;
        const status = statusOf(reply);
        if (status === or?.status) resolve(or.answer);
        else reject(status === STATUS.ok ? confused() : refusal(status, reply, verb, path));
      }, write);
    });
  }

  readonly #flushNow = (): void => {
    this.#isFlushing = false;
    this.#flush();
  };

  #flush(): void {
    if (this.#writer.waitingBytes === 0 || this.#broken !== undefined) return;
    try {
      this.#stream.write(this.#writer.take());
      this.#roundTrip.sent(performance.now());
    } catch (error) {
      // The library throws where a compressed connection has ended and the channel has not heard of it yet.
      this.#end(lost(error instanceof Error ? error : undefined, undefined));
    }
  }

  #take(chunk: Buffer): void {
    if (this.#broken !== undefined) return;
    try {
      this.#reader.push(chunk, (reply) => this.#answer(reply));
    } catch (error) {
      // Nothing on a channel that breaks the protocol can be believed any more.
      this.#end(error instanceof TargetError ? error : confused(error));
      this.#stream.destroy();
    }
  }

  #answer(reply: Reply): void {
    if (!this.#isGreeted) {
      if (reply.type !== REPLY.version) throw confused();
      this.#events.onVersion(reply);
      this.#isGreeted = true;
      return;
    }
    const waiter = this.#waiters.get(reply.id);
    if (waiter === undefined) throw confused();
    this.#roundTrip.answered(reply.id, () => performance.now());
    waiter(undefined, reply);
    this.#watch.answered();
    this.#waiters.remove(reply.id); // not before: one that cannot read its reply is told so with all others
  }

  /** Fails what is under way and whatever is asked from now on. */
  #end(failure: TargetError): void {
    if (this.#broken !== undefined) return;
    this.#broken = failure;
    this.#watch.stop();
    for (const waiter of this.#waiters.takeAll()) waiter(failure, NO_REPLY);
    this.#events.onEnd(failure);
  }
}

/** For a waiter that is told why there is none. */
const NO_REPLY = new Reply();
