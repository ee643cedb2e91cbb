/**
 * SecondLine: another connection to the same server, made when it turns out that one is not enough: beside a plain one
 * a compressed one, where the line is what all waits for; beside a compressed one a plain one, for what compression does not
 * make shorter, or where compressing is what all waits for.
 */

import type { SftpConnection } from './connection.js';
import type { Content, Line, SftpLanes } from './lanes.js';
import { FAR_MS } from './round-trip.js';

const SAMPLE_MS = 200;
const LEAST_BYTES = 1024 * 1024; // for less, another connection does not pay
const LEAST_MS = 1000; // to connect is about ten round trips, and work for both sides
/** The share of the time in which the event loop is at work. */
const BUSY = 0.8;
const IDLE = 0.5;
/** Samples in a row: of what is compressed much is looked through before the first of it arrives, and the first samples say too little. */
const STEADY = 4;
/** Bytes a second. Compression takes 30 to 50 MB/s here, and leaves a third of a text. */
const SLOW_LINE = 10 * 1024 * 1024;

/** Where a line is free, content waits for two of them; where it is full, for what its window holds, which is more than four. */
const ROUND_TRIPS = 4;

/** What a sample says. */
export interface Sample {
  readonly line: Line;
  /** The share of the time in which this side was at work. */
  readonly busy: number;
  /** That arrived. */
  readonly bytesPerSecond: number;
  /** Bytes that the plain line has on its way. */
  readonly waiting: number;
  readonly roundTripMs: number;
  /** The most that arrived while text took the plain line. */
  readonly plainBytesPerSecond: number;
}

/** Which line text should take, sample by sample. */
export class LineChoice {
  /** Samples in a row in which compressing held all up. */
  #heldUp = 0;

  /** Undefined where the one that it takes will do; once compressing has held all up, the plain one does. */
  after(sample: Sample): Line | undefined {
    const { line, busy, bytesPerSecond, plainBytesPerSecond } = sample;
    if (this.#heldUp === STEADY) return undefined;
    if (line === 'plain') return busy < IDLE && isSlow(sample) ? 'compressed' : undefined;
    this.#heldUp = busy > BUSY && bytesPerSecond < plainBytesPerSecond ? this.#heldUp + 1 : 0;
    return this.#heldUp === STEADY ? 'plain' : undefined;
  }
}

/** Whether it is the line that content waits for, and neither the round trips nor what is still to be begun. */
function isSlow({ bytesPerSecond, waiting, roundTripMs }: Sample): boolean {
  const waitMs = (waiting / bytesPerSecond) * 1000;
  return bytesPerSecond < SLOW_LINE && waitMs > roundTripMs * ROUND_TRIPS;
}

/** A sample that is being taken. */
interface Sampling {
  readonly startedAt: number;
  readonly utilization: ReturnType<typeof performance.eventLoopUtilization>;
  /** That arrived since. */
  bytes: number;
}

type LinesOf = Readonly<Record<Content, Line>>;

export class SecondLine {
  readonly #connection: SftpConnection;
  readonly #lanes: SftpLanes;
  readonly #channels: () => number;
  /** `auto` may find out what pays; `on` compresses what gets shorter by it. */
  readonly #compress: 'auto' | 'on';
  readonly #choice = new LineChoice();
  readonly #ended = new AbortController();
  #opening: Promise<SftpConnection | undefined> | undefined;
  /** What each content takes once there are two. */
  #linesOf: LinesOf;
  readonly #begun: Record<Content, number> = { text: 0, packed: 0 };
  #arrived = 0;
  /** For how long something was sent. */
  #ms = 0;
  #underWay = 0;
  /** The most bytes in a second while text took the plain line. */
  #plain = 0;
  /** From the first arrival on: until then it is no throughput that all waits for. */
  #sample: Sampling | undefined;

  /** `channels` is how many of them it shall have. */
  constructor(connection: SftpConnection, lanes: SftpLanes, compress: 'auto' | 'on', channels: () => number) {
    this.#connection = connection;
    this.#lanes = lanes;
    this.#compress = compress;
    this.#channels = channels;
    this.#linesOf = { text: connection.isCompressed ? 'compressed' : 'plain', packed: 'plain' };
  }

  get #roundTripMs(): number {
    return this.#connection.channel.roundTripMs;
  }

  /** Is told of each file that is to be sent. */
  begin(bytes: number, content: Content): void {
    if (this.#underWay++ === 0) this.#sample = undefined;
    this.#begun[content] += bytes;
    // For text it may turn out to be of no use; but until that is known it would be wanted.
    const other = this.#connection.isCompressed ? 'packed' : 'text';
    if (
      this.#begun[other] >= LEAST_BYTES &&
      (other === 'packed' || (this.#compress === 'auto' && this.#roundTripMs >= FAR_MS))
    )
      this.#open();
  }

  /** Is told when all of it is there, or will not be. */
  end(): void {
    this.#underWay--;
  }

  /** Is told of what is known to be there. */
  arrived(bytes: number): void {
    if (this.#compress === 'on' || this.#underWay === 0) return; // no sample runs: these are bytes of an append
    this.#arrived += bytes;
    if (this.#sample === undefined) {
      this.#sample = startSample();
      return;
    }
    this.#sample.bytes += bytes;
    const { startedAt, bytes: sent, utilization } = this.#sample;
    const ms = performance.now() - startedAt;
    if (ms < SAMPLE_MS) return;
    this.#ms += ms;
    const busy = performance.eventLoopUtilization(utilization).utilization;
    const bytesPerSecond = (sent / ms) * 1000;
    if (this.#linesOf.text === 'plain') this.#plain = Math.max(this.#plain, bytesPerSecond);
    const line = this.#choice.after({
      line: this.#linesOf.text,
      busy,
      bytesPerSecond,
      waiting: this.#lanes.bytesUnderWay('plain'),
      roundTripMs: this.#roundTripMs,
      plainBytesPerSecond: this.#plain,
    });
    if (line !== undefined && this.#isWorthIt(bytesPerSecond)) this.#divide({ text: line, packed: 'plain' });
    this.#sample = startSample();
  }

  /**
   * Whether another connection pays, where there is none yet: what was begun will take long enough, or it has taken so long already that
   * there may be as much to come.
   */
  #isWorthIt(bytesPerSecond: number): boolean {
    if (this.#opening !== undefined || this.#ms >= LEAST_MS) return true;
    const left = this.#begun.text + this.#begun.packed - this.#arrived;
    return Math.min(left, this.#begun.text) > (bytesPerSecond * LEAST_MS) / 1000;
  }

  async close(): Promise<void> {
    this.#ended.abort();
    await (await this.#opening)?.close();
  }

  #divide(linesOf: LinesOf): void {
    this.#linesOf = linesOf;
    this.#lanes.divide(linesOf);
    this.#open();
  }

  /** Once. Where that fails, all goes on by the line that is there. */
  #open(): void {
    this.#opening ??= this.#openChannels().catch(() => undefined);
  }

  async #openChannels(): Promise<SftpConnection | undefined> {
    const line = this.#connection.isCompressed ? 'plain' : 'compressed';
    const connection = await this.#connection.again(line === 'plain' ? 'off' : 'on', this.#ended.signal);
    const isAsAsked = connection.isCompressed === (line === 'compressed');
    if (!isAsAsked || this.#ended.signal.aborted) {
      await connection.close();
      return undefined;
    }
    this.#lanes.add(connection.channel, line, this.#linesOf);
    const opening = Array.from({ length: this.#channels() - 1 }, async () => {
      const channel = await connection.openChannel().catch(() => undefined);
      if (channel !== undefined) this.#lanes.add(channel, line);
    });
    await Promise.all(opening);
    return connection;
  }
}

function startSample(): Sampling {
  return { startedAt: performance.now(), bytes: 0, utilization: performance.eventLoopUtilization() };
}
