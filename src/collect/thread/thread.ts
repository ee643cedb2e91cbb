/**
 * The thread of the local half: collects or scans, and tells the thread that asked. `in-thread.ts` is its other end.
 *
 * Reading and hashing ten thousand files keeps a processor busy for as long as a connection takes to be made. Here it
 * happens beside that, and never keeps the connection waiting.
 */
import { type MessagePort, parentPort } from 'node:worker_threads';
import type { ToSign } from '../../core/delta/signature.js';
import type { Trouble } from '../../core/manifest/trouble.js';
import { covers, type Places } from '../../core/places.js';
import { comparePaths, isBelowOneOf, isWithin, type RelPath } from '../../core/relpath.js';
import type { Entry } from '../../core/snapshot.js';
import { type FollowedLink, touchedPlaces } from '../../core/touched.js';
import type { DjangoProject } from '../../django/run-collectstatic.js';
import { type Problem } from '../../errors.js';
import { Pacer } from '../../fs/pace.js';
import { StateFolder } from '../../fs/state.js';
import { keepHeapSmall } from '../../heap.js';
import { reasonOf } from '../../system-error.js';
import { type Collected, type CollectOptions, collect, type Ownership } from '../collect.js';
import { collectPlaces, type KnownPlaces, scanPlaces } from '../collect-places.js';
import { collectStaged, type MakeStatic, type StagedProject } from '../collect-staged.js';
import { HashedSite } from '../hashed/hashed-site.js';
import { warningsOf } from '../hashed/post-process.js';
import type { StoredHashedSite } from '../hashed/stored-site.js';
import type { Progress } from '../identify.js';
import { seenAt } from '../marks.js';
import { recall } from '../memory.js';
import { type CollectProject, rootsOf } from '../project.js';
import type { RunOptions } from '../run-options.js';
import { scanOnly } from '../scan-only.js';
import { sign } from '../sign.js';
import { recallSite } from '../since/checkpoint.js';
import { type LookSince, lookSince } from '../since/look-since.js';
import { type Marks, type Swept, sweep } from '../sweep.js';
import { ContentPacker, type Slab } from './contents.js';
import { EntrySender } from './entry-sender.js';
import type { Helper, SharedList } from './helper.js';

/** What to do: fill STATIC_ROOT from the sources, or take it as it is; all of it, or some places. Or look what changed. */
export type LocalWork = { readonly mode: 'write' | 'dry-run' } & (
  | { readonly kind: 'collect'; readonly project: CollectProject; readonly part?: Part | Since }
  | { readonly kind: 'scan'; readonly root: string; readonly part?: PartToScan; readonly filledBy?: 'us' | undefined }
  /** Fill it from what the project's own collectstatic makes: always all of it. */
  | { readonly kind: 'collectstatic'; readonly project: StagedProject; readonly django: DjangoProject }
);

/** The absolute places that have changed since the checkpoint that a run before left. */
export interface Since {
  readonly touched: readonly string[];
}

/** What has changed since a run before took marks? */
export interface LookWork extends LookSince {
  readonly kind: 'look';
  /** Whose checkpoint will be wanted. */
  readonly recall?: CollectProject;
}

/** Places, and what is known of them. */
export interface Part {
  readonly places: Places;
  readonly known: KnownPlaces;
  /** Another one each time that all was collected elsewhere: what is kept in mind here does not hold any more. */
  readonly epoch: number;
}

/** It need not be known what lay there. */
export interface PartToScan extends Omit<Part, 'known'> {
  readonly known: KnownPlaces | undefined;
}

/** Signatures to be made in `folder`. */
export interface SignWork {
  readonly kind: 'sign';
  readonly files: readonly ToSign[];
  readonly folder: string;
}

export interface SweepWork {
  readonly kind: 'sweep';
  readonly folders: readonly string[];
  readonly ignore: readonly string[];
  readonly before: Marks | undefined;
}

export interface LocalSettings extends Pick<RunOptions, 'force' | 'reread' | 'checkpoint' | 'baseline'> {
  readonly statePath: string;
  /** Whether what was read is sent along, for those who will send it on. */
  readonly contents: 'keep' | 'drop';
  /** Whether anybody wants to know what is in STATIC_ROOT. Default: keep. */
  readonly snapshot?: 'keep' | 'drop';
  /** For a run after which the process ends: a big tree is to take less memory rather than less time. */
  readonly heap?: 'small' | undefined;
  /** Whether the thread that asks takes part where there is much to do. */
  readonly helper?: 'asker' | undefined;
}

/** A message to the thread: what to do, and where to tell of it. */
export interface LocalTask {
  readonly work: LocalWork | SweepWork | LookWork | SignWork;
  readonly settings: LocalSettings;
  readonly port: MessagePort;
}

/** What it may be told at that port while it works. */
export type ThreadRequest =
  | { readonly kind: 'abort' }
  /** The list that it was asked to help with first is all taken. */
  | { readonly kind: 'helped' }
  /** What was in this slab is of no more use. */
  | { readonly kind: 'freed'; readonly bytes: ArrayBuffer };

/** What is done, but for the entries, which went ahead. */
export interface LocalSummary {
  readonly files: number;
  /** Plain copies, and hashed ones. */
  readonly copied: number;
  readonly hashed: number;
  readonly removed: number;
  /** What is to be removed, and was left for now. */
  readonly putOff: number;
  /** Of a part: the places that it is about, if they are more than was asked for. */
  readonly places: Places | undefined;
  /** The paths that a dry run would copy or remove. */
  readonly due: readonly RelPath[];
  /** Of the snapshot: the paths whose state is unknown. */
  readonly unknown: readonly Problem[];
  /** All that were met. */
  readonly problems: readonly Problem[];
  readonly ownership: Ownership;
  /** The id of the one that was left. */
  readonly baseline: string | undefined;
  readonly links: readonly FollowedLink[];
}

export type ThreadMessage =
  /** It may take part in this list. */
  | { readonly kind: 'help'; readonly list: SharedList }
  | { readonly kind: 'progress'; readonly progress: Progress }
  | { readonly kind: 'warning'; readonly text: string }
  | { readonly kind: 'entries'; readonly entries: readonly Entry[]; readonly use: 'now' | 'later' }
  | { readonly kind: 'contents'; readonly slab: Slab }
  | { readonly kind: 'done'; readonly summary: LocalSummary }
  /** The part cannot be worked on by itself. */
  | { readonly kind: 'declined' }
  | { readonly kind: 'swept'; readonly swept: Swept }
  | { readonly kind: 'looked'; readonly touched: readonly string[] }
  | { readonly kind: 'signed' }
  | { readonly kind: 'failed'; readonly name: string; readonly message: string; readonly stack: string };

parentPort?.on('message', (task: LocalTask) => void work(task));

async function work({ work: task, settings, port }: LocalTask): Promise<void> {
  const say = (message: ThreadMessage): void => port.postMessage(message);
  const abort = new AbortController();
  const packer = new ContentPacker((slab) => port.postMessage({ kind: 'contents', slab }, [slab.bytes]));
  const asker = settings.helper && new Asker(say);
  port.on('message', (request: ThreadRequest) => {
    if (request.kind === 'abort') abort.abort();
    else if (request.kind === 'helped') asker?.hasHelped();
    else packer.refill(request.bytes);
  });
  try {
    const { statePath, contents, snapshot, heap, force, reread, checkpoint, baseline } = settings;
    const entries = new EntrySender(packer, (batch, use) => say({ kind: 'entries', entries: batch, use }));
    const options: RunOptions = {
      force,
      reread,
      checkpoint,
      baseline,
      state: new StateFolder(statePath),
      signal: abort.signal,
      helper: asker,
      keep: contents === 'keep' ? (digest, bytes) => packer.keep(digest, bytes) : undefined,
      onFound: (files) => {
        if (heap === 'small') keepHeapSmall(files);
        entries.expect(files);
      },
      onEntry: snapshot === 'drop' ? undefined : (entry) => entries.add(entry),
      onProgress: (progress) => say({ kind: 'progress', progress }),
      onWarning: (text) => say({ kind: 'warning', text }),
    };
    const message = await carryOut(task, options);
    entries.flush();
    say(message);
  } catch (error) {
    const { name = 'Error', stack = '' } = error instanceof Error ? error : {};
    say({ kind: 'failed', name, message: reasonOf(error), stack });
  } finally {
    port.close();
  }
}

async function carryOut(task: LocalTask['work'], options: RunOptions): Promise<ThreadMessage> {
  if (task.kind === 'sign') {
    await sign(task.files, task.folder, options);
    return { kind: 'signed' };
  }
  if (task.kind === 'look') return { kind: 'looked', touched: await look(task, options) };
  if (task.kind === 'sweep') {
    return { kind: 'swept', swept: await sweep(task.folders, task.ignore, task.before, new Pacer(options)) };
  }
  const summary = await summaryOf(task, options);
  return summary === undefined ? { kind: 'declined' } : { kind: 'done', summary };
}

async function summaryOf(task: LocalWork, options: RunOptions): Promise<LocalSummary | undefined> {
  switch (task.kind) {
    case 'scan':
      return scan(task, options);
    case 'collect':
      return collectAs(task, options);
    case 'collectstatic': {
      const { project, django, mode } = task;
      const { runCollectstatic } = await import('../../django/run-collectstatic.js');
      const make: MakeStatic = (folders) => runCollectstatic(django, folders, { signal: options.signal });
      return summarize(await collectStaged(project, make, { ...options, mode }), mode);
    }
  }
}

async function scan({ root, mode, part, filledBy }: Extract<LocalWork, { kind: 'scan' }>, options: RunOptions) {
  const whole = part === undefined ? await scanOnly(root, { ...options, mode, filledBy }) : undefined;
  const snapshot =
    part === undefined ? whole : await scanPlaces(root, part.places, part.known?.entries, { ...options, mode });
  if (snapshot === undefined) return undefined;
  const { problems } = snapshot;
  const nothing = {
    copied: 0,
    hashed: 0,
    removed: 0,
    putOff: 0,
    due: [],
    places: undefined,
    ownership: { foreign: [], folders: [] },
    links: [],
  };
  return {
    ...nothing,
    files: whole?.files ?? snapshot.entries.length,
    unknown: problems,
    problems,
    baseline: whole?.baseline,
  };
}

async function collectAs(task: Extract<LocalWork, { kind: 'collect' }>, options: RunOptions) {
  const collected = await collectPart(task, options);
  return collected && summarize(collected, task.mode, collected.places);
}

function summarize(collected: Collected, mode: LocalWork['mode'], places?: Places): LocalSummary {
  const { snapshot, files, copied, hashed, removed, putOff, problems, ownership, baseline, links } = collected;
  const done = { copied: copied.length, hashed: hashed.length, removed: removed.length, putOff: putOff.length };
  const due = mode === 'dry-run' ? [...copied, ...hashed, ...removed] : [];
  return { ...done, files, due, places, unknown: snapshot.problems, problems, ownership, baseline, links };
}

async function collectPart({ project, mode, part }: Extract<LocalWork, { kind: 'collect' }>, options: RunOptions) {
  if (part === undefined) return { ...(await collect(project, { ...options, mode })), places: undefined };
  if ('touched' in part) return collectSince(project, part, { ...options, mode });
  const site = await siteOf(project, part, options);
  return collectPlaces(project, part.places, part.known, { ...options, mode, site });
}

/** What a run before left, loaded while others still look, once it is known that something has changed. */
let recalled: Promise<StoredHashedSite | undefined> | undefined;

async function look(task: LookWork, options: RunOptions): Promise<string[]> {
  recalled = undefined;
  const touched = await lookSince(task, new Pacer(options));
  if (task.recall !== undefined && touched.length > 0) {
    recalled = recallSite(task.recall, options.checkpoint ?? '', options.state);
    recalled.catch(() => undefined); // whoever wants it hears of it
  }
  return touched;
}

/** Undefined where all is to be collected. */
async function collectSince(project: CollectProject, { touched }: Since, options: CollectOptions) {
  if (project.manifest === undefined) return collectPlainSince(project, touched, options);
  const site = await (recalled ?? recallSite(project, options.checkpoint ?? '', options.state));
  if (site === undefined) return undefined;
  const { foreign, links, left } = site.stored;
  // No mark tells that something of it is gone: it has none in the checkpoint. And a target may have missed any of it.
  const since = site.changedSince.map((path) => `${project.root}/${path}`);
  const places = touchedPlaces(rootsOf(project), links, [...touched, ...since]);
  if (places === 'all') return undefined;
  // Of a plain copy that is as it was put no more than its content is known.
  const entries = places.flatMap((path) => {
    const digest = site.plainAt(path);
    return digest === undefined ? [] : [{ path, digest, size: 0, mtime: 0, mode: 0 }];
  });
  const known = { entries, foreign, folders: [...site.folders] };
  const collected = await collectPlaces(project, places, known, { ...options, site });
  if (collected === undefined) return undefined;
  const isAsBefore = ({ path }: Trouble): boolean => !covers(collected.places, path);
  for (const warning of warningsOf(left.filter(isAsBefore))) options.onWarning?.(warning);
  return { ...collected, files: site.size };
}

/** Undefined where something that lies there was not put there as it is now known. */
async function collectPlainSince(project: CollectProject, touched: readonly string[], options: CollectOptions) {
  const places = touchedPlaces(rootsOf(project), [], touched);
  if (places === 'all') return undefined;
  const { files } = await recall(options.state);
  const others: ReadonlySet<string> = new Set(places.filter((place) => !files.has(place)));
  const all = [...files.keys()] as RelPath[];
  const below = others.size === 0 ? [] : all.filter((path) => isBelowOneOf(path, others));
  const isOurs = (place: RelPath): boolean => files.has(place) || below.some((path) => isWithin(path, place));
  if (!places.every((place) => isOurs(place) || isFree(`${project.root}/${place}`))) return undefined;
  const entries = [...places, ...below].toSorted(comparePaths).flatMap((path) => {
    const digest = files.get(path);
    return digest === undefined ? [] : [{ path, digest, size: 0, mtime: 0, mode: 0 }];
  });
  return collectPlaces(project, places, { entries, foreign: [], folders: [] }, options);
}

function isFree(place: string): boolean {
  const { stats, behind } = seenAt(place);
  return stats === undefined && behind === undefined;
}

/** The site that this thread keeps in mind, and what it was loaded for. */
let kept: { readonly key: string; readonly site: Promise<HashedSite | undefined> } | undefined;

function siteOf(project: CollectProject, { epoch }: Part, options: RunOptions): Promise<HashedSite | undefined> {
  const key = JSON.stringify([project, epoch]);
  if (kept?.key !== key) kept = { key, site: HashedSite.load(project, options, new Pacer(options)) };
  const { site } = kept;
  site.catch(() => (kept = undefined)); // the next one who asks tries again
  return site;
}

/** The thread that asked for the run, as a helper in it. */
class Asker implements Helper {
  readonly #say: (message: ThreadMessage) => void;
  /** Lists under way, in order. */
  readonly #waiting: (() => void)[] = [];

  constructor(say: (message: ThreadMessage) => void) {
    this.#say = say;
  }

  help(list: SharedList): Promise<void> {
    this.#say({ kind: 'help', list });
    return new Promise((resolve) => this.#waiting.push(resolve));
  }

  hasHelped(): void {
    this.#waiting.shift()?.();
  }
}
