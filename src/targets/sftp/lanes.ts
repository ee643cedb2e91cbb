/**
 * SftpLanes: the channels to one server, and which of them a file takes.
 *
 * A channel carries at most its window in one round trip, so a distant server needs several. What one channel may have
 * on its way is bounded, and whoever finds no room waits for any of them. Where some belong to a connection that compresses
 * and some to one that does not, it depends on the content which of them it takes.
 */
import type { SftpChannel } from './channel.js';
import { Repeats } from './repeats.js';
import type { Window } from './window.js';

/**
 * From the opening of a file until its content is known to be there. OpenSSH's server reads 16 KiB for each request that
 * it carries out, and each time moves all that it has read and not carried out: with 14 MB of small files waiting, ten
 * thousand of them took 13 s instead of one. Content waits for two round trips, so this is 80 MB/s at 100 ms on 8 channels.
 */
export const LANE_BYTES = 2 * 1024 * 1024;

/** Where text is compressed the line is what all waits for, not the server. */
const REPEATING_BYTES = 4 * LANE_BYTES;

/** Of the connection that a channel belongs to. */
export type Line = 'plain' | 'compressed';

/** What a file holds: `packed` does not get shorter by compression. */
export type Content = 'text' | 'packed';

export interface Lane {
  readonly channel: SftpChannel;
  readonly line: Line;
  /** Of the first one that compresses, which text takes before all others, so that it finds itself there. */
  readonly repeats: Repeats | undefined;
  /** How many bytes of the lane are in use. */
  taken: number;
}

/** Bounds what is on its way on all lanes of a line together, and is told when something is sent after nothing was. */
type LineWindow = Pick<Window, 'bytes' | 'begin'>;

const UNBOUNDED: LineWindow = { bytes: Number.POSITIVE_INFINITY, begin: () => undefined };

interface Waiting {
  readonly bytes: number;
  readonly admit: (lane: Lane) => void;
}

export class SftpLanes {
  readonly first: SftpChannel;
  readonly #lanes: Lane[] = [];
  readonly #waiting: Readonly<Record<Content, Waiting[]>> = { text: [], packed: [] };
  readonly #windows: Readonly<Record<Line, LineWindow>>;
  readonly #line: Line;
  #linesOf: Readonly<Record<Content, Line>> | undefined;
  /** Of each line: what another one still has on its way holds up none that is better. */
  readonly #taken: Record<Line, number> = { plain: 0, compressed: 0 };

  constructor(
    first: SftpChannel,
    line: Line = 'plain',
    windows: Readonly<Record<Line, LineWindow>> = { plain: UNBOUNDED, compressed: UNBOUNDED },
  ) {
    this.#windows = windows;
    this.#line = line;
    this.first = first;
    this.add(first, line);
  }

  /** From then on each content takes lanes as `linesOf` says. */
  add(channel: SftpChannel, line: Line = 'plain', linesOf = this.#linesOf): void {
    const isFirst = line === 'compressed' && this.#repeating === undefined;
    this.#lanes.push({ channel, line, repeats: isFirst ? new Repeats(channel) : undefined, taken: 0 });
    this.#linesOf = linesOf;
    this.#admit();
  }

  /** Undefined as long as none of them compresses. */
  get repeats(): Repeats | undefined {
    return this.#repeating?.repeats;
  }

  /** From now on each content takes lanes of its line, as long as there are some. */
  divide(linesOf: Readonly<Record<Content, Line>>): void {
    this.#linesOf = linesOf;
    this.#admit();
  }

  /** Whether it broke and there is another line left. */
  isLost({ line, channel }: Lane): boolean {
    return channel.isOver && line !== this.#line && !this.first.isOver;
  }

  /** The channel of the first line with the least to do, for a request that carries no content. */
  idlest(): SftpChannel {
    let idlest = this.first;
    for (const { channel, line } of this.#lanes) {
      if (line === this.#line && !channel.isOver && channel.unansweredRequests < idlest.unansweredRequests)
        idlest = channel;
    }
    return idlest;
  }

  /** A lane with room for `bytes`, or one that is empty. For each content in the order of the calls. */
  async take(bytes: number, content: Content = 'text'): Promise<Lane> {
    const waiting = this.#waiting[content];
    const lane = waiting.length === 0 ? this.#laneFor(bytes, content) : undefined;
    if (lane === undefined) return new Promise((admit) => waiting.push({ bytes, admit }));
    this.#use(lane, bytes);
    return lane;
  }

  give(lane: Lane, bytes: number): void {
    lane.taken -= bytes;
    this.#taken[lane.line] -= bytes;
    this.#admit();
  }

  bytesUnderWay(line: Line): number {
    return this.#taken[line];
  }

  /** How many bytes there may be on their way, on the line that `content` takes now. */
  windowFor(content: Content): number {
    return this.#windows[this.#emptiestFor(content)?.line ?? this.#line].bytes;
  }

  #use(lane: Lane, bytes: number): void {
    if (this.#taken[lane.line] === 0) this.#windows[lane.line].begin(performance.now());
    lane.taken += bytes;
    this.#taken[lane.line] += bytes;
  }

  #admit(): void {
    for (const content of ['text', 'packed'] as const) {
      const waiting = this.#waiting[content];
      for (let next = waiting[0]; next !== undefined; next = waiting[0]) {
        const lane = this.#laneFor(next.bytes, content);
        if (lane === undefined) break;
        this.#use(lane, next.bytes);
        waiting.shift();
        next.admit(lane);
      }
    }
  }

  #laneFor(bytes: number, content: Content): Lane | undefined {
    const line = this.#linesOf?.[content];
    const repeating = content === 'text' && line !== 'plain' ? this.#repeating : undefined;
    if (repeating?.channel.isOver === false && fits(bytes, repeating.taken, REPEATING_BYTES))
      return this.#hasRoomFor(bytes, repeating) ? repeating : undefined;
    const lane = this.#emptiestFor(content);
    return lane !== undefined && fits(bytes, lane.taken, LANE_BYTES) && this.#hasRoomFor(bytes, lane)
      ? lane
      : undefined;
  }

  #hasRoomFor(bytes: number, { line }: Lane): boolean {
    return fits(bytes, this.#taken[line], this.#windows[line].bytes);
  }

  get #repeating(): Lane | undefined {
    return this.#lanes.find(({ repeats }) => repeats !== undefined);
  }

  /** Of its line, as long as there are some. */
  #emptiestFor(content: Content): Lane | undefined {
    const line = this.#linesOf?.[content];
    return (line && this.#emptiest(line)) ?? this.#emptiest();
  }

  /** Of one line, or of all. The first one of all is there even when it is over: then it says why. */
  #emptiest(line?: Line): Lane | undefined {
    let emptiest: Lane | undefined;
    for (const lane of this.#lanes) {
      const isOpen = !lane.channel.isOver || (line === undefined && lane.channel === this.first);
      const isOf = line === undefined || lane.line === line;
      if (isOpen && isOf && (emptiest === undefined || lane.taken < emptiest.taken)) emptiest = lane;
    }
    return emptiest;
  }
}

/** More than all of it is let through alone. */
function fits(bytes: number, taken: number, most: number): boolean {
  return taken === 0 || taken + bytes <= most;
}
