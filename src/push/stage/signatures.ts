/**
 * Signatures: of the larger files that one target holds, by what they hold. Made and kept on this machine, never sent.
 *
 * They save bytes and nothing else: a file whose former version has none is sent whole.
 */
import { DeltaMaker, type Op } from '../../core/delta/delta.js';
import { decodeSignature, type Signature } from '../../core/delta/signature.js';
import type { Entry } from '../../core/entry.js';
import { isPatched } from '../../core/origins.js';
import type { TargetIndex } from '../../core/target-index.js';
import { IndexError } from '../../errors.js';
import { inSlices, Pacer } from '../../fs/pace.js';
import type { StateFolder } from '../../fs/state.js';
import { inParallel } from '../in-parallel.js';
import { type Content, piecesOf } from './pieces.js';

const AT_ONCE = 8;

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

  /** Lets go of those whose content `index` has nowhere. */
  async prune({ entries }: TargetIndex): Promise<void> {
    const there = await this.#folder.names();
    if (there.length === 0) return;
    const held = new Set<string>();
    const seeking = entries.seeking(new Set(there), (entry) => {
      if (isPatched(entry)) held.add(entry.digest);
    });
    await inSlices(seeking, new Pacer());
    const useless = there.filter((name) => !held.has(name));
    await inParallel(useless, AT_ONCE, (name) => this.#folder.remove(name).catch(() => undefined));
  }
}

/** What a content is made of, given a signature of a former one. Each is good as long as anybody wants it. */
export async function* deltaOf(signature: Signature, content: Content): AsyncGenerator<Op> {
  const ready: Op[] = [];
  const maker = new DeltaMaker(signature, (op) => void ready.push(op));
  for await (const piece of piecesOf(content)) {
    maker.add(piece);
    yield* ready.splice(0);
  }
  maker.finish();
  yield* ready;
}
