/**
 * Repeats: what was written on one channel, so that the server copies from there what a later file repeats of it. Where bytes are
 * dear this saves what compression does not see, as it looks back 32 KiB and no more.
 *
 * A file may be copied from before it is known to be there: requests about one file are carried out in the order in which they
 * come (draft-ietf-secsh-filexfer-02, section 6.1). So it is enough that all of it was asked for before, on the same channel. A
 * copy counts once everything that it was made of has arrived.
 */
import { History, type Match } from '../core/delta/history.js';
import { TargetError } from '../errors.js';
import type { SftpChannel } from './sftp-channel.js';
import { requireSize, together, writesOf } from './sftp-pour.js';
import { OPEN } from './sftp-wire.js';
import type { Body, FileMeta } from './target.js';

/** Longer content is sent as it is: what it is made of is in memory before it begins. */
export const MOST_REPEATING_BYTES = 2 * 1024 * 1024;

export class Repeats {
  readonly #channel: SftpChannel;
  #history: History<Sending> | undefined;
  readonly #byPath = new Map<string, Sending>();
  /** One after another, so that each finds all that was read before it. */
  #reading: Promise<unknown> = Promise.resolve();

  constructor(channel: SftpChannel) {
    this.#channel = channel;
  }

  /** Whether the server copies. */
  get areFound(): boolean {
    return this.#channel.copiesData;
  }

  /**
   * As `Target.write`. False where that cannot be done: what it was to be made of is gone, or did not arrive itself, or a server
   * has too few handles. Then nothing of it will be copied any more, and it is to be written as a whole. `onRead` is told how many
   * bytes of it do not travel.
   */
  async write(path: string, body: Body, meta: FileMeta, onRead: (copied: number) => void): Promise<boolean> {
    const sending = new Sending(path);
    this.#byPath.set(path, sending);
    try {
      const reading = this.#reading.then(() => this.#begin(sending, body, meta));
      this.#reading = reading.catch(() => undefined);
      const { opening } = await reading;
      onRead(sending.copiedBytes);
      await this.#send(sending, await opening, meta);
      return true;
    } catch (error) {
      sending.fail();
      // Once it has arrived others may be copying from it.
      if (sending.hasArrived || !(error instanceof TargetError) || this.#channel.isOver) throw error;
      return false;
    }
  }

  /** Something else is to be written at `path`. */
  replace(path: string): void {
    this.#byPath.get(path)?.replace();
  }

  /** What was written may get another name, or go. */
  forget(): void {
    this.#history?.clear();
    this.#byPath.clear();
  }

  /** Reads it, and asks for all that it takes to be opened. */
  async #begin(sending: Sending, body: Body, meta: FileMeta): Promise<{ readonly opening: Promise<Buffer[]> }> {
    const content = await this.#channel.inTurn(() => {
      const whole = body();
      if (whole instanceof Uint8Array) this.#take(sending, whole);
      return whole;
    });
    if (!(content instanceof Uint8Array)) for await (const piece of content) this.#take(sending, piece);
    requireSize(sending.bytes, meta, sending.path);
    const files = [
      { path: sending.path, flags: OPEN.write | OPEN.create | OPEN.truncate },
      ...[...sending.sources].map(({ path }) => ({ path, flags: OPEN.read })),
    ];
    return { opening: this.#channel.openTogether(files, () => (sending.mayBeCopied = true)) };
  }

  #take(sending: Sending, piece: Uint8Array): void {
    const history = (this.#history ??= new History());
    const found = history.find(piece, ({ mayBeCopied }) => mayBeCopied) ?? [piece];
    history.add(sending, piece, sending.bytes);
    for (const part of found) sending.add(part);
  }

  async #send(sending: Sending, handles: readonly Buffer[], meta: FileMeta): Promise<void> {
    const channel = this.#channel;
    const ending: Promise<void>[] = [];
    try {
      for (const source of sending.sources) await source.isAsked;
      const requests = this.#requestsFor(sending, handles);
      sending.asked();
      const arriving = together(requests).then(() => sending.arrive());
      // Its size and its time tell that it is complete, and the size alone whether one write was done.
      if (requests.length <= 1 && sending.sources.size === 0) ending.push(arriving);
      else await arriving;
      ending.push(channel.setStat(handles[0] as Buffer, meta));
    } finally {
      await together([...ending, ...handles.map((handle) => channel.close(handle))]);
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
      return [this.#channel.copyData({ source: handleOf.get(part.source) as Buffer, made }, part, at)];
    });
  }
}

/** A file on its way. It waits for none but those that were begun before it, and so never for one that waits for it. */
class Sending {
  readonly path: string;
  /** Until it is asked for. */
  parts: (Match<Sending> | Uint8Array)[] = [];
  sources = new Set<Sending>();
  bytes = 0;
  copiedBytes = 0;
  /** It is asked for, and nothing has gone wrong yet. */
  mayBeCopied = false;
  hasArrived = false;
  #isReplaced = false;
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

  /** New bytes are good during the call only. */
  add(part: Match<Sending> | Uint8Array): void {
    this.bytes += part.length;
    if (part instanceof Uint8Array) return void this.parts.push(Buffer.from(part));
    this.parts.push(part);
    this.sources.add(part.source);
    this.copiedBytes += part.length;
  }

  /** All that its content takes is asked for. */
  asked(): void {
    this.parts = [];
    this.#asked();
  }

  /** All requests for it were carried out. Throws where something did not arrive, or did not stay, that it is made of. */
  async arrive(): Promise<void> {
    for (const source of this.sources) {
      if (!(await source.#isThere) || source.#isReplaced)
        throw new TargetError('failed', `cannot copy from ${source.path}: it is not there any more`);
    }
    this.sources = new Set();
    this.hasArrived = true;
    this.#settle(true);
  }

  replace(): void {
    this.mayBeCopied = false;
    this.#isReplaced = true;
  }

  fail(): void {
    this.mayBeCopied = false;
    this.#asked();
    this.#settle(false);
  }
}
