/**
 * Signatures: of the larger files that one target holds, by what they hold. Kept on this machine, never sent.
 *
 * They save bytes and nothing else: a file whose former version has none is sent whole.
 */
import { DeltaMaker, type Op } from '../core/delta/delta.js';
import { decodeSignature, encodeSignature, type Signature, SignatureMaker } from '../core/delta/signature.js';
import { isPatched } from '../core/origins.js';
import type { RelPath } from '../core/relpath.js';
import type { Entry } from '../core/snapshot.js';
import type { TargetIndex } from '../core/target-index.js';
import { FileError, IndexError, reasonOf } from '../errors.js';
import { Pacer } from '../fs/pace.js';
import type { StateFolder } from '../fs/state.js';
import { inParallel } from './in-parallel.js';
import { bodyOf } from './upload.js';

const AT_ONCE = 8; // while one is worked out, others are written

export interface SignaturesOptions {
  /** The absolute file for a path of STATIC_ROOT. */
  readonly fileOf: (path: RelPath) => string;
  readonly signal?: AbortSignal | undefined;
  readonly onWarning?: ((text: string) => void) | undefined;
}

export class Signatures {
  readonly #folder: StateFolder;

  constructor(folder: StateFolder) {
    this.#folder = folder;
  }

  /** Undefined where there is none that can be believed. */
  async of({ digest, size }: Entry): Promise<Signature | undefined> {
    const bytes = await this.#folder.read(digest);
    if (bytes === undefined) return undefined;
    try {
      const signature = decodeSignature(bytes);
      return signature.digest === digest && signature.size === size ? signature : undefined;
    } catch (error) {
      if (error instanceof IndexError) return undefined;
      throw error;
    }
  }

  /**
   * Makes those of `published` that are missing, and lets go of those whose content `index` has nowhere. A file that has
   * changed meanwhile gets none. On an abort the rest is left out.
   */
  async keep({ entries }: TargetIndex, options: SignaturesOptions, published: readonly Entry[]): Promise<void> {
    try {
      const pacer = new Pacer(options);
      const there = new Set(await this.#folder.names());
      const missing = new Map(published.filter(isPatched).map((entry) => [entry.digest, entry]));
      if (there.size + missing.size === 0) return;
      const held = new Set<string>(entries.filter(isPatched).map(({ digest }) => digest));
      const useless = [...there].filter((name) => !held.has(name));
      await inParallel(useless, AT_ONCE, (name) => this.#folder.remove(name));
      await inParallel(missing.values(), AT_ONCE, async (entry) => {
        const isMissing = !there.has(entry.digest) && held.has(entry.digest);
        const signature = isMissing ? await signatureOf(options.fileOf(entry.path), entry, pacer) : undefined;
        if (signature !== undefined) await this.#folder.write(entry.digest, encodeSignature(signature));
      });
    } catch (error) {
      if (options.signal?.aborted === true) return;
      const text = `cannot write to ${this.#folder.path}: ${reasonOf(error)}; what changes there is sent whole`;
      options.onWarning?.(text);
    }
  }
}

async function signatureOf(file: string, entry: Entry, pacer: Pacer): Promise<Signature | undefined> {
  try {
    const maker = new SignatureMaker(entry);
    const content = bodyOf(file, entry)();
    if (content instanceof Uint8Array) maker.add(content);
    else {
      for await (const piece of content) {
        maker.add(piece);
        if (pacer.isDue) await pacer.breathe();
      }
    }
    const signature = maker.finish();
    if (pacer.isDue) await pacer.breathe();
    return signature;
  } catch (error) {
    if (error instanceof FileError) return undefined;
    throw error;
  }
}

/** What a content is made of, given a signature of a former one. Each is good as long as anybody wants it. */
export async function* deltaOf(
  signature: Signature,
  content: Uint8Array | AsyncIterable<Uint8Array>,
): AsyncGenerator<Op> {
  const ready: Op[] = [];
  const maker = new DeltaMaker(signature, (op) => void ready.push(op));
  for await (const piece of piecesOf(content)) {
    maker.add(piece);
    yield* ready.splice(0);
  }
  maker.finish();
  yield* ready;
}

async function* piecesOf(content: Uint8Array | AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  if (content instanceof Uint8Array) yield content;
  else yield* content;
}
