/**
 * EntrySender: sends entries to another thread in batches, each after the contents that belong to it.
 */
import type { Entry } from '../../core/entry.js';
import { parentOf, type RelPath } from '../../core/relpath.js';
import type { ContentPacker } from './contents.js';

const ENTRIES_IN_BATCH = 2000; // each is unpacked in one go, in some milliseconds
const WAITING_BYTES = 256 * 1024; // contents that others could send already
const MORE_OF_FOLDER = 256;
const MANY_FILES = 60_000; // from here on memory is too dear to keep much of what was read, or to send much of it ahead
const MOST_AHEAD = 8192; // of so many

/**
 * When a batch is of use: before all of them are there, when they are, or hardly ever, since it will mostly be as it is known from
 * before.
 */
export type Use = 'now' | 'later' | 'hardly';

export class EntrySender {
  readonly #packer: ContentPacker;
  readonly #send: (batch: readonly Entry[], use: Use) => void;
  #batch: Entry[] = [];
  /** Of the last one in it. */
  #folder: RelPath | undefined;
  /** It may go, and does after the last file of that folder, or with so many files: those of a new folder are published as one. */
  #isDue = false;
  #most = 0;
  /** How many are still of use before all are there. */
  #left = Number.POSITIVE_INFINITY;
  #rest: Use = 'later';

  constructor(packer: ContentPacker, send: (batch: readonly Entry[], use: Use) => void) {
    this.#packer = packer;
    this.#send = send;
  }

  /** There will be about so many, or more. */
  expect(files: number): void {
    if (files <= MANY_FILES) return;
    this.#packer.keepLess();
    this.#left = Math.min(this.#left, MOST_AHEAD);
  }

  /** So many are known from before. */
  know(files: number): void {
    this.#rest = files > 0 ? 'hardly' : 'later';
  }

  add(entry: Entry): void {
    const folder = parentOf(entry.path);
    const { length } = this.#batch;
    if (this.#isDue && (folder !== this.#folder || length >= this.#most)) this.flush();
    this.#folder = folder;
    this.#batch.push(entry);
    if (this.#isDue) return;
    this.#isDue = this.#batch.length >= ENTRIES_IN_BATCH || this.#packer.waitingBytes >= WAITING_BYTES;
    this.#most = this.#batch.length + MORE_OF_FOLDER;
  }

  flush(): void {
    this.#packer.finish();
    const batch = this.#batch;
    if (batch.length > 0) this.#send(batch, this.#left > 0 ? 'now' : this.#rest);
    this.#left -= batch.length;
    this.#batch = [];
    this.#isDue = false;
  }
}
