/**
 * LaterLooks: STATIC_ROOT looked at again after a run has made it what it is to be, for targets that need to know more of it than what
 * has changed.
 */
import type { Since } from '../collect/since/since-baseline.js';
import {
  type LocalHooks,
  type LocalResult,
  type LocalRun,
  type LocalSettings,
  type LocalThread,
  type LocalWork,
  wholeOf,
} from '../collect/thread/in-thread.js';
import type { Snapshot } from '../core/snapshot.js';
import type { Problem } from '../errors.js';

export class LaterLooks {
  readonly #thread: LocalThread;
  readonly #work: Extract<LocalWork, { kind: 'scan' }>;
  readonly #settings: LocalSettings;
  readonly #hooks: LocalHooks;
  #first: LocalRun | undefined;
  #isOther = false;
  #problems: readonly Problem[] = [];

  /** `work` and `settings` are those of the run. */
  constructor(thread: LocalThread, work: LocalWork, settings: LocalSettings, hooks: LocalHooks) {
    this.#thread = thread;
    this.#work = scanOf(work);
    // What a part has just made right is only looked at: to collect it all would void what other targets are noted with.
    this.#settings = { ...settings, baseline: undefined, checkpoint: undefined };
    this.#hooks = hooks;
  }

  /** Whether what was seen may not be what the run has noted it as: then nobody who was given it may be noted with that. */
  get isOther(): boolean {
    return this.#isOther;
  }

  /** What the last look met. */
  get problems(): readonly Problem[] {
    return this.#problems;
  }

  /** What was read by the first look at all of it. */
  get contents(): LocalRun['contents'] | undefined {
    return this.#first?.contents;
  }

  /** All of it, beside the part of it that the run looked at: once, however often it is asked for. */
  async atAll({ isStillSo }: Pick<Since, 'isStillSo'>): Promise<Snapshot> {
    const settings = { ...this.#settings, force: 'past-guards' } as const;
    this.#first ??= this.#thread.run(this.#work, settings, this.#hooks);
    const now = await wholeOf(this.#first);
    return this.#heed(now, isStillSo(now.snapshot));
  }

  /** All of it, each time anew: it may be another one, and is refused if that has lost most of it. */
  async anew(): Promise<Snapshot> {
    return this.#heed(await wholeOf(this.#thread.run(this.#work, this.#settings, this.#hooks)), false);
  }

  #heed({ snapshot, problems }: LocalResult, isAsNoted: boolean): Snapshot {
    this.#isOther ||= !isAsNoted || problems.length > 0;
    this.#problems = problems;
    return snapshot;
  }
}

/** STATIC_ROOT as it is. */
function scanOf(work: LocalWork): Extract<LocalWork, { kind: 'scan' }> {
  const scan = { kind: 'scan', mode: 'dry-run' } as const;
  if (work.kind === 'scan') return { ...scan, root: work.root, filledBy: work.filledBy };
  return { ...scan, root: work.project.root, filledBy: 'us' };
}
