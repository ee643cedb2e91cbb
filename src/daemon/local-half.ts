/**
 * LocalHalf: STATIC_ROOT kept equal to its sources in a process that lasts, and what is known of it.
 *
 * A change is collected by place, in a thread that is kept. All of it is collected in a thread of its own, whose memory goes
 * with it. Runs that write follow one another.
 */
import { basename } from 'node:path';
import type { Marks, Swept } from '../collect/sweep.js';
import {
  type LocalHooks,
  type LocalRun,
  LocalThread,
  type LocalWork,
  type Part,
  wholeOf,
} from '../collect/thread/in-thread.js';
import type { Config } from '../config/schema.js';
import type { ToSign } from '../core/delta/signature.js';
import { type Change, diff } from '../core/diff.js';
import { type Entry, sameContent } from '../core/entry.js';
import { EntryTable } from '../core/entry-table.js';
import { ignoreRules } from '../core/fnmatch.js';
import { isPassing } from '../core/lack.js';
import { covers, type Places, partOf, replaceIn, touches } from '../core/places.js';
import { isWithin, type RelPath } from '../core/relpath.js';
import type { Snapshot } from '../core/snapshot.js';
import { emptyIndex } from '../core/target-index.js';
import { type FollowedLink, type Root, touchedPlaces } from '../core/touched.js';
import { workOf } from '../cycle/local-work.js';
import { type ChangeReport, type CollectReport, changeReport } from '../cycle/report.js';
import type { Problem } from '../errors.js';
import { inSlices, Pacer } from '../fs/pace.js';
import type { StateFolder } from '../fs/state.js';
import type { Behind } from './being-written.js';
import { leaveWarm, takeWarm } from './warm-state.js';

/** What a collect brought. */
export interface Collection {
  readonly snapshot: Snapshot;
  /** Where it may be different now. */
  readonly places: Places | 'all';
  readonly changes: readonly ChangeReport[];
  /**
   * Of which nobody knew what lies there, and of which it is known now ('' for all): a target may hold what has gone meanwhile, and
   * no change names that.
   */
  readonly cleared: readonly string[];
  readonly report: CollectReport;
  /** What was read for it. */
  readonly contents: LocalRun['contents'] | undefined;
}

export interface LocalHalfHooks extends LocalHooks {
  /** Of this program. */
  readonly version: string;
  /** The built program of the threads. Default: beside this file. */
  readonly thread?: URL | undefined;
  /** Of this process. Default: empty. */
  readonly env?: NodeJS.ProcessEnv | undefined;
}

export interface CollectAllOptions {
  readonly force: boolean;
  readonly reread: boolean;
}

const MOST_CHANGED = 2000; // more of them are cheaper to collect as a whole

const NOTHING: Snapshot = { entries: EntryTable.EMPTY, problems: [] };
const GENTLY: CollectAllOptions = { force: false, reread: false };

type Result = Awaited<ReturnType<typeof wholeOf>>;

export class LocalHalf {
  readonly #config: Config;
  readonly #state: StateFolder;
  readonly #hooks: LocalHalfHooks;
  readonly #roots: readonly Root[];
  #thread: LocalThread;
  #snapshot: Snapshot = NOTHING;
  #foreign: readonly RelPath[] = [];
  #folders: readonly string[] = [];
  #links: readonly FollowedLink[] = [];
  #problems: readonly Problem[] = [];
  #marks: { readonly sources: Marks; readonly root: Marks } | undefined;
  /**
   * Paths whose copy was written or removed since the marks were taken, and places of which the marks say that something is gone. The
   * marks cannot tell of them: a file that came and went again looks as it did then, whether it was new or only back for a while.
   */
  #changedSince: Set<RelPath> | 'much' = new Set();
  /** The last run that writes. */
  #last: Promise<unknown> = Promise.resolve();
  #turns = 0;
  /** How many times all was collected. */
  #epoch = 0;
  #sweepCostMs = 0;
  /** A look at everything found that collecting would change something, wherever that comes from. */
  #isDue = false;
  /** Something is to be removed once all is put, and no place says what. */
  #hasPutOff = false;
  /** The last run that writes failed. */
  #isInDoubt = false;
  #isEnded = false;

  constructor(config: Config, state: StateFolder, hooks: LocalHalfHooks) {
    this.#thread = new LocalThread(hooks.thread);
    this.#config = config;
    this.#state = state;
    this.#hooks = hooks;
    const { root, storage } = config.static;
    const sources = storage === 'none' ? [] : config.source.dirs;
    this.#roots = [...sources, { path: root, prefix: '' }];
  }

  /** Undefined before anything was collected. */
  get snapshot(): Snapshot | undefined {
    return this.#snapshot === NOTHING ? undefined : this.#snapshot;
  }

  /** What the last sweep took, in milliseconds. */
  get sweepCostMs(): number {
    return this.#sweepCostMs;
  }

  get isBusy(): boolean {
    return this.#turns > 0;
  }

  /** What was met when it was collected. */
  get problems(): readonly Problem[] {
    return this.#problems;
  }

  /** The absolute places of what could not be collected, and may be now although nothing was touched. */
  get unfinished(): Set<string> {
    const { root } = this.#config.static;
    return new Set(this.#problems.filter(isPassing).map(({ path }) => `${root}/${path}`));
  }

  /** The absolute folders whose content it is made of, and STATIC_ROOT. */
  get folders(): string[] {
    return this.#roots.map(({ path }) => path);
  }

  /** What is collected because of the absolute `place`. */
  behind(place: string): Behind {
    const paths = touchedPlaces(this.#roots, this.#links, [place]);
    if (paths === 'all') return { files: [place], size: 0 };
    const files = paths.flatMap((path) => this.#roots.flatMap((root) => placeIn(root, path)));
    const sizes = paths.map((path) => this.#snapshot.entries.find(path)?.size ?? 0);
    return { files: [...new Set([place, ...files])], size: Math.max(0, ...sizes) };
  }

  /** Links in the sources that lead elsewhere, by where they lead. */
  get links(): readonly FollowedLink[] {
    return this.#links;
  }

  /**
   * What is in STATIC_ROOT, brought up to date: from what the last daemon left and what a look finds changed since, else by
   * collecting all. Rejects as `collectAll` does.
   */
  async begin(): Promise<Collection> {
    const started = performance.now();
    const left = await takeWarm(this.#hooks.version, this.#config, this.#state);
    const warm = this.#isDjangos ? undefined : left; // what the project's own code makes, only that can say
    if (warm !== undefined) {
      this.#snapshot = { entries: warm.entries, problems: [] };
      this.#take({ ownership: warm, links: warm.links, putOff: 0, problems: [] }, undefined);
      this.#marks = warm.marks;
      this.#changedSince = new Set(warm.changedSince);
    }
    const touched = await this.sweep();
    if (warm === undefined) return this.#beginAnew();
    this.#prepare();
    if (touched.length > 0) return this.collect(touched);
    const nothing = { snapshot: this.#snapshot, copied: 0, hashed: 0, removed: 0, problems: [] };
    return this.#collection(nothing, 'all', { part: this.#snapshot, all: this.#snapshot }, started, undefined);
  }

  async #beginAnew(): Promise<Collection> {
    const collection = await this.collectAll(GENTLY);
    const { copied, hashed, removed } = collection.report;
    // Compared with nothing, every file counts as changed. If neither this run nor anybody else has written since the marks were taken,
    // they still hold.
    const isUnwritten = copied + hashed + removed === 0;
    if (isUnwritten && (await this.#isAsMarked())) this.#changedSince = new Set();
    return collection;
  }

  /** Whether STATIC_ROOT still is what it was when it was marked. */
  async #isAsMarked(): Promise<boolean> {
    const before = this.#marks?.root;
    return before !== undefined && (await this.#sweepIn([this.#config.static.root], [], before)).touched.length === 0;
  }

  /** Leaves to the next daemon what is known, where all of it is. */
  async leave(): Promise<void> {
    await this.#last;
    if (this.#marks === undefined || this.#problems.length > 0 || this.#hasPutOff || this.#isInDoubt) return;
    if (this.#changedSince === 'much') return;
    const { entries } = this.#snapshot;
    const [foreign, folders, links, marks] = [this.#foreign, this.#folders, this.#links, this.#marks];
    const warm = { entries, foreign, folders, links, marks, changedSince: [...this.#changedSince] };
    // Losing it costs time, like all that is in the state folder.
    await leaveWarm(this.#hooks.version, this.#config, this.#state, warm).catch(() => undefined);
  }

  /** Rejects as `collect` and `scanOnly` do. */
  collectAll({ force, reread }: CollectAllOptions): Promise<Collection> {
    return this.#inTurn(async () => {
      const started = performance.now();
      this.#isDue = false;
      // What was there before is collected now: no sweep need name it, and have collectstatic run once more.
      const swept = this.#isDjangos ? await this.#sweepSources(undefined) : undefined;
      const [work, settings] = [this.#work('write'), this.#settings({ force, reread, contents: 'drop' })];
      const result = await this.#aside((thread) => wholeOf(thread.run(work, settings, this.#hooks)));
      const kept = { ...result.snapshot, entries: await inSlices(result.snapshot.entries.packed(), new Pacer()) };
      const before = this.#snapshot;
      this.#snapshot = kept;
      this.#epoch++;
      if (swept !== undefined && this.#marks !== undefined) this.#marks = { ...this.#marks, sources: swept.marks };
      this.#take(result, undefined);
      this.#prepare();
      return this.#collection(result, 'all', { part: before, all: before }, started, undefined);
    });
  }

  /** Collects what is published from these absolute places. Rejects as `collectAll` does. */
  async collect(touched: readonly string[]): Promise<Collection> {
    const collected = await this.#inTurn(() =>
      this.#isDjangos ? this.#asKnown(touched) : this.#collectPlaces(touched),
    );
    return collected ?? this.collectAll(GENTLY);
  }

  /**
   * What collecting these places would bring that is not there now, with its contents, and nothing is written. Undefined
   * where there is nothing, or it cannot be foreseen.
   */
  async foresee(
    touched: readonly string[],
  ): Promise<{ entries: readonly Entry[]; contents: LocalRun['contents'] } | undefined> {
    const places = touchedPlaces(this.#roots, this.#links, touched);
    if (places === 'all' || this.#isDjangos) return undefined;
    const { result, contents } = this.#liveThread().run(
      this.#workOn(places, 'dry-run'),
      this.#settings({ force: false, reread: false, contents: 'keep' }),
      { signal: this.#hooks.signal },
    );
    const foreseen = await result.catch(() => undefined); // whoever collects will hear of it
    const entries = [...(foreseen?.snapshot.entries ?? [])].filter((entry) => !this.#holds(entry));
    return entries.length === 0 ? undefined : { entries, contents };
  }

  /**
   * The places that may be another one than is known; none the first time. STATIC_ROOT is looked at beside the sources.
   */
  async sweep(): Promise<readonly string[]> {
    const { root } = this.#config.static;
    const before = this.#marks;
    const changedSince = this.#changedSince;
    this.#changedSince = new Set(); // what is collected from now on may be in the new marks or not
    try {
      const swept = await Promise.all([this.#sweepSources(before?.sources), this.#sweepIn([root], [], before?.root)]);
      this.#marks = { sources: swept[0].marks, root: swept[1].marks };
      this.#sweepCostMs = swept[0].tookMs + swept[1].tookMs;
      if (before === undefined) return [];
      if (!this.#isDjangos) this.#noteBereft(swept.flatMap(({ bereft }) => bereft)); // else sources are marked anew before each run
      if (this.#isDjangos && this.#config.asked?.knowsSources !== true) return await this.#sweepByRunning();
      // The marks would name all that was collected since; a look at everything names what is left to be done.
      if (changedSince === 'much') return await this.#inOrder(() => this.#differing());
      return [...swept.flatMap(({ touched }) => touched), ...[...changedSince].map((path) => `${root}/${path}`)];
    } catch (error) {
      this.#noteChanged(changedSince);
      throw error;
    }
  }

  /** Makes the signatures of `files` that `folder` has not. Never rejects. */
  async sign(files: readonly ToSign[], folder: string): Promise<void> {
    if (files.length === 0 || this.#isEnded) return;
    // A thread that dies leaves them out.
    await this.#liveThread()
      .sign(files, folder, this.#hooks)
      .catch(() => undefined);
  }

  async end(): Promise<void> {
    this.#isEnded = true;
    await this.#last;
    await this.#thread.end();
  }

  #sweepSources(before: Marks | undefined): Promise<Swept> {
    const { root, storage } = this.#config.static;
    const ignore = storage === 'none' ? [] : this.#config.source.ignore;
    const sources = this.folders.filter((folder) => folder !== root);
    return this.#sweepIn(sources, ignore, before);
  }

  /** Where not all that is collected from is known, only what is made of it can tell. */
  async #sweepByRunning(): Promise<readonly string[]> {
    const started = performance.now();
    const found = await this.#inOrder(() => this.#differing());
    this.#sweepCostMs += performance.now() - started;
    return found;
  }

  #sweepIn(folders: readonly string[], ignore: readonly string[], before: Marks | undefined): Promise<Swept> {
    const { signal } = this.#hooks;
    return this.#aside((thread) => thread.sweep({ kind: 'sweep', folders, ignore, before }, { signal }));
  }

  /** The places that collecting all would change, or all of it if there is more to tell. Changes are collected meanwhile. */
  async #differing(): Promise<readonly string[]> {
    const [work, settings] = [this.#work('dry-run'), this.#settings({ ...GENTLY, contents: 'drop' })];
    const { signal } = this.#hooks;
    const foreseen = await this.#aside((thread) => wholeOf(thread.run(work, settings, { signal }))).catch(
      () => undefined,
    );
    const { root } = this.#config.static;
    this.#isDue = foreseen === undefined || foreseen.problems.length > 0;
    if (foreseen === undefined || this.#isDue) return [root];
    const changed = differing(this.#snapshot, foreseen.snapshot).map(({ path }) => path);
    const paths = [...foreseen.due, ...changed];
    this.#isDue = paths.length > 0;
    return paths.map((path) => `${root}/${path}`);
  }

  /** The project's own collectstatic works on all of it, and twice at once it is only slower. */
  #inOrder<T>(work: () => Promise<T>): Promise<T> {
    return this.#isDjangos ? this.#inTurn(work) : work();
  }

  get #isDjangos(): boolean {
    return this.#config.static.storage === 'django';
  }

  /** In a thread of its own, whose memory goes with it. */
  async #aside<T>(work: (thread: LocalThread) => Promise<T>): Promise<T> {
    const thread = new LocalThread(this.#hooks.thread);
    try {
      return await work(thread);
    } finally {
      await thread.end();
    }
  }

  /**
   * Undefined unless all of it is of STATIC_ROOT, and there as it is known: such as our own writing there. What is no static
   * file by its name, such as what an editor keeps beside one, does not count.
   */
  async #asKnown(all: readonly string[]): Promise<Collection | undefined> {
    const started = performance.now();
    const { root } = this.#config.static;
    const touched = all.filter((place) => isWithin(place, root) || !this.#isIgnored(place));
    if (this.#isDue || this.snapshot === undefined) return undefined;
    if (!touched.every((place) => isWithin(place, root))) return undefined;
    const { unfinished } = this;
    if (touched.some((place) => unfinished.has(place))) return undefined;
    const places = touchedPlaces([{ path: root, prefix: '' }], [], touched);
    const part = places === 'all' ? undefined : this.#part(places);
    const work = { kind: 'scan', mode: 'dry-run', root, ...(part && { part }) } as const;
    const settings = this.#settings({ ...GENTLY, contents: 'drop' });
    const { signal } = this.#hooks;
    // What goes wrong with it, collecting will tell.
    const there = await this.#aside((thread) => thread.run(work, settings, { signal }).result).catch(() => undefined);
    const known = places === 'all' ? this.#snapshot : partOf(this.#snapshot, places);
    const isThere = there?.problems.length === 0 && differing(known, there.snapshot).length === 0;
    if (!isThere) return undefined;
    const nothing = { snapshot: known, copied: 0, hashed: 0, removed: 0, problems: [] };
    return this.#collection(nothing, places, { part: known, all: this.#snapshot }, started, undefined);
  }

  #isIgnored(place: string): boolean {
    const { asked, source } = this.#config;
    return asked?.knowsSources === true && ignoreRules(source.ignore).ignoresFolder(basename(place));
  }

  async #collectPlaces(touched: readonly string[]): Promise<Collection | undefined> {
    const started = performance.now();
    const places = touchedPlaces(this.#roots, this.#links, touched);
    if (places === 'all' || this.snapshot === undefined || this.#hasPutOff) return undefined;
    if (this.#isOwnershipUnknown(places)) return undefined;
    const { result: running, contents } = this.#liveThread().run(
      this.#workOn(places, 'write'),
      this.#settings({ force: false, reread: false, contents: 'keep' }),
      this.#hooks,
    );
    const result = await running;
    if (result === undefined) return undefined;
    const changed = result.places ?? places;
    const before = { part: partOf(this.#snapshot, changed), all: this.#snapshot };
    this.#snapshot = replaceIn(this.#snapshot, changed, result.snapshot);
    this.#take(result, changed);
    return this.#collection(result, changed, before, started, contents);
  }

  /** Of what could not be read in STATIC_ROOT, only the memory of all tells whose it is. */
  #isOwnershipUnknown(places: Places): boolean {
    if (this.#config.static.storage === 'none') return false;
    return this.#problems.some(({ step, path }) => step === 'scan' && (path === '' || touches(places, path)));
  }

  /** One that died, for want of memory perhaps, is replaced. */
  #liveThread(): LocalThread {
    if (this.#thread.hasEnded) this.#thread = new LocalThread(this.#hooks.thread);
    return this.#thread;
  }

  /** What hangs together by hashed names is loaded before somebody waits for it. */
  #prepare(): void {
    if (this.#config.static.storage === 'manifest') void this.foresee([]);
  }

  #work(mode: 'write' | 'dry-run'): LocalWork {
    return workOf(this.#config, { collect: 'collect', mode, env: this.#hooks.env ?? {} });
  }

  #workOn(places: Places, mode: 'write' | 'dry-run'): LocalWork {
    const work = this.#work(mode);
    return work.kind === 'collectstatic' ? work : { ...work, part: this.#part(places) };
  }

  #settings({ force, reread, contents }: CollectAllOptions & { readonly contents: 'keep' | 'drop' }) {
    return {
      statePath: this.#state.path,
      force: force ? ('past-guards' as const) : undefined,
      reread: reread ? ('all' as const) : undefined,
      contents,
    };
  }

  #holds(entry: Entry): boolean {
    const there = this.#snapshot.entries.find(entry.path);
    return there !== undefined && sameContent(there, entry);
  }

  #part(places: Places): Part {
    // What others put there may be what a reference leads to, wherever it lies.
    const isAll = this.#config.static.storage === 'manifest';
    const foreign = isAll ? this.#foreign : this.#foreign.filter((path) => covers(places, path));
    const known = { entries: this.#snapshot.entries.in(places), foreign, folders: this.#folders };
    return { places, known, epoch: this.#epoch };
  }

  /** Takes over what was learnt: of `places`, or of all. */
  #take(
    { ownership, links, putOff, problems }: Pick<Result, 'ownership' | 'links' | 'putOff' | 'problems'>,
    places: Places | undefined,
  ): void {
    const isElsewhere = (path: string): boolean => places !== undefined && !covers(places, path);
    this.#foreign = [...this.#foreign.filter(isElsewhere), ...ownership.foreign];
    // What lies above the places was met once more.
    const [linked, troubled] = [new Set(links.map(({ path }) => path)), new Set(problems.map(({ path }) => path))];
    this.#links = [...this.#links.filter(({ path }) => isElsewhere(path) && !linked.has(path)), ...links];
    this.#problems = [...this.#problems.filter(({ path }) => isElsewhere(path) && !troubled.has(path)), ...problems];
    this.#folders = ownership.folders;
    this.#hasPutOff = putOff > 0;
  }

  /** `before` is what was known of the same places, and of all. */
  #collection(
    {
      snapshot,
      copied,
      hashed,
      removed,
      problems,
    }: Pick<Result, 'snapshot' | 'copied' | 'hashed' | 'removed' | 'problems'>,
    places: Places | 'all',
    before: { readonly part: Snapshot; readonly all: Snapshot },
    started: number,
    contents: LocalRun['contents'] | undefined,
  ): Collection {
    const changes = differing(before.part, snapshot).map(changeReport);
    this.#noteChanged(changes.map(({ path }) => path as RelPath));
    const durationMs = Math.round(performance.now() - started);
    const files = this.#snapshot.entries.length - this.#foreign.length;
    const report = { files, copied, removed, hashed, durationMs, problems };
    const unknown = new Set(this.#snapshot.problems.map(({ path }) => path));
    const cleared = before.all.problems.map(({ path }) => path).filter((path) => !unknown.has(path));
    return { snapshot: this.#snapshot, places, changes, cleared, report, contents };
  }

  /** By absolute folder. */
  #noteBereft(folders: readonly string[]): void {
    const places = touchedPlaces(this.#roots, this.#links, folders);
    this.#noteChanged(places === 'all' ? 'much' : places);
  }

  #noteChanged(changed: Iterable<RelPath> | 'much'): void {
    if (changed === 'much') this.#changedSince = 'much';
    if (changed === 'much' || this.#changedSince === 'much') return;
    for (const path of changed) this.#changedSince.add(path);
    if (this.#changedSince.size > MOST_CHANGED) this.#changedSince = 'much';
  }

  #inTurn<T>(work: () => Promise<T>): Promise<T> {
    this.#turns++;
    const turn = this.#last.then(work).finally(() => this.#turns--);
    void turn.then(
      () => (this.#isInDoubt = false),
      () => (this.#isInDoubt = true),
    );
    this.#last = turn.catch(() => undefined);
    return turn;
  }
}

function differing(before: Snapshot, now: Snapshot): Change[] {
  return diff({ ...emptyIndex(''), entries: before.entries }, now);
}

function placeIn({ path, prefix }: Root, published: RelPath): string[] {
  if (prefix === '') return [`${path}/${published}`];
  return isWithin(published, prefix) ? [`${path}${published.slice(prefix.length)}`] : [];
}
