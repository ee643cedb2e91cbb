/**
 * Daemon: a project that is kept in sync for as long as the process lives, through changes of its configuration.
 */
import { setMaxListeners } from 'node:events';
import { isDeepStrictEqual } from 'node:util';
import type { Config, TargetConfig } from '../config/schema.js';
import { envForOthers } from '../config/secrets.js';
import { chooseTargets, cycleOptions, jobsOf } from '../cycle/jobs.js';
import type { SyncReport } from '../cycle/report.js';
import { SourceError } from '../errors.js';
import type { StateFolder } from '../fs/state.js';
import type { TargetJob } from '../sync.js';
import { reasonOf } from '../system-error.js';
import type { Cycle } from './cycle-of.js';
import { hookEnv, runHook } from './hook.js';
import { Hooks, type Publication } from './hooks.js';
import { type Legacy, Project, type ProjectHooks } from './project.js';
import type { DaemonEvent, Service, TriggerOptions } from './service.js';
import type { CycleReport, DaemonStatus } from './status.js';
import { TargetLine } from './target-line.js';

const KEPT_CYCLES = 50;
const KEPT_PROBLEMS = 20; // of each target in each cycle
const MOST_LOOKS = 3; // in a row: a project that answers otherwise each time would be asked for ever

export interface DaemonOptions {
  readonly config: Config;
  readonly state: StateFolder;
  /** Reads the configuration file again, and asks the project. Rejects with what stands against it. */
  readonly load: (signal: AbortSignal) => Promise<Config>;
  /** As `load`, but the project is only asked where its answer may be another one. */
  readonly look: (signal: AbortSignal) => Promise<Config>;
  readonly env: NodeJS.ProcessEnv;
  readonly version: string;
  readonly pid: number;
}

export class Daemon implements Service {
  readonly #options: DaemonOptions;
  readonly #listeners = new Set<(event: DaemonEvent) => void>();
  readonly #startedAt = new Date().toISOString();
  /** Ends what is under way on this machine. */
  readonly #stopping = new AbortController();
  /** Ends what is under way on the targets as well. */
  readonly #abandoning: AbortController;
  readonly #ended: Promise<void>;
  #end: () => void = () => undefined;
  #giveUp: (error: unknown) => void = () => undefined;
  #project: Project;
  #cycles: readonly CycleReport[] = [];
  #lastId = 0;
  #isPaused = false;
  #configError: string | null = null;
  #reloading: Promise<void> = Promise.resolve();
  /** The one that is asked for and has not begun. */
  #nextReload: Promise<void> | undefined;
  #nextLook: NodeJS.Timeout | undefined;
  #isLooking = false;
  /** Something asked for a look that the one under way may not have seen. */
  #isLookDue = false;
  /** What is left of configurations that are in force no more: rounds on targets that stay, and the last cycles of others. */
  readonly #leaving = new Set<Promise<unknown>>();
  readonly #hooks: Hooks;

  private constructor(options: DaemonOptions, jobs: readonly TargetJob[], abandoning: AbortController) {
    this.#options = options;
    this.#hooks = new Hooks(options.state, (published) => this.#runHook(published));
    this.#abandoning = abandoning;
    setMaxListeners(0, this.#stopping.signal); // as to `abandoning`
    this.#ended = new Promise((resolve, reject) => {
      this.#end = resolve;
      this.#giveUp = reject;
    });
    this.#project = this.#makeProject(
      options.config,
      jobs.map((job) => this.#makeLine(job)),
    );
  }

  /** Rejects with a ConfigError when there is no target, or a secret of one cannot be had. */
  static async make(options: DaemonOptions): Promise<Daemon> {
    const abandoning = new AbortController();
    setMaxListeners(0, abandoning.signal); // everything that waits listens to it, hundreds of files at once
    const jobs = await makeJobs(options, options.config, chooseTargets(options.config, []), abandoning.signal, (text) =>
      daemon.#warn(text),
    );
    const daemon: Daemon = new Daemon(options, jobs, abandoning);
    return daemon;
  }

  /** Resolves when it was stopped and has ended; rejects when it cannot begin, or go on after a change of its configuration. */
  async run(): Promise<void> {
    this.#hooks.begin();
    try {
      await Promise.race([this.#project.start(), this.#ended]);
      await this.#ended;
    } finally {
      await this.#close();
    }
  }

  status(): DaemonStatus {
    const { config, lines } = this.#project;
    const { version, pid } = this.#options;
    return {
      version,
      pid,
      config: config.file,
      site: config.site,
      startedAt: this.#startedAt,
      paused: this.#isPaused,
      configError: this.#configError,
      watch: this.#project.watchStatus(),
      local: this.#project.localStatus(),
      targets: lines.map((line) => line.status()),
      cycles: this.#cycles,
    };
  }

  subscribe(listener: (event: DaemonEvent) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** Whoever asks means the files as they lie on the disk, and the configuration as well. */
  async trigger({ targets, force, checksum }: TriggerOptions): Promise<SyncReport> {
    await this.takeUpConfig();
    const names = new Set(chooseTargets(this.#project.config, targets).map(({ name }) => name));
    const lines = this.#project.lines.filter(({ job }) => names.has(job.name));
    return this.#project.askAll({ lines, force, reread: checksum }, 'trigger');
  }

  pause(): void {
    this.#isPaused = true;
    this.#project.pause();
    this.#changed();
  }

  resume(): void {
    this.#isPaused = false;
    this.#project.resume();
    this.#changed();
  }

  /** Rejects with what stands against the configuration as it lies on the disk. */
  async takeUpConfig(): Promise<void> {
    const { config } = this.#project;
    const fresh = await this.#options.look(this.#stopping.signal).catch(() => undefined);
    const isOutdated = this.#project.config !== config || this.#stopping.signal.aborted;
    if (!isOutdated && !isDeepStrictEqual(fresh, config)) await this.reload();
  }

  /** One after another: who asks during a reload wants it as it is now. All who wait get the same one. */
  reload(): Promise<void> {
    this.#nextReload ??= this.#reloading
      .catch(() => undefined)
      .then(() => {
        this.#nextReload = undefined;
        return this.#reload();
      });
    this.#reloading = this.#nextReload;
    return this.#reloading;
  }

  stop(): void {
    this.#end();
  }

  /** How long what is under way on the targets has to end after `stop`. */
  get shutdownTimeoutMs(): number {
    return this.#project.config.daemon.shutdownTimeoutMs;
  }

  async #reload(): Promise<void> {
    if (this.#stopping.signal.aborted) throw new SourceError('cannot reload: the daemon is about to end');
    const before = this.#project;
    let isLeft = false;
    clearTimeout(this.#nextLook);
    try {
      const config = await this.#options.load(this.#stopping.signal);
      if (isDeepStrictEqual(config, before.config)) {
        this.#configError = null;
        before.release();
        void before.takeUpCode().catch(() => undefined); // how it goes is told as of any other cycle
        return;
      }
      const lines = await this.#linesFor(config, before);
      this.#configError = null;
      isLeft = true;
      await before.stop();
      this.#leave(before.ended());
      this.#project = this.#makeProject(config, lines, before.legacy);
    } catch (error) {
      if (this.#stopping.signal.aborted) throw error;
      if (isLeft) {
        this.#giveUp(error); // there is none to stay in force
        throw error;
      }
      const reason = reasonOf(error);
      const isNew = reason !== this.#configError;
      this.#configError = reason; // whoever is told finds it in the status
      if (isNew) this.#warn(`the old configuration stays in force: ${reason}`);
      this.#lookAgain();
      throw error;
    } finally {
      this.#changed();
    }
    if (this.#isPaused) this.#project.pause();
    this.#project.release();
    try {
      await this.#project.start();
    } catch (error) {
      this.#giveUp(error); // whoever started it may start it again
      throw error;
    }
  }

  /** What is missing may come where nobody watches: a module that the project's settings ask for, a secret. */
  #lookAgain(): void {
    this.#nextLook = setTimeout(() => void this.reload().catch(() => undefined), this.#project.config.watch.sweepMs);
  }

  /** Nobody waits for it but the end of the process. */
  #leave(work: Promise<unknown>): void {
    this.#leaving.add(work);
    const forget = (): unknown => this.#leaving.delete(work);
    void work.then(forget, forget);
  }

  /** The configuration, or what it comes from, may have changed after it was read and before anybody listened. */
  async #lookOnceMore(): Promise<void> {
    this.#isLookDue = true;
    if (this.#isLooking) return;
    this.#isLooking = true;
    for (let looks = 0; this.#isLookDue && looks < MOST_LOOKS; looks++) {
      this.#isLookDue = false;
      await this.takeUpConfig().catch(() => undefined); // it has been said
    }
    this.#isLooking = false;
  }

  /** Lines of targets that stay as they are go on as they are; others end their cycle, and whoever takes their place waits for that. */
  async #linesFor(config: Config, { config: before, lines }: Project): Promise<TargetLine[]> {
    const isKept = (target: TargetConfig): boolean =>
      config.site === before.site && before.targets.some((each) => isDeepStrictEqual(each, target));
    const kept = new Map(lines.map((line) => [line.job.name, line]));
    const wanted = chooseTargets(config, []);
    const jobs = await makeJobs(
      this.#options,
      config,
      wanted.filter((target) => !isKept(target)),
      this.#abandoning.signal,
      (text) => this.#warn(text),
    );
    const fresh = new Map(jobs.map((job) => [job.name, job]));
    const stays = new Set(wanted.flatMap(({ name }) => (fresh.has(name) ? [] : [name])));
    const gone = lines.filter(({ job }) => !stays.has(job.name));
    const closing = gone.map((line) => ({ job: line.job, closed: this.#closeLine(line) }));
    for (const { closed } of closing) this.#leave(closed);
    const formerOf = ({ name, url }: TargetJob): Promise<unknown> =>
      Promise.all(closing.filter(({ job }) => job.name === name || job.url === url).map(({ closed }) => closed));
    return wanted.flatMap(({ name }) => {
      const job = fresh.get(name);
      const line = job === undefined ? kept.get(name) : this.#makeLine(job, formerOf(job));
      return line === undefined ? [] : [line];
    });
  }

  #makeProject(config: Config, lines: readonly TargetLine[], former?: Legacy): Project {
    const hooks: ProjectHooks = {
      version: this.#options.version,
      signal: this.#stopping.signal,
      env: this.#options.env,
      onChange: () => this.#changed(),
      onCycle: (cycle, published) => this.#take(cycle, published),
      onWarning: (text) => this.#warn(text),
      onConfig: () => void this.reload().catch(() => undefined), // it has been said
      onSign: () => void this.#lookOnceMore(),
      onWatched: () => void this.#lookOnceMore(),
    };
    return new Project(config, lines, this.#options.state, hooks, former);
  }

  /** `former`: whoever writes to the target until then. */
  #makeLine(job: TargetJob, former?: Promise<unknown>): TargetLine {
    return new TargetLine(job, {
      former,
      options: () => ({
        ...cycleOptions(this.#project.config),
        sign: (files, folder) => this.#project.sign(files, folder),
      }),
      signal: this.#abandoning.signal,
      latest: () => this.#project.snapshot,
      mayRemove: () => this.#project.mayRemove,
      now: Date.now,
      chance: Math.random,
      onEvent: (event) => this.#tell({ kind: 'progress', event }),
      onChange: () => this.#changed(),
      onCaughtUp: (ending, line, cause) => this.#project.caughtUp(ending, line, cause),
    });
  }

  #take(cycle: Cycle, published: Publication | undefined): void {
    const report = { ...cycle, id: ++this.#lastId };
    this.#cycles = [forHistory(report), ...this.#cycles].slice(0, KEPT_CYCLES);
    this.#tell({ kind: 'cycle', cycle: report });
    this.#tellHook(published);
  }

  /** And tells the hook what its broken-off cycles may have published: no later cycle of this process will. */
  async #closeLine(line: TargetLine): Promise<void> {
    await line.close();
    this.#tellHook(line.untold);
  }

  #tellHook(published: Publication | undefined): void {
    if (published !== undefined && this.#project.config.hooks.after !== undefined) this.#hooks.after(published);
  }

  /** Whether it has been told. */
  async #runHook({ paths, targets }: Publication): Promise<boolean> {
    const { config } = this.#project;
    const { after, timeoutMs } = config.hooks;
    if (after === undefined) return true;
    const { failure, warning } = await runHook(after, {
      paths,
      cwd: config.folder,
      env: hookEnv(config, targets, this.#options.env),
      timeoutMs,
      signal: this.#abandoning.signal,
    });
    for (const text of [warning, failure]) if (text !== undefined) this.#warn(text);
    return failure === undefined;
  }

  /** What is under way on the targets has its time to end; what takes longer is broken off, and the next run goes on there. */
  async #close(): Promise<void> {
    this.#stopping.abort();
    const late = setTimeout(() => this.#abandoning.abort(), this.shutdownTimeoutMs);
    await this.#reloading.catch(() => undefined);
    clearTimeout(this.#nextLook);
    await this.#project.stop();
    await Promise.all([...this.#project.lines.map((line) => this.#closeLine(line)), ...this.#leaving]);
    await this.#project.ended();
    await this.#hooks.end();
    clearTimeout(late);
  }

  #warn(text: string): void {
    this.#tell({ kind: 'warning', text });
  }

  #changed(): void {
    this.#tell({ kind: 'changed' });
  }

  #tell(event: DaemonEvent): void {
    for (const listener of this.#listeners) listener(event);
  }
}

/** What is kept is seen by a person: the first of many problems say what there is to say. */
function forHistory(cycle: CycleReport): CycleReport {
  const { collect, targets } = cycle;
  return {
    ...cycle,
    collect: { ...collect, problems: collect.problems.slice(0, KEPT_PROBLEMS) },
    targets: targets.map((target) => ({ ...target, problems: target.problems.slice(0, KEPT_PROBLEMS) })),
  };
}

function makeJobs(
  { state, env }: DaemonOptions,
  config: Config,
  targets: readonly TargetConfig[],
  signal: AbortSignal,
  onWarning: (text: string) => void,
): Promise<TargetJob[]> {
  const means = { state, env, envForOthers: envForOthers(config, env), signal, onWarning };
  return jobsOf(targets, { deletion: 'delete', guards: 'heed' }, means);
}
