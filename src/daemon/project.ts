/**
 * Project: one configuration at work. What is touched is collected, and every target takes what came of it.
 *
 *   watcher, sweep -> pulse -> round: collect -> each target's line -> report
 */
import type { Config } from '../config/schema.js';
import type { Batch } from '../core/settle.js';
import { holdsBelow } from '../core/snapshot.js';
import { changeReport, type Ending, errorOf, type TargetReport, toldBefore } from '../cycle/report.js';
import { reasonOf } from '../errors.js';
import type { StateFolder } from '../fs/state.js';
import { openWatcher } from '../watch/open.js';
import type { WatchEvent, Watcher } from '../watch/watcher.js';
import { type CollectAllOptions, type Collection, LocalHalf } from './local-half.js';
import { Pulse } from './pulse.js';
import { returnMemory } from './return-memory.js';
import { Round } from './round.js';
import type { CycleReport, Failure, LocalStatus, WatchStatus } from './status.js';
import type { TargetLine } from './target-line.js';

const SWEEP_SHARE = 400; // a sweep takes two cores for a moment, and may take less than half a percent of one in all
const SOON_SHARE = 20; // one that is due to a doubt may take more, for once
const REST_MS = 1000; // after the start, by when what it took is let go of
const DOUBT_MS = 1000; // doubts come in bursts, and one sweep settles all of them
const MOST_CHANGES = 100;

export type Cycle = Omit<CycleReport, 'id'>;

const NOTHING_COLLECTED = { files: 0, copied: 0, removed: 0, hashed: 0, durationMs: 0, problems: [] };

export interface ProjectHooks {
  readonly signal: AbortSignal;
  readonly onChange: () => void;
  /** `paths`: all that changed on a target, or should have. */
  readonly onCycle: (cycle: Cycle, paths: readonly string[]) => void;
  readonly onWarning: (text: string) => void;
  /** The configuration file was touched. */
  readonly onConfig: () => void;
}

/** What a round is about. */
interface Occasion {
  readonly cause: CycleReport['cause'];
  /** By `performance.now`: when the first change in it was noticed. */
  readonly since: number;
  readonly removals?: 'hold' | undefined;
}

export interface AskedRound extends CollectAllOptions {
  readonly lines: readonly TargetLine[];
}

export class Project {
  readonly config: Config;
  readonly lines: readonly TargetLine[];
  readonly #local: LocalHalf;
  readonly #pulse: Pulse;
  readonly #hooks: ProjectHooks;
  #watcher: Watcher | undefined;
  /** The round that is due next, begun with what is quiet already. */
  #prepared: Prepared | undefined;
  #sweepTimer: NodeJS.Timeout | undefined;
  #restTimer: NodeJS.Timeout | undefined;
  #sweepAt = Number.POSITIVE_INFINITY;
  /** Whether an event told of something in the next batch. */
  #wasTold = false;
  #losses = 0;
  #sweeps = 0;
  #lastSweepAt: number | undefined;
  #foundBySweep = 0;
  /** What stopped the last collect: until it goes well again, all is in doubt. */
  #error: Failure | undefined;
  readonly #told = new WeakSet<Ending>();
  readonly #underWay = new Set<Promise<unknown>>();
  #isReady = false;
  #isPaused = false;
  #isStopped = false;

  constructor(config: Config, lines: readonly TargetLine[], state: StateFolder, hooks: ProjectHooks) {
    this.config = config;
    this.lines = lines;
    this.#hooks = hooks;
    this.#local = new LocalHalf(config, state, { signal: hooks.signal, onWarning: hooks.onWarning });
    const { settleMs, maxWaitMs } = config.watch;
    this.#pulse = new Pulse(
      this.#local.folders,
      { settleMs, maxWaitMs },
      {
        onQuiet: (places) => void this.#prepare(places),
        onBatch: (batch) => void this.#follow(this.#serve(batch)),
      },
    );
  }

  get snapshot() {
    return this.#local.snapshot;
  }

  /** Watches, and brings every target up to date. Resolves when that was tried once with each. */
  start(): Promise<void> {
    return this.#follow(this.#start());
  }

  async #start(): Promise<void> {
    const round = new Round();
    const taking = this.lines.map((line) => line.take(round));
    const occasion = { cause: 'start', since: performance.now() } as const;
    // What changes once it is watched is told; what changed before, the first look finds.
    await this.#watch();
    const collection = await this.#collect(round, occasion, async () => ({
      ...(await this.#local.begin()),
      places: 'all' as const,
    }));
    this.#isReady = true;
    this.#planSweep(this.#sweepPauseMs);
    this.#tell(occasion, collection, this.lines, await Promise.all(taking));
    this.#restTimer = setTimeout(returnMemory, REST_MS);
  }

  /** Collects everything and brings these targets up to date. Asked by a person, it is done whatever stood against it. */
  askAll(asked: AskedRound, cause: 'trigger' | 'sweep'): Promise<Cycle> {
    return this.#follow(
      (async () => {
        const round = new Round();
        const terms = { isAsked: cause === 'trigger', force: asked.force };
        const taking = asked.lines.map((line) => line.take(round, terms));
        const occasion = { cause, since: performance.now() };
        const collection = await this.#collect(round, occasion, () => this.#local.collectAll(asked));
        return this.#tell(occasion, collection, asked.lines, await Promise.all(taking));
      })(),
    );
  }

  pause(): void {
    this.#isPaused = true;
    this.#pulse.pause();
    for (const line of this.lines) line.pause();
  }

  resume(): void {
    this.#isPaused = false;
    this.#pulse.resume();
    for (const line of this.lines) line.resume();
  }

  /** Begins nothing any more; resolves when what was under way on this machine has ended. Lines go on. */
  async stop(): Promise<void> {
    this.#isStopped = true;
    this.#pulse.stop();
    clearTimeout(this.#sweepTimer);
    clearTimeout(this.#restTimer);
    this.#prepared?.round.abandoned(this.#local.snapshot);
    await this.#watcher?.close();
    await Promise.allSettled(this.#underWay);
    if (this.#pulse.size === 0 && this.#error === undefined) await this.#local.leave();
    await this.#local.end();
  }

  /** Tells of a cycle that a line began by itself, after an outage. */
  retried(ending: Ending, line: TargetLine): void {
    if (this.#told.has(ending)) return;
    const changes = ending.kind === 'result' ? ending.result.plan.changes.map(changeReport) : [];
    const target = line.report(ending);
    const cycle: Cycle = {
      ok: target.ok,
      at: new Date().toISOString(),
      cause: 'retry',
      collect: NOTHING_COLLECTED,
      targets: [target],
      changes: changes.slice(0, MOST_CHANGES),
      changed: changes.length,
      savedToServedMs: null,
    };
    this.#told.add(ending);
    this.#hooks.onCycle(cycle, pathsOf([ending]));
  }

  watchStatus(): WatchStatus {
    return {
      backend: this.#watcher?.backend ?? 'poll',
      reason: this.#watcher?.reason ?? 'nothing is watched yet',
      folders: this.#local.folders,
      losses: this.#losses,
      sweeps: this.#sweeps,
      lastSweepAt: this.#lastSweepAt === undefined ? null : new Date(this.#lastSweepAt).toISOString(),
      foundBySweep: this.#foundBySweep,
    };
  }

  localStatus(): LocalStatus {
    return {
      state: this.#localState(),
      files: this.#local.snapshot.entries.length,
      unsettled: this.#pulse.size,
      error: this.#error ?? null,
      problems: this.#local.problems,
    };
  }

  #localState(): LocalStatus['state'] {
    if (this.#error !== undefined) return 'halted';
    if (!this.#isReady) return 'starting';
    return this.#local.isBusy ? 'collecting' : 'ready';
  }

  async #watch(): Promise<void> {
    const { file, watch } = this.config;
    this.#watcher = await openWatcher(this.#local.folders, {
      backend: watch.backend,
      files: [file],
      onEvent: (event) => this.#hear(event),
    });
  }

  #hear(event: WatchEvent): void {
    if (this.#isStopped) return;
    switch (event.kind) {
      case 'warning':
        return this.#hooks.onWarning(event.text);
      case 'lost':
        this.#losses++;
        this.#sweepSoon();
        return this.#hooks.onChange();
      case 'touched': {
        const places = event.places.filter((place) => place !== this.config.file);
        if (places.length < event.places.length) this.#hooks.onConfig();
        if (places.length === 0) return;
        this.#wasTold = true;
        this.#pulse.note(places);
      }
    }
  }

  /** What is already quiet is read and staged while the settle time still runs. */
  async #prepare(places: readonly string[]): Promise<void> {
    const prepared = (this.#prepared ??= { round: new Round(), places: new Set(), taking: undefined });
    const fresh = places.filter((place) => !prepared.places.has(place));
    if (fresh.length === 0 || this.#error !== undefined) return;
    for (const place of fresh) prepared.places.add(place);
    const foreseen = await this.#local.foresee(fresh);
    if (foreseen === undefined || this.#prepared !== prepared) return;
    prepared.round.foreseen(foreseen.entries, foreseen.contents);
    prepared.taking ??= this.lines.map((line) => line.take(prepared.round));
  }

  async #serve({ places, quiet, since }: Batch): Promise<void> {
    const { round, taking } = this.#prepared ?? { round: new Round(), taking: undefined };
    const cause = this.#wasTold ? 'change' : 'sweep';
    this.#prepared = undefined;
    this.#wasTold = false;
    const occasion: Occasion = { cause, since, removals: quiet ? undefined : 'hold' };
    const isInDoubt = this.#error !== undefined;
    const everything = { force: false, reread: false };
    const collection = await this.#collect(round, occasion, () =>
      isInDoubt ? this.#local.collectAll(everything) : this.#local.collect(places),
    );
    if (!this.#isStopped) this.#pulse.goOn();
    if (collection === undefined && taking === undefined && isInDoubt) return; // it has been said
    if (cause === 'sweep') this.#foundBySweep += collection?.changes.length ?? 0;
    if (collection !== undefined && hasNewFolder(collection)) this.#sweepSoon();
    const isNothing = collection?.changes.length === 0 && !this.lines.some((line) => line.hasRest);
    if (isNothing && taking === undefined) return;
    const endings = await Promise.all(taking ?? this.lines.map((line) => line.take(round)));
    const isTold = endings.every((ending) => ending === undefined || this.#told.has(ending));
    if (collection?.changes.length !== 0 || !isTold) this.#tell(occasion, collection, this.lines, endings);
  }

  /** Undefined where that failed. */
  async #collect(
    round: Round,
    { removals }: Occasion,
    work: () => Promise<Collection>,
  ): Promise<Collection | undefined> {
    this.#hooks.onChange();
    try {
      const collection = await work();
      const { snapshot, places, contents } = collection;
      this.#error = undefined;
      round.collected({ snapshot, removals, ...(places === 'all' ? {} : { places }) }, contents);
      return collection;
    } catch (error) {
      round.failed(error);
      if (!this.#isStopped) this.#error = errorOf(error);
      return undefined;
    } finally {
      this.#hooks.onChange();
    }
  }

  /** One cycle of a target may serve several rounds: the first one tells what it did. */
  #tell(
    occasion: Occasion,
    collection: Collection | undefined,
    lines: readonly TargetLine[],
    endings: readonly (Ending | undefined)[],
  ): Cycle {
    const fresh = endings.filter((ending) => ending !== undefined && !this.#told.has(ending));
    const cycle = this.#cycleOf(occasion, collection, lines, endings);
    for (const ending of fresh) if (ending !== undefined) this.#told.add(ending);
    this.#hooks.onCycle(cycle, pathsOf(fresh));
    return cycle;
  }

  #reportOf(line: TargetLine, ending: Ending | undefined): TargetReport {
    const report = line.report(ending);
    return ending !== undefined && this.#told.has(ending) ? toldBefore(report) : report;
  }

  #cycleOf(
    { cause, since }: Occasion,
    collection: Collection | undefined,
    lines: readonly TargetLine[],
    endings: readonly (Ending | undefined)[],
  ): Cycle {
    const targets = lines.map((line, i) => this.#reportOf(line, endings[i]));
    const { changes = [], report = NOTHING_COLLECTED } = collection ?? {};
    const ok = collection !== undefined && report.problems.length === 0 && targets.every((target) => target.ok);
    return {
      ok,
      at: new Date().toISOString(),
      cause,
      collect: report,
      targets,
      changes: changes.slice(0, MOST_CHANGES),
      changed: changes.length,
      savedToServedMs: ok ? Math.round(servedAt(endings) - since) : null,
      ...(collection === undefined && this.#error !== undefined ? { error: this.#error } : {}),
    };
  }

  #planSweep(inMs: number): void {
    const at = performance.now() + inMs;
    if (this.#isStopped || at >= this.#sweepAt) return;
    this.#sweepAt = at;
    clearTimeout(this.#sweepTimer);
    this.#sweepTimer = setTimeout(() => void this.#follow(this.#sweep()), inMs);
  }

  get #sweepPauseMs(): number {
    return Math.max(this.config.watch.sweepMs, this.#local.sweepCostMs * SWEEP_SHARE);
  }

  #sweepSoon(): void {
    this.#planSweep(Math.max(DOUBT_MS, this.#local.sweepCostMs * SOON_SHARE));
  }

  async #sweep(): Promise<void> {
    this.#sweepAt = Number.POSITIVE_INFINITY;
    if (!this.#isPaused) {
      const touched = await this.#local.sweep();
      this.#sweeps++;
      this.#lastSweepAt = Date.now();
      this.#pulse.note(touched);
      if (touched.length === 0 && this.#error !== undefined) {
        await this.askAll({ lines: this.lines, force: false, reread: false }, 'sweep');
      }
      this.#hooks.onChange();
    }
    this.#planSweep(this.#sweepPauseMs);
  }

  /** Keeps it in mind until it has ended. */
  #follow<T>(work: Promise<T>): Promise<T> {
    this.#underWay.add(work);
    void work.then(
      () => this.#underWay.delete(work),
      (error: unknown) => {
        this.#underWay.delete(work);
        if (!this.#isStopped) this.#hooks.onWarning(`this should not happen: ${reasonOf(error)}`);
      },
    );
    return work;
  }
}

interface Prepared {
  readonly round: Round;
  readonly places: Set<string>;
  taking: readonly Promise<Ending | undefined>[] | undefined;
}

/** By `performance.now`: when the last target had published all. */
function servedAt(endings: readonly (Ending | undefined)[]): number {
  const times = endings.map((ending) => (ending?.kind === 'result' ? ending.servedAt : undefined));
  return Math.max(...times.map((time) => time ?? performance.now()));
}

function pathsOf(endings: readonly (Ending | undefined)[]): string[] {
  const changes = endings.flatMap((ending) => (ending?.kind === 'result' ? ending.result.plan.changes : []));
  return [...new Set(changes.map(({ path }) => path))].toSorted();
}

/** Whether it was about a folder: what came into a new one before it was watched may not have been told. */
function hasNewFolder({ places, snapshot, changes }: Collection): boolean {
  if (!changes.some(({ kind }) => kind === 'added')) return false;
  return places === 'all' || places.some((place) => holdsBelow(snapshot.entries, place));
}
