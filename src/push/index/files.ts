/**
 * IndexFiles: snapshot and journal of an index as they lie on a target, and the copy of them on this machine, which saves time.
 */
import { checksum } from '../../core/bytes.js';
import {
  decodeJournal,
  decodeSnapshot,
  type FileReference,
  type Head,
  replay,
  type Segment,
} from '../../core/index-codec.js';
import { CONTROL, join, type RelPath } from '../../core/relpath.js';
import type { TargetIndex } from '../../core/target-index.js';
import { IndexError } from '../../errors.js';
import type { StateFolder } from '../../fs/state.js';
import { reasonForAny } from '../../system-error.js';
import type { Target } from '../../targets/target.js';
import { readUpTo } from '../read-up-to.js';

/** Where this machine keeps its copy. */
export interface LocalCopy {
  readonly cache: StateFolder;
  readonly onWarning?: ((text: string) => void) | undefined;
}

/** What is wrong with a file of an index. */
export interface Fault {
  readonly path: RelPath;
  readonly reason: string;
}

const NAMED_BY_HEAD = /^(?:snapshot|journal)-/;

export class IndexFiles {
  readonly #target: Target;
  readonly #copy: LocalCopy;
  #kept: Promise<void> = Promise.resolve();

  constructor(target: Target, copy: LocalCopy) {
    this.#target = target;
    this.#copy = copy;
  }

  /** The index of `head`, by the copy; undefined if that is not whole. */
  async fromCache(head: Head): Promise<TargetIndex | undefined> {
    const { cache } = this.#copy;
    const [snapshot, journal] = await Promise.all([cache.read(head.snapshot.name), cache.read(head.journal.name)]);
    if (snapshot === undefined) return undefined;
    return attempt(() => decode(head, snapshot, journal ?? Buffer.alloc(0), 'sound'));
  }

  /** The index of `head`, whose `bytes` are kept with it. Throws an IndexError if it is not what that names. */
  async fromTarget(head: Head, bytes: Buffer): Promise<TargetIndex> {
    const [snapshot, journal] = await Promise.all(
      [head.snapshot, head.journal].map((file) => readUpTo(this.#target, join(CONTROL, file.name), file.bytes)),
    );
    if (snapshot === undefined) throw new IndexError('its snapshot is missing', 'damaged');
    const index = decode(head, snapshot, journal ?? Buffer.alloc(0), 'anybody');
    await this.keep(async (cache) => {
      await cache.write(head.snapshot.name, snapshot);
      await cache.write(head.journal.name, (journal ?? Buffer.alloc(0)).subarray(0, head.journal.bytes));
      await writeHead(cache, head, bytes);
    });
    return index;
  }

  /** Keeps the `bytes` of `head`, and of the files of indexes none but those that it names. */
  async keepHead(head: Head, bytes: Buffer): Promise<void> {
    await this.keep((cache) => writeHead(cache, head, bytes));
  }

  /** What is wrong with the files on the target that `head` names, though the copy of them may be sound. */
  async faultsOf(head: Head): Promise<Fault[]> {
    const [snapshot, journal] = await Promise.all([
      this.#faultOf(head.snapshot, (bytes) => requireSnapshot(bytes, head)),
      this.#faultOf(head.journal, (bytes) => void segmentsOf(bytes, head)),
    ]);
    return [snapshot, journal].filter((fault) => fault !== undefined);
  }

  /** In the order of the calls. The local copy saves time: where it cannot be written, the next run reads the target instead. */
  keep(write: (cache: StateFolder) => Promise<void>): Promise<void> {
    this.#kept = this.#kept.then(() => this.#keep(write));
    return this.#kept;
  }

  async #keep(write: (cache: StateFolder) => Promise<void>): Promise<void> {
    try {
      await write(this.#copy.cache);
    } catch (error) {
      this.#copy.onWarning?.(
        `cannot write to ${this.#copy.cache.path}: ${reasonForAny(error)}; the next run reads the index from the target`,
      );
    }
  }

  async #faultOf({ name, bytes }: FileReference, check: (content: Buffer) => void): Promise<Fault | undefined> {
    const path = join(CONTROL, name);
    const content = await readUpTo(this.#target, path, bytes);
    if (content === undefined && bytes > 0) return { path, reason: 'it is missing' };
    try {
      check(content ?? Buffer.alloc(0));
      return undefined;
    } catch (error) {
      if (!(error instanceof IndexError)) throw error;
      return { path, reason: error.message };
    }
  }
}

/** What another machine replaced on the target, nobody names any more. */
async function writeHead(cache: StateFolder, { snapshot, journal }: Head, bytes: Buffer): Promise<void> {
  await cache.write('head', bytes);
  const names = await cache.names();
  const outdated = names.filter((each) => NAMED_BY_HEAD.test(each) && each !== snapshot.name && each !== journal.name);
  await Promise.all(outdated.map((name) => cache.remove(name)));
}

function decode(head: Head, snapshot: Buffer, journal: Buffer, from: 'sound' | 'anybody'): TargetIndex {
  requireSnapshot(snapshot, head);
  const segments = segmentsOf(journal, head);
  return replay(head, decodeSnapshot(snapshot, from), segments);
}

function requireSnapshot(snapshot: Buffer, head: Head): void {
  if (checksum(snapshot).toString('hex') === head.snapshot.checksum) return;
  throw new IndexError('its snapshot is not the one that the head names', 'damaged');
}

function segmentsOf(journal: Buffer, head: Head): Segment[] {
  if (journal.length < head.journal.bytes) throw new IndexError('its journal is too short', 'damaged');
  return decodeJournal(journal.subarray(0, head.journal.bytes), head.journal.checksum);
}

/** Undefined for what is damaged. */
export function attempt<T>(decodeIt: () => T): T | undefined {
  try {
    return decodeIt();
  } catch (error) {
    if (error instanceof IndexError) return undefined;
    throw error;
  }
}
