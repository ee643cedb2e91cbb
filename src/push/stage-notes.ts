/**
 * StageNotes: what a run means to stage under which name, for the one that comes after an interruption.
 *
 * A file that is staged under the name it is to have does not tell its digest; its note does. A note states a meaning, so
 * it may be there before its file or not at all: what has none is sent again. Notes are segments as in the journal.
 */
import { decodeWholeSegments, encodeSegment, FIRST_CHECKSUM } from '../core/index-codec.js';
import type { RelPath } from '../core/relpath.js';
import type { Entry } from '../core/snapshot.js';
import { TargetError } from '../errors.js';
import type { Target } from '../targets/target.js';

const DUE_BYTES = 4 * 1024 * 1024; // of files without a note: no more is sent twice
const MOST_BYTES = 64 * 1024 * 1024; // of what somebody else wrote; about a million notes

export class StageNotes {
  readonly #target: Target;
  readonly file: RelPath;
  #waiting = new Map<RelPath, Entry>();
  #waitingBytes = 0;
  #bytes = 0;
  #checksum = FIRST_CHECKSUM;

  constructor(target: Target, file: RelPath) {
    this.#target = target;
    this.file = file;
  }

  /** Whether nothing was written. */
  get isEmpty(): boolean {
    return this.#bytes === 0;
  }

  /** How much waits to be written: nothing, something, or so much that it is worth a request. */
  get waiting(): 'none' | 'some' | 'much' {
    if (this.#waitingBytes >= DUE_BYTES) return 'much';
    return this.#waiting.size > 0 ? 'some' : 'none';
  }

  /** `name` is below the folder of the run. */
  add(name: RelPath, entry: Entry): void {
    this.#waiting.set(name, entry);
    this.#waitingBytes += entry.size;
  }

  /** Writes what waits now, once the folder of the run is `made`. */
  async write(made: Promise<void>): Promise<void> {
    const { bytes, checksum } = encodeSegment({ kind: 'begin', paths: this.#waiting }, this.#checksum);
    const offset = this.#bytes;
    this.#waiting = new Map();
    this.#waitingBytes = 0;
    this.#bytes += bytes.length;
    this.#checksum = checksum;
    await made;
    await this.#target.append(this.file, offset, bytes);
  }
}

/** The notes of another run, as far as they can be read. */
export async function readNotes(target: Target, file: RelPath): Promise<Map<RelPath, Entry>> {
  const notes = new Map<RelPath, Entry>();
  for (const { paths } of decodeWholeSegments(await contentOf(target, file))) {
    for (const [name, entry] of paths) if (entry !== undefined) notes.set(name, entry);
  }
  return notes;
}

async function contentOf(target: Target, file: RelPath): Promise<Buffer> {
  const pieces: Buffer[] = [];
  let bytes = 0;
  try {
    for await (const piece of target.read(file)) {
      pieces.push(Buffer.from(piece));
      bytes += piece.length;
      if (bytes > MOST_BYTES) break;
    }
  } catch (error) {
    if (!(error instanceof TargetError) || error.kind === 'unreachable') throw error;
  }
  return Buffer.concat(pieces);
}
