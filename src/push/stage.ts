/**
 * Stage: brings content to the target, into the control area, where no reader sees it.
 *
 * A staged file is named by its digest, inside a folder of this run: two runs never write to one name. What an
 * interrupted run staged completely is taken over.
 *
 * Content may be staged before it is certain that it will be published: nobody sees it, and `tidy` takes it away.
 */
import { setMaxListeners } from 'node:events';
import type { Step } from '../core/plan.js';
import { CONTROL, join, type RelPath } from '../core/relpath.js';
import type { Digest, Entry } from '../core/snapshot.js';
import type { Problem } from '../errors.js';
import type { Body, Target } from '../targets/target.js';
import { ByteBudget } from './byte-budget.js';
import { allOf } from './in-parallel.js';
import type { IndexStore } from './index-store.js';
import { Leftovers } from './leftovers.js';
import { removeEmptyFolders } from './remove-folders.js';
import type { Throttle } from './throttle.js';
import { problemOf } from './trouble.js';
import { bodyOf, SMALL_BYTES } from './upload.js';

const STAGE = join(CONTROL, 'stage' as RelPath);
const PRIVATE = 0o700;
const LEAST_IN_FLIGHT = 256;
const MOST_IN_FLIGHT = 8192;
// A file waits for two round trips, and about 15 of them leave in a millisecond; some more keep the line full while the
// replies to a burst are worked off.
const FILES_PER_MS = 160;
const BYTES_IN_FLIGHT = 24 * 1024 * 1024; // enough for 100 MB/s at 200 ms
const MOST_IN_A_TURN = 256; // what is begun leaves only when the event loop turns
const LARGE_IN_FLIGHT = 4 * 1024 * 1024; // what one long file has on its way, whatever its size

export type Upload = Extract<Step, { kind: 'upload' }>;

export interface StageOptions {
  /** The absolute file for a path of the plan. */
  readonly fileOf: (path: RelPath) => string;
  /** Content that is in memory already; good until control is given up. */
  readonly contentOf?: ((digest: Digest) => Uint8Array | undefined) | undefined;
  /** A name for this run that no other run has. */
  readonly run: string;
  readonly concurrency: number | 'auto';
  readonly throttle: Throttle;
  readonly signal?: AbortSignal | undefined;
  readonly onFile?: (entry: Entry, sentBytes: number) => void;
}

export interface Staged {
  /** Where the content of an upload waits; undefined if it could not be staged. */
  readonly placeOf: (step: Upload) => RelPath | undefined;
  /** The uploads that could not be staged. */
  readonly problems: ReadonlyMap<RelPath, Problem>;
  readonly sentBytes: number;
}

/** One file on its way to the stage. Its place follows from its digest and number: names would be ten megabytes. */
interface Item {
  readonly entry: Entry;
  readonly number: number;
  state: 'waiting' | 'staged';
}

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
  /** Of the caller, and our own: what waits for its turn is let go when nothing more is to be sent. */
  readonly #signal: AbortSignal;
  readonly #space = new ByteBudget(BYTES_IN_FLIGHT);
  readonly #items = new Map<RelPath, Item>();
  readonly #superseded: Item[] = [];
  readonly #problems = new Map<RelPath, Problem>();
  #waiting: Item[] = [];
  #next = 0;
  #made = 0;
  #underWay = 0;
  #sentBytes = 0;
  #prepared: Promise<void> | undefined;
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
    this.#folder = join(STAGE, options.run as RelPath);
    const signals = options.signal === undefined ? [] : [options.signal];
    this.#signal = AbortSignal.any([...signals, this.#stopped.signal]);
    setMaxListeners(0, this.#signal); // hundreds of files may wait for their turn
  }

  /** Makes the folders to stage in, once. */
  async prepare(): Promise<void> {
    this.#prepared ??= this.#makeFolders();
    await this.#prepared;
  }

  /**
   * Begins to stage what is likely to be in the plan. False where it takes none: what an interrupted run left behind may be
   * some of it, or in the way of it, and all waits for `finish`.
   */
  async ahead(entries: readonly Entry[]): Promise<boolean> {
    if (entries.length === 0) return true;
    const leftovers = await this.#prepare();
    if (!leftovers.isEmpty || this.#failure !== undefined) return false;
    for (const entry of entries) this.#add(entry);
    this.#pump();
    return true;
  }

  /** Stages what is left of `uploads`. Rejects only when the target as a whole is out of reach, or on an abort. */
  async finish(uploads: readonly Upload[]): Promise<Staged> {
    const leftovers = await this.#prepare();
    await leftovers.makeRoom(uploads);
    for (const { path, entry } of uploads) if (!isFor(this.#items.get(path), entry)) this.#add(entry);
    this.#pump();
    await this.#idle();
    return { placeOf: (step) => this.#placeOf(step), problems: this.#problems, sentBytes: this.#sentBytes };
  }

  /** Removes what this run staged and did not publish, and what earlier runs left. Nothing may be under way. */
  async tidy(published: ReadonlySet<RelPath>): Promise<void> {
    if (this.#leftovers === undefined) return;
    const unpublished = [...this.#items.values()].filter(({ entry }) => !published.has(entry.path));
    const left = [...unpublished, ...this.#superseded].filter(({ state }) => state === 'staged');
    await Promise.all([...left.map((item) => this.#target.remove(this.#place(item))), this.#leftovers.removeFiles()]);
    await removeEmptyFolders([this.#folder, ...this.#leftovers.folders], this.#target);
  }

  /** Ends the staging without a push. What cannot be removed now, because the target is out of reach, the next run removes. */
  async abandon(): Promise<void> {
    this.#stop(undefined);
    if (this.#prepared === undefined) return;
    await Promise.allSettled([this.#prepared]);
    await Promise.allSettled([this.#idle()]);
    await Promise.allSettled([this.tidy(new Set())]);
  }

  async #prepare(): Promise<Leftovers> {
    await this.prepare();
    return this.#leftovers as Leftovers;
  }

  async #makeFolders(): Promise<void> {
    const control = await allOf([this.#store.control(), this.#store.open()]);
    await allOf([this.#target.makeFolder(STAGE, PRIVATE), this.#target.makeFolder(this.#folder, PRIVATE)]);
    this.#leftovers = new Leftovers(this.#target, STAGE, this.#folder, control);
  }

  #add(entry: Entry): void {
    const superseded = this.#items.get(entry.path);
    if (superseded !== undefined) this.#superseded.push(superseded);
    const item: Item = { entry, number: this.#made++, state: 'waiting' };
    this.#items.set(entry.path, item);
    this.#waiting.push(item);
  }

  #pump(): void {
    if (this.#failure !== undefined) return;
    const { concurrency } = this.#options;
    const most = concurrency === 'auto' ? filesInFlight(this.#target.capabilities.roundTripMs) : concurrency;
    const end = Math.min(this.#waiting.length, this.#next + most - this.#underWay, this.#next + MOST_IN_A_TURN);
    const wasCut = end === this.#next + MOST_IN_A_TURN;
    while (this.#next < end) this.#begin(this.#waiting[this.#next++] as Item);
    if (wasCut) setImmediate(() => this.#pump());
    if (this.#next === this.#waiting.length) {
      this.#waiting = [];
      this.#next = 0;
    }
  }

  #begin(item: Item): void {
    this.#underWay++;
    void this.#stageOne(item).then(() => this.#end());
  }

  #end(): void {
    this.#underWay--;
    this.#pump();
    if (this.#underWay === 0) this.#onIdle?.();
  }

  /** Never rejects. */
  async #stageOne(item: Item): Promise<void> {
    const { size } = item.entry;
    const cost = size <= SMALL_BYTES ? size : LARGE_IN_FLIGHT;
    await this.#space.take(cost);
    try {
      if (this.#failure !== undefined) return;
      if (this.#full === undefined) await this.#send(item, this.#leftovers as Leftovers);
      else this.#fail(item, this.#full);
    } catch (error) {
      this.#heed(item, error);
    } finally {
      this.#space.give(cost);
    }
  }

  async #send(item: Item, leftovers: Leftovers): Promise<void> {
    const { throttle, signal, contentOf, fileOf, onFile } = this.#options;
    const { entry } = item;
    signal?.throwIfAborted();
    const place = this.#place(item);
    const isThere = !leftovers.isEmpty && (await leftovers.takeOver(entry, place));
    if (!isThere) {
      await throttle.take(entry.size, this.#signal);
      if (this.#failure !== undefined) return;
      const body: Body = () => contentOf?.(entry.digest) ?? bodyOf(fileOf(entry.path), entry)();
      await this.#target.write(place, body, entry);
      this.#sentBytes += entry.size;
    }
    item.state = 'staged';
    onFile?.(entry, isThere ? 0 : entry.size);
  }

  #heed(item: Item, error: unknown): void {
    try {
      const problem = problemOf(item.entry.path, 'stage', error);
      this.#fail(item, problem);
      if (problem.code === 'NO_SPACE' || problem.code === 'READ_ONLY') this.#full = problem;
    } catch (fatal) {
      this.#stop(fatal);
    }
  }

  #fail({ entry: { path } }: Item, problem: Problem): void {
    this.#problems.set(path, { ...problem, path });
  }

  /** What is under way comes to its end; nothing more is begun. */
  #stop(error: unknown): void {
    this.#failure ??= { error };
    this.#stopped.abort();
    this.#waiting.length = this.#next;
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

  #place({ entry: { digest }, number }: Item): RelPath {
    return join(this.#folder, `${digest}.${number}` as RelPath);
  }
}

function isFor(item: Item | undefined, { digest, mtime, mode }: Entry): boolean {
  return item?.entry.digest === digest && item.entry.mtime === mtime && item.entry.mode === mode;
}
