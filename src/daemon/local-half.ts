/**
 * LocalHalf: STATIC_ROOT kept equal to its sources in a process that lasts, and what is known of it.
 *
 * A change is collected by place, in a thread that is kept. All of it is collected in a thread of its own, whose memory goes
 * with it. Runs that write follow one another.
 */
import { type LocalHooks, type LocalRun, LocalThread, type LocalWork, wholeOf } from '../collect/in-thread.js';
import type { Config } from '../config/schema.js';
import { diff } from '../core/diff.js';
import { covers, entriesIn, type Places, partOf, replaceIn } from '../core/places.js';
import type { RelPath } from '../core/relpath.js';
import { type Entry, findEntry, type Snapshot, sameContent } from '../core/snapshot.js';
import { emptyIndex } from '../core/target-index.js';
import { type FollowedLink, type Root, touchedPlaces } from '../core/touched.js';
import { workOf } from '../cycle/local-work.js';
import { type ChangeReport, type CollectReport, changeReport } from '../cycle/report.js';
import type { Problem } from '../errors.js';
import type { StateFolder } from '../fs/state.js';

/** What a collect brought. */
export interface Collection {
  readonly snapshot: Snapshot;
  /** Where it may be different now. */
  readonly places: Places | 'all';
  readonly changes: readonly ChangeReport[];
  readonly report: CollectReport;
  /** What was read for it. */
  readonly contents: LocalRun['contents'] | undefined;
}

export interface CollectAllOptions {
  readonly force: boolean;
  readonly reread: boolean;
}

type Marks = Awaited<ReturnType<LocalThread['sweep']>>['marks'];
type Result = Awaited<ReturnType<typeof wholeOf>>;

export class LocalHalf {
  readonly #config: Config;
  readonly #statePath: string;
  readonly #hooks: LocalHooks;
  readonly #roots: readonly Root[];
  readonly #thread = new LocalThread();
  #snapshot: Snapshot = { entries: [], problems: [] };
  #foreign: readonly RelPath[] = [];
  #folders: readonly string[] = [];
  #links: readonly FollowedLink[] = [];
  #problems: readonly Problem[] = [];
  #marks: Marks | undefined;
  /** The last run that writes. */
  #last: Promise<unknown> = Promise.resolve();
  #turns = 0;

  constructor(config: Config, state: StateFolder, hooks: LocalHooks) {
    this.#config = config;
    this.#statePath = state.path;
    this.#hooks = hooks;
    const { root, storage } = config.static;
    const sources = storage === 'none' ? [] : config.source.dirs;
    this.#roots = [...sources, { path: root, prefix: '' }];
  }

  get snapshot(): Snapshot {
    return this.#snapshot;
  }

  get isBusy(): boolean {
    return this.#turns > 0;
  }

  /** What was met when it was collected. */
  get problems(): readonly Problem[] {
    return this.#problems;
  }

  /** The absolute folders whose content it is made of, and STATIC_ROOT. */
  get folders(): string[] {
    return this.#roots.map(({ path }) => path);
  }

  /** Links in the sources that lead elsewhere, by where they lead. */
  get links(): readonly FollowedLink[] {
    return this.#links;
  }

  /** Rejects as `collect` and `scanOnly` do. */
  collectAll({ force, reread }: CollectAllOptions): Promise<Collection> {
    return this.#inTurn(async () => {
      const started = performance.now();
      const thread = new LocalThread();
      try {
        const result = await wholeOf(
          thread.run(this.#work('write'), this.#settings({ force, reread, contents: 'drop' }), this.#hooks),
        );
        const before = this.#snapshot;
        this.#snapshot = result.snapshot;
        this.#take(result, undefined);
        return this.#collection(result, 'all', before, started, undefined);
      } finally {
        await thread.end();
      }
    });
  }

  /** Collects what is published from these absolute places. Rejects as `collectAll` does. */
  async collect(touched: readonly string[]): Promise<Collection> {
    const collected = await this.#inTurn(() => this.#collectPlaces(touched));
    return collected ?? this.collectAll({ force: false, reread: false });
  }

  /**
   * What collecting these places would bring that is not there now, with its contents, and nothing is written. Undefined
   * where there is nothing, or it cannot be foreseen.
   */
  async foresee(
    touched: readonly string[],
  ): Promise<{ entries: readonly Entry[]; contents: LocalRun['contents'] } | undefined> {
    const places = touchedPlaces(this.#roots, this.#links, touched);
    if (places === 'all') return undefined;
    const known = this.#known(places);
    const { result, contents } = this.#thread.run(
      { ...this.#work('dry-run'), part: { places, known } },
      this.#settings({ force: false, reread: false, contents: 'keep' }),
      { signal: this.#hooks.signal },
    );
    const foreseen = await result.catch(() => undefined); // whoever collects will hear of it
    const entries = foreseen?.snapshot.entries.filter((entry) => !this.#holds(entry)) ?? [];
    return entries.length === 0 ? undefined : { entries, contents };
  }

  /** The places that may have changed since the last sweep; none the first time. */
  async sweep(): Promise<{ readonly touched: readonly string[]; readonly costMs: number }> {
    const started = performance.now();
    const thread = new LocalThread();
    try {
      const { storage } = this.#config.static;
      const ignore = storage === 'none' ? [] : this.#config.source.ignore;
      const { marks, touched } = await thread.sweep(
        { kind: 'sweep', folders: this.folders, ignore, before: this.#marks },
        { signal: this.#hooks.signal },
      );
      this.#marks = marks;
      return { touched, costMs: performance.now() - started };
    } finally {
      await thread.end();
    }
  }

  async end(): Promise<void> {
    await this.#last;
    await this.#thread.end();
  }

  async #collectPlaces(touched: readonly string[]): Promise<Collection | undefined> {
    const started = performance.now();
    const places = touchedPlaces(this.#roots, this.#links, touched);
    if (places === 'all') return undefined;
    const { result: running, contents } = this.#thread.run(
      { ...this.#work('write'), part: { places, known: this.#known(places) } },
      this.#settings({ force: false, reread: false, contents: 'keep' }),
      this.#hooks,
    );
    const result = await running;
    if (result === undefined) return undefined;
    const before = partOf(this.#snapshot, places);
    this.#snapshot = replaceIn(this.#snapshot, places, result.snapshot);
    this.#take(result, places);
    return this.#collection(result, places, before, started, contents);
  }

  #work(mode: 'write' | 'dry-run'): LocalWork {
    return workOf(this.#config, { collect: 'collect', mode });
  }

  #settings({ force, reread, contents }: CollectAllOptions & { readonly contents: 'keep' | 'drop' }) {
    return {
      statePath: this.#statePath,
      force: force ? ('past-guards' as const) : undefined,
      reread: reread ? ('all' as const) : undefined,
      contents,
    };
  }

  #holds(entry: Entry): boolean {
    const there = findEntry(this.#snapshot.entries, entry.path);
    return there !== undefined && sameContent(there, entry);
  }

  #known(places: Places) {
    const foreign = this.#foreign.filter((path) => covers(places, path));
    return { entries: entriesIn(this.#snapshot.entries, places), foreign, folders: this.#folders };
  }

  /** Takes over what was learnt: of `places`, or of all. */
  #take({ ownership, links, problems }: Result, places: Places | undefined): void {
    const isElsewhere = (path: string): boolean => places !== undefined && !covers(places, path);
    this.#foreign = [...this.#foreign.filter(isElsewhere), ...ownership.foreign];
    this.#links = [...this.#links.filter(({ path }) => isElsewhere(path)), ...links];
    this.#problems = [...this.#problems.filter(({ path }) => isElsewhere(path)), ...problems];
    this.#folders = ownership.folders;
  }

  /** `before` is what was known of the same places. */
  #collection(
    { snapshot, copied, removed, problems }: Result,
    places: Places | 'all',
    before: Snapshot,
    started: number,
    contents: LocalRun['contents'] | undefined,
  ): Collection {
    const changes = diff({ ...emptyIndex(''), entries: before.entries }, snapshot).map(changeReport);
    const durationMs = Math.round(performance.now() - started);
    const files = this.#snapshot.entries.length - this.#foreign.length;
    const report = { files, copied, removed, hashed: 0, durationMs, problems };
    return { snapshot: this.#snapshot, places, changes, report, contents };
  }

  #inTurn<T>(work: () => Promise<T>): Promise<T> {
    this.#turns++;
    const turn = this.#last.then(work).finally(() => this.#turns--);
    this.#last = turn.catch(() => undefined);
    return turn;
  }
}
