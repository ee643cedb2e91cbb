/**
 * TargetLine: one target in a process that lasts. It takes rounds, keeps the connection, and catches up after an outage.
 *
 * One cycle at a time. What changes meanwhile is remembered by place, and what is in doubt is compared as a whole.
 */
import { areSuperseded, type Outcome, problemsOf } from '../core/apply.js';
import { placesOf } from '../core/places.js';
import type { RelPath } from '../core/relpath.js';
import type { Snapshot } from '../core/snapshot.js';
import {
  changed,
  type Failure,
  failed,
  newStanding,
  pauseAfter,
  pushing,
  type Remedy,
  released,
  type Standing,
  succeeded,
} from '../core/standing.js';
import { type Ending, errorOf, idleReport, type TargetReport, targetReport } from '../cycle/report.js';
import { LockedError, type Problem, SafetyError, TargetError } from '../errors.js';
import {
  Connection,
  type CycleEvent,
  type CycleOptions,
  type CycleResult,
  type TargetJob,
  type Wanted,
} from '../sync.js';
import { LineProgress } from './line-progress.js';
import { Round } from './round.js';
import type { TargetStatus } from './status.js';

export interface LineMeans {
  /** Fresh for each cycle: `run` is a new name. */
  readonly options: () => Omit<CycleOptions, 'act'>;
  /** STATIC_ROOT as it is known now. */
  readonly latest: () => Snapshot;
  /** Milliseconds since 1970. */
  readonly now: () => number;
  /** 0 to 1. */
  readonly chance: () => number;
  readonly onEvent: (event: CycleEvent) => void;
  /** The status is different. */
  readonly onChange: () => void;
  /** A cycle that no round asked for has ended. */
  readonly onRetried: (ending: Ending, line: TargetLine) => void;
}

interface CycleTerms {
  /** A person asked for it: whatever pause or failure stands against it does not count. */
  readonly isAsked: boolean;
  /** Past the guards, this once. */
  readonly force: boolean;
}

const GENTLE: CycleTerms = { isAsked: false, force: false };
const TIMER_SLACK_MS = 5; // a timer may fire a little early

export class TargetLine {
  readonly job: TargetJob;
  readonly #means: LineMeans;
  readonly #progress: LineProgress;
  #standing: Standing;
  #connection: Connection | undefined;
  #connections = 0;
  #servedAt: number | undefined;
  /** What the target has not got, or may not have. */
  #pending: Set<RelPath> | 'all' = 'all';
  /** The last round had not come to rest: until another one has, what is missing in it stays. */
  #isHeld = false;
  #running: Promise<Ending | undefined> | undefined;
  #queued: Promise<Ending | undefined> | undefined;
  #isPaused = false;
  #isClosed = false;
  #retry: NodeJS.Timeout | undefined;
  #problems: readonly Problem[] = [];
  /** Cycles in a row in which files changed again. */
  #haste = 0;

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
    if (terms.isAsked) await this.#running;
    if (this.#running === undefined && this.#mayStart(terms)) return this.#start(round, terms);
    const wanted = await round.wanted.catch(() => undefined);
    return wanted === undefined ? undefined : this.#queue(wanted);
  }

  pause(): void {
    this.#isPaused = true;
  }

  /** What came meanwhile is served at once. */
  resume(): void {
    this.#isPaused = false;
    void this.#catchUp();
  }

  /** Tries again now what failed or was halted. */
  async release(): Promise<void> {
    this.#stand(released(this.#standing, this.#means.now()));
    await this.#catchUp();
  }

  /** Nothing is begun any more; resolves when the cycle under way has ended. */
  async close(): Promise<void> {
    this.#isClosed = true;
    clearTimeout(this.#retry);
    await this.#running?.catch(() => undefined);
    await this.#disconnect();
  }

  /** What is said of a cycle that ended like this; without an ending, of why there was none. */
  report(ending: Ending | undefined): TargetReport {
    if (ending !== undefined) return targetReport(this.job.name, ending, 'push');
    const { state, error } = this.#standing;
    if (state === 'in-sync') return idleReport(this.job.name, this.#connection?.index, undefined);
    const paused = { code: 'PAUSED', message: 'it is paused; "pushstatic resume" goes on' };
    return idleReport(this.job.name, this.#connection?.index, error ?? (this.#isPaused ? paused : undefined));
  }

  /** Whether something waits for another round, whatever the cycle under way brings. */
  get hasRest(): boolean {
    return !this.#isServed() || this.#isHeld;
  }

  status(): TargetStatus {
    const { state, since, inSyncAt, error, retryAt, failures } = this.#standing;
    const index = this.#connection?.index;
    return {
      name: this.job.name,
      url: this.job.url,
      state,
      since: iso(since),
      generation: index?.generation ?? 0,
      files: index?.entries.length ?? 0,
      pending: this.#pending === 'all' ? null : this.#pending.size,
      inSyncAt: inSyncAt === undefined ? null : iso(inSyncAt),
      error: error ?? null,
      retryAt: retryAt === undefined ? null : iso(retryAt),
      failures,
      reconnects: Math.max(0, this.#connections - 1),
      problems: this.#problems,
      progress: state === 'pushing' ? this.#progress.status() : null,
    };
  }

  #isServed(): boolean {
    return this.#pending !== 'all' && this.#pending.size === 0;
  }

  /** A guard is asked anew whenever something changed: the files may have come back. */
  #mayStart({ isAsked }: CycleTerms): boolean {
    if (this.#isClosed) return false;
    if (isAsked) return true;
    const { state, error, retryAt = 0 } = this.#standing;
    const isHalted = state === 'halted' && error?.code !== 'REFUSED';
    return !this.#isPaused && !isHalted && retryAt <= this.#means.now() + TIMER_SLACK_MS;
  }

  #queue(wanted: Wanted): Promise<Ending | undefined> {
    this.#isHeld = wanted.removals === 'hold';
    this.#remember(wanted);
    return this.#next();
  }

  /** The cycle after the one under way, for all that wait for it; where none is any more, one now. */
  #next(): Promise<Ending | undefined> {
    const next = (this.#queued ??= this.#running?.then(() => {
      this.#queued = undefined;
      return this.#serveRest();
    }));
    return next ?? this.#serveRest();
  }

  async #catchUp(): Promise<void> {
    if (this.#running !== undefined) return;
    this.#tell(await this.#serveRest());
  }

  #tell(ending: Ending | undefined): void {
    if (ending !== undefined) this.#means.onRetried(ending, this);
  }

  async #serveRest(): Promise<Ending | undefined> {
    if (this.#isServed() || this.#running !== undefined || !this.#mayStart(GENTLE)) return undefined;
    const round = new Round();
    const removals = this.#isHeld ? 'hold' : undefined;
    round.collected({ snapshot: this.#means.latest(), places: [], removals }, undefined);
    return this.#start(round, GENTLE);
  }

  #start(round: Round, terms: CycleTerms): Promise<Ending | undefined> {
    clearTimeout(this.#retry);
    const running = this.#serve(round, terms).finally(() => {
      this.#running = undefined;
      this.#means.onChange();
    });
    this.#running = running;
    return running;
  }

  async #serve(round: Round, terms: CycleTerms): Promise<Ending | undefined> {
    const started = performance.now();
    this.#progress.reset();
    this.#servedAt = undefined;
    let serving: Wanted | undefined;
    let roundFailure: { readonly error: unknown } | undefined;
    let isOver = false;
    const wanted = round.wanted.then(
      (each) => {
        if (!isOver) return (serving = this.#withPending(each));
        void this.#queue(each).then((ending) => this.#tell(ending));
        return each;
      },
      (error: unknown) => {
        roundFailure = { error };
        throw error;
      },
    );
    wanted.catch(() => undefined); // the connection may fail first
    try {
      const result = await this.#cycle(wanted, round, terms);
      if (serving?.removals === 'hold') this.#remember(serving);
      if (serving !== undefined && serving.places === undefined) this.#connection?.share(serving.snapshot);
      this.#judge(result.outcomes);
      return { kind: 'result', result, durationMs: performance.now() - started, servedAt: this.#servedAt };
    } catch (error) {
      isOver = true; // the round may become whole later, and is for another cycle then
      if (roundFailure?.error === error) return undefined;
      this.#pending = 'all';
      await this.#disconnect();
      if (this.#isClosed) return undefined;
      this.#fail(errorOf(error), remedyFor(error));
      return { kind: 'error', error, durationMs: performance.now() - started };
    }
  }

  #judge(outcomes: readonly Outcome[]): void {
    const problems = problemsOf(outcomes);
    const isSuperseded = areSuperseded(problems);
    this.#problems = isSuperseded ? [] : problems;
    const [first] = this.#problems;
    if (first !== undefined) {
      this.#pending = 'all';
      return this.#fail({ code: first.code, message: `${first.path}: ${first.message}` }, 'time');
    }
    if (isSuperseded) this.#remember({ places: pathsOf(outcomes) });
    this.#stand(succeeded(this.#standing, this.#means.now(), this.#isServed() ? 'nothing' : 'something'));
    this.#haste = isSuperseded ? this.#haste + 1 : 0;
    // The round that tells of it is on its way; if it is not, this comes to the same.
    if (isSuperseded) this.#catchUpIn(pauseAfter(this.#haste, this.#means.chance()));
  }

  /** A connection that was kept may have broken since: then there is another one at once, and no word about it. */
  async #cycle(wanted: Promise<Wanted>, round: Round, terms: CycleTerms): Promise<CycleResult> {
    const kept = terms.force ? undefined : this.#connection;
    if (kept === undefined) {
      await this.#disconnect();
      return (await this.#connect(terms)).cycle(wanted, this.#options(round, terms));
    }
    try {
      return await kept.cycle(wanted, this.#options(round, terms));
    } catch (error) {
      if (!(error instanceof TargetError && error.kind === 'unreachable')) throw error;
      await this.#disconnect();
      return (await this.#connect(terms)).cycle(wanted, this.#options(round, terms));
    }
  }

  async #connect({ force }: CycleTerms): Promise<Connection> {
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

  #options(round: Round, { force }: CycleTerms): CycleOptions {
    return {
      ...this.#means.options(),
      act: 'push',
      guards: force ? 'pass' : undefined,
      arrivals: round.arrivals,
      contentOf: (digest) => round.contentOf(digest),
      onEvent: (event) => {
        this.#progress.take(event);
        if (event.kind === 'phase' && event.phase === 'commit') this.#servedAt = performance.now();
        if (event.kind === 'plan' && event.files > 0) this.#stand(pushing(this.#standing, this.#means.now()));
        this.#means.onEvent(event);
      },
    };
  }

  /** All that is to be done by now. What comes later is for the next cycle. */
  #withPending({ snapshot, places, removals }: Wanted): Wanted {
    const pending = this.#pending;
    this.#pending = new Set();
    this.#isHeld = removals === 'hold';
    if (pending === 'all' || places === undefined) return { snapshot, removals };
    return { snapshot, places: placesOf([...pending, ...places]), removals };
  }

  #remember({ places }: Pick<Wanted, 'places'>): void {
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

  #catchUpIn(ms: number): void {
    if (!this.#isClosed) this.#retry = setTimeout(() => void this.#catchUp(), ms);
  }

  #stand(standing: Standing): void {
    if (standing === this.#standing) return;
    this.#standing = standing;
    this.#means.onChange();
  }
}

function remedyFor(error: unknown): Remedy {
  if (error instanceof TargetError) {
    if (error.kind === 'unreachable') return 'connection';
    return error.kind === 'auth' || error.kind === 'host-key' ? 'person' : 'time';
  }
  return error instanceof SafetyError ? 'person' : error instanceof LockedError ? 'time' : 'person';
}

/** Of all that was not done. */
function pathsOf(outcomes: readonly Outcome[]): RelPath[] {
  return outcomes.flatMap(({ kind, step }) => (kind === 'done' ? [] : [step.path]));
}

function iso(ms: number): string {
  return new Date(ms).toISOString();
}
