/**
 * push: carries out a plan on a target, from the first byte staged to the commit of the index.
 *
 * Staging and the announcement of what may change run at once, for neither is visible. Publishing waits for both. Very many
 * new files are pushed in shares, each with its own commit: what is kept in mind is about one of them, and an interrupted
 * push goes on where it was.
 */

import { allOf } from '../core/all-of.js';
import type { Entry } from '../core/entry.js';
import { type Outcome, truthsOf } from '../core/outcome.js';
import {
  type Group,
  isBefore,
  type Plan,
  type Share,
  type Step,
  type Stop,
  sharesOf,
  uploadsOf,
} from '../core/plan.js';
import type { RelPath } from '../core/relpath.js';
import { type TargetIndex, type Truths, withPending, withUnsettled } from '../core/target-index.js';
import { isStop, type Work } from '../core/work.js';
import { type Problem, TargetError } from '../errors.js';
import { inSlices, Pacer } from '../fs/pace.js';
import type { Target } from '../targets/target.js';
import { type Committed, noteCommitted } from './committed.js';
import type { IndexStore } from './index/store.js';
import { PublicFolders } from './publish/public-folders.js';
import { heldBack, publish } from './publish/publish.js';
import type { Way } from './stage/item.js';
import type { Stage, Staged } from './stage/stage.js';

const NO_WAYS: Readonly<Record<Way, number>> = { uploaded: 0, linked: 0, patched: 0 };
const MANY_FILES = 65_536;
const FILES_IN_SHARE = 32_768; // of many: what is kept in mind of one share is about 20 MB

export interface PushOptions {
  /** How many new files make a share, where that is not the usual number. */
  readonly filesInShare?: number | undefined;
  /** The mode of new folders. */
  readonly folderMode: number;
  /** What the index on the target calls pending, also where a look has told what is there. */
  readonly pending: TargetIndex['pending'];
  /** What lies where something else is wanted, and is not ours: see `attest`. */
  readonly strangers: TargetIndex['pending'];
  readonly signal?: AbortSignal | undefined;
  readonly onPhase?: (phase: 'stage' | 'publish' | 'commit') => void;
  readonly onStep?: (step: Step) => void;
}

/** What a push works with: all three belong to one target. */
export interface Means {
  readonly target: Target;
  readonly store: IndexStore;
  readonly stage: Stage;
}

export interface Pushed extends Committed {
  readonly index: TargetIndex;
}

/**
 * Carries out `plan`, share by share, each committed as soon as it is published. `stage` may hold some of the content already.
 * What goes wrong with one file is in the outcomes. Rejects with a TargetError where the target as a whole cannot go on, with a
 * LockedError where another run took over; what was committed by then is noted with the error.
 */
export async function push(plan: Plan, index: TargetIndex, means: Means, options: PushOptions): Promise<Pushed> {
  const running = new Push(plan, index, means, options);
  const usual = plan.changes.length > MANY_FILES ? FILES_IN_SHARE : MANY_FILES;
  const shares = sharesOf(plan, options.filesInShare ?? usual);
  options.onPhase?.('stage');
  try {
    for (const [at, share] of shares.entries()) {
      await running.carryOut(share, at === shares.length - 1 ? 'last' : 'early');
    }
    // Without a commit nobody knows whether the head is still the one that it was.
    if (running.pushed.index.generation !== index.generation) await means.store.reap();
  } catch (error) {
    noteCommitted(error, running.pushed);
    const isFull = means.stage.full !== undefined || (error instanceof TargetError && error.kind === 'no-space');
    if (isFull) await means.stage.abandon(); // what lies there is in the way of all else
    throw error;
  }
  return running.pushed;
}

class Push {
  readonly #means: Means;
  readonly #options: PushOptions;
  /** What the target held before the first share. */
  readonly #before: TargetIndex;
  /** Resolves once nothing is in the way of the stage. */
  readonly #hasRoom: Promise<void>;
  #index: TargetIndex;
  #stop: Stop | undefined;
  /** Of what is committed. */
  readonly #outcomes: Outcome[] = [];
  #sentBytes = 0;
  readonly #ways = { ...NO_WAYS };
  readonly #pacer = new Pacer();

  constructor(plan: Plan, index: TargetIndex, means: Means, options: PushOptions) {
    this.#means = means;
    this.#options = options;
    this.#before = index;
    this.#index = withUnsettled(index, options.pending, plan.changes);
    this.#stop = plan.lack;
    this.#hasRoom = means.stage.makeRoom(plan.groups);
    this.#hasRoom.catch(() => undefined); // the first share hears of it
  }

  get pushed(): Pushed {
    const { linked, patched } = this.#ways;
    const { generation } = this.#index;
    return { index: this.#index, outcomes: this.#outcomes, generation, linked, patched, sentBytes: this.#sentBytes };
  }

  /** What is early makes no more than new names; the phases are those of what follows. */
  async carryOut(whole: Share, place: 'early' | 'last'): Promise<void> {
    const { target, store, stage } = this.#means;
    const { folderMode, onPhase } = this.#options;
    const isLast = place === 'last';
    const share = stage.full === undefined ? this.#withoutHeldBack(whole) : this.#withoutAny(whole, stage.full);
    if (share.length === 0 && this.#hasNothingToRecord) return isLast ? this.#endUnused() : undefined;
    const announced = await this.#inSlices(announcementOf(share));
    // For the records alone: what comes of a stranger that is left as it is, is no doubt of ours.
    const index = withUnsettled(this.#index, this.#options.strangers, stepsOf(share));
    const folders = await this.#inSlices(PublicFolders.of(share, target, folderMode));
    const staging = this.#hasRoom.then(() => stage.finish(uploadsOf(share), this.#index, this.#before));
    const announcing = this.#announce(share, index, announced);
    announcing.catch((error: unknown) => stage.stop(error)); // nothing of it will be published
    const [staged] = await allOf([staging, announcing, folders.look()]);
    await this.#requireHeld(folders, index, announced);
    if (isLast) onPhase?.('publish');
    const more = isLast ? undefined : 'to come';
    if (staged.problems.size === 0 && (await announcing)) store.expect(index, announced, more);
    const { lease } = store;
    const mayGoOn = (when: 'in time' | 'at once') => (when === 'in time' ? lease.require() : lease.confirm());
    const publishing = { ...this.#options, mayGoOn };
    const { outcomes, stop } = await publish(share, staged, folders, target, publishing);
    if (isLast) onPhase?.('commit');
    const { files, ways } = await this.#inSlices(published(outcomes, staged));
    await this.#inSlices(stage.release(files, folders.moved.keys()));
    this.#stopAt(stop);
    const commit = async (): Promise<void> => {
      const truths = await this.#inSlices(truthsOf(this.#index, outcomes));
      this.#index = await store.commit(index, announced, truths, more);
      this.#add(outcomes);
      for (const way of ['uploaded', 'linked', 'patched'] as const) this.#ways[way] += ways[way];
      this.#sentBytes = stage.sentBytes;
    };
    await allOf([commit(), isLast ? stage.tidy('something') : Promise.resolve()]);
  }

  /** Nothing was committed, nothing is uncertain, and no disk is full: the index stays as it is. */
  get #hasNothingToRecord(): boolean {
    const { pending, generation } = this.#index;
    return pending.size === 0 && generation === this.#before.generation && this.#means.stage.full === undefined;
  }

  /** All of it is held back: what is staged is of no use. */
  async #endUnused(): Promise<void> {
    const { stage } = this.#means;
    await this.#hasRoom;
    await stage.finish([], this.#index, this.#before);
    await stage.tidy('nothing');
  }

  #inSlices<T>(work: Work<T>): Promise<T> {
    return inSlices(work, this.#pacer);
  }

  /** A folder that is gone with files of ours shows that the index is not true: they are called pending, and the next try brings them. */
  async #requireHeld(folders: PublicFolders, index: TargetIndex, announced: Truths): Promise<void> {
    const { store, target } = this.#means;
    const lost = folders.lostFrom(this.#index.entries);
    const [first] = lost;
    if (first === undefined) return;
    // Whether they are gone, the next try looks: a server that once said so may have been wrong.
    await store.begin(withPending(index, announced), new Map(lost.map(({ path }) => [path, undefined])));
    throw new TargetError(
      'drifted',
      `${lost.length} published files are gone from ${target.url}, ${first.path} and what lay beside it: somebody removed them, ` +
        'and they are published again',
    );
  }

  /** False where the disk is too full for it: files can be removed all the same, and then there is space again. */
  async #announce(share: Share, index: TargetIndex, announced: Truths): Promise<boolean> {
    const { store } = this.#means;
    try {
      await store.begin(index, announced);
      return true;
    } catch (error) {
      const onlyRemoves = share.length > 0 && share.every(({ steps }) => steps.every(({ kind }) => kind === 'remove'));
      if (!onlyRemoves || !(error instanceof TargetError) || error.kind !== 'no-space') throw error;
      await store.disclaim();
      return false;
    }
  }

  /** The first in the order of groups counts. */
  #stopAt(stop: Stop | undefined): void {
    if (stop !== undefined && (this.#stop === undefined || isBefore(stop.group, this.#stop.group))) this.#stop = stop;
  }

  /** What may refer to what is missing is held back: all groups after that of a step that failed. */
  #withoutHeldBack(share: Share): Share {
    const stop = this.#stop;
    if (stop === undefined) return share;
    const isHeld = ({ name }: Group): boolean => isBefore(stop.group, name);
    this.#add(heldBack(share.filter(isHeld), stop));
    return share.filter((group) => !isHeld(group));
  }

  /** Nothing more fits, and so nothing is announced. */
  #withoutAny(share: Share, full: Problem): Share {
    for (const { name, steps } of share) {
      const [uploads, others] = [steps.filter(isUpload), steps.filter((step) => !isUpload(step))];
      for (const step of uploads) {
        const problem = { ...full, path: step.path };
        this.#stopAt({ group: name, problem });
        this.#add([{ kind: 'untouched', step, problem }]);
      }
      if (this.#stop !== undefined) this.#add(heldBack([{ name, steps: others }], this.#stop));
    }
    return [];
  }

  #add(outcomes: readonly Outcome[]): void {
    for (const outcome of outcomes) this.#outcomes.push(outcome);
  }
}

function isUpload({ kind }: Step): boolean {
  return kind === 'upload';
}

function* stepsOf(share: Share): Generator<Step, void> {
  for (const { steps } of share) yield* steps;
}

/** What each path of the share shall become. */
function* announcementOf(share: Share): Work<Truths> {
  const announced = new Map<RelPath, Entry | undefined>();
  for (const { steps } of share) {
    for (const [at, step] of steps.entries()) {
      if (isStop(at)) yield;
      announced.set(step.path, step.kind === 'remove' ? undefined : step.entry);
    }
  }
  return announced;
}

/** The files that were published, and how many of them came on each way. */
function* published(
  outcomes: readonly Outcome[],
  { wayOf }: Staged,
): Work<{ readonly files: RelPath[]; readonly ways: Readonly<Record<Way, number>> }> {
  const files: RelPath[] = [];
  const ways = { ...NO_WAYS };
  for (const [at, { kind, step }] of outcomes.entries()) {
    if (isStop(at)) yield;
    if (kind !== 'done' || step.kind !== 'upload') continue;
    files.push(step.path);
    ways[wayOf(step)]++;
  }
  return { files, ways };
}
