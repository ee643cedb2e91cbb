/**
 * Helper: a second thread that takes part in reading and writing thousands of files: the one that asked for it.
 *
 * Both work on one list, the first thread from its beginning and the second one from its end, until they meet. What the
 * second one cannot do without trouble it leaves, and the first one sees to it: so trouble is told of in one place.
 */
import type { Entry } from '../../core/entry.js';
import { CONTENT_HASH_DIGITS } from '../../core/manifest/hashed-name.js';
import type { Also, Reading } from '../digest.js';
import { compact } from '../stamp.js';
import type { Permissions, Put } from '../static-root.js';
import { close, newTurn, type Turn, take } from './turn.js';

export interface Helper {
  /** Takes part until all of the list is taken. */
  readonly help: (list: SharedList) => Promise<void>;
}

/** Plain data, in columns: a thread gets thousands of texts faster than thousands of objects. */
export type SharedList = ReadList | PutList;

/** Files to read, as stat told of them. */
export interface ReadList {
  readonly kind: 'read';
  readonly files: readonly string[];
  readonly sizes: readonly number[];
  readonly stamps: readonly string[];
  readonly also: Also;
  readonly turn: Turn;
  readonly facts: SharedArrayBuffer;
}

/** Copies to make below `root`, whose folders are there. */
export interface PutList {
  readonly kind: 'put';
  readonly root: string;
  readonly permissions: Permissions;
  /** The folders that are new, so that nothing can be in the way in them. */
  readonly fresh: readonly string[];
  readonly sources: readonly string[];
  readonly paths: readonly string[];
  readonly sizes: readonly number[];
  readonly digests: readonly string[];
  readonly turn: Turn;
  readonly facts: SharedArrayBuffer;
}

/** A list, and what the helper made of the item at a place in it; undefined for one that it left. */
export interface Share<R> {
  readonly list: SharedList;
  readonly madeOf: (at: number) => R | undefined;
}

const MANY_ITEMS = 2000; // one thread has done as many when another one has begun
const AT_ONCE = 8192; // items; all that the helper is told of has to be in memory twice

/** Goes through items together with a helper, some thousands at a time. The helper begins at once. */
export class Together<T, R> {
  readonly #helper: Helper;
  readonly #items: readonly T[];
  readonly #share: (items: readonly T[], turn: Turn) => Share<R>;
  #at = 0;
  #current: Sharing<R> | undefined;
  /** The helper begins with it while its part of the current one is taken over. */
  #upcoming: Sharing<R> | undefined;

  /** Undefined where nobody helps, or it does not pay. */
  static begin<T, R>(
    helper: Helper | undefined,
    items: readonly T[],
    share: (items: readonly T[], turn: Turn) => Share<R>,
  ): Together<T, R> | undefined {
    return helper === undefined || items.length < MANY_ITEMS ? undefined : new Together(helper, items, share);
  }

  private constructor(helper: Helper, items: readonly T[], share: (items: readonly T[], turn: Turn) => Share<R>) {
    this.#helper = helper;
    this.#items = items;
    this.#share = share;
    this.#upcoming = this.#begin(0);
  }

  /** What the helper has made of the next item; undefined for one that is to be done here. */
  async next(): Promise<R | undefined> {
    const at = this.#at % AT_ONCE;
    if (at === 0) {
      await this.#current?.end();
      this.#current = this.#upcoming ?? this.#begin(this.#at);
      this.#upcoming = undefined;
    }
    const current = this.#current as Sharing<R>;
    const isOurs = await current.isOurs();
    const next = this.#at - at + AT_ONCE;
    if (!isOurs && next < this.#items.length) this.#upcoming ??= this.#begin(next);
    this.#at++;
    return isOurs ? undefined : current.madeOf(at);
  }

  /** Waits until the helper does nothing more, and lets it begin nothing new. */
  async end(): Promise<void> {
    for (const sharing of [this.#current, this.#upcoming]) await sharing?.end();
  }

  /** After the end: what the helper has made of items that nobody has asked for. */
  *left(): Generator<R, void> {
    const at = this.#at % AT_ONCE;
    if (at > 0) yield* this.#current?.madeFrom(at) ?? [];
    yield* this.#upcoming?.madeFrom(0) ?? [];
  }

  #begin(from: number): Sharing<R> {
    const items = this.#items.slice(from, from + AT_ONCE);
    const turn = newTurn();
    return new Sharing(this.#helper, this.#share(items, turn), turn, items.length);
  }
}

/** The part of the first thread in a list that is shared. */
class Sharing<R> {
  readonly madeOf: (at: number) => R | undefined;
  readonly #turn: Turn;
  readonly #length: number;
  readonly #helped: Promise<void>;
  #ours = 0;
  #haveMet = false;

  constructor(helper: Helper, { list, madeOf }: Share<R>, turn: Turn, length: number) {
    this.madeOf = madeOf;
    this.#turn = turn;
    this.#length = length;
    this.#helped = helper.help(list);
    this.#helped.catch(() => undefined); // whoever waits for it hears of it
  }

  /** Whether the next one is to be done here. If not, it was the other thread's, which is done with all of its part. */
  async isOurs(): Promise<boolean> {
    if (!this.#haveMet && take(this.#turn) < this.#length) {
      this.#ours++;
      return true;
    }
    this.#haveMet = true;
    await this.#helped;
    return false;
  }

  *madeFrom(first: number): Generator<R, void> {
    for (let at = first; at < this.#length; at++) {
      const made = this.madeOf(at);
      if (made !== undefined) yield made;
    }
  }

  async end(): Promise<void> {
    close(this.#turn);
    if (this.#ours < this.#length) await this.#helped; // else all was done before it came
  }
}

const DIGEST_DIGITS = 64;
const READ_BYTES = 1 + DIGEST_DIGITS + CONTENT_HASH_DIGITS;
const [LEFT, LASTING, RACY] = [0, 1, 2];

/** What was read of each file of a list. */
export class ReadFacts {
  readonly #bytes: Buffer;

  constructor(memory: SharedArrayBuffer) {
    this.#bytes = Buffer.from(memory);
  }

  static memoryFor(length: number): SharedArrayBuffer {
    return new SharedArrayBuffer(length * READ_BYTES);
  }

  set(at: number, { digest, hash = '', stamp }: Pick<Reading, 'digest' | 'hash' | 'stamp'>): void {
    const start = at * READ_BYTES;
    this.#bytes.write(digest + hash, start + 1, 'latin1');
    this.#bytes[start] = stamp === '' ? RACY : LASTING;
  }

  /** Undefined for one that was left. The stamp is the one that the file was listed with, or none. */
  get(at: number, listed: Omit<Reading, 'digest' | 'hash' | 'seenAs'>, also: Also): Reading | undefined {
    const start = at * READ_BYTES;
    const state = this.#bytes[start];
    if (state === LEFT) return undefined;
    const ofDigest = start + 1 + DIGEST_DIGITS;
    const { size, mtime, mode, stamp } = listed;
    return {
      digest: this.#bytes.toString('latin1', start + 1, ofDigest),
      hash: also && this.#bytes.toString('latin1', ofDigest, ofDigest + CONTENT_HASH_DIGITS),
      size,
      mtime,
      mode,
      stamp: state === RACY ? '' : stamp,
      seenAs: stamp,
    };
  }
}

const PUT_NUMBERS = 4;

/** What became of each copy of a list. */
export class PutFacts {
  readonly #numbers: Float64Array;

  constructor(memory: SharedArrayBuffer) {
    this.#numbers = new Float64Array(memory);
  }

  static memoryFor(length: number): SharedArrayBuffer {
    return new SharedArrayBuffer(length * PUT_NUMBERS * Float64Array.BYTES_PER_ELEMENT);
  }

  set(at: number, { entry: { mtime, mode }, mark }: Put): void {
    this.#numbers.set([1, mtime, mode, mark], at * PUT_NUMBERS);
  }

  /** Undefined for one that was left. */
  get(at: number, { path, size, digest }: Entry): Put | undefined {
    const [isThere, mtime = 0, mode = 0, mark = 0] = this.#numbers.subarray(at * PUT_NUMBERS, (at + 1) * PUT_NUMBERS);
    return isThere === 1
      ? { entry: { path, size, digest, mtime: compact(mtime), mode: compact(mode) }, mark }
      : undefined;
  }
}
