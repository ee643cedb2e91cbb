/**
 * TargetLine: one target in a process that lasts. It takes rounds, keeps the connection, and catches up after an outage.
 *
 * One cycle at a time. What changes meanwhile is remembered by place, and what is in doubt is compared as a whole.
 */
import { setMaxListeners } from 'node:events';
import { isDeepStrictEqual } from 'node:util';
import { areSuperseded, type Outcome, problemsOf } from '../core/outcome.js';
import { placesOf } from '../core/places.js';
import type { RelPath } from '../core/relpath.js';
import type { Snapshot } from '../core/snapshot.js';
import {
  changed,
  failed,
  newStanding,
  pauseAfter,
  pushing,
  type Remedy,
  released,
  remedyOf,
  type Standing,
  succeeded,
} from '../core/standing.js';
import { rememberEnding } from '../cycle/last-run.js';
import { type Ending, idleReport, type TargetReport, targetReport } from '../cycle/report.js';
import { resumed } from '../cycle/resumed.js';
import {
  ConfigError,
  type Failure,
  LockedError,
  type Problem,
  SafetyError,
  SourceError,
  TargetError,
} from '../errors.js';
import { committedBefore } from '../push/committed.js';
import { Connection, type Cycled, type CycleEvent, type CycleOptions, type TargetJob, type Wanted } from '../sync.js';
import { failureOf } from '../system-error.js';
import type { Publication } from './hooks.js';
import { LineProgress } from './line-progress.js';
import { type Changed, Round } from './round.js';
import type { TargetStatus } from './status.js';

export interface LineMeans {
  /** Fresh for each cycle: `run` is a new name. */
  readonly options: () => Omit<CycleOptions, 'act'>;
  /** Breaks off what is under way. */
  readonly signal: AbortSignal;
  /** Until it is settled, another line writes to the target. */
  readonly former?: Promise<unknown> | undefined;
  /** Whether it has been quiet for so long that what is missing may be taken for gone. */
  readonly mayRemove: () => boolean;
  /** STATIC_ROOT as it is known now; undefined before anything is. */
  readonly latest: () => Snapshot | undefined;
  /** Milliseconds since 1970. */
  readonly now: () => number;
  /** 0 to 1. */
  readonly chance: () => number;
  readonly onEvent: (event: CycleEvent) => void;
  /** The status is different. */
  readonly onChange: () => void;
  /** A cycle that no round asked for has ended. */
  readonly onCaughtUp: (ending: Ending, line: TargetLine, cause: 'retry' | 'change') => void;
}

interface CycleTerms {
  /** A person asked for it: whatever pause or failure stands against it does not count. */
  readonly isAsked: boolean;
  /** Past the guards, this once. */
  readonly force: boolean;
}

const GENTLE: CycleTerms = { isAsked: false, force: false };

const PAUSED = { code: 'PAUSED', message: 'it is paused; "pushstatic resume" goes on' };
const BROKEN_OFF = {
  code: 'INTERRUPTED',
  message: 'it was broken off: the daemon ends, or goes by another configuration; run it again',
};

export class TargetLine {
  readonly job: TargetJob;
  readonly #means: LineMeans;
  readonly #progress: LineProgress;
  #standing: Standing;
  #connection: Connection | undefined;
  #connections = 0;
  /** Of the cycle under way: how many files it is to change. */
  #planned = 0;
  #leaseWaits = 0;
  #servedAt: number | undefined;
  /** Why cycles ended that had committed a part, since the last one that ended well. */
  readonly #brokenOff: unknown[] = [];
  /** What cycles that broke off may have published, until one that does not has told of it. */
  readonly #doubtful = new Set<RelPath>();
  #noting: Promise<void> = Promise.resolve();
  /** What the target has not got, or may not have. */
  #pending: Set<RelPath> | 'all' = 'all';
  #running: Promise<Ending | undefined> | undefined;
  #queued: Promise<Ending | undefined> | undefined;
  #isPaused = false;
  #isClosed = false;
  #retry: NodeJS.Timeout | undefined;
  #problems: readonly Problem[] = [];
  /** Cycles in a row in which files changed again. */
  #haste = 0;
  /** What the target was last known to hold. */
  #held = { generation: 0, files: 0 };

  constructor(job: TargetJob, means: LineMeans) {
    this.job = job;
    this.#means = means;
    this.#progress = new LineProgress(() => performance.now());
    this.#standing = newStanding(means.now());
  }

  /**
   * Serves a round. Resolves with how the cycle ended in which it was served; undefined where the round came to nothing,
   * or has to wait for a connection or a person.
   */
  async take(round: Round, terms: CycleTerms = GENTLE): Promise<Ending | undefined> {
    // On its own terms: not within a cycle that others wait for.
    while (terms.isAsked && this.#running !== undefined) await this.#running;
    if (this.#running === undefined && this.#mayStart(terms)) return this.#start(round, terms);
    const change = await round.changed.catch(() => undefined);
    if (change === undefined) return undefined;
    this.#remember(change.places ?? change.found);
    return this.#next();
  }

  /** Others are served with the round, and this one is not. */
  async owe(round: Round): Promise<void> {
    const change = await round.changed.catch(() => undefined);
    if (change === undefined) return;
    const places = change.places ?? change.found;
    if (places?.length === 0) return;
    this.#remember(places);
    await this.#catchUpAnyway();
  }

  pause(): void {
    this.#isPaused = true;
  }

  /** What came meanwhile is served at once. */
  resume(): void {
    this.#isPaused = false;
    void this.#catchUpAnyway();
  }

  /** Serves what waits, if it may. */
  async catchUp(): Promise<void> {
    if (this.#running === undefined && this.#standing.state !== 'halted') await this.#catchUp();
  }

  /** After the cycle under way, and also where a guard refused: what it refused may be another thing now. */
  async #catchUpAnyway(): Promise<void> {
    while (this.#running !== undefined) await this.#running;
    await this.#catchUp();
  }

  async #catchUp(): Promise<void> {
    const cause = this.#standing.failures > 0 ? 'retry' : 'change';
    const before = { error: this.#standing.error?.message, problems: this.#problems };
    const ending = await this.#serveRest();
    if (ending !== undefined && !isKnown(ending, before)) this.#means.onCaughtUp(ending, this, cause);
  }

  /** Tries again now what failed or was halted. */
  async release(): Promise<void> {
    const standing = released(this.#standing, this.#means.now());
    if (standing === this.#standing) return;
    this.#stopWaiting();
    this.#stand(standing);
    await this.catchUp();
  }

  /** Nothing is begun any more; resolves when the cycle under way has ended. */
  async close(): Promise<void> {
    this.#isClosed = true;
    this.#stopWaiting();
    await this.#running?.catch(() => undefined);
    await this.#disconnect();
    await this.#noting;
  }

  /** What it published, or may have, in cycles that broke off since the last one that did not. */
  get untold(): Publication | undefined {
    const { outcomes, generation = this.#held.generation } = committedBefore(this.#brokenOff);
    const paths = [...new Set([...outcomes.map(({ step }) => step.path), ...this.#doubtful])].toSorted();
    return paths.length === 0 ? undefined : { paths, targets: [{ name: this.job.name, generation }] };
  }

  /** What is said of a cycle that ended like this; without an ending, of why there was none. */
  report(ending: Ending | undefined): TargetReport {
    if (ending !== undefined) return targetReport(this.job.name, ending, 'push');
    const { state, error } = this.#standing;
    const isLeft = this.#isClosed && !this.#isServed();
    const isInSync = state === 'in-sync' && !isLeft;
    const reason = error ?? (isLeft ? BROKEN_OFF : this.#isPaused ? PAUSED : undefined); // without: another cycle served it
    return idleReport(this.job.name, this.#held, isInSync ? undefined : reason);
  }

  /** Everything was looked at, and nothing has changed: then the target should hold what is known. */
  confirm(): void {
    const snapshot = this.#means.latest();
    if (this.#running !== undefined || this.#standing.state !== 'in-sync' || snapshot === undefined) return;
    const places = this.#connection?.due(snapshot) ?? [];
    if (places.length === 0) return this.#stand(succeeded(this.#standing, this.#means.now(), 'nothing'));
    this.#remember(places);
    void this.catchUp();
  }

  /** Whether all that is missing is time: something waits, and nothing stands against it. */
  get waitsForQuiet(): boolean {
    return this.hasRest && this.#standing.state === 'behind' && this.#standing.retryAt === undefined;
  }

  /** Whether something waits for a cycle that is not under way. */
  get hasRest(): boolean {
    return !this.#isServed();
  }

  status(): TargetStatus {
    const { state, since, inSyncAt, error, retryAt, failures } = this.#standing;
    return {
      name: this.job.name,
      url: this.job.url,
      state,
      since: iso(since),
      ...this.#held,
      pending: this.#pending === 'all' ? null : this.#pending.size + (state === 'pushing' ? this.#planned : 0),
      inSyncAt: inSyncAt === undefined ? null : iso(inSyncAt),
      error: error ?? null,
      retryAt: retryAt === undefined ? null : iso(retryAt),
      failures,
      reconnects: Math.max(0, this.#connections - 1),
      leaseWaits: this.#leaseWaits,
      problems: this.#problems,
      progress: state === 'pushing' ? this.#progress.status() : null,
    };
  }

  #isServed(): boolean {
    return this.#pending !== 'all' && this.#pending.size === 0;
  }

  /**
   * A guard is asked anew whenever something changed: the files may have come back. And files that could not be pushed,
   * such as one that is written without end, do not keep others waiting.
   */
  #mayStart({ isAsked }: CycleTerms): boolean {
    if (this.#isClosed) return false;
    if (isAsked) return true;
    const { state, error, retryAt } = this.#standing;
    const isHalted = state === 'halted' && error?.code !== 'REFUSED';
    // A file that cannot be pushed keeps no other waiting.
    const isWaiting = retryAt !== undefined && this.#retry !== undefined && this.#problems.length === 0;
    return !this.#isPaused && !isHalted && !isWaiting;
  }

  /** The next cycle, after the one under way, for all that wait for it. Undefined where it may not start, or need not. */
  #next(): Promise<Ending | undefined> {
    if (this.#running === undefined) return this.#serveRest();
    this.#queued ??= this.#running.then(() => {
      this.#queued = undefined;
      return this.#next();
    });
    return this.#queued;
  }

  async #serveRest(): Promise<Ending | undefined> {
    if (this.#isServed() || this.#running !== undefined || !this.#mayStart(GENTLE)) return undefined;
    const round = new Round();
    const removals = this.#means.mayRemove() ? undefined : ('hold' as const);
    round.collected({ places: [], removals }, undefined);
    return this.#start(round, GENTLE);
  }

  #start(round: Round, terms: CycleTerms): Promise<Ending | undefined> {
    this.#stopWaiting();
    const serving = this.#serve(round, terms);
    void serving.then(
      (ending) => this.#noteEnding(ending),
      () => undefined, // whoever waits for it hears of it
    );
    const running = serving.finally(() => {
      this.#running = undefined;
      this.#means.onChange();
    });
    this.#running = running;
    return running;
  }

  /** For `status`, when no daemon runs any more. Nobody waits for it but the end. */
  #noteEnding(ending: Ending | undefined): void {
    if (ending === undefined) return;
    const now = this.#means.now();
    this.#noting = this.#noting.then(() => rememberEnding(this.job, ending, now));
  }

  async #serve(round: Round, terms: CycleTerms): Promise<Ending | undefined> {
    const started = performance.now();
    this.#progress.reset();
    this.#servedAt = undefined;
    this.#planned = 0;
    const order = this.#order(round);
    const breaking = breakingWith(this.#means.signal);
    try {
      const cycled = await this.#cycle(order.wanted, this.#optionsFor(round, terms, breaking.signal), terms);
      const result = this.#take(cycled);
      return { kind: 'result', result, durationMs: performance.now() - started, servedAt: this.#servedAt };
    } catch (error) {
      order.close();
      if (order.failure?.error === error) return this.#waitForAnother();
      await this.#breakOff(error);
      return this.#isClosed ? undefined : { kind: 'error', error, durationMs: performance.now() - started };
    } finally {
      breaking.end();
    }
  }

  /** What the target is to become, as soon as the round tells, and with all that was left to be done. */
  #order(round: Round): Order {
    let isOver = false;
    let failure: Order['failure'];
    const wanted = round.changed.then((change): Wanted => {
      const snapshot = this.#means.latest();
      // Of a cycle that failed before it knew what is wanted, all is still to be done.
      if (isOver || snapshot === undefined) throw new SourceError('cannot push: nothing was collected yet');
      const all = this.#withPending(change);
      if ((all.places?.length ?? 0) > 0) this.#stand(changed(this.#standing, this.#means.now()));
      return { snapshot, ...all };
    });
    wanted.catch((error: unknown) => (failure = { error })); // heard here first, also where the connection fails before
    return {
      wanted,
      get failure() {
        return failure;
      },
      close: () => void (isOver = true),
    };
  }

  /** A cycle came to its end. */
  #take(cycled: Cycled): Cycled {
    const before = { ...committedBefore(this.#brokenOff.splice(0)), doubtful: [...this.#doubtful] };
    this.#doubtful.clear();
    const result = resumed(cycled, before);
    for (const path of result.held) if (this.#pending !== 'all') this.#pending.add(path);
    this.#held = { generation: result.index.generation, files: result.index.entries.length };
    this.#judge(result.outcomes);
    return result;
  }

  /** The round has failed, which is told elsewhere: it is no fault of the target. */
  #waitForAnother(): undefined {
    const { retryAt, failures } = this.#standing;
    if (retryAt !== undefined) this.#catchUpIn(pauseAfter(failures, this.#means.chance()));
  }

  async #breakOff(error: unknown): Promise<void> {
    this.#note(error);
    this.#pending = 'all';
    this.#problems = [];
    // A guard refuses before anything is asked of the target.
    if (!(error instanceof SafetyError)) await this.#disconnect();
    if (!this.#isClosed) this.#fail(failureOf(error), remedyFor(error));
  }

  /** A connection that was kept may have broken since: then there is another one at once, and no word about it. */
  async #cycle(wanted: Promise<Wanted>, options: () => CycleOptions, terms: CycleTerms): Promise<Cycled> {
    const kept = terms.force ? undefined : this.#connection;
    if (kept === undefined) {
      await this.#disconnect();
      return (await this.#connect(terms)).cycle(wanted, options());
    }
    try {
      return await kept.cycle(wanted, options());
    } catch (error) {
      if (!(error instanceof TargetError && error.kind === 'unreachable')) throw error;
      this.#note(error);
      await this.#disconnect();
      return (await this.#connect(terms)).cycle(wanted, options());
    }
  }

  #note(error: unknown): void {
    const { outcomes, doubtful } = committedBefore([error]);
    for (const path of doubtful) this.#doubtful.add(path);
    if (outcomes.length > 0) this.#brokenOff.push(error);
  }

  async #connect({ force }: CycleTerms): Promise<Connection> {
    await this.#means.former;
    const foreign = force ? ('take-over' as const) : undefined;
    const connection = await Connection.open(this.job, { ...this.#means.options(), act: 'push', foreign });
    this.#connection = connection;
    this.#connections++;
    return connection;
  }

  async #disconnect(): Promise<void> {
    const connection = this.#connection;
    this.#connection = undefined;
    await connection?.close().catch(() => undefined); // it may be what failed
  }

  /** Of each try, for each has a name of its own. */
  #optionsFor(round: Round, { force }: CycleTerms, signal: AbortSignal): () => CycleOptions {
    return () => ({
      ...this.#means.options(),
      signal,
      act: 'push',
      guards: force ? 'pass' : undefined,
      arrivals: round.arrivals,
      contentOf: (digest) => round.contentOf(digest),
      onEvent: (event) => {
        this.#progress.take(event);
        if (event.kind === 'warning' && event.about === 'lease') this.#leaseWaits++;
        if (event.kind === 'phase' && event.phase === 'commit') this.#servedAt = performance.now();
        if (event.kind === 'plan') this.#planned = event.files;
        if (event.kind === 'plan' && event.files > 0) this.#stand(pushing(this.#standing, this.#means.now()));
        this.#means.onEvent(event);
      },
    });
  }

  #judge(outcomes: readonly Outcome[]): void {
    const problems = problemsOf(outcomes);
    const isSuperseded = areSuperseded(problems);
    this.#problems = isSuperseded ? [] : problems;
    const [first] = this.#problems;
    if (first !== undefined) {
      this.#pending = 'all';
      const error = { code: first.code, message: `${first.path}: ${first.message}` };
      return this.#fail(error, remedyOf(this.#problems));
    }
    if (isSuperseded) this.#remember(pathsOf(outcomes));
    this.#stand(succeeded(this.#standing, this.#means.now(), this.#isServed() ? 'nothing' : 'something'));
    this.#haste = isSuperseded ? this.#haste + 1 : 0;
    // The round that tells of it is on its way; if it is not, this comes to the same.
    if (isSuperseded) this.#catchUpIn(pauseAfter(this.#haste, this.#means.chance()));
  }

  /** All that is to be done by now. What comes later is for the next cycle. */
  #withPending({ places, removals }: Changed): Changed {
    const pending = this.#pending;
    this.#pending = new Set();
    if (pending === 'all' || places === undefined) return { removals };
    return { places: placesOf([...pending, ...places]), removals };
  }

  #remember(places: Iterable<RelPath> | undefined): void {
    if (places === undefined) this.#pending = 'all';
    else if (this.#pending !== 'all') for (const place of places) this.#pending.add(place);
    if (!this.#isServed()) this.#stand(changed(this.#standing, this.#means.now()));
  }

  #fail(error: Failure, remedy: Remedy): void {
    const { now, chance } = this.#means;
    this.#stand(failed(this.#standing, now(), error, remedy, chance()));
    const { retryAt } = this.#standing;
    if (retryAt !== undefined) this.#catchUpIn(retryAt - now());
  }

  /** The clock may jump; the timer does not. */
  #catchUpIn(ms: number): void {
    this.#stopWaiting();
    if (this.#isClosed) return;
    this.#retry = setTimeout(() => {
      this.#retry = undefined;
      void this.catchUp();
    }, ms);
  }

  #stopWaiting(): void {
    clearTimeout(this.#retry);
    this.#retry = undefined;
  }

  #stand(standing: Standing): void {
    if (standing === this.#standing) return;
    this.#standing = standing;
    this.#means.onChange();
  }
}

/** What a cycle is to bring. */
interface Order {
  readonly wanted: Promise<Wanted>;
  /** Why that is not known. */
  readonly failure: { readonly error: unknown } | undefined;
  /** From now on nothing is given out: what is to be done is left for another cycle. */
  readonly close: () => void;
}

/** A signal of its own for a cycle: what listens to one that lasts as long as the process would be kept for as long. */
function breakingWith(lasting: AbortSignal): { readonly signal: AbortSignal; readonly end: () => void } {
  const controller = new AbortController();
  setMaxListeners(0, controller.signal); // everything that waits listens to it, hundreds of files at once
  const breakOff = (): void => controller.abort(lasting.reason);
  lasting.addEventListener('abort', breakOff, { once: true });
  if (lasting.aborted) breakOff();
  return { signal: controller.signal, end: () => lasting.removeEventListener('abort', breakOff) };
}

function remedyFor(error: unknown): Remedy {
  if (error instanceof TargetError) {
    if (error.kind === 'unreachable') return 'connection';
    return error.kind === 'auth' || error.kind === 'host-key' ? 'person' : 'time';
  }
  return error instanceof LockedError || (error instanceof ConfigError && error.retryable) ? 'time' : 'person';
}

/** Whether it changed nothing, and all that stood against it has been told: an outage and its like are told once. */
function isKnown(
  ending: Ending,
  before: { readonly error: string | undefined; readonly problems: readonly Problem[] },
): boolean {
  if (ending.kind === 'error') return failureOf(ending.error).message === before.error;
  const { outcomes } = ending.result;
  const problems = problemsOf(outcomes);
  const isSame = problems.length > 0 && isDeepStrictEqual(problems, before.problems);
  return isSame && outcomes.every(({ kind }) => kind !== 'done');
}

/** Of all that was not done. */
function pathsOf(outcomes: readonly Outcome[]): RelPath[] {
  return outcomes.flatMap(({ kind, step }) => (kind === 'done' ? [] : [step.path]));
}

function iso(ms: number): string {
  return new Date(ms).toISOString();
}
