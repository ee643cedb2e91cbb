/**
 * sync: one cycle for one target, top to bottom. The same for one-shot, watch and daemon.
 *
 *   sources -> collect -> snapshot of STATIC_ROOT -> diff against the index -> plan -> push -> commit of the index
 */
import { setImmediate } from 'node:timers/promises';
import { isDeepStrictEqual } from 'node:util';
import { allOf } from './core/all-of.js';
import type { ToSign } from './core/delta/signature.js';
import { diff, tallying } from './core/diff.js';
import type { Digest, Entry } from './core/entry.js';
import { isTooMuch } from './core/guard.js';
import type { Head } from './core/index-codec.js';
import { isPatched } from './core/origins.js';
import { type Outcome, problemsOf } from './core/outcome.js';
import { indexPartOf, type Places, partOf } from './core/places.js';
import { makePlan, type Plan, type Step } from './core/plan.js';
import { ancestorsOf, type RelPath } from './core/relpath.js';
import { select, selectFrom } from './core/select.js';
import type { Snapshot } from './core/snapshot.js';
import type { Pending, TargetIndex } from './core/target-index.js';
import { atOnce, isStop, type Work } from './core/work.js';
import { type Decision, decide, isHopeless, type Terms, type Wanted } from './decide.js';
import { inSlices, Pacer } from './fs/pace.js';
import type { StateFolder } from './fs/state.js';
import { noteDoubtful, noteSame } from './push/committed.js';
import { IndexStore, type Known, writtenMeanwhile } from './push/index/store.js';
import type { LeaseTerms } from './push/lease/holders.js';
import { removeLeftFolders } from './push/publish/remove-folders.js';
import { type Pushed, push } from './push/push.js';
import { Resting } from './push/resting.js';
import { Signatures } from './push/stage/signatures.js';
import { Stage } from './push/stage/stage.js';
import { throttleTo } from './push/stage/throttle.js';
import { isMissing, look, type Sighting } from './push/survey.js';
import type { Target } from './targets/target.js';

export type { Wanted } from './decide.js';
export type { BrokenOff, Committed } from './push/committed.js';

/** A target and what it is to get. */
export interface TargetJob
  extends Pick<Terms, 'accepts' | 'fileMode' | 'deletion' | 'limit' | 'allows' | 'allowNonAtomic'> {
  readonly name: string;
  /** All that decides which part of a snapshot it is to get, and how. */
  readonly terms: string;
  readonly url: string;
  readonly open: () => Promise<Target>;
  readonly folderMode: number;
  readonly cache: StateFolder;
}

export interface CycleOptions extends Pick<Terms, 'act' | 'manifest' | 'atRest'> {
  readonly site: string;
  /** The absolute file that holds the content of a path. */
  readonly fileOf: (path: RelPath) => string;
  /** Content that is in memory already, good until control is given up; undefined for what is to be read. */
  readonly contentOf?: ((digest: Digest) => Uint8Array | undefined) | undefined;
  /**
   * Makes the signatures of these files in a folder, beside everything else, and never rejects. Without it, later versions are
   * sent whole.
   */
  readonly sign?: ((files: readonly ToSign[], folder: string) => Promise<void>) | undefined;
  /** Entries of the snapshot before it is whole, each as it will be in it: their content can be brought over already. */
  readonly arrivals?: AsyncIterable<readonly Entry[]> | undefined;
  /** What is known to have changed since a baseline, if no more than that is looked at; resolves no later than the snapshot. */
  readonly since?: Promise<Since | undefined> | undefined;
  /** The baseline that the snapshot was left with; asked for when the cycle is over. */
  readonly baseline?: (() => Promise<string | undefined>) | undefined;
  /** `pass`: this cycle may remove whatever it has to. */
  readonly guards?: 'pass' | undefined;
  /** `distrust`: read back what lies on the target instead of believing its index. */
  readonly distrust?: 'index' | undefined;
  readonly foreign?: 'take-over' | undefined;
  readonly concurrency: number | 'auto';
  /** See `PushOptions`. */
  readonly filesInShare?: number | undefined;
  /** See `IndexWriterOptions`. */
  readonly leastJournalBytes?: number | undefined;
  /** How long others may hold a target, where that is not the usual time. */
  readonly lease?: LeaseTerms | undefined;
  /** Bytes per second; undefined for no limit. */
  readonly bandwidth: number | undefined;
  readonly run: string;
  readonly now: () => number;
  readonly signal?: AbortSignal | undefined;
  readonly onEvent?: ((event: CycleEvent) => void) | undefined;
}

/** A part of a snapshot: all else is as it was at the time of the baseline. */
export interface Since {
  /** What a target may be noted with to need no more than this. */
  readonly follows: ReadonlySet<string>;
  readonly places: Places;
  readonly snapshot: Snapshot;
}

/** What happens, for a face that shows it. */
export type CycleEvent =
  | { readonly kind: 'phase'; readonly target: string; readonly phase: Phase }
  | { readonly kind: 'plan'; readonly target: string; readonly files: number; readonly bytes: number }
  | { readonly kind: 'file'; readonly target: string; readonly bytes: number }
  | { readonly kind: 'step'; readonly target: string; readonly step: Step }
  | { readonly kind: 'warning'; readonly target: string; readonly text: string; readonly about?: 'lease' };

export type Phase = 'connect' | 'survey' | 'stage' | 'publish' | 'commit';

export interface CycleResult {
  readonly plan: Plan;
  readonly generation: number;
  /** What the target holds; undefined where there was no need to know it. */
  readonly index?: TargetIndex;
  readonly outcomes: readonly Outcome[];
  readonly unchanged: number;
  /** See `Pushed`. */
  readonly linked: number;
  readonly patched: number;
  readonly sentBytes: number;
  /** What is to be removed in a later cycle. */
  readonly held: readonly RelPath[];
  /** Paths that were pending from a cycle that broke off, and are certain now: it may have published them, and no outcome says so. */
  readonly settled?: readonly RelPath[];
}

/** What a cycle did that had to know what the target holds. */
export type Cycled = CycleResult & Required<Pick<CycleResult, 'index'>>;

/**
 * Brings one target to the state of `snapshot`, which is not asked for where `since` will do. The connection is made while the
 * snapshot still is.
 */
export async function syncTarget(
  job: TargetJob,
  snapshot: () => Promise<Snapshot>,
  options: CycleOptions,
): Promise<CycleResult> {
  const resting = new Resting(job.cache, job.terms);
  const connection = await Connection.open(job, options, resting);
  try {
    const since = connection.restsSince === undefined ? undefined : await options.since;
    const isContinued = since?.follows.has(connection.restsSince ?? '') === true;
    const result = isContinued
      ? await connection.goOn(since, snapshot, options)
      : await connection.cycle(allOfIt(snapshot), options);
    const baseline = await options.baseline?.();
    if (baseline !== undefined && job.deletion === 'delete') await connection.note(resting, baseline, result);
    return result;
  } finally {
    await connection.close();
  }
}

async function allOfIt(snapshot: () => Promise<Snapshot>): Promise<Wanted> {
  return { snapshot: await snapshot() };
}

/** A target that is connected, and what it is known to hold: for one cycle, or for many, one after another. */
export class Connection {
  readonly #job: TargetJob;
  readonly #target: Target;
  readonly #store: IndexStore;
  /** Undefined while the head is known and that is enough. */
  #known: Known | undefined;
  #rest: { readonly head: Head; readonly since: string } | undefined;
  /** What is done beside the cycles, such as the signatures of what they brought. */
  #alsoDoing: Promise<void> = Promise.resolve();
  /** What the signatures are still to be compared with. */
  #published: TargetIndex | undefined;
  /** Whether a cycle has begun, and whether one has come to its end. */
  #hasBegun = false;
  #isUsed = false;

  private constructor(job: TargetJob, target: Target, store: IndexStore) {
    this.#job = job;
    this.#target = target;
    this.#store = store;
  }

  /** With `resting`, what the target holds is only loaded when it is asked for, if it is noted there. */
  static async open(job: TargetJob, options: CycleOptions, resting?: Resting): Promise<Connection> {
    const tell = teller(job, options);
    tell.phase('connect');
    const [target, isNoted] = await Promise.all([job.open(), resting?.isNoted()]);
    try {
      const store = new IndexStore(target, { ...options, cache: job.cache, onWarning: tell.warning });
      const connection = new Connection(job, target, store);
      const head = isNoted === true && options.distrust === undefined ? await store.glance() : undefined;
      const since = head?.site === options.site ? await resting?.since(head) : undefined;
      if (head === undefined || since === undefined) connection.#known = await store.load();
      else connection.#rest = { head, since };
      return connection;
    } catch (error) {
      await target.close();
      throw error;
    }
  }

  /** The baseline at which the target held all that it was to hold, and has been left alone since. */
  get restsSince(): string | undefined {
    return this.#rest?.since;
  }

  /** A cycle for what has changed since the baseline. */
  async goOn({ places, snapshot }: Since, whole: () => Promise<Snapshot>, options: CycleOptions): Promise<CycleResult> {
    if (this.#rest !== undefined && places.length === 0) {
      const plan = makePlan([], this.#job.deletion);
      teller(this.#job, options).plan(plan);
      const { generation, files } = this.#rest.head;
      return { plan, generation, outcomes: [], ...NOTHING_SENT, unchanged: files, held: [] };
    }
    this.#known ??= await this.#store.load();
    if (this.#rest !== undefined && !isDeepStrictEqual(this.#store.head, this.#rest.head)) {
      return this.cycle(allOfIt(whole), options); // somebody has written since it was looked at
    }
    this.#hasBegun = this.#isUsed = true; // as if the cycle at the baseline had been one of this connection
    return this.cycle(Promise.resolve({ snapshot, places, whole }), options);
  }

  /** Notes that it holds all that it is to hold, if it does. */
  async note(resting: Resting, baseline: string, { index, outcomes, held }: CycleResult): Promise<void> {
    const { head } = this.#store;
    const isWhole = index?.pending.size === 0 && held.length === 0 && problemsOf(outcomes).length === 0;
    if (isWhole && head !== undefined) await resting.note(baseline, head);
  }

  /** What the target is known to hold; undefined where that is still to be found out. */
  get index(): TargetIndex | undefined {
    return this.#known?.kind === 'index' ? this.#known.index : undefined;
  }

  /** Where a cycle would change something, by what is known here. */
  due(snapshot: Snapshot): readonly RelPath[] {
    if (this.index === undefined) return [];
    const changes = diff(this.index, select(snapshot, this.#job));
    return makePlan(changes, this.#job.deletion).changes.map(({ path }) => path);
  }

  /**
   * A cycle. One after another; `options.run` is a new name for each. After one that rejects only close it, unless that was a
   * SafetyError, which comes before anything is changed.
   */
  async cycle(wanted: Promise<Wanted>, options: CycleOptions): Promise<Cycled> {
    wanted.catch(() => undefined); // the target is looked at first, and meanwhile nobody else hears of its failure
    this.#store.renew({ ...options, onWait: teller(this.#job, options).wait });
    const { index, ...result } = await this.#runLeased(wanted, options);
    this.#store.settle();
    this.#isUsed = true;
    if (options.act === 'push') this.#known = { kind: 'index', index };
    return { ...result, index, generation: index.generation };
  }

  async close(): Promise<void> {
    await allOf([this.#target.close(), this.#alsoDoing]);
  }

  /** Whether nobody else has written to the target since the last cycle. If somebody has, what it holds is read anew. */
  async #isCurrent(): Promise<boolean> {
    if (await this.#store.isCurrent()) return true;
    this.#known = await this.#store.load();
    return false;
  }

  /**
   * What it holds, as far as that was loaded by now. Where some of it is uncertain, or somebody took the head away, who did that may
   * still be at work: to look at that for a push takes the lease first.
   */
  async #load(act: CycleOptions['act']): Promise<Known> {
    this.#known ??= await this.#store.load();
    if (act === 'push' && isDoubtful(this.#known, this.#store) && !(await this.#store.holdStill()))
      this.#known = await this.#store.load();
    return this.#known;
  }

  /** For few changes the lease is asked for while the target is still being looked at, unless a guard will refuse them. */
  async #prepare(wanted: Promise<Wanted>, options: CycleOptions): Promise<void> {
    const { snapshot, places } = await wanted.catch((): Partial<Wanted> => ({}));
    if (snapshot === undefined || places === undefined || this.index === undefined) return;
    const part = select(partOf(snapshot, places), this.#job);
    const changes = diff(indexPartOf(this.index, places), part);
    const { added, removed } = atOnce(tallying(changes));
    const held = this.index.entries.length + this.index.pending.size;
    const extent = { held, left: held + added - removed };
    const { limit } = limitFor(this.#job, options);
    const isRefused = this.#job.deletion === 'delete' && limit !== undefined && isTooMuch(removed, extent, limit);
    if (changes.length === 0 || isRefused) return;
    this.#store.hold().catch(() => undefined); // whoever pushes hears of it
  }

  async #runLeased(wanted: Promise<Wanted>, options: CycleOptions) {
    try {
      const result = await this.#run(wanted, options);
      await this.#store.release('done');
      return result;
    } catch (error) {
      const cause = await this.#store.lease.causeOf(error);
      await this.#store.release('failed');
      noteSame(cause, error);
      throw cause;
    }
  }

  async #run(wanted: Promise<Wanted>, options: CycleOptions) {
    const pacer = new Pacer({ signal: options.signal }); // which throws where all is over
    const tell = teller(this.#job, options);
    const loaded = await this.#load(options.act);
    const signatures = new Signatures(this.#job.cache.folder('signatures'));
    const stage = this.#openStage(signatures, options, tell);
    if (needsSurvey(loaded)) tell.phase('survey');
    const view = this.#beginLook(loaded, wanted, options);
    const { index, strangers, plan, isKnown, ...told } = await this.#decideBesideStaging(
      { stage, view, pacer },
      wanted,
      options,
      tell,
    );
    tell.plan(plan);
    await setImmediate(); // what waits has its turn, and an abort is for the push to end
    if (options.act === 'only-plan') return { plan, index, outcomes: [], ...NOTHING_SENT, ...told };
    // First, for after the next announcement nobody knows of them any more.
    const before = await this.#load(options.act);
    if (before !== (await view.first).known) throw writtenMeanwhile(this.#target.url);
    await removeLeftFolders(announcedInVain(before, index), this.#target);
    const settled = settledIn(before, index);
    if (plan.changes.length === 0) {
      await stage.abandon();
      const recorded = await record(this.#store, before, index);
      return { plan, index: recorded, outcomes: [], ...NOTHING_SENT, ...told, settled };
    }
    const pending = before.kind === 'index' ? before.index.pending : new Map<RelPath, Pending>();
    // What nobody knows of may be what readers use already.
    const filesInShare = isKnown ? options.filesInShare : Number.POSITIVE_INFINITY;
    const toPush = { plan, index, pending, strangers, filesInShare };
    try {
      return { plan, ...told, ...(await this.#carryOut(toPush, { stage, signatures }, options, tell)), settled };
    } catch (error) {
      noteDoubtful(error, [...settled, ...plan.changes.map(({ path }) => path)]);
      throw error;
    }
  }

  /** What is known to lie on the target, and what is being found out of it. Whoever asks waits for it at once. */
  #beginLook(loaded: Known, wanted: Promise<Wanted>, options: CycleOptions): View {
    const { act, site } = options;
    if (this.#isUsed && act === 'push') void this.#prepare(wanted, options);
    const isUsed = this.#isUsed;
    // What was loaded for a cycle that ended early may be long out of date.
    const unchanged = this.#hasBegun ? this.#isCurrent() : undefined;
    const current = unchanged?.then((isUnchanged) => isUnchanged && isUsed) ?? Promise.resolve(false);
    this.#hasBegun = true;
    const first = current.then(async () => {
      const known = await this.#load(act);
      return { known, sighting: await look(this.#target, trusted(known, options), site) };
    });
    const looking = first.then(({ sighting }) => sighting);
    const known = trusted(loaded, options);
    // What is staged in vain is removed: there is no need to wait for the answer.
    const guessing = needsSurvey(known) ? looking : look(this.#target, known, site);
    return { known, unchanged, current, first, looking, guessing };
  }

  #openStage(signatures: Signatures, options: CycleOptions, tell: Teller): Stage {
    const { allows, folderMode } = this.#job;
    const throttle = throttleTo(options.bandwidth);
    const rest = { allows, folderMode, throttle, signatures, onFile: tell.file };
    return new Stage(this.#target, this.#store, { ...options, ...rest });
  }

  /** What is sure to be sent is brought over meanwhile. */
  async #decideBesideStaging(
    { stage, view, pacer }: { readonly stage: Stage; readonly view: View; readonly pacer: Pacer },
    wanted: Promise<Wanted>,
    options: CycleOptions,
    tell: Teller,
  ): Promise<Decision> {
    const [job, target, store] = [this.#job, this.#target, this.#store];
    const { known, unchanged, current, looking, guessing } = view;
    const { act, manifest, atRest } = options;
    const terms: Terms = { ...job, ...limitFor(job, options), manifest, atRest, act, warn: tell.warning };
    const deciding = decide({ target, store, pacer }, { looking, current }, wanted, terms);
    deciding.catch(() => store.lease.giveUp());
    const staging = stageAhead(stage, known, guessing, unchanged, { job, target }, options);
    try {
      const [decision] = await allOf([deciding, staging]);
      return decision;
    } catch (error) {
      await stage.abandon();
      throw error;
    }
  }

  async #carryOut(
    { plan, index, ...terms }: ToPush,
    { stage, signatures }: { readonly stage: Stage; readonly signatures: Signatures },
    options: CycleOptions,
    tell: Teller,
  ): Promise<Pushed> {
    const [{ folderMode, cache }, target, store] = [this.#job, this.#target, this.#store];
    const toBeSigned = target.capabilities.serverCopy ? await inSlices(toSign(plan, options), new Pacer()) : [];
    await setImmediate();
    if (toBeSigned.length > 0) this.#alsoDo(() => options.sign?.(toBeSigned, cache.folder('signatures').path));
    const hooks = { signal: options.signal, onPhase: tell.phase, onStep: tell.step };
    const pushed = await push(plan, index, { target, store, stage }, { folderMode, ...terms, ...hooks });
    this.#published = pushed.index;
    this.#alsoDo(() => this.#prune(signatures));
    return pushed;
  }

  /** Of many cycles that came meanwhile, for the last one alone. */
  async #prune(signatures: Signatures): Promise<void> {
    const index = this.#published;
    this.#published = undefined;
    if (index !== undefined) await signatures.prune(index);
  }

  /** One after another, and no cycle waits for it. */
  #alsoDo(work: () => Promise<void> | undefined): void {
    const before = this.#alsoDoing;
    const doing = before.catch(() => undefined).then(work);
    this.#alsoDoing = allOf([before, doing]).then(() => undefined);
    this.#alsoDoing.catch(() => undefined); // whoever closes hears of the first one
  }
}

/** What a cycle knows of its target when it begins, and what it is finding out. */
interface View {
  /** As it was loaded, as far as it is believed. */
  readonly known: Known;
  /** Whether nobody else has written there since that was loaded; undefined where it has just been. */
  readonly unchanged: Promise<boolean> | undefined;
  /** And whether it is what the last cycle of the connection left. */
  readonly current: Promise<boolean>;
  /** The look that counts, and what was known when it was begun. */
  readonly first: Promise<{ readonly known: Known; readonly sighting: Sighting }>;
  readonly looking: Promise<Sighting>;
  /** What is good enough to bring over what is sure to be sent. */
  readonly guessing: Promise<Sighting>;
}

interface ToPush {
  readonly plan: Plan;
  readonly index: TargetIndex;
  /** What was in doubt before. */
  readonly pending: ReadonlyMap<RelPath, Pending>;
  readonly strangers: Decision['strangers'];
  readonly filesInShare: number | undefined;
}

type Teller = ReturnType<typeof teller>;

/** Of one content once. */
function* toSign({ groups }: Plan, { fileOf }: CycleOptions): Work<ToSign[]> {
  const contents = new Map<Digest, ToSign>();
  for (const { steps } of groups) {
    for (const [at, step] of steps.entries()) {
      if (isStop(at)) yield;
      if (step.kind !== 'upload' || !isPatched(step.entry)) continue;
      const { path, digest, size } = step.entry;
      contents.set(digest, { file: fileOf(path), digest, size });
    }
  }
  return [...contents.values()];
}

function limitFor({ limit }: TargetJob, { guards }: CycleOptions): Pick<TargetJob, 'limit'> {
  return { limit: guards === 'pass' ? undefined : limit };
}

/** What is sure to be sent is brought over while the rest of the snapshot is still being made. */
async function stageAhead(
  stage: Stage,
  known: Known,
  looking: Promise<Sighting>,
  isCurrent: Promise<boolean> | undefined,
  { job, target }: { readonly job: TargetJob; readonly target: Target },
  { act, arrivals }: CycleOptions,
): Promise<void> {
  if (act === 'only-plan' || arrivals === undefined) return;
  for await (const batch of arrivals) {
    // Where there is no index, there will be something to send: the folders for it can be made beside the look.
    if (known.kind !== 'index') await allOf([looking, stage.prepare()]);
    const seen = await looking;
    const missing = selectFrom(batch, job).filter(
      (entry) => isMissing(seen, entry) && !isHopeless(entry, seen, job, target),
    );
    if (!(await stage.ahead(missing, seen.index, isCurrent))) return;
  }
}

function trusted(loaded: Known, { distrust }: CycleOptions): Known {
  return distrust === undefined ? loaded : { kind: 'damaged', reason: 'it is to be made anew' };
}

function isDoubtful(known: Known, { isNew }: IndexStore): boolean {
  return known.kind === 'index' ? known.index.pending.size > 0 : known.kind === 'missing' && !isNew;
}

function needsSurvey(loaded: Known): boolean {
  return loaded.kind !== 'index' || loaded.index.pending.size > 0;
}

/** Folders that an interrupted run may have made for files that it announced, and in which there is nothing of ours. */
function announcedInVain(before: Known, { entries }: TargetIndex): Set<RelPath> {
  const announced = before.kind === 'index' ? [...before.index.pending.keys()] : [];
  const isFree = (path: RelPath): boolean => entries.find(path) === undefined && !entries.holdsBelow(path);
  return new Set(announced.filter(isFree).flatMap(ancestorsOf).filter(isFree));
}

/** What was announced and is in doubt no more. */
function settledIn(before: Known, { pending }: TargetIndex): RelPath[] {
  return before.kind === 'index' ? [...before.index.pending.keys()].filter((path) => !pending.has(path)) : [];
}

/** Nothing was to do, but an index was made anew or pending paths were settled: the next run need not do it again. */
async function record(store: IndexStore, loaded: Known, index: TargetIndex): Promise<TargetIndex> {
  const isRecorded = loaded.kind === 'index' && loaded.index.pending.size === index.pending.size;
  if (isRecorded) return index;
  const recorded = await store.commit(index, new Map(), new Map());
  await store.reap();
  return recorded;
}

const NOTHING_SENT = { linked: 0, patched: 0, sentBytes: 0 } as const;

function teller({ name }: TargetJob, { onEvent }: CycleOptions) {
  return {
    phase: (phase: Phase) => onEvent?.({ kind: 'phase', target: name, phase }),
    warning: (text: string) => onEvent?.({ kind: 'warning', target: name, text }),
    wait: (text: string) => onEvent?.({ kind: 'warning', target: name, text, about: 'lease' }),
    file: (entry: Entry) => onEvent?.({ kind: 'file', target: name, bytes: entry.size }),
    step: (step: Step) => onEvent?.({ kind: 'step', target: name, step }),
    plan: (plan: Plan) => {
      let bytes = 0;
      for (const change of plan.changes)
        if (change.kind === 'added' || change.kind === 'modified') bytes += change.entry.size;
      onEvent?.({ kind: 'plan', target: name, files: plan.changes.length, bytes });
    },
  };
}
