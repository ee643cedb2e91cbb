/**
 * Stage: brings content to the target, into the control area, where no reader sees it.
 *
 * All of it lies in a folder of this run, since two runs may never write to one name: a file by itself under its digest,
 * a new folder with its leaves under a number. What an interrupted run staged completely is taken over. Content that the
 * target has already, under a public name or on the stage, is not sent: it is made there, and so is as much of a new version
 * as the former one holds.
 *
 * Content may be staged before it is certain that it will be published: nobody sees it, and `tidy` takes it away.
 */
import { ByteBudget } from '../../core/byte-budget.js';
import type { Digest, Entry } from '../../core/entry.js';
import { EntryTable } from '../../core/entry-table.js';
import { Formers } from '../../core/formers.js';
import { originsIn } from '../../core/origins.js';
import { type Share, type Upload, uploadsOf } from '../../core/plan.js';
import { join, type RelPath } from '../../core/relpath.js';
import type { TargetIndex } from '../../core/target-index.js';
import { isStop, type Work } from '../../core/work.js';
import { type Problem, TargetError } from '../../errors.js';
import { inSlices, Pacer } from '../../fs/pace.js';
import type { Target } from '../../targets/target.js';
import type { IndexStore } from '../index/store.js';
import { removeEmptyFolders } from '../publish/remove-folders.js';
import { problemOf } from '../trouble.js';
import { Delivery, type DeliveryOptions } from './delivery.js';
import { type Item, isFor, mayBeDerived, placeOf, type Way } from './item.js';
import { Leftovers } from './leftovers.js';
import { StageNotes } from './notes.js';
import { placeIn, type WholeFolder, WholeFolders } from './whole-folders.js';

const LEAST_IN_FLIGHT = 256;
const MOST_IN_FLIGHT = 8192;
// A file waits for two round trips, and about 15 of them leave in a millisecond; twice as many keep the line full while the
// replies to a burst are worked off. More would only wait, and what waits long costs the garbage collector.
const FILES_PER_MS = 60;
const BYTES_IN_FLIGHT = 24 * 1024 * 1024; // enough for 100 MB/s at 200 ms
const MOST_IN_A_TURN = 64; // what is begun leaves only when the event loop turns
const LARGE_IN_FLIGHT = 4 * 1024 * 1024; // what one long file has on its way, whatever its size

export interface StageOptions extends DeliveryOptions {
  /** The mode of new folders. */
  readonly folderMode: number;
  readonly concurrency: number | 'auto';
  readonly onFile?: (entry: Entry) => void;
}

export interface Staged {
  /** Where the content of an upload waits; undefined if it could not be staged. */
  readonly placeOf: (step: Upload) => RelPath | undefined;
  /** How the content of an upload got there. */
  readonly wayOf: (step: Upload) => Way;
  /** Where a new folder waits with files of the plan in it and nothing else, by where it is to be published. */
  readonly folders: ReadonlyMap<RelPath, RelPath>;
  /** The uploads that could not be staged. */
  readonly problems: ReadonlyMap<RelPath, Problem>;
}

const NONE: readonly Entry[] = [];

/** How many files may be under way at once so that neither the line nor the server waits. */
function filesInFlight(roundTripMs: number): number {
  return Math.min(MOST_IN_FLIGHT, Math.round(LEAST_IN_FLIGHT + FILES_PER_MS * roundTripMs));
}

export class Stage {
  readonly #target: Target;
  readonly #store: IndexStore;
  readonly #options: StageOptions;
  readonly #folder: RelPath;
  readonly #stopped = new AbortController();
  readonly #space = new ByteBudget(() => BYTES_IN_FLIGHT);
  readonly #delivery: Delivery;
  readonly #folders: WholeFolders;
  readonly #notes: StageNotes;
  readonly #items = new Map<RelPath, Item>();
  readonly #superseded: Item[] = [];
  /** The first of each content. */
  readonly #firsts = new Map<Digest, Item>();
  #formers = new Formers(EntryTable.EMPTY);
  readonly #problems = new Map<RelPath, Problem>();
  #waiting: Item[] = [];
  #next = 0;
  #made = 0;
  #underWay = 0;
  #begun: Promise<Leftovers> | undefined;
  #leftovers: Leftovers | undefined;
  /** Why nothing more fits. */
  #full: Problem | undefined;
  /** What ended the staging as a whole. */
  #failure: { readonly error: unknown } | undefined;
  #onIdle: (() => void) | undefined;

  /** Nothing is asked of the target yet: a run that has nothing to stage asks for nothing. */
  constructor(target: Target, store: IndexStore, options: StageOptions) {
    this.#target = target;
    this.#store = store;
    this.#options = options;
    this.#folder = store.lease.folder;
    this.#delivery = new Delivery(target, this.#folder, options, this.#stopped.signal);
    this.#folders = new WholeFolders((name) => target.makeFolder(join(this.#folder, name), options.folderMode));
    this.#notes = new StageNotes(target, this.#folder);
  }

  /** Takes the lease, and with it the folder to stage in, once. */
  async prepare(): Promise<void> {
    await this.#begin();
  }

  /**
   * Begins to stage what is likely to be in the plan, for a target of which `held` is known, and may be found out not to be
   * current. False where it takes none: what an interrupted run left behind may be some of it, or in the way of it, and all
   * waits for `finish`.
   */
  async ahead(entries: readonly Entry[], held: TargetIndex, isCurrent?: Promise<boolean>): Promise<boolean> {
    if (entries.length === 0) return true;
    const leftovers = await this.#begin();
    if (!leftovers.isEmpty || this.#failure !== undefined) return false;
    if (this.#formers.held !== held.entries) this.#formers = new Formers(held.entries);
    await inSlices(this.#adding(entries, held, isCurrent), new Pacer());
    return true;
  }

  /** Removes at once what interrupted runs left and nothing of `share`, which is all there will be, can use. */
  async makeRoom(share: Share): Promise<void> {
    const leftovers = await this.#begin();
    if (!leftovers.isEmpty) await leftovers.makeRoom(uploadsOf(share));
  }

  /**
   * Stages what is left of `uploads`, for a target that holds `held`, and held `before` when the push began: what was published
   * since is no former version of anything. Rejects only when the target as a whole is out of reach, or on an abort.
   */
  async finish(uploads: readonly Upload[], held: TargetIndex, before = held): Promise<Staged> {
    await this.prepare();
    if (this.#formers.held !== before.entries) this.#formers = new Formers(before.entries);
    const pacer = new Pacer();
    const missing = await inSlices(this.#missing(uploads), pacer);
    await inSlices(this.#adding(missing, held), pacer);
    if (this.#underWay > 0 && this.#notes.waiting === 'some') this.#note();
    await this.#idle();
    await pacer.breathe();
    const folders = await inSlices(this.#wholeFolders(uploads), pacer);
    return {
      placeOf: (step) => this.#placeOf(step),
      wayOf: ({ path }) => this.#items.get(path)?.way ?? 'uploaded',
      folders,
      problems: this.#problems,
    };
  }

  /** Why nothing more fits on the target; undefined as long as something does. */
  get full(): Problem | undefined {
    return this.#full;
  }

  /** What went over the line until now. */
  get sentBytes(): number {
    return this.#delivery.sentBytes;
  }

  /**
   * Forgets what is published and so not here any more: the files at these paths, and folders with all that was staged in
   * them. Nothing may be under way.
   */
  *release(files: Iterable<RelPath>, folders: Iterable<RelPath>): Work<void> {
    let at = 0;
    for (const path of files) {
      if (isStop(at++)) yield;
      const item = this.#items.get(path);
      if (item === undefined) continue;
      this.#items.delete(path);
      if (this.#firsts.get(item.entry.digest) === item) this.#firsts.delete(item.entry.digest);
    }
    this.#folders.release(folders);
  }

  /**
   * Removes what this run staged and did not publish, and what earlier runs left. Nothing may be under way. As long as nothing was
   * `written`, the folders of those stay, which tell that they may still write themselves.
   */
  async tidy(written: 'something' | 'nothing'): Promise<void> {
    if (this.#leftovers === undefined) return;
    const left = [...this.#items.values(), ...this.#superseded].filter(({ state }) => state === 'staged');
    const places = [...left.map((item) => this.#place(item)), ...(this.#notes.isEmpty ? [] : [this.#notes.file])];
    await Promise.all([...places.map((place) => this.#target.remove(place)), this.#leftovers.removeFiles()]);
    const emptied = this.#folders.all.map(({ name }) => join(this.#folder, name));
    const theirs = written === 'something' ? this.#leftovers.folders : [];
    await removeEmptyFolders([...emptied, ...theirs], this.#target);
  }

  /** Nothing more is begun, and long files under way break off: whoever waits hears of `error`. */
  stop(error: unknown): void {
    this.#failure ??= { error };
    this.#stopped.abort();
    this.#waiting.length = this.#next;
  }

  /** Ends the staging without a push. What cannot be removed now, because the target is out of reach, the next run removes. */
  async abandon(): Promise<void> {
    this.stop(undefined);
    if (this.#begun === undefined) return;
    await Promise.allSettled([this.prepare()]);
    await Promise.allSettled([this.#idle()]);
    await Promise.allSettled([this.tidy('nothing')]);
  }

  #begin(): Promise<Leftovers> {
    return (this.#begun ??= this.#makeFolders());
  }

  async #makeFolders() {
    const { left } = await this.#store.hold();
    return (this.#leftovers = await Leftovers.find(this.#target, left));
  }

  /** Of what is not staged yet. */
  *#missing(uploads: readonly Upload[]): Work<Entry[]> {
    const missing: Entry[] = [];
    for (const [at, { path, entry }] of uploads.entries()) {
      if (isStop(at)) yield;
      if (!isFor(this.#items.get(path), entry)) missing.push(entry);
    }
    return missing;
  }

  /** Those that are added are begun while others still are to be. */
  *#adding(entries: readonly Entry[], held: TargetIndex, isCurrent?: Promise<boolean>): Work<void> {
    const folders = yield* this.#folders.assign(entries, held);
    const { hardlink, serverCopy } = this.#target.capabilities;
    const makesCopies = hardlink || serverCopy;
    const patches = serverCopy && this.#options.signatures !== undefined;
    const origins = makesCopies ? yield* originsIn(held.entries, entries) : new Map<Digest, Entry[]>();
    for (const [i, entry] of entries.entries()) {
      if (isStop(i)) {
        this.#pump();
        yield;
      }
      const superseded = this.#items.get(entry.path);
      if (superseded !== undefined) this.#superseded.push(superseded);
      const folder = folders[i];
      const { digest } = entry;
      const item: Item = {
        entry,
        number: this.#made++,
        held: origins.get(digest) ?? NONE,
        twin: this.#firsts.get(digest),
        isCurrent,
        former: patches ? this.#formers.of(entry) : undefined,
        folder,
        state: 'waiting',
        way: 'uploaded',
        isDerived: false,
        hasEnded: false,
        waiting: undefined,
      };
      this.#items.set(entry.path, item);
      this.#problems.delete(entry.path);
      if (item.twin === undefined && makesCopies) this.#firsts.set(digest, item);
      this.#waiting.push(item);
      if (folder === undefined || mayBeDerived(item)) continue;
      this.#notes.add(placeIn(folder, entry), entry);
      if (this.#notes.waiting === 'much') this.#note();
    }
    this.#pump();
  }

  /** Notes only save time: a target that takes none will say so to the files. */
  #note(): void {
    this.#underWay++;
    void this.#notes
      .write(this.prepare())
      .catch((error: unknown) => {
        if (!(error instanceof TargetError) || error.kind === 'unreachable') this.stop(error);
      })
      .then(() => this.#end());
  }

  #pump(): void {
    if (this.#failure !== undefined) return;
    const { concurrency } = this.#options;
    const most = concurrency === 'auto' ? filesInFlight(this.#target.capabilities.roundTripMs) : concurrency;
    const end = Math.min(this.#waiting.length, this.#next + most - this.#underWay, this.#next + MOST_IN_A_TURN);
    const wasCut = end === this.#next + MOST_IN_A_TURN;
    while (this.#next < end) this.#start(this.#waiting[this.#next++] as Item);
    if (wasCut) setImmediate(() => this.#pump());
    if (this.#next === this.#waiting.length) {
      this.#waiting = [];
      this.#next = 0;
    }
  }

  #start(item: Item): void {
    this.#underWay++;
    void this.#stageOne(item).then(() => this.#end(item));
  }

  #end(item?: Item): void {
    if (item !== undefined) {
      item.hasEnded = true;
      for (const goOn of item.waiting ?? []) goOn();
    }
    this.#underWay--;
    this.#pump();
    if (this.#underWay === 0) this.#onIdle?.();
  }

  /** Never rejects. */
  async #stageOne(item: Item): Promise<void> {
    const { size } = item.entry;
    const cost = Math.min(size, LARGE_IN_FLIGHT);
    let taken = 0;
    try {
      if (item.folder !== undefined) await this.#whenMade(item);
      if (this.#leftovers?.isEmpty === false && (await this.#takeOver(item))) return;
      const hasOrigin = item.twin !== undefined || item.held.length > 0;
      if (hasOrigin && (await this.#delivery.make(item))) return this.#staged(item);
      await this.#space.take(cost);
      taken = cost;
      if (this.#failure !== undefined) return;
      if (this.#full !== undefined) return this.#fail(item, this.#full);
      const begun = this.#target.capabilities.serverCopy ? this.#leftovers?.begun(item.entry) : undefined;
      const sent = await this.#delivery.send(item, begun);
      if (sent !== undefined) this.#staged(item);
    } catch (error) {
      const kind = error instanceof TargetError ? error.kind : undefined;
      if (kind === 'line-lost') this.#beginAnew(item);
      else if (kind === 'bad-name' && item.folder !== undefined) this.#stageByItself(item);
      else this.#heed(item, error);
    } finally {
      if (taken > 0) this.#space.give(taken);
    }
  }

  async #takeOver(item: Item): Promise<boolean> {
    const { entry } = item;
    if (this.#failure !== undefined || this.#leftovers?.has(entry) !== true) return false;
    this.#delivery.requireOpen(entry);
    const isThere = await this.#leftovers.takeOver(entry, this.#place(item));
    if (isThere) this.#staged(item);
    return isThere;
  }

  /** Where its folder cannot be made, a file is staged by itself. */
  async #whenMade(item: Item): Promise<void> {
    try {
      await item.folder?.made;
    } catch (error) {
      if (!(error instanceof TargetError) || error.kind === 'unreachable') throw error;
      item.folder = undefined;
    }
  }

  #staged(item: Item): void {
    item.state = 'staged';
    this.#options.onFile?.(item.entry);
  }

  /** Under another name: on the way that was lost somebody may still write to the old one, and make it anew. */
  #beginAnew(item: Item): void {
    this.#superseded.push({ ...item, state: 'staged' }); // what is there is removed, and its folder does not come as a whole
    item.folder = undefined;
    item.number = this.#made++;
    item.isDerived = false;
    this.#waiting.push(item);
  }

  /** In a new folder it has the name that it is to be published under. Whether that can be is told when it is published. */
  #stageByItself(item: Item): void {
    item.folder = undefined;
    item.isDerived = false;
    this.#waiting.push(item);
  }

  #heed(item: Item, error: unknown): void {
    try {
      const problem = problemOf(item.entry.path, 'stage', error);
      this.#fail(item, problem);
      if (problem.code === 'NO_SPACE' || problem.code === 'READ_ONLY') this.#full = problem;
    } catch (fatal) {
      this.stop(fatal);
    }
  }

  #fail(item: Item, problem: Problem): void {
    const { path } = item.entry;
    if (this.#items.get(path) === item) this.#problems.set(path, { ...problem, path });
  }

  /** Resolves when nothing is under way. */
  async #idle(): Promise<void> {
    if (this.#underWay > 0) await new Promise<void>((resolve) => (this.#onIdle = resolve));
    if (this.#failure !== undefined) throw this.#failure.error;
  }

  #placeOf({ path }: Upload): RelPath | undefined {
    const item = this.#items.get(path);
    return item?.state === 'staged' ? this.#place(item) : undefined;
  }

  #place(item: Item): RelPath {
    return placeOf(item, this.#folder);
  }

  /** Those that hold new files of the plan, and nothing else. */
  *#wholeFolders(uploads: readonly Upload[]): Work<Map<RelPath, RelPath>> {
    if (this.#folders.all.length === 0) return new Map();
    const added = new Set<Item | undefined>();
    for (const [at, { path, old }] of uploads.entries()) {
      if (isStop(at)) yield;
      if (old === undefined) added.add(this.#items.get(path));
    }
    const whole = new Set<WholeFolder | undefined>();
    const mixed = new Set(this.#superseded.map(({ folder }) => folder));
    let at = 0;
    for (const item of this.#items.values()) {
      if (isStop(at++)) yield;
      const isOfUse = item.state === 'staged' && added.has(item);
      (isOfUse ? whole : mixed).add(item.folder);
    }
    for (const folder of mixed) whole.delete(folder);
    return new Map(
      [...whole].flatMap((folder) => (folder === undefined ? [] : [[folder.path, join(this.#folder, folder.name)]])),
    );
  }
}
