/**
 * The thread of the local half: collects or scans, and tells the thread that asked. `in-thread.ts` is its other end.
 *
 * Reading and hashing ten thousand files keeps a processor busy for as long as a connection takes to be made. Here it
 * happens beside that, and never keeps the connection waiting.
 */
import { parentPort } from 'node:worker_threads';
import type { Memory } from '../../core/collected-codec.js';
import type { Places } from '../../core/places.js';
import { sortedPaths } from '../../core/sorted-paths.js';
import { Pacer } from '../../fs/pace.js';
import { StateFolder } from '../../fs/state.js';
import { keepHeapSmall } from '../../heap.js';
import { reasonOf } from '../../system-error.js';
import { type Collected, type CollectOptions, collect } from '../collect.js';
import { collectPlaces, scanPlaces } from '../collect-places.js';
import { collectStaged, type MakeStatic } from '../collect-staged.js';
import { DigestCache } from '../digest-cache.js';
import { HashedSite } from '../hashed/hashed-site.js';
import type { StoredHashedSite } from '../hashed/stored-site.js';
import { recall } from '../memory.js';
import type { CollectProject } from '../project.js';
import type { RunOptions } from '../run-options.js';
import { scanOnly } from '../scan-only.js';
import { sign } from '../sign.js';
import { recallSite } from '../since/checkpoint.js';
import { collectHashedSince, collectPlainSince } from '../since/collect-since.js';
import { nameGone, type Went } from '../since/gone.js';
import { lookSince } from '../since/look-since.js';
import { countKey } from '../sources.js';
import { type Changes, placesIn, sweep } from '../sweep.js';
import { ContentPacker } from './contents.js';
import { EntrySender } from './entry-sender.js';
import type { Helper, SharedList } from './helper.js';
import type {
  LocalSummary,
  LocalTask,
  LocalWork,
  LookWork,
  NameWork,
  Part,
  PartSince,
  ThreadMessage,
  ThreadRequest,
} from './protocol.js';

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
      onKnown: (files) => entries.know(files),
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
  if (task.kind === 'look') return { kind: 'looked', changes: await look(task, options) };
  if (task.kind === 'name') return { kind: 'named', went: await whatWent(task, options) };
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
/** What it collected, where that was needed to name what is gone. */
let remembered: Memory | undefined;

async function look(task: LookWork, options: RunOptions): Promise<Changes> {
  recalled = remembered = undefined;
  const changes = await lookSince(task, new Pacer(options));
  if (task.recall !== undefined && placesIn(changes).length > 0) {
    recalled = recallSite(task.recall, options.checkpoint ?? '', options.state);
    recalled.catch(() => undefined); // whoever wants it hears of it
  }
  return changes;
}

async function whatWent({ gone, trees, by, noted }: NameWork, options: RunOptions): Promise<Went | undefined> {
  if (by.kind === 'root') {
    const known = await DigestCache.pathsIn(options.state, 'root', by.seal);
    return known && nameGone(gone, trees, known, []);
  }
  const memory = await recall(options.state);
  const counted = trees.map((tree) => ({ ...tree, had: memory.sources.get(countKey(tree)) }));
  const went = nameGone(gone, counted, sortedPaths(memory.files.keys()), noted);
  remembered = went && memory; // else all is looked at, which recalls it anew
  return went;
}

/** Undefined where all is to be collected. */
async function collectSince(project: CollectProject, { touched, moved }: PartSince, options: CollectOptions) {
  const memory = async (): Promise<Memory> => {
    const known = remembered;
    remembered = undefined;
    return known ?? recall(options.state);
  };
  if (project.manifest === undefined) return collectPlainSince(project, { touched, moved }, await memory(), options);
  const site = await (recalled ?? recallSite(project, options.checkpoint ?? '', options.state));
  return site && collectHashedSince(project, touched, { site, memory }, options);
}

/** The site that this thread keeps in mind, and what it was loaded for. */
let kept: { readonly key: string; readonly site: Promise<HashedSite | undefined> } | undefined;

function siteOf(project: CollectProject, { epoch }: Part, options: RunOptions): Promise<HashedSite | undefined> {
  const key = JSON.stringify([project, epoch]);
  if (kept?.key !== key) kept = { key, site: HashedSite.load(project, options, new Pacer(options)) };
  const { site } = kept;
  site.catch(() => {
    if (kept?.site === site) kept = undefined; // the next one who asks tries again
  });
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
