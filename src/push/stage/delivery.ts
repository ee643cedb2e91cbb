/**
 * Delivery: brings the content of one file to its place on the stage, by the way that sends least: made of content that the
 * target has, of a former version and what is new, or sent whole.
 */
import { createHash } from 'node:crypto';
import { setMaxListeners } from 'node:events';
import type { Op } from '../../core/delta/delta.js';
import type { Signature } from '../../core/delta/signature.js';
import type { Digest, Entry } from '../../core/entry.js';
import { BEGINNING_BYTES, isPrivateKey } from '../../core/exposure.js';
import { wayFrom } from '../../core/origins.js';
import { isPacked } from '../../core/packed.js';
import type { RelPath } from '../../core/relpath.js';
import { FileError } from '../../errors.js';
import type { Basis, Body, Piece, RemoteFile, Target } from '../../targets/target.js';
import { digestOf } from '../survey.js';
import { type Item, placeOf } from './item.js';
import { piecesOf } from './pieces.js';
import { deltaOf, type Signatures } from './signatures.js';
import type { Throttle } from './throttle.js';
import { beginningOf, bodyOf, SMALL_BYTES } from './upload.js';

export interface DeliveryOptions {
  /** The absolute file for a path of the plan. */
  readonly fileOf: (path: RelPath) => string;
  /** Content that is in memory already; good until control is given up. */
  readonly contentOf?: ((digest: Digest) => Uint8Array | undefined) | undefined;
  /** Whether a path is published whatever it holds. */
  readonly allows?: ((path: RelPath) => boolean) | undefined;
  readonly throttle: Throttle;
  /** Of what lies on the target. */
  readonly signatures?: Signatures | undefined;
  /** An abort fails what is about to begin. */
  readonly signal?: AbortSignal | undefined;
}

export class Delivery {
  readonly #target: Target;
  readonly #run: RelPath;
  readonly #options: DeliveryOptions;
  readonly #stopped: AbortSignal;
  /** That, or the caller's signal: what waits for its turn is let go. */
  readonly #either: AbortSignal;
  #sentBytes = 0;

  /** `run` is the folder that places lie in. Once `stopped`, nothing more is begun. */
  constructor(target: Target, run: RelPath, options: DeliveryOptions, stopped: AbortSignal) {
    this.#target = target;
    this.#run = run;
    this.#options = options;
    this.#stopped = stopped;
    this.#either = AbortSignal.any(options.signal === undefined ? [stopped] : [stopped, options.signal]);
    setMaxListeners(0, this.#either); // hundreds of files may wait for their turn
  }

  /** What went over the line for all files until now. */
  get sentBytes(): number {
    return this.#sentBytes;
  }

  /** Makes it of content that the target has: false where that cannot be done. */
  async make(item: Item): Promise<boolean> {
    const { twin, entry, held } = item;
    if (twin?.hasEnded === false) await new Promise<void>((resolve) => (twin.waiting ??= []).push(resolve));
    const own = twin?.state === 'staged' ? { path: placeOf(twin, this.#run), meta: twin.entry } : undefined;
    const isKnown = held.length > 0 && (await item.isCurrent) !== false;
    const bases = [
      ...(own === undefined ? [] : [own]),
      ...(isKnown ? held : []).map((meta) => ({ path: meta.path, meta })),
    ];
    for (const way of ['link', 'copy'] as const) {
      const basis = bases.find(({ meta }) => wayFrom(meta, entry, this.#target.capabilities) === way);
      if (basis === undefined || this.#stopped.aborted) continue;
      item.isDerived = basis !== own || twin?.isDerived === true;
      if (!(await this.#makeOf(item, basis, way, basis === own ? 'own' : undefined))) continue;
      item.way = 'linked';
      return true;
    }
    item.isDerived = false;
    return false;
  }

  /**
   * Sends what is needed of it; `begun` is what an interrupted run sent, if that is worth to go on with. Answers with how many
   * bytes; undefined if it was stopped before it began.
   */
  async send(item: Item, begun?: RemoteFile): Promise<number | undefined> {
    const resumed = begun === undefined ? undefined : await this.#resume(item, begun);
    if (resumed !== undefined) return resumed;
    const patched = item.former === undefined ? undefined : await this.#patch(item, item.former);
    return patched ?? this.#sendWhole(item);
  }

  #makeOf(item: Item, basis: Basis, way: 'link' | 'copy', own: 'own' | undefined): Promise<boolean> {
    this.#options.signal?.throwIfAborted();
    const place = placeOf(item, this.#run);
    if (way === 'link') return this.#target.link(basis, place, own);
    return this.#target.patch(basis, place, () => [{ offset: 0, length: item.entry.size }], item.entry);
  }

  /** Makes it of its former version and what is new: undefined where that cannot be done. */
  async #patch(item: Item, former: Entry): Promise<number | undefined> {
    const { throttle, signal, signatures } = this.#options;
    const signature = (await item.isCurrent) === false ? undefined : await signatures?.of(former);
    if (signature === undefined || this.#stopped.aborted) return undefined;
    signal?.throwIfAborted();
    const { entry } = item;
    let [sent, found] = [0, 0];
    const count = (op: Op): void => {
      if (op instanceof Uint8Array) {
        sent += op.length;
        this.#sentBytes += op.length;
      } else found += op.length;
    };
    const bodyFor = this.#bodyFor(entry);
    const limit = (bytes: number): Promise<void> | undefined => throttle.take(bytes, this.#either);
    async function* recipe(): AsyncGenerator<Piece> {
      for await (const op of deltaOf(signature as Signature, bodyFor())) {
        if (op instanceof Uint8Array) await limit(op.length);
        count(op);
        yield op;
      }
    }
    item.isDerived = true;
    const place = placeOf(item, this.#run);
    const basis = { path: former.path, meta: former };
    const isMade = await this.#target.patch(basis, place, recipe, entry, howOf(entry));
    item.isDerived = isMade;
    if (!isMade) return undefined;
    if (found > 0) item.way = 'patched';
    return sent;
  }

  /**
   * Goes on with what an interrupted run sent of it: undefined where that turns out not to be its beginning. It is read back while
   * the rest is sent, since no size tells what a server really has.
   */
  async #resume(item: Item, begun: RemoteFile): Promise<number | undefined> {
    if (this.#stopped.aborted) return undefined;
    const { entry } = item;
    const ended = new AbortController();
    const there = this.#readBack(begun, AbortSignal.any([this.#stopped, ended.signal]));
    const recipe = (): AsyncGenerator<Piece> => this.#restOf(entry, begun.size, there);
    try {
      const basis = { path: begun.path, meta: begun };
      const isMade = await this.#target.patch(basis, placeOf(item, this.#run), recipe, entry, howOf(entry));
      return isMade ? entry.size - begun.size : undefined;
    } catch (error) {
      if (error instanceof NotItsBeginning) return undefined;
      throw error;
    } finally {
      ended.abort(); // nobody needs the rest of what is read back
    }
  }

  #readBack({ path }: RemoteFile, signal: AbortSignal): ReadBack {
    const there: ReadBack = {
      known: undefined,
      read: digestOf(this.#target, path, signal).then((digest) => (there.known = digest)),
    };
    there.read.catch(() => undefined); // whoever awaits it hears of it
    return there;
  }

  /** The `size` bytes that are there, then the rest of the file. Throws NotItsBeginning as soon as reading back shows it. */
  async *#restOf(entry: Entry, size: number, there: ReadBack): AsyncGenerator<Piece> {
    yield { offset: 0, length: size };
    const sum = createHash('sha256');
    let beginning: Digest | undefined;
    let position = 0;
    for await (const piece of piecesOf(this.#bodyFor(entry)())) {
      const known = Math.min(Math.max(size - position, 0), piece.length);
      if (known > 0) sum.update(piece.subarray(0, known));
      position += piece.length;
      if (known === piece.length) continue;
      beginning ??= sum.digest('hex');
      if (there.known !== undefined && there.known !== beginning) throw new NotItsBeginning();
      const rest = piece.length - known;
      this.#sentBytes += rest;
      await this.#options.throttle.take(rest, this.#either);
      yield piece.subarray(known);
    }
    if (beginning !== (await there.read)) throw new NotItsBeginning();
  }

  async #sendWhole(item: Item): Promise<number | undefined> {
    const { throttle, signal } = this.#options;
    const { entry } = item;
    signal?.throwIfAborted();
    const isLong = entry.size > SMALL_BYTES;
    if (!isLong) await throttle.take(entry.size, this.#either);
    if (this.#stopped.aborted) return undefined;
    const whole = this.#bodyFor(entry);
    const body = isLong ? () => throttle.pace(whole(), this.#either) : whole;
    const sent = await this.#target.write(placeOf(item, this.#run), body, entry, howOf(entry));
    this.#sentBytes += sent;
    return sent;
  }

  /** Throws a FileError 'SECRET' if it may not be sent: for who has a copy of it that was made when it might. */
  requireOpen({ path }: Entry): void {
    this.#heed(path, beginningOf(this.#options.fileOf(path), BEGINNING_BYTES));
  }

  #heed(path: RelPath, beginning: Uint8Array): void {
    if (isPrivateKey(beginning) && this.#options.allows?.(path) !== true) throw secret();
  }

  #bodyFor(entry: Entry): Body {
    const { contentOf, fileOf } = this.#options;
    const heed = (beginning: Uint8Array): void => this.#heed(entry.path, beginning);
    return () => {
      const content = contentOf?.(entry.digest) ?? bodyOf(fileOf(entry.path), entry)();
      if (!(content instanceof Uint8Array)) return watched(content, heed, this.#stopped);
      heed(content);
      return content;
    };
  }
}

function howOf({ path }: Entry): 'packed' | undefined {
  return isPacked(path) ? 'packed' : undefined;
}

/**
 * The pieces of a long file, of which `heed` may refuse the first. Throws in place of the next one once `stopped`: nobody waits
 * for the rest.
 */
async function* watched(
  pieces: Iterable<Uint8Array> | AsyncIterable<Uint8Array>,
  heed: (beginning: Uint8Array) => void,
  stopped: AbortSignal,
): AsyncGenerator<Uint8Array, void> {
  let isFirst = true;
  for await (const piece of pieces) {
    stopped.throwIfAborted();
    if (isFirst) heed(piece);
    isFirst = false;
    yield piece;
  }
}

function secret(): FileError {
  return new FileError(
    'SECRET',
    'it holds a private key; take it out of the sources, or name it under allow of the target',
  );
}

/** What an interrupted run sent, read back: its digest once that is `known`. */
interface ReadBack {
  known: Digest | undefined;
  readonly read: Promise<Digest>;
}

/** What an interrupted run left is something else than its name says. */
class NotItsBeginning extends Error {}
