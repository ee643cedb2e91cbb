/**
 * Project: one configuration at work. What is touched is collected, and every target takes what came of it.
 *
 *   watcher, sweep -> pulse -> round: collect -> each target's line -> report
 */

import type { Config } from '../config/schema.js';
import type { ToSign } from '../core/delta/signature.js';
import { isWithin, parseRelPath, type RelPath } from '../core/relpath.js';
import type { Batch } from '../core/settle.js';
import type { Snapshot } from '../core/snapshot.js';
import { type Ending } from '../cycle/report.js';
import { type Failure, PushstaticError, SourceError } from '../errors.js';
import type { StateFolder } from '../fs/state.js';
import { failureOf, reasonOf } from '../system-error.js';
import { BeingWritten } from './being-written.js';
import {
  areSame,
  type Cycle,
  type CycleFacts,
  cycleOf,
  type Endings,
  hasMoved,
  isNoNews,
  publicationOf,
} from './cycle-of.js';
import type { Publication } from './hooks.js';
import { type CollectAllOptions, type Collection, LocalHalf } from './local-half.js';
import { Pulse } from './pulse.js';
import { Removals } from './removals.js';
import { returnMemory } from './return-memory.js';
import { Round } from './round.js';
import type { LocalStatus, WatchStatus } from './status.js';
import { Sweeps } from './sweeps.js';
import type { TargetLine } from './target-line.js';
import { Watching, type WatchingMeans } from './watching.js';

const REST_MS = 10_000; // after the start: earlier, a quarter of what it took is still held

/** What a project leaves to the one that takes its place. */
export interface Legacy {
  /** Counted since the daemon began. */
  readonly losses: number;
  readonly sweeps: number;
  readonly foundBySweep: number;
  /** Endings that were told of. A target that stays may have one cycle for both. */
  readonly told: WeakSet<Ending>;
}

export interface ProjectHooks extends Pick<WatchingMeans, 'onWarning' | 'onConfig' | 'onSign' | 'onWatched'> {
  /** Of this program. */
  readonly version: string;
  readonly signal: AbortSignal;
  /** Of this process. */
  readonly env: NodeJS.ProcessEnv;
  readonly onChange: () => void;
  /** `published`: what changed on its targets, where something did. */
  readonly onCycle: (cycle: Cycle, published: Publication | undefined) => void;
}

export interface AskedRound extends CollectAllOptions {
  readonly lines: readonly TargetLine[];
}

export class Project {
  readonly config: Config;
  readonly lines: readonly TargetLine[];
  readonly #local: LocalHalf;
  readonly #pulse: Pulse;
  readonly #written: BeingWritten;
  readonly #sweeps: Sweeps;
  readonly #removals: Removals;
  readonly #hooks: ProjectHooks;
  readonly #watching: Watching;
  /** The round that is due next, begun with what is quiet already. */
  #prepared: Prepared | undefined;
  /** Whether an event told of something in the next batch. */
  #wasTold = false;
  /** None was at work before it in this process. */
  readonly #isFirst: boolean;
  #foundBySweep: number;
  /** What stopped the last collect: until it goes well again, all is in doubt. */
  #error: Failure | undefined;
  readonly #told: WeakSet<Ending>;
  readonly #underWay = new Set<Promise<unknown>>();
  /** What of it is about the local files. */
  readonly #localWork = new Set<Promise<unknown>>();
  readonly #ending = new AbortController();
  #restTimer: NodeJS.Timeout | undefined;
  #isReady = false;
  /** Resolves when all was collected once, or nothing will be: what is known before cannot tell what has changed. */
  readonly #hasBegun: Promise<void>;
  #begun: () => void = () => undefined;
  #isPaused = false;
  /** A sweep was due while it was paused. */
  #owesSweep = false;
  /** Code of the project changed during a pause. */
  #owesCode = false;
  #goOn: () => void = () => undefined;

  /** `former`: of the project that this one takes the place of. */
  constructor(config: Config, lines: readonly TargetLine[], state: StateFolder, hooks: ProjectHooks, former?: Legacy) {
    this.config = config;
    this.lines = lines;
    this.#hooks = hooks;
    this.#foundBySweep = former?.foundBySweep ?? 0;
    this.#told = former?.told ?? new WeakSet();
    this.#local = new LocalHalf(config, state, {
      version: hooks.version,
      signal: hooks.signal,
      env: hooks.env,
      onWarning: hooks.onWarning,
    });
    this.#watching = new Watching({
      ...hooks,
      config,
      folders: this.#local.folders,
      signal: AbortSignal.any([hooks.signal, this.#ending.signal]),
      losses: former?.losses ?? 0,
      onTouched: (places) => this.#heedTouch(places),
      onLost: () => this.#heedLoss(),
    });
    const { settleMs, maxWaitMs, sweepMs } = config.watch;
    this.#pulse = new Pulse(
      this.#local.folders,
      { settleMs, maxWaitMs },
      {
        onQuiet: (places) => void this.#follow(this.#prepare(places)),
        onBatch: (batch) => void this.#follow(this.#serve(batch)),
      },
    );
    this.#written = new BeingWritten({
      behind: (place) => this.#local.behind(place),
      onQuiet: (places) => this.#lookAgain(places),
      settleMs,
    });
    this.#sweeps = new Sweeps({
      intervalMs: sweepMs,
      costMs: () => this.#local.sweepCostMs,
      count: former?.sweeps ?? 0,
      sweep: () => this.#follow(this.#sweep()),
    });
    const removals = {
      waitMs: maxWaitMs,
      hasHeld: () => this.lines.some((line) => line.waitsForQuiet),
      remove: () => this.#follow(this.#serveRest()),
    };
    this.#removals = new Removals(removals);
    this.#isFirst = former === undefined;
    this.#hasBegun = new Promise((resolve) => (this.#begun = resolve));
  }

  /** See `LocalHalf`. */
  sign(files: readonly ToSign[], folder: string): Promise<void> {
    return this.#local.sign(files, folder);
  }

  /** STATIC_ROOT as it is known now; undefined before anything is. */
  get snapshot(): Snapshot | undefined {
    return this.#local.snapshot;
  }

  get #isStopped(): boolean {
    return this.#ending.signal.aborted || this.#hooks.signal.aborted;
  }

  /** Something else fills STATIC_ROOT, and may be in the middle of that. */
  get #isFilled(): boolean {
    return this.config.static.storage === 'none';
  }

  /** Whether what is missing may be taken for gone. */
  get mayRemove(): boolean {
    return this.#error === undefined && this.#removals.areDue;
  }

  /**
   * Watches, and begins to bring every target up to date, unless it is paused. Resolves when it watches; rejects with a SourceError
   * where nothing can be watched.
   */
  async start(): Promise<void> {
    const round = new Round();
    const since = performance.now();
    const taking = this.#takeAll(round);
    // What changes once it is watched is told; what changed before, the first look finds.
    const watching = this.#watching.open();
    void this.#follow(this.#begin(round, taking, since, watching)).catch(() => undefined); // it has been said
    await watching;
  }

  async #begin(first: Round, takingFirst: Taking, since: number, watching: Promise<void>): Promise<void> {
    const { lines } = this;
    let [round, taking] = [first, takingFirst];
    try {
      await watching;
    } catch (error) {
      this.#begun();
      return round.failed(error); // whoever started it hears of it
    }
    if (this.#isPaused) {
      round.abandoned(); // a person may want a target to be served meanwhile
      await this.#whenResumed();
      round = new Round();
      taking = this.#takeAll(round);
    }
    const begin = async (): Promise<Collection> => ({ ...(await this.#local.begin()), places: 'all' });
    const isAtOnce = this.#isFirst && !this.#isFilled;
    if (!isAtOnce) this.#removals.heard(); // nobody knows for how long it has been quiet
    const collected = newsOf(await this.#collect(round, isAtOnce ? 'at-rest' : 'when-due', begin));
    this.#isReady = true;
    this.#begun();
    this.#sweeps.start();
    const endings = await Promise.all(taking);
    this.#tell({ cause: 'start', since, lines, endings, collected, error: this.#error });
    this.#removals.plan();
    if (!this.#isStopped) this.#restTimer = setTimeout(returnMemory, REST_MS);
  }

  #takeAll(round: Round): Taking {
    return this.lines.map((line) => this.#takeBy(line, round));
  }

  /** What it has held back need not wait for other targets. Not in a function that waits: nothing is to keep the round. */
  #takeBy(line: TargetLine, ...on: Parameters<TargetLine['take']>): Promise<Endings[number]> {
    return line.take(...on).finally(() => this.#removals.plan());
  }

  /** Or stopped. */
  async #whenResumed(): Promise<void> {
    if (this.#isPaused && !this.#isStopped) await new Promise<void>((resolve) => (this.#goOn = resolve));
  }

  /** Collects everything and brings these targets up to date. Asked by a person, it is done whatever stood against it. */
  askAll(asked: AskedRound, cause: 'trigger' | 'sweep'): Promise<Cycle> {
    return this.#follow(this.#askAll(asked, cause));
  }

  async #askAll(asked: AskedRound, cause: 'trigger' | 'sweep'): Promise<Cycle> {
    return this.#tellAll(await this.#collectAll(asked, cause));
  }

  /** What comes of it on the targets is still to come. */
  async #collectAll({ lines, ...options }: AskedRound, cause: 'trigger' | 'sweep'): Promise<AllCollected> {
    const removals = cause === 'sweep' ? 'when-due' : await this.#removalsAsked(options);
    if (this.#isStopped) throw notInForce();
    const round = new Round();
    const since = performance.now();
    const before = this.#error;
    if (cause === 'trigger') this.#abandonPrepared(); // it would have to wait for the settle time
    const terms = { isAsked: cause === 'trigger', force: options.force };
    const taking = lines.map((line) => this.#takeBy(line, round, terms));
    for (const line of this.lines) if (!lines.includes(line)) void line.owe(round);
    const waiting = this.#isPaused ? this.#pulse.takeBack() : [];
    const collected = newsOf(await this.#collect(round, removals, () => this.#local.collectAll(options)));
    if (collected === undefined) this.#pulse.note(waiting);
    if (collected === undefined && this.#isStopped) throw notInForce(); // it was broken off
    const wasSaid = cause === 'sweep' && before !== undefined && this.#error?.message === before.message;
    return { facts: { cause, since, lines, collected, error: this.#error }, taking, wasSaid };
  }

  async #tellAll({ facts, taking, wasSaid }: AllCollected): Promise<Cycle> {
    const all = { ...facts, endings: await Promise.all(taking) };
    this.#removals.plan();
    return wasSaid ? cycleOf(all) : this.#tell(all);
  }

  /** A person waits for it. */
  async #removalsAsked({ force }: CollectAllOptions): Promise<RemovalTime> {
    if (force || !this.#isFilled) return 'now';
    return (await this.#removals.rest()) ? 'at-rest' : 'when-due';
  }

  /** What the configuration comes from was touched, and it is the same: but code of the project may make other files now. */
  async takeUpCode(): Promise<void> {
    if (this.config.static.storage !== 'django') return;
    this.#owesCode = this.#isPaused;
    if (this.#isPaused) return;
    await this.askAll({ lines: this.lines, force: false, reread: false }, 'sweep');
  }

  /** What halted a target may have been put right where the configuration does not show it: in the file of a secret, say. */
  release(): void {
    for (const line of this.lines) void line.release();
  }

  pause(): void {
    this.#isPaused = true;
    this.#pulse.pause();
    this.#abandonPrepared();
    for (const line of this.lines) line.pause();
  }

  resume(): void {
    this.#isPaused = false;
    this.#goOn();
    this.#removals.resume();
    this.#pulse.resume();
    for (const line of this.lines) line.resume();
    if (this.#owesSweep) this.#sweeps.soon();
    this.#owesSweep = false;
    if (this.#owesCode) void this.takeUpCode().catch(() => undefined); // it is told as any other cycle
  }

  /** Begins nothing any more; resolves when nothing of it works on the local files. What is under way on the targets goes on. */
  async stop(): Promise<void> {
    this.#ending.abort();
    this.#goOn();
    this.#pulse.stop();
    this.#written.stop();
    this.#sweeps.stop();
    this.#removals.stop();
    clearTimeout(this.#restTimer);
    this.#abandonPrepared();
    await this.#watching.close();
    await Promise.allSettled(this.#localWork);
    if (this.#unsettled === 0 && this.#error === undefined) await this.#local.leave();
    await this.#local.end();
  }

  /** After `stop`: resolves when the rounds under way have ended, on the targets as well, and were told of. Lines stay open. */
  async ended(): Promise<void> {
    while (this.#underWay.size > 0) await Promise.allSettled(this.#underWay);
  }

  /** What it leaves. */
  get legacy(): Legacy {
    return {
      losses: this.#watching.losses,
      sweeps: this.#sweeps.count,
      foundBySweep: this.#foundBySweep,
      told: this.#told,
    };
  }

  /** Tells of a cycle that a line began by itself: after an outage, or for what had to wait. */
  caughtUp(ending: Ending, line: TargetLine, cause: 'retry' | 'change'): void {
    this.#tell({ cause, since: undefined, lines: [line], endings: [ending] });
    this.#removals.plan();
  }

  watchStatus(): WatchStatus {
    return {
      ...this.#watching.status(),
      sweeps: this.#sweeps.count,
      lastSweepAt: this.#sweeps.lastAt === undefined ? null : new Date(this.#sweeps.lastAt).toISOString(),
      foundBySweep: this.#foundBySweep,
    };
  }

  localStatus(): LocalStatus {
    return {
      state: this.#localState(),
      files: this.#local.snapshot?.entries.length ?? 0,
      unsettled: this.#unsettled,
      error: this.#error ?? null,
      problems: this.#local.problems,
    };
  }

  /** How many places wait. */
  get #unsettled(): number {
    return this.#pulse.size + this.#written.size;
  }

  #localState(): LocalStatus['state'] {
    if (this.#error !== undefined) return 'halted';
    if (!this.#isReady) return 'starting';
    return this.#local.isBusy ? 'collecting' : 'ready';
  }

  #heedTouch(places: readonly string[]): void {
    this.#wasTold = true;
    this.#removals.heard();
    this.#pulse.note(this.#isPaused ? this.#withoutEcho(places) : places);
    if (this.#isPaused) this.#hooks.onChange(); // for as long as that lasts, nothing else tells that something waits
  }

  /** In a pause a sync that a person asks for writes to STATIC_ROOT, and that is no change that waits. What else it may be, a sweep finds. */
  #withoutEcho(places: readonly string[]): readonly string[] {
    if (this.#isFilled) return places;
    const { root } = this.config.static;
    const others = places.filter((place) => !isWithin(place, root));
    this.#owesSweep ||= others.length < places.length;
    return others;
  }

  #heedLoss(): void {
    this.#removals.heard();
    this.#sweeps.soon();
    this.#hooks.onChange();
  }

  /** These were being written when they were touched. */
  #lookAgain(places: readonly string[]): void {
    this.#wasTold = true;
    this.#pulse.note(places);
  }

  /** What is already quiet is read and staged while the settle time still runs. */
  async #prepare(places: readonly string[]): Promise<void> {
    const prepared = (this.#prepared ??= { round: new Round(), places: new Set(), taking: undefined });
    const fresh = this.#written.settledOf(places.filter((place) => !prepared.places.has(place)));
    if (fresh.length === 0 || this.#error !== undefined) return;
    for (const place of fresh) prepared.places.add(place);
    const foreseen = await this.#atWork(() => this.#local.foresee(fresh));
    if (foreseen === undefined || this.#prepared !== prepared) return;
    prepared.round.foreseen(foreseen.entries, foreseen.contents);
    prepared.taking ??= this.#takeAll(prepared.round);
  }

  /** Whoever has taken it up waits for it, and lets nobody else through. */
  #abandonPrepared(): void {
    this.#prepared?.round.abandoned();
    this.#prepared = undefined;
  }

  async #serve(batch: Batch): Promise<void> {
    await this.#hasBegun;
    if (this.#isStopped) return this.#pulse.note(batch.places);
    const { places, since } = this.#written.sift(batch);
    if (places.length === 0) {
      this.#abandonPrepared();
      return this.#pulse.goOn();
    }
    const { round, taking } = this.#prepared ?? { round: new Round(), taking: undefined };
    const { problems: before, unfinished } = this.#local;
    const cause = this.#causeOf(places, unfinished);
    this.#prepared = undefined;
    this.#wasTold = false;
    const isInDoubt = this.#error !== undefined;
    const collected = await this.#collect(round, 'when-due', () =>
      isInDoubt ? this.#local.collectAll({ force: false, reread: false }) : this.#local.collect(places),
    );
    if (!this.#isStopped) this.#pulse.goOn();
    if (collected === undefined && isInDoubt) return; // it has been said
    const isEcho = cause !== 'change' || places.every((place) => isWithin(place, this.config.static.root));
    const isSaid = collected?.report.problems.length === 0 || (isEcho && areSame(before, this.#local.problems));
    const isNothing = collected?.changes.length === 0 && collected.cleared.length === 0 && isSaid;
    if (taking === undefined && isNothing) return; // such as our own writing to STATIC_ROOT
    const serving = Promise.all(taking ?? this.#takeAll(round));
    // Not awaited: nothing of the round is to be kept for as long as the slowest target takes.
    return this.#served(serving, { cause, since, collected, unfinished, isNothing });
  }

  async #served(serving: Promise<Endings>, { collected, unfinished, ...served }: Served): Promise<void> {
    if (collected !== undefined) await this.#heed(collected, served.cause, unfinished);
    return this.#tellOf(serving, { ...served, collected: newsOf(collected) });
  }

  async #tellOf(
    serving: Promise<Endings>,
    { cause, since, collected, isNothing }: Omit<Served, 'collected' | 'unfinished'> & Pick<CycleFacts, 'collected'>,
  ): Promise<void> {
    const endings = await serving;
    const isOldNews = isNothing && (collected?.report.problems.length ?? 0) > 0 && !endings.some(hasMoved);
    if (!isOldNews) this.#tell({ cause, since, lines: this.lines, endings, collected, error: this.#error });
  }

  #causeOf(places: readonly string[], unfinished: ReadonlySet<string>): 'change' | 'sweep' | 'retry' {
    if (this.#wasTold) return 'change';
    return places.every((place) => unfinished.has(place)) ? 'retry' : 'sweep';
  }

  /** What was collected may say something of the watching itself. */
  async #heed(
    collected: Collection,
    cause: 'change' | 'sweep' | 'retry',
    unfinished: ReadonlySet<string>,
  ): Promise<void> {
    if (hasNewFolder(collected)) this.#sweeps.soon();
    const found = collected.changes.filter(({ path }) => !unfinished.has(`${this.config.static.root}/${path}`));
    if (cause === 'change' || found.length === 0 || this.#isStopped) return;
    // No event told of these: what watches has gone deaf somewhere, and is set up again.
    this.#foundBySweep += found.length;
    await this.#watching.open().catch((error: unknown) => this.#hooks.onWarning(reasonOf(error)));
  }

  /** What was held back is removed, and what was put off is done. */
  async #serveRest(): Promise<void> {
    if (this.#isStopped || this.#isPaused || this.#error !== undefined) return;
    await Promise.all(this.lines.map((line) => line.catchUp()));
  }

  /** Undefined where that failed. */
  async #collect(
    round: Round,
    removals: RemovalTime,
    work: () => Promise<Collection>,
  ): Promise<Collection | undefined> {
    this.#hooks.onChange();
    const begun = performance.now();
    const isSequel = this.#isReady && this.snapshot !== undefined; // else targets may know what this project never did
    try {
      const collection = await this.#atWork(work);
      const { places, contents } = collection;
      this.#error = undefined;
      const found = isSequel ? foundBy(collection) : undefined;
      const part = places === 'all' ? { found } : { places };
      this.#removals.looked(begun);
      const isTime = removals === 'now' || (removals === 'at-rest' && !this.#removals.hasHeardSince(begun));
      const held = isTime || this.#removals.areDue ? {} : { removals: 'hold' as const };
      round.collected({ ...part, ...held }, contents);
      return { ...collection, contents: undefined }; // which goes with the round
    } catch (error) {
      round.failed(error);
      if (!this.#isStopped) this.#error = failureOf(error);
      return undefined;
    } finally {
      this.#hooks.onChange();
    }
  }

  /** False where nothing was looked at. */
  async #sweep(): Promise<boolean> {
    this.#owesSweep ||= this.#isPaused;
    if (this.#isPaused) return false;
    const begun = performance.now();
    const touched = await this.#atWork(async () => {
      const found = await this.#local.sweep();
      this.#pulse.note(found); // also if it is stopped meanwhile: nothing else knows of it any more
      if (found.length > 0) this.#removals.heard();
      return found;
    });
    if (this.#isStopped) return true;
    if (touched.length === 0 && this.#error === undefined) this.#removals.looked(begun);
    if (touched.length === 0) await this.#heedQuiet();
    if (this.#error === undefined) this.#pulse.note([...this.#local.unfinished]);
    this.#hooks.onChange();
    return true;
  }

  /** Everything was looked at, and nothing has changed. */
  async #heedQuiet(): Promise<void> {
    if (this.#error !== undefined) {
      const collected = await this.#collectAll({ lines: this.lines, force: false, reread: false }, 'sweep');
      void this.#follow(this.#tellAll(collected)).catch(() => undefined); // sweeps go on, however long a target takes
    } else if (this.#pulse.size === 0) for (const line of this.lines) line.confirm();
  }

  #tell(facts: Omit<CycleFacts, 'isTold'>): Cycle {
    const isTold = (ending: Ending): boolean => this.#told.has(ending);
    const cycle = cycleOf({ ...facts, isTold });
    const fresh = facts.endings.map((ending) => (ending === undefined || isTold(ending) ? undefined : ending));
    for (const ending of fresh) if (ending !== undefined) this.#told.add(ending);
    const published = publicationOf(facts.lines, fresh);
    const wasBrokenOff = this.#isStopped && facts.endings.every((ending) => ending === undefined);
    if (published !== undefined || !(wasBrokenOff || isNoNews(cycle))) this.#hooks.onCycle(cycle, published);
    return cycle;
  }

  /** Works on the local files, unless it is stopped: then others may be about to. */
  async #atWork<T>(work: () => Promise<T>): Promise<T> {
    if (this.#isStopped) throw notInForce();
    const working = work();
    this.#localWork.add(working);
    try {
      return await working;
    } finally {
      this.#localWork.delete(working);
    }
  }

  /** Keeps it in mind until it has ended. */
  #follow<T>(work: Promise<T>): Promise<T> {
    this.#underWay.add(work);
    void work.then(
      () => this.#underWay.delete(work),
      (error: unknown) => {
        this.#underWay.delete(work);
        const reason = reasonOf(error);
        if (this.#isStopped) return;
        this.#hooks.onWarning(error instanceof PushstaticError ? reason : `this should not happen: ${reason}`);
      },
    );
    return work;
  }
}

/** What is told of what was collected. */
type News = NonNullable<CycleFacts['collected']>;

/** Without the rest: a target may take hours, and as many of them wait as there are changes meanwhile. */
function newsOf(collected: Collection | undefined): News | undefined {
  return collected && { changes: collected.changes, report: collected.report };
}

/** Where it is different from what it was before; undefined where that may be anywhere. */
function foundBy({ changes, cleared }: Collection): RelPath[] | undefined {
  if (cleared.includes('')) return undefined;
  return [...changes.map(({ path }) => path as RelPath), ...cleared.flatMap((path) => parseRelPath(path) ?? [])];
}

/** `at-rest`: unless something changes meanwhile. */
type RemovalTime = 'now' | 'at-rest' | 'when-due';

function notInForce(): SourceError {
  return new SourceError('cannot collect: this configuration is not in force any more; run again');
}

/** All was collected, or that failed: what is known of the cycle, and whether that was said before. */
interface AllCollected {
  readonly facts: Omit<CycleFacts, 'endings' | 'isTold'>;
  readonly taking: Taking;
  readonly wasSaid: boolean;
}

type Taking = readonly Promise<Endings[number]>[];

/** What came of a batch, until it is told. */
interface Served extends Pick<CycleFacts, 'since'> {
  readonly cause: 'change' | 'sweep' | 'retry';
  readonly collected: Collection | undefined;
  readonly unfinished: ReadonlySet<string>;
  /** Nothing is new but trouble that was known. */
  readonly isNothing: boolean;
}

interface Prepared {
  readonly round: Round;
  readonly places: Set<string>;
  taking: Taking | undefined;
}

/** Whether it was about a folder: what came into a new one before it was watched may not have been told. */
function hasNewFolder({ places, snapshot, changes }: Collection): boolean {
  if (!changes.some(({ kind }) => kind === 'added')) return false;
  return places === 'all' || places.some((place) => snapshot.entries.holdsBelow(place));
}
