/**
 * Repeats: what was written on one channel, so that the server copies from there what a later file repeats of it. Where bytes are
 * dear this saves what compression does not see, as it looks back 32 KiB and no more.
 *
 * A file may be copied from before it is known to be there: requests about one file are carried out in the order in which they
 * come (draft-ietf-secsh-filexfer-02, section 6.1). So it is enough that all of it was asked for before, on the same channel. A
 * copy counts once everything that it was made of has arrived.
 */
import { allOf } from '../../core/all-of.js';
import { anchored } from '../../core/delta/anchors.js';
import { History, type Match } from '../../core/delta/history.js';
import { TargetError } from '../../errors.js';
import type { Body, FileMeta } from '../target.js';
import type { SftpChannel } from './channel.js';
import { requireSize, writesOf } from './pour.js';
import { OPEN } from './wire.js';

/** Longer content is sent as it is: what it is made of is in memory before it begins. */
export const MOST_REPEATING_BYTES = 2 * 1024 * 1024;

export class Repeats {
  readonly #channel: SftpChannel;
  readonly #history = new History<Sending>((sending) => this.#letGoOf(sending));
  /** Those of which the history has something. */
  readonly #byPath = new Map<string, Sending>();
  /** One after another, so that each finds all that was read before it. */
  #reading: Promise<unknown> = Promise.resolve();

  constructor(channel: SftpChannel) {
    this.#channel = channel;
  }

  /** Whether the server copies, and then no sooner than what it copies was written. */
  get areFound(): boolean {
    return this.#channel.copiesData && this.#channel.keepsOrder;
  }

  /**
   * As `Target.write`. Undefined where that cannot be done: what it was to be made of is gone, or did not arrive itself, or a server
   * has too few handles. Then nothing of it will be copied any more, and it is to be written as a whole. `onRead` is told how many
   * bytes of it do not travel.
   */
  async write(path: string, body: Body, meta: FileMeta, onRead: (copied: number) => void): Promise<number | undefined> {
    const sending = new Sending(path);
    try {
      const reading = this.#reading.then(() => this.#read(sending, body, meta));
      this.#reading = reading.catch(() => undefined);
      const { opening } = await reading;
      onRead(sending.copiedBytes);
      return (await this.#send(sending, opening, meta)) ? meta.size - sending.copiedBytes : undefined;
    } finally {
      sending.end();
    }
  }

  /** What is at `path` gets another name or goes, or something else comes there. */
  replace(path: string): void {
    this.#byPath.get(path)?.replace();
  }

  /** As `replace`, for whatever was written. */
  forget(): void {
    for (const sending of this.#byPath.values()) sending.replace();
    this.#history.clear();
    this.#byPath.clear();
  }

  /** Reads it, and asks for all that it takes to be opened. */
  async #read(sending: Sending, body: Body, meta: FileMeta): Promise<{ readonly opening: Promise<Buffer[]> }> {
    const content = await this.#channel.inTurn(() => {
      const whole = body();
      if (whole instanceof Uint8Array) this.#take(sending, whole);
      return whole;
    });
    if (!(content instanceof Uint8Array)) {
      for await (const piece of content) {
        this.#take(sending, piece);
        if (sending.bytes > meta.size) break;
      }
    }
    requireSize(sending.bytes, meta, sending.path);
    const files = [
      { path: sending.path, flags: OPEN.write | OPEN.create | OPEN.truncate, mode: meta.mode },
      ...[...sending.sources].map(({ path }) => ({ path, flags: OPEN.read })),
    ];
    return { opening: this.#channel.openTogether(files, () => sending.opening()) };
  }

  #take(sending: Sending, piece: Uint8Array): void {
    const { path, bytes } = sending;
    const content = anchored(piece);
    const found = this.#history.find(content, ({ mayBeCopied }) => mayBeCopied) ?? [piece];
    if (this.#history.add(sending, content, bytes)) {
      if (sending.kept++ === 0) this.replace(path);
      this.#byPath.set(path, sending);
    }
    for (const part of found) sending.add(part);
  }

  #letGoOf(sending: Sending): void {
    if (--sending.kept === 0 && this.#byPath.get(sending.path) === sending) this.#byPath.delete(sending.path);
  }

  /** False where it did not arrive, and nobody copies from it, so that it may be written anew. */
  async #send(sending: Sending, opening: Promise<readonly Buffer[]>, meta: FileMeta): Promise<boolean> {
    try {
      await this.#fill(sending, await opening, meta);
      return true;
    } catch (error) {
      if (sending.hasArrived || !(error instanceof TargetError) || this.#channel.isOver) throw error;
      return false;
    }
  }

  async #fill(sending: Sending, handles: readonly Buffer[], meta: FileMeta): Promise<void> {
    const channel = this.#channel;
    const ending: Promise<void>[] = [];
    try {
      for (const source of sending.sources) await source.isAsked;
      const requests = this.#requestsFor(sending, handles);
      // Then its size tells whether it was carried out.
      const isOne = requests.length <= 1 && sending.sources.size === 0 && channel.keepsOrder;
      sending.asked();
      const arriving = allOf(requests).then(() => sending.arrive());
      if (isOne) ending.push(arriving);
      else await arriving;
      ending.push(channel.setStat(handles[0] as Buffer, sending.path, meta));
    } finally {
      await allOf([...ending, ...handles.map((handle) => channel.close(handle))]);
    }
  }

  #requestsFor({ parts, sources }: Sending, handles: readonly Buffer[]): Promise<void>[] {
    const [made, ...others] = handles as [Buffer, ...Buffer[]];
    const handleOf = new Map([...sources].map((source, i) => [source, others[i] as Buffer]));
    let position = 0;
    return parts.flatMap((part) => {
      const at = position;
      position += part.length;
      if (part instanceof Uint8Array) return writesOf(this.#channel, made, part, at);
      const copied = this.#channel.copyData({ source: handleOf.get(part.source) as Buffer, made }, part, at);
      return [copied, this.#channel.requireBytes(made, position)];
    });
  }
}

/** A file on its way. It waits for none but those that were begun before it, and so never for one that waits for it. */
class Sending {
  readonly path: string;
  /** Until they are asked for. */
  parts: (Match<Sending> | Uint8Array)[] = [];
  /** Until it has arrived. */
  sources = new Set<Sending>();
  bytes = 0;
  copiedBytes = 0;
  /** How many pieces of it the history has. */
  kept = 0;
  hasArrived = false;
  #isOpening = false;
  /** What is at its path, or will be, may be something else. */
  #isLost = false;
  /** Resolves when all that its content takes was asked for. */
  readonly isAsked: Promise<void>;
  readonly #isThere: Promise<boolean>;
  #asked: () => void = () => undefined;
  #settle: (isThere: boolean) => void = () => undefined;

  constructor(path: string) {
    this.path = path;
    this.isAsked = new Promise((resolve) => (this.#asked = resolve));
    this.#isThere = new Promise((resolve) => (this.#settle = resolve));
  }

  get mayBeCopied(): boolean {
    return this.#isOpening && !this.#isLost;
  }

  /** New bytes are good during the call only. */
  add(part: Match<Sending> | Uint8Array): void {
    this.bytes += part.length;
    if (part instanceof Uint8Array) return void this.parts.push(Buffer.from(part));
    this.parts.push(part);
    this.sources.add(part.source);
    this.copiedBytes += part.length;
  }

  /** All that it takes is asked to be opened. */
  opening(): void {
    this.#isOpening = true;
  }

  /** All that its content takes is asked for. */
  asked(): void {
    this.parts = [];
    this.#asked();
  }

  /** All requests for it were carried out. Throws where something did not arrive, or did not stay, that it is made of. */
  async arrive(): Promise<void> {
    for (const source of this.sources) {
      if (!(await source.#isThere) || source.#isLost)
        throw new TargetError('failed', `cannot copy from ${source.path}: it is not there any more`);
    }
    this.hasArrived = true;
    this.#settle(true);
  }

  /** Something else is to be at its path. */
  replace(): void {
    this.#isLost = true;
  }

  /** It is there, or nothing comes of it. */
  end(): void {
    if (!this.hasArrived) this.#isLost = true;
    this.asked();
    this.sources = new Set();
    this.#settle(false); // where it has arrived, that was said before
  }
}
