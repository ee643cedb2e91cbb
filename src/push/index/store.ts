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

import { allOf } from '../../core/all-of.js';
import { checksum } from '../../core/bytes.js';
import type { Naming } from '../../core/folding.js';
import { decodeHead, encodeHead, type Head } from '../../core/index-codec.js';
import type { RelPath } from '../../core/relpath.js';
import { CONTROL, join } from '../../core/relpath.js';
import type { TargetIndex, Truths } from '../../core/target-index.js';
import { isStop, type Work } from '../../core/work.js';
import { IndexError, LockedError, SafetyError, TargetError } from '../../errors.js';
import { inSlices, Pacer } from '../../fs/pace.js';
import type { Target } from '../../targets/target.js';
import { ControlArea } from '../control-area.js';
import { Lease, type LeaseOptions, type Taken } from '../lease/lease.js';
import { readUpTo } from '../read-up-to.js';
import { attempt, type Fault, IndexFiles, type LocalCopy } from './files.js';
import { type Commit, type Draft, IndexWriter, type IndexWriterOptions, type Sketch } from './writer.js';

export const HEAD = join(CONTROL, 'head' as RelPath);
const OURS = new RegExp(`^${CONTROL}/(?:head|snapshot|journal)-[^/]*$`);
const PRIVATE_FILE = 0o600;
const HEAD_BYTES = 4096;
const LOAD_RETRIES = 10;

/** What is known of the target: what its index says, that there is none yet, or that it must be made anew. */
export type Known =
  | { readonly kind: 'index'; readonly index: TargetIndex }
  | { readonly kind: 'missing' }
  | { readonly kind: 'damaged'; readonly reason: string };

/** What lies on the target. */
export type Loaded =
  | Exclude<Known, { readonly kind: 'index' }>
  | (Extract<Known, { kind: 'index' }> & { readonly head: Head });

export interface IndexStoreOptions extends IndexWriterOptions, LeaseOptions, LocalCopy {
  /** Take over a target that belongs to another project. */
  readonly foreign?: 'take-over' | undefined;
}

/** A head that waits to become valid, once all is written that it names. */
interface Written {
  readonly head: Head;
  readonly bytes: Buffer;
  /** Resolves with where it waits. */
  readonly written: Promise<RelPath>;
}

/** The bytes of the head on the target, and of the local copy. */
type Heads = readonly [Buffer | undefined, Buffer | undefined];

/** What was written for a commit before that came. */
interface Ahead extends Written {
  readonly draft: Draft;
}

export class IndexStore {
  readonly #target: Target;
  readonly #options: IndexStoreOptions;
  readonly #area: ControlArea;
  readonly #files: IndexFiles;
  readonly #writer: IndexWriter;
  /** The bytes of the head on the target as this run knows it; undefined if there is none. */
  #headBytes: Buffer | undefined;
  #glanced: Heads | undefined;
  /** The index was read from the target itself. */
  #isRead = false;
  #lease: Lease;
  /** The lease that was already requested when the index was read. */
  #readUnder: Lease | undefined;
  /** The lease is taken, and the head known to be the one of this run. */
  #checked: Promise<void> | undefined;
  /** Until it is there, nothing else may be composed. */
  #ahead: Promise<Ahead> | undefined;

  constructor(target: Target, options: IndexStoreOptions) {
    this.#target = target;
    this.#options = options;
    this.#area = new ControlArea(target);
    this.#files = new IndexFiles(target, options);
    this.#writer = new IndexWriter(target, this.#files, options);
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
    this.#readUnder = this.#lease.isAskedFor ? this.#lease : undefined;
    const [bytes, cached] = this.#glanced ?? (await this.#readHeads());
    this.#glanced = undefined;
    const former = this.#headBytes;
    this.#headBytes = bytes;
    const known = cached === undefined ? undefined : attempt(() => decodeHead(cached));
    this.#writer.lastGeneration = known?.generation ?? 0;
    if (bytes === undefined) {
      this.#writer.goOnFromNothing();
      // It will be asked for, most likely; whoever does hears of its failure.
      this.#area.list().catch(() => undefined);
      return { kind: 'missing' };
    }
    try {
      return await this.#loadFrom(bytes, cached);
    } catch (error) {
      const isForeign = !(error instanceof IndexError) || error.reason === 'foreign-version';
      if (isForeign) this.#headBytes = former; // whoever asks again is refused again
      if (!(error instanceof IndexError)) throw error;
      if (error.reason === 'foreign-version') throw newer(this.#target.url, error);
      this.#writer.goOnFromNothing();
      return { kind: 'damaged', reason: error.message };
    }
  }

  /**
   * What the head says without its index being loaded, if it is the one that this machine wrote or read last, and nothing of it
   * is uncertain. `load` goes on from there.
   */
  async glance(): Promise<Head | undefined> {
    const [bytes, cached] = (this.#glanced = await this.#readHeads());
    const isKnown = bytes !== undefined && cached?.equals(bytes) === true && !this.#area.isTreeMissing;
    const head = isKnown ? attempt(() => decodeHead(bytes)) : undefined;
    return head?.pending === 0 ? head : undefined;
  }

  #readHeads(): Promise<Heads> {
    return Promise.all([
      this.#area.look(() => readUpTo(this.#target, HEAD, HEAD_BYTES)),
      this.#options.cache.read('head'),
    ]);
  }

  /** Whether there is no control area: nobody has been here before. */
  get isNew(): boolean {
    return this.#area.isMissing;
  }

  /** How the target takes names, as far as that is known: it is where there is a head. */
  get naming(): Naming | undefined {
    return this.#area.naming;
  }

  /** How the target takes names. Where nothing lies there yet to tell it by, it takes the lease for that. */
  async findNaming(): Promise<Naming> {
    if (this.naming === undefined) await this.hold();
    return this.naming ?? 'exact';
  }

  /** The head as this run knows it; undefined where there is none. */
  get head(): Head | undefined {
    return this.#writer.head;
  }

  /** For a cycle with a name of its own. Nothing may be under way. */
  renew(options: LeaseOptions): void {
    this.#lease = new Lease(this.#target, options);
    this.#checked = undefined;
  }

  /** The lease of this run, which it may not have taken yet. */
  get lease(): Lease {
    return this.#lease;
  }

  /** Takes the lease, once. Throws a LockedError where somebody else keeps it. */
  async hold(): Promise<Taken> {
    // Before the lease is given up in any case; nobody who wrote since the head was read goes unnoticed.
    this.#area.list().catch(() => undefined);
    const opened = this.#area.open();
    // Where there was nothing, both can be asked for at once: folders are made in the order of the calls.
    if (!this.#area.isMissing) await opened;
    const taking = this.#lease.take();
    taking.catch(() => undefined); // where the control area cannot be made, that is the reason
    const tried = this.#area.tryNaming();
    await opened;
    await tried;
    return taking;
  }

  /** Takes the lease, and tells whether the head is still the one that this run knows. */
  async holdStill(): Promise<boolean> {
    await this.hold();
    return this.isCurrent();
  }

  /** Lets go of the lease, if this run has it, once nothing is under way any more. Never rejects. */
  async release(end: 'done' | 'failed'): Promise<void> {
    await this.#forgetAhead();
    await this.#lease.release(end);
  }

  /** Marks on the target as pending what may change of `index`. */
  async begin(index: TargetIndex, announced: Truths): Promise<void> {
    await this.hold();
    const isSafe = this.#requireSameHead();
    if (this.head !== undefined) await isSafe;
    const { head, writes } = await inSlices(this.#writer.begin(index, announced), new Pacer());
    await this.#install(this.#writeHead({ head, writes: [isSafe, ...writes] }), 'to come');
  }

  /**
   * For a disk on which not even a `begin` fits: takes the head away, so that nothing is claimed until the next commit. Where none
   * follows, the next run reads back what lies there.
   */
  async disclaim(): Promise<void> {
    await this.hold();
    await this.#requireSameHead();
    await this.#unmark();
    await this.#lease.confirm();
    await this.#target.remove(HEAD);
    this.#writer.goOnFromNothing();
    this.#headBytes = undefined;
  }

  /**
   * Records what is now certain of `index`, and leaves pending what else was announced. Answers with the index as it is
   * recorded, one generation on. Where more is `to come` at once, a new snapshot waits for that.
   */
  async commit(index: TargetIndex, announced: Truths, truths: Truths, more?: 'to come'): Promise<TargetIndex> {
    await this.hold();
    await this.#lease.require();
    await this.#requireSameHead();
    const commit = { index, announced, truths, more };
    const { draft, ...written } = (await this.#takeAhead(commit)) ?? (await this.#compose(commit));
    await written.written;
    if (more === undefined) await this.#area.list(); // once the lease is given up, others write there
    await this.#install(written, more ?? 'nothing to come');
    this.#writer.retire(draft);
    return draft.next;
  }

  /** After a `begin`: writes already, where nobody looks, what a `commit` is to record if all of `announced` comes true. */
  expect(index: TargetIndex, announced: Truths, more?: 'to come'): void {
    this.#ahead = this.#compose({ index, announced, truths: announced, more });
    this.#ahead.catch(() => undefined); // the commit hears of it
  }

  /** Whether the head on the target is the one this run knows. */
  async isCurrent(): Promise<boolean> {
    return isSame(await readUpTo(this.#target, HEAD, HEAD_BYTES), this.#headBytes);
  }

  /** After a cycle, when nothing is under way. */
  settle(): void {
    this.#area.settle();
  }

  /** Removes the files of the index that no head names any more, or that an interrupted run left. */
  async reap(): Promise<void> {
    const control = await this.#area.list();
    const { head } = this;
    const named = new Set<string>([HEAD, ...[head?.snapshot, head?.journal].map((file) => `${CONTROL}/${file?.name}`)]);
    const orphans = control.filter(({ path, kind }) => kind === 'file' && OURS.test(path) && !named.has(path));
    // A run that failed may have meant to replace what is still in use.
    const replaced = this.#writer.takeOutdated().map((name) => join(CONTROL, name));
    const outdated = replaced.filter((path) => !named.has(path));
    const paths = new Set([...orphans.map(({ path }) => path), ...outdated]);
    await Promise.all([...paths].map((path) => this.#target.remove(path)));
  }

  /**
   * The files of the index that are not on the target as its head says, if any, each with what is wrong. A local copy that is sound
   * hides that from all but those who have none.
   */
  async faults(): Promise<Fault[]> {
    const { head } = this;
    if (head === undefined || this.#isRead) return [];
    const faults = await this.#files.faultsOf(head);
    // Whoever writes meanwhile removes what the former head names.
    return faults.length > 0 && (await this.isCurrent()) ? faults : [];
  }

  /** Lets the next `begin` or `commit` write all of the index anew; `reap` removes what it was. */
  startAnew(): void {
    this.#writer.startAnew();
  }

  async #loadFrom(bytes: Buffer, cached: Buffer | undefined): Promise<Loaded> {
    const head = decodeHead(bytes);
    if (head.site !== this.#options.site) {
      if (this.#options.foreign === 'take-over')
        return { kind: 'damaged', reason: `it belongs to the site ${head.site}` };
      throw new SafetyError(
        `${this.#target.url} belongs to the site "${head.site}", and this configuration is the site "${this.#options.site}"; ` +
          `if it is the same project, set "site: ${head.site}" in the configuration; if it is to be taken over, sync this target with --force`,
      );
    }
    if (this.#area.isTreeMissing) throw new IndexError('the published tree is gone', 'damaged');
    const { lastGeneration } = this.#writer;
    if (head.generation < lastGeneration) {
      throw new IndexError(`it went back from generation ${lastGeneration} to ${head.generation}`, 'damaged');
    }
    const isCached = cached?.equals(bytes) ?? false;
    const cachedIndex = isCached ? await this.#files.fromCache(head) : undefined;
    this.#isRead = cachedIndex === undefined;
    const index = cachedIndex ?? (await this.#files.fromTarget(head, bytes));
    this.#writer.goOn(head, index.pending.keys());
    return { kind: 'index', index, head };
  }

  /** Begins to write a commit, all but its last step. */
  async #compose(commit: Commit): Promise<Ahead> {
    const draft = await inSlices(this.#writer.commit(commit), new Pacer());
    return { ...this.#writeHead(draft), draft };
  }

  /** What was written ahead, if it is this commit; what turned out otherwise is forgotten. */
  async #takeAhead({ index, announced, truths, more }: Commit): Promise<Ahead | undefined> {
    const ahead = await this.#ahead;
    if (ahead === undefined) return undefined;
    const { commit } = ahead.draft;
    const isIt = commit.index === index && commit.announced === announced && commit.more === more;
    if (!isIt || !(await inSlices(areSame(truths, announced), new Pacer()))) return this.#forgetAhead();
    this.#ahead = undefined;
    if (await hasRoom(ahead.written)) return ahead;
    this.#writer.forget(ahead.draft); // what was removed meanwhile may have made some
    return undefined;
  }

  /** Once it is written: what comes next must not be written over by it. */
  async #forgetAhead(): Promise<undefined> {
    const ahead = await this.#ahead?.catch(() => undefined);
    this.#ahead = undefined;
    if (ahead === undefined) return;
    await ahead.written.catch(() => undefined);
    this.#writer.forget(ahead.draft);
  }

  /** Begins to write a head, for when everything that it names is written. */
  #writeHead({ head, writes }: Sketch): Written {
    const bytes = encodeHead(head);
    const mtime = Math.floor(this.#options.now() / 1000);
    const meta = { size: bytes.length, mtime, mode: PRIVATE_FILE };
    const write = (place: RelPath) => this.#target.write(place, () => bytes, meta, 'durable').then(() => place);
    // On the way that was lost somebody may still write to the first place.
    const placed = write(this.#lease.head).catch((error: unknown) => {
      if (error instanceof TargetError && error.kind === 'line-lost') return write(this.#lease.nextHead());
      throw error;
    });
    const written = allOf([placed, this.#unmark(), ...writes]).then(([place]) => place);
    written.catch(() => undefined); // whoever waits hears of it
    return { head, bytes, written };
  }

  #unmark(): Promise<unknown> {
    return this.#lease.unmark(this.#checksum);
  }

  /** Of the head that this run knows. */
  get #checksum(): string | undefined {
    return this.#headBytes && checksum(this.#headBytes).toString('hex');
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
    this.#writer.accept(head);
    this.#headBytes = bytes;
    await this.#files.keepHead(head, bytes);
  }

  /**
   * Another run may have been here since this one looked. What it appended to the journal must not be written over, so an
   * append waits for this; files with names of their own need not. Once the lease is taken nobody else writes.
   */
  #requireSameHead(): Promise<void> {
    if (this.#checked === undefined) {
      this.#checked = this.#requireOnce();
      this.#checked.catch(() => undefined); // whoever waits hears of it
    }
    return this.#checked;
  }

  async #requireOnce(): Promise<void> {
    const [known, head] = [this.#checksum, this.head];
    // Whoever takes over spares the journal that it finds then. One that was read later may be its own.
    if (this.#readUnder === this.#lease) await this.#lease.confirm();
    const isKnown = known !== undefined && (await this.#lease.isSince(known));
    if (!isKnown && !(await this.isCurrent())) throw writtenMeanwhile(this.#target.url);
    const { isAlone } = await this.#lease.take();
    if (isAlone) return;
    this.#area.listAgain();
    this.#area.list().catch(() => undefined); // the last commit hears of it
    if (head !== undefined) this.startAnew(); // whoever was taken for dead may still append to the journal that it knows
  }
}

/** What was looked at is not what lies there any more. */
export function writtenMeanwhile(url: string): LockedError {
  const message = `another run wrote to ${url} meanwhile; nothing of this one was recorded over it; run again`;
  return new LockedError(message, { retryable: true });
}

function* areSame(truths: Truths, announced: Truths): Work<boolean> {
  if (truths.size !== announced.size) return false;
  let at = 0;
  for (const [path, entry] of announced) {
    if (isStop(at++)) yield;
    if (!truths.has(path) || truths.get(path) !== entry) return false;
  }
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

/** Whether what was to be written came to a disk that is not full. Rejects with what else went wrong. */
async function hasRoom(written: Promise<unknown>): Promise<boolean> {
  try {
    await written;
    return true;
  } catch (error) {
    if (error instanceof TargetError && error.kind === 'no-space') return false;
    throw error;
  }
}
