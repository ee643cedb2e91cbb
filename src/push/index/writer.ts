/**
 * IndexWriter: writes snapshots of the index of a target and segments of its journal, and makes the heads that are to name them.
 *
 * What it writes lies beside what the head on the target names, and counts for nothing before the next head is there. That is
 * put there by others, who say so; what was written for a commit that turned out otherwise can be forgotten.
 */
import { summing } from '../../core/bytes.js';
import type { EntryTable } from '../../core/entry-table.js';
import {
  encodingSegment,
  encodingSnapshot,
  FIRST_CHECKSUM,
  type FileReference,
  type Head,
} from '../../core/index-codec.js';
import { CONTROL, join, type RelPath } from '../../core/relpath.js';
import { afterPush, type TargetIndex, type Truths } from '../../core/target-index.js';
import { isStop, type Work } from '../../core/work.js';
import type { Target } from '../../targets/target.js';
import type { IndexFiles } from './files.js';

const LEAST_JOURNAL_BYTES = 64 * 1024; // below this a new snapshot saves nothing worth its upload

export interface IndexWriterOptions {
  readonly site: string;
  readonly run: string;
  /** Milliseconds since 1970. */
  readonly now: () => number;
  /** Below how many bytes no journal makes a new snapshot worth it, where that is not the usual number. */
  readonly leastJournalBytes?: number | undefined;
}

/** A head, and what has to be written before it may be put on the target: that is begun, and whoever waits for it hears of its failure. */
export interface Sketch {
  readonly head: Head;
  readonly writes: readonly Promise<unknown>[];
}

/** What a commit is made of. Where more is `to come` at once, a new snapshot waits for that. */
export interface Commit {
  readonly index: TargetIndex;
  readonly announced: Truths;
  readonly truths: Truths;
  readonly more: 'to come' | undefined;
}

/** A commit before its last step, and what was known before it. */
export interface Draft extends Sketch {
  readonly commit: Commit;
  readonly next: TargetIndex;
  /** Whether it has a snapshot of its own. */
  readonly isNew: boolean;
  readonly before: Position;
}

/** How many files, and how many bytes they have. */
type Extent = Pick<EntryTable, 'length' | 'fileBytes'>;

/** Where the next segment goes. */
interface Position {
  /** Undefined where there is no index that can be appended to. */
  readonly head: Head | undefined;
  readonly journal: { readonly bytes: number; readonly checksum: string };
  /** What the journal says is pending; a look at the target may have settled it since. */
  readonly announced: ReadonlySet<RelPath>;
}

const EMPTY_JOURNAL = { bytes: 0, checksum: FIRST_CHECKSUM };
const NOWHERE: Position = { head: undefined, journal: EMPTY_JOURNAL, announced: new Set() };

export class IndexWriter {
  /** The highest one that is known: what is written is no lower. */
  lastGeneration = 0;
  readonly #target: Target;
  readonly #files: IndexFiles;
  readonly #options: IndexWriterOptions;
  #at = NOWHERE;
  /** Files of the index that were replaced. */
  readonly #outdated: FileReference[] = [];
  /** How many snapshots were begun. */
  #begun = 0;

  constructor(target: Target, files: IndexFiles, options: IndexWriterOptions) {
    this.#target = target;
    this.#files = files;
    this.#options = options;
  }

  /** What it goes on from; undefined where it is going to write all of the index. */
  get head(): Head | undefined {
    return this.#at.head;
  }

  /** Goes on from an index that was read. */
  goOn(head: Head, pending: Iterable<RelPath>): void {
    this.#at = { head, journal: head.journal, announced: new Set(pending) };
  }

  /** Nothing lies on the target that it could go on from. */
  goOnFromNothing(): void {
    this.#outdate(this.#at.head);
    this.#at = NOWHERE;
  }

  /** Lets what comes next write all of the index anew. */
  startAnew(): void {
    this.#outdate(this.#at.head);
    this.#at = { ...this.#at, head: undefined };
  }

  /** Calls pending what may change of `index`. Until this work is done, nothing else may be begun. */
  *begin(index: TargetIndex, announced: Truths): Work<Sketch> {
    const writes = this.#at.head === undefined ? yield* this.#startOver(index) : [];
    writes.push(...(yield* this.#append('begin', announced)));
    const all = new Set(this.#at.announced);
    let at = 0;
    for (const path of announced.keys()) {
      if (isStop(at++)) yield;
      all.add(path);
    }
    this.#at = { ...this.#at, announced: all };
    const certain = yield* index.entries.countingWithout(announced.keys());
    return { head: this.#headNow(index.generation, certain, all.size), writes };
  }

  /** Records what is now certain, and leaves pending what else was announced. Until this work is done, nothing else may be begun. */
  *commit(commit: Commit): Work<Draft> {
    const { index, announced, truths, more } = commit;
    const before = this.#at;
    const after = yield* afterPush(index, announced, truths);
    const next = { ...after, generation: this.#atLeast(index.generation) + 1 };
    const isNew = before.head === undefined || (more === undefined && this.#isJournalLong(before.head));
    const writes = yield* isNew ? this.#startOver(next) : this.#append('commit', this.#withSettled(next, truths));
    this.#at = { ...this.#at, announced: new Set(next.pending.keys()) };
    const head = this.#headNow(next.generation, next.entries, next.pending.size);
    return { head, writes, commit, next, isNew, before };
  }

  /** The head is on the target. */
  accept(head: Head): void {
    this.#at = { ...this.#at, head };
  }

  /** The head of the draft is on the target, and names what it named before no more. */
  retire({ isNew, before }: Draft): void {
    if (isNew) this.#outdate(before.head);
  }

  /** Goes back to where the draft was begun. What was written for it must have come to its end. */
  forget({ isNew, before }: Draft): void {
    if (isNew) this.#outdate(this.#at.head);
    this.#at = before;
  }

  /** The names of files that were replaced since this was asked last; the head may name one of them all the same. */
  takeOutdated(): RelPath[] {
    return this.#outdated.splice(0).map(({ name }) => name);
  }

  #outdate(head: Head | undefined): void {
    if (head !== undefined) this.#outdated.push(head.snapshot, head.journal);
  }

  /**
   * Begins to write all certain entries as a new snapshot, with a new journal beside it, under names that are used once: one from
   * before may lie there with more in it, be named by a head, or be what a run that was taken for dead still writes to.
   */
  *#startOver(index: TargetIndex): Work<Promise<unknown>[]> {
    const name = `${this.#atLeast(index.generation)}-${this.#options.run}.${this.#begun++}`;
    const content = yield* encodingSnapshot(index.entries);
    const sum = yield* summing(content);
    const snapshot = { name: `snapshot-${name}` as RelPath, bytes: content.length, checksum: sum.toString('hex') };
    const writes = begun(
      this.#target.append(join(CONTROL, snapshot.name), 0, content, 'durable'), // a new file; its checksum tells whether it is whole
      this.#files.keep((cache) => cache.write(snapshot.name, content)),
    );
    const head = { ...this.#about(index.generation, index.entries, index.pending.size), snapshot };
    this.#at = {
      ...this.#at,
      head: { ...head, journal: { name: `journal-${name}` as RelPath, ...EMPTY_JOURNAL } },
      journal: EMPTY_JOURNAL,
    };
    for (const announced of announcementsOf(index)) writes.push(...(yield* this.#append('begin', announced)));
    return writes;
  }

  /** Begins to append a segment, which the next head is to name. */
  *#append(kind: 'begin' | 'commit', paths: Truths): Work<Promise<unknown>[]> {
    const { head, journal } = this.#at;
    if (head === undefined || paths.size === 0) return [];
    const segment = yield* encodingSegment({ kind, paths }, journal.checksum);
    const offset = journal.bytes;
    this.#at = { ...this.#at, journal: { bytes: offset + segment.bytes.length, checksum: segment.checksum } };
    return begun(
      this.#target.append(join(CONTROL, head.journal.name), offset, segment.bytes, 'durable'),
      this.#files.keep((cache) => cache.append(head.journal.name, offset, segment.bytes)),
    );
  }

  /** That of all that was written until now. */
  #headNow(generation: number, certain: Extent, pending: number): Head {
    const { head, journal } = this.#at;
    const { snapshot, journal: named } = head as Head;
    return { ...this.#about(generation, certain, pending), snapshot, journal: { name: named.name, ...journal } };
  }

  #about(generation: number, { length, fileBytes }: Extent, pending: number): Omit<Head, 'snapshot' | 'journal'> {
    const { site, now } = this.#options;
    return { site, generation, committedAt: now(), files: length, bytes: fileBytes, pending };
  }

  /** `truths`, and what else the journal calls pending and `index` knows. */
  #withSettled(index: TargetIndex, truths: Truths): Truths {
    const settled = [...this.#at.announced].filter((path) => !index.pending.has(path) && !truths.has(path));
    if (settled.length === 0) return truths;
    return new Map([...truths, ...settled.map((path) => [path, index.entries.find(path)] as const)]);
  }

  #isJournalLong({ snapshot }: Head): boolean {
    return (
      this.#at.journal.bytes > Math.max(this.#options.leastJournalBytes ?? LEAST_JOURNAL_BYTES, snapshot.bytes / 2)
    );
  }

  #atLeast(generation: number): number {
    return Math.max(generation, this.lastGeneration);
  }
}

/** Pending paths for an empty journal: announced anew, once for each content that they may hold. */
function announcementsOf(index: TargetIndex): Truths[] {
  const pending = [...index.pending.values()];
  const rounds = pending.reduce((most, { candidates }) => Math.max(most, candidates.length, 1), 0);
  return Array.from({ length: rounds }, (_, round) => {
    const paths = pending.filter(({ candidates }) => round < Math.max(1, candidates.length));
    return new Map(paths.map(({ path, candidates }) => [path, candidates[round]]));
  });
}

/** What may fail before anybody waits for it. */
function begun(...writes: readonly Promise<unknown>[]): Promise<unknown>[] {
  for (const write of writes) write.catch(() => undefined); // whoever waits hears of it
  return [...writes];
}
