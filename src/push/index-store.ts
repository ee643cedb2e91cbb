/**
 * IndexStore: loads and writes the index of one target, and keeps a local copy of its files.
 *
 * Order of writes, and what a crash after each leaves:
 *   begin   journal (nothing: the head does not name the new segment), head (every path announced is pending)
 *   commit  journal or a new snapshot (as before), head (what was achieved is known), old files are removed
 * The head is written in the folder of this run's lease and renamed from there. Once the lease is taken, the head must still be the one
 * that this run knows: if another run was here meanwhile, this one must not write over it.
 *
 * The local copy are the same files with the same names. When the head on the target equals the local one, nothing
 * else is read; otherwise, or if the copy is damaged, the target's files are.
 */

import { checksum } from '../core/bytes.js';
import type { Naming } from '../core/folding.js';
import {
  decodeHead,
  encodeHead,
  encodeSegment,
  encodeSnapshot,
  FIRST_CHECKSUM,
  type FileReference,
  type Head,
} from '../core/index-codec.js';
import type { RelPath } from '../core/relpath.js';
import { CONTROL, join, nameOf } from '../core/relpath.js';
import { afterPush, type TargetIndex, type Truths } from '../core/target-index.js';
import { IndexError, LockedError, SafetyError, TargetError } from '../errors.js';
import type { RemoteFile, Target } from '../targets/target.js';
import { allOf } from './in-parallel.js';
import { attempt, type Fault, IndexFiles, type LocalCopy } from './index-files.js';
import { Lease, type LeaseOptions, type Taken } from './lease.js';
import { readUpTo } from './read-up-to.js';

export const HEAD = join(CONTROL, 'head' as RelPath);
// Nobody makes these. On a target that folds names they are what is ours.
const OTHER_HEAD = join(CONTROL, 'HEAD' as RelPath);
const OTHER_STAGE = join(CONTROL, 'STAGE' as RelPath);
const OURS = new RegExp(`^${CONTROL}/(?:head|snapshot|journal)-[^/]*$`);
const PRIVATE_FILE = 0o600;
const PRIVATE_FOLDER = 0o700;
const HEAD_BYTES = 4096;
const LOAD_RETRIES = 10;
const LEAST_JOURNAL_BYTES = 64 * 1024; // below this a new snapshot saves nothing worth its upload

/** What is known of the target: what its index says, that there is none yet, or that it must be made anew. */
export type Known =
  | { readonly kind: 'index'; readonly index: TargetIndex }
  | { readonly kind: 'missing' }
  | { readonly kind: 'damaged'; readonly reason: string };

/** What lies on the target. */
export type Loaded =
  | Exclude<Known, { readonly kind: 'index' }>
  | (Extract<Known, { kind: 'index' }> & { readonly head: Head });

export interface IndexStoreOptions extends LeaseOptions, LocalCopy {
  readonly site: string;
  /** Milliseconds since 1970. */
  readonly now: () => number;
  /** Take over a target that belongs to another project. */
  readonly foreign?: 'take-over' | undefined;
}

/** What a commit is made of. */
interface Commit {
  readonly index: TargetIndex;
  readonly announced: Truths;
  readonly truths: Truths;
  readonly more: 'to come' | undefined;
}

/** A head that waits to become valid, once all is written that it names. */
interface Written {
  readonly head: Head;
  readonly bytes: Buffer;
  /** Resolves with where it waits. */
  readonly written: Promise<RelPath>;
}

/** A commit before its last step, and what was known before it. */
interface Draft extends Written {
  readonly commit: Commit;
  readonly next: TargetIndex;
  /** Whether it has a snapshot of its own. */
  readonly isNew: boolean;
  readonly before: {
    readonly old: Head | undefined;
    readonly journal: { readonly bytes: number; readonly checksum: string };
    readonly announced: Set<RelPath>;
  };
}

export class IndexStore {
  readonly #target: Target;
  readonly #options: IndexStoreOptions;
  /** The bytes of the head on the target as this run knows it; undefined if there is none. */
  readonly #files: IndexFiles;
  #headBytes: Buffer | undefined;
  /** Undefined until there is an index that can be appended to. */
  #head: Head | undefined;
  #journal: { readonly bytes: number; readonly checksum: string } = { bytes: 0, checksum: FIRST_CHECKSUM };
  #lastGeneration = 0;
  #glanced: [Buffer | undefined, Buffer | undefined] | undefined;
  #lease: Lease;
  /** The lease is taken, and the head known to be the one of this run. */
  #checked: Promise<void> | undefined;
  #draft: Draft | undefined;
  #opened: Promise<void> | undefined;
  #naming: Naming | undefined;
  /** There was no control area. */
  #isNew = false;
  #control: Promise<readonly RemoteFile[]> | undefined;
  #isSettled = false;
  /** Files that the head named before this run. */
  readonly #outdated: FileReference[] = [];
  /** What the journal says is pending; a look at the target may have settled it since. */
  #announced = new Set<RelPath>();
  /** The index was read from the target itself. */
  #isRead = false;

  constructor(target: Target, options: IndexStoreOptions) {
    this.#target = target;
    this.#options = options;
    this.#files = new IndexFiles(target, options);
    this.#lease = new Lease(target, options);
  }

  /**
   * Throws a SafetyError when the target belongs to another project, and an IndexError when a newer version wrote it.
   */
  async load(): Promise<Loaded> {
    for (let triesLeft = LOAD_RETRIES; ; triesLeft--) {
      const loaded = await this.#loadOnce();
      // Whoever writes meanwhile removes what the former head names.
      if (loaded.kind !== 'damaged' || triesLeft === 0 || (await this.isCurrent())) return loaded;
    }
  }

  async #loadOnce(): Promise<Loaded> {
    const [bytes, cached] = this.#glanced ?? (await this.#readHeads());
    this.#glanced = undefined;
    this.#headBytes = bytes;
    const known = cached === undefined ? undefined : attempt(() => decodeHead(cached));
    this.#lastGeneration = known?.generation ?? 0;
    if (bytes === undefined) {
      this.#head = undefined;
      this.#announced = new Set();
      // It will be asked for, most likely; whoever does hears of its failure.
      this.#listed().catch(() => undefined);
      return { kind: 'missing' };
    }
    try {
      return await this.#loadFrom(bytes, cached);
    } catch (error) {
      if (!(error instanceof IndexError)) throw error;
      if (error.reason === 'foreign-version') throw newer(this.#target.url, error);
      return { kind: 'damaged', reason: error.message };
    }
  }

  /**
   * What the head says without its index being loaded, if it is the one that this machine wrote or read last, and nothing of it
   * is uncertain. `load` goes on from there.
   */
  async glance(): Promise<Head | undefined> {
    const [bytes, cached] = (this.#glanced = await this.#readHeads());
    const isKnown = bytes !== undefined && cached?.equals(bytes) === true;
    const head = isKnown ? attempt(() => decodeHead(bytes)) : undefined;
    return head?.pending === 0 ? head : undefined;
  }

  /**
   * That of the target, and the local one. Where the first one lies in a folder, that need not be made; and where it is found under
   * another name as well, the target folds names.
   */
  async #readHeads(): Promise<[Buffer | undefined, Buffer | undefined]> {
    const [control, other, ...heads] = await Promise.all([
      this.#kindAt(CONTROL),
      this.#naming === undefined ? this.#kindAt(OTHER_HEAD) : undefined,
      readUpTo(this.#target, HEAD, HEAD_BYTES),
      this.#options.cache.read('head'),
    ]);
    if (heads[0] !== undefined && other !== undefined) this.#naming = other === 'missing' ? 'exact' : 'folded';
    if (control === 'folder') this.#opened ??= Promise.resolve();
    if (control === 'missing') this.#opened = undefined;
    this.#isNew = control === 'missing';
    return heads;
  }

  /** Undefined where it could not be looked at. */
  #kindAt(path: RelPath): Promise<RemoteFile['kind'] | 'missing' | undefined> {
    return this.#target.stat(path).then(
      (there) => there?.kind ?? 'missing',
      () => undefined,
    );
  }

  /** How the target takes names, as far as that is known: it is where there is a head. */
  get naming(): Naming | undefined {
    return this.#naming;
  }

  /** How the target takes names. Where nothing lies there yet to tell it by, it takes the lease for that. */
  async findNaming(): Promise<Naming> {
    if (this.#naming === undefined) await this.hold();
    return this.#naming ?? 'exact';
  }

  /** The head as this run knows it; undefined where there is none. */
  get head(): Head | undefined {
    return this.#head;
  }

  /** Makes the control area if it is missing. Nothing is written below it before that is known to be a folder. */
  #open(): Promise<void> {
    return (this.#opened ??= this.#target.makeFolder(CONTROL, PRIVATE_FOLDER));
  }

  /** For a cycle with a name of its own. Nothing may be under way. */
  renew(options: LeaseOptions): void {
    this.#lease = new Lease(this.#target, options);
    this.#checked = undefined;
    if (this.#draft !== undefined) this.#forget(this.#draft);
    this.#draft = undefined;
  }

  /** The lease of this run, which it may not have taken yet. */
  get lease(): Lease {
    return this.#lease;
  }

  /** Takes the lease, once. Throws a LockedError where somebody else keeps it. */
  async hold(): Promise<Taken> {
    // Before the lease is given up in any case; nobody who wrote since the head was read goes unnoticed.
    this.#listed().catch(() => undefined);
    const opened = this.#open();
    // Where there was nothing, both can be asked for at once: folders are made in the order of the calls.
    if (!this.#isNew) await opened;
    const taking = this.#lease.take();
    taking.catch(() => undefined); // where the control area cannot be made, that is the reason
    const tried = this.#naming === undefined ? this.#tryNaming() : undefined;
    await opened;
    await tried;
    return taking;
  }

  /**
   * In the order of the calls: after the lease has made its folder on the stage, which is not empty then and stays. Where names are
   * exact, there is no such folder. So it costs no round trip.
   */
  async #tryNaming(): Promise<void> {
    const isGone = await this.#target.removeFolder(OTHER_STAGE).catch(() => undefined);
    if (isGone !== undefined) this.#naming ??= isGone ? 'exact' : 'folded';
  }

  /** Takes the lease, and tells whether the head is still the one that this run knows. */
  async holdStill(): Promise<boolean> {
    await this.hold();
    return this.isCurrent();
  }

  /** Lets go of the lease, if this run has it, once nothing is under way any more. Never rejects. */
  async release(end: 'done' | 'failed'): Promise<void> {
    await this.#draft?.written.catch(() => undefined);
    await this.#lease.release(end);
  }

  /** Marks on the target as pending what may change of `index`. */
  async begin(index: TargetIndex, announced: Truths): Promise<void> {
    await this.hold();
    const isSafe = this.#requireSameHead();
    if (this.#head !== undefined) await isSafe;
    const writes = this.#head === undefined ? this.#startOver(index) : [];
    writes.push(isSafe, ...this.#append('begin', announced));
    for (const path of announced.keys()) this.#announced.add(path);
    const entries = index.entries.without(announced.keys());
    const head = this.#writeHead({ ...index, entries }, this.#announced.size, writes);
    await this.#install(head, 'to come');
  }

  /**
   * For a disk on which not even a `begin` fits: takes the head away, so that nothing is claimed until the next commit. Where none
   * follows, the next run reads back what lies there.
   */
  async disclaim(): Promise<void> {
    await this.hold();
    await this.#lease.require();
    await this.#requireSameHead();
    await this.#lease.unmark();
    await this.#target.remove(HEAD);
    if (this.#head !== undefined) this.#outdated.push(this.#head.snapshot, this.#head.journal);
    this.#head = undefined;
    this.#headBytes = undefined;
    this.#announced = new Set();
  }

  /**
   * Records what is now certain of `index`, and leaves pending what else was announced. Answers with the index as it is
   * recorded, one generation on. Where more is `to come` at once, a new snapshot waits for that.
   */
  async commit(index: TargetIndex, announced: Truths, truths: Truths, more?: 'to come'): Promise<TargetIndex> {
    await this.hold();
    await this.#lease.require();
    await this.#requireSameHead();
    const expected = await this.#draftOf({ index, announced, truths, more });
    const draft = expected ?? this.#compose({ index, announced, truths, more });
    await draft.written;
    if (more === undefined) await this.#listed(); // once the lease is given up, others write there
    await this.#install(draft, more ?? 'nothing to come');
    const { old } = draft.before;
    if (old !== undefined && draft.isNew) this.#outdated.push(old.snapshot, old.journal);
    return draft.next;
  }

  /** After a `begin`: writes already, where nobody looks, what a `commit` is to record if all of `announced` comes true. */
  expect(index: TargetIndex, announced: Truths, more?: 'to come'): void {
    this.#draft = this.#compose({ index, announced, truths: announced, more });
    this.#draft.written.catch(() => undefined); // the commit hears of it
  }

  /** Whether the head on the target is the one this run knows. */
  async isCurrent(): Promise<boolean> {
    return isSame(await readUpTo(this.#target, HEAD, HEAD_BYTES), this.#headBytes);
  }

  /**
   * After a cycle, when nothing is under way: what lay in the control area before it was taken over or removed. After the first
   * one it is listed once more: a session that broke off before this one may have done its last bit only since.
   */
  settle(): void {
    if (this.#control === undefined) return;
    this.#control = this.#isSettled ? Promise.resolve([]) : undefined;
    this.#isSettled = true;
  }

  /** What lies in the control area before this run writes there, or while nobody else does. */
  #listed(): Promise<readonly RemoteFile[]> {
    return (this.#control ??= this.#files.list());
  }

  /** Removes the files of the index that no head names any more, or that an interrupted run left. */
  async reap(): Promise<void> {
    const control = await this.#listed();
    const named = new Set<string>([
      HEAD,
      ...[this.#head?.snapshot, this.#head?.journal].map((file) => `${CONTROL}/${file?.name}`),
    ]);
    const orphans = control.filter(({ path, kind }) => kind === 'file' && OURS.test(path) && !named.has(path));
    // A run that failed may have meant to replace what is still in use.
    const outdated = this.#outdated
      .splice(0)
      .map(({ name }) => join(CONTROL, name))
      .filter((path) => !named.has(path));
    const paths = new Set([...orphans.map(({ path }) => path), ...outdated]);
    await Promise.all([...paths].map((path) => this.#target.remove(path)));
    await this.#files.keep(async (cache) => {
      for (const path of outdated) await cache.remove(nameOf(path));
    });
  }

  /**
   * The files of the index that are not on the target as its head says, if any, each with what is wrong. A local copy that is sound
   * hides that from all but those who have none.
   */
  async faults(): Promise<Fault[]> {
    const head = this.#head;
    if (head === undefined || this.#isRead) return [];
    const faults = await this.#files.faultsOf(head);
    // Whoever writes meanwhile removes what the former head names.
    return faults.length > 0 && (await this.isCurrent()) ? faults : [];
  }

  /** Lets the next `begin` or `commit` write all of the index anew; `reap` removes what it was. */
  startAnew(): void {
    if (this.#head !== undefined) this.#outdated.push(this.#head.snapshot, this.#head.journal);
    this.#head = undefined;
  }

  async #loadFrom(bytes: Buffer, cached: Buffer | undefined): Promise<Loaded> {
    const head = decodeHead(bytes);
    if (head.site !== this.#options.site) {
      if (this.#options.foreign === 'take-over')
        return { kind: 'damaged', reason: `it belongs to the site ${head.site}` };
      throw new SafetyError(
        `${this.#target.url} belongs to the site "${head.site}", and this configuration is the site "${this.#options.site}"; ` +
          `if it is the same project, set "site: ${head.site}" in pushstatic.yaml; if it is to be taken over, run "pushstatic sync --force"`,
      );
    }
    if (head.generation < this.#lastGeneration) {
      throw new IndexError(`it went back from generation ${this.#lastGeneration} to ${head.generation}`, 'damaged');
    }
    const isCached = cached?.equals(bytes) ?? false;
    const cachedIndex = isCached ? await this.#files.fromCache(head) : undefined;
    this.#isRead = cachedIndex === undefined;
    const index = cachedIndex ?? (await this.#files.fromTarget(head, bytes));
    this.#head = head;
    this.#journal = head.journal;
    this.#announced = new Set(index.pending.keys());
    return { kind: 'index', index, head };
  }

  /** Begins to write all certain entries as a new snapshot, with a new journal beside it. The head does not name them yet. */
  #startOver(index: TargetIndex): Promise<unknown>[] {
    const name = `${Math.max(index.generation, this.#lastGeneration)}-${this.#options.run}`;
    const content = encodeSnapshot(index.entries);
    const snapshot = reference('snapshot', name, content);
    const writes: Promise<unknown>[] = [
      this.#target.append(join(CONTROL, snapshot.name), 0, content, 'durable'), // a new file; its checksum tells whether it is whole
      this.#files.keep((cache) => cache.write(snapshot.name, content)),
    ];
    this.#journal = { bytes: 0, checksum: FIRST_CHECKSUM };
    this.#head = this.#headFor(index, index.pending.size, snapshot, `journal-${name}` as RelPath);
    for (const announced of announcementsOf(index)) writes.push(...this.#append('begin', announced));
    return writes;
  }

  /** Begins to append a segment, which the next head is to name. */
  #append(kind: 'begin' | 'commit', paths: Truths): Promise<unknown>[] {
    const head = this.#head;
    if (head === undefined || paths.size === 0) return [];
    const segment = encodeSegment({ kind, paths }, this.#journal.checksum);
    const offset = this.#journal.bytes;
    this.#journal = { bytes: offset + segment.bytes.length, checksum: segment.checksum };
    return [
      this.#target.append(join(CONTROL, head.journal.name), offset, segment.bytes, 'durable'),
      this.#files.keep((cache) => cache.append(head.journal.name, offset, segment.bytes)),
    ];
  }

  /** Begins to write a commit, all but its last step. */
  #compose(commit: Commit): Draft {
    const { index, announced, truths, more } = commit;
    const before = { old: this.#head, journal: this.#journal, announced: this.#announced };
    const next = {
      ...afterPush(index, announced, truths),
      generation: Math.max(index.generation, this.#lastGeneration) + 1,
    };
    const isNew = before.old === undefined || (more === undefined && this.#isJournalLong(before.old));
    const writes = isNew ? this.#startOver(next) : this.#append('commit', this.#withSettled(next, truths));
    this.#announced = new Set(next.pending.keys());
    return { ...this.#writeHead(next, next.pending.size, writes), commit, next, isNew, before };
  }

  /** What was written ahead, if it is this commit; what turned out otherwise is forgotten. */
  async #draftOf({ index, announced, truths, more }: Commit): Promise<Draft | undefined> {
    const draft = this.#draft;
    this.#draft = undefined;
    if (draft === undefined) return undefined;
    const { commit } = draft;
    const isIt = commit.index === index && commit.announced === announced && commit.more === more;
    if (isIt && areSame(truths, announced)) return draft;
    await draft.written.catch(() => undefined); // what is written now must not be written over by it
    this.#forget(draft);
    return undefined;
  }

  #forget({ isNew, before }: Draft): void {
    if (isNew && this.#head !== undefined) this.#outdated.push(this.#head.snapshot, this.#head.journal);
    this.#head = before.old;
    this.#journal = before.journal;
    this.#announced = before.announced;
  }

  /** Begins to write a head, for when everything that it names is written. */
  #writeHead(index: TargetIndex, pending: number, writes: readonly Promise<unknown>[]): Written {
    const { snapshot, journal } = this.#head as Head;
    const head = this.#headFor(index, pending, snapshot, journal.name);
    const bytes = encodeHead(head);
    const mtime = Math.floor(this.#options.now() / 1000);
    const meta = { size: bytes.length, mtime, mode: PRIVATE_FILE };
    const write = (place: RelPath) => this.#target.write(place, () => bytes, meta, 'durable').then(() => place);
    const [first, second] = this.#lease.heads;
    // On the way that was lost somebody may still write to the first one.
    const placed = write(first).catch((error: unknown) => {
      if (error instanceof TargetError && error.kind === 'line-lost') return write(second);
      throw error;
    });
    return { head, bytes, written: allOf([placed, this.#lease.unmark(), ...writes]) };
  }

  /** Makes it valid. */
  async #install({ head, bytes, written }: Written, more: 'to come' | 'nothing to come'): Promise<void> {
    const renamed = this.#target.rename(await written, HEAD);
    if (more === 'to come') await renamed;
    else {
      const letting = this.#lease.letGo(checksum(bytes).toString('hex'));
      await allOf([renamed, letting]);
      if (await letting) this.#lease.end();
    }
    this.#head = head;
    this.#headBytes = bytes;
    await this.#files.keep((cache) => cache.write('head', bytes));
  }

  /**
   * Another run may have been here since this one looked. What it appended to the journal must not be written over, so an
   * append waits for this; files with names of their own need not. Once the lease is taken nobody else writes.
   */
  #requireSameHead(): Promise<void> {
    return (this.#checked ??= this.#requireOnce());
  }

  async #requireOnce(): Promise<void> {
    const [bytes, head] = [this.#headBytes, this.#head];
    const isKnown = bytes !== undefined && (await this.#lease.isSince(checksum(bytes).toString('hex')));
    if (!isKnown && !(await this.isCurrent()))
      throw new LockedError(
        `another run wrote to ${this.#target.url} meanwhile; nothing of this one was recorded over it; run again`,
        { retryable: true },
      );
    const { left } = await this.#lease.take();
    if (left.length === 0 || head === undefined) return;
    this.startAnew(); // whoever was taken for dead may still append to the journal that it knows
  }

  #headFor({ entries, generation }: TargetIndex, pending: number, snapshot: FileReference, journal: RelPath): Head {
    return {
      site: this.#options.site,
      generation,
      committedAt: this.#options.now(),
      files: entries.length,
      bytes: entries.fileBytes,
      pending,
      snapshot,
      journal: { name: journal, ...this.#journal },
    };
  }

  /** `truths`, and what else the journal calls pending and `index` knows. */
  #withSettled(index: TargetIndex, truths: Truths): Truths {
    const settled = [...this.#announced].filter((path) => !index.pending.has(path) && !truths.has(path));
    if (settled.length === 0) return truths;
    return new Map([...truths, ...settled.map((path) => [path, index.entries.find(path)] as const)]);
  }

  #isJournalLong(head: Head): boolean {
    return this.#journal.bytes > Math.max(LEAST_JOURNAL_BYTES, head.snapshot.bytes / 2);
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

function reference(kind: 'snapshot', name: string, content: Buffer): FileReference {
  return { name: `${kind}-${name}` as RelPath, bytes: content.length, checksum: checksum(content).toString('hex') };
}

function areSame(truths: Truths, announced: Truths): boolean {
  if (truths.size !== announced.size) return false;
  for (const [path, entry] of announced) if (!truths.has(path) || truths.get(path) !== entry) return false;
  return true;
}

function isSame(a: Buffer | undefined, b: Buffer | undefined): boolean {
  return a === undefined || b === undefined ? a === b : a.equals(b);
}

function newer(url: string, cause: IndexError): IndexError {
  return new IndexError(
    `cannot read the index of ${url}: ${cause.message}; use the version of pushstatic that wrote it, or a newer one`,
    'foreign-version',
    { cause },
  );
}
