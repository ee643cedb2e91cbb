/**
 * StageNotes: what a run means to stage under which name, for the one that comes after an interruption.
 *
 * A file that is staged under the name it is to have does not tell its digest; its note does. A note states a meaning, so
 * it may be there before its file or not at all: what has none is sent again. Notes are segments as in the journal.
 */
import type { Entry } from '../../core/entry.js';
import { decodeWholeSegments, encodeSegment, FIRST_CHECKSUM } from '../../core/index-codec.js';
import { join, type RelPath } from '../../core/relpath.js';
import { TargetError } from '../../errors.js';
import type { Target } from '../../targets/target.js';
import { readUpTo } from '../read-up-to.js';

const DUE_BYTES = 4 * 1024 * 1024; // of files without a note: no more is sent twice
const DUE_NOTES = 1024; // to write them all takes some milliseconds
const MOST_BYTES = 64 * 1024 * 1024; // of what somebody else wrote; about a million notes

/** Where the notes of the run lie that has the folder `run`. */
export function notesIn(run: RelPath): RelPath {
  return join(run, 'notes' as RelPath);
}

export class StageNotes {
  readonly file: RelPath;
  readonly #target: Target;
  #waiting = new Map<RelPath, Entry>();
  #waitingBytes = 0;
  #bytes = 0;
  #checksum = FIRST_CHECKSUM;

  constructor(target: Target, run: RelPath) {
    this.#target = target;
    this.file = notesIn(run);
  }

  /** Whether nothing was written. */
  get isEmpty(): boolean {
    return this.#bytes === 0;
  }

  /** How much waits to be written: nothing, something, or so much that it is worth a request. */
  get waiting(): 'none' | 'some' | 'much' {
    if (this.#waitingBytes >= DUE_BYTES || this.#waiting.size >= DUE_NOTES) return 'much';
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

/** The notes of another run by the names below its folder, as far as they can be read. */
export async function readNotes(target: Target, run: RelPath): Promise<Map<RelPath, Entry>> {
  const bytes = await readUpTo(target, notesIn(run), MOST_BYTES).catch((error: unknown) => {
    if (error instanceof TargetError && error.kind !== 'unreachable') return undefined;
    throw error;
  });
  const notes = new Map<RelPath, Entry>();
  for (const { paths } of decodeWholeSegments(bytes ?? Buffer.alloc(0))) {
    for (const [name, entry] of paths) if (entry !== undefined) notes.set(name, entry);
  }
  return notes;
}
