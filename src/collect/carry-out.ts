/**
 * carryOut: does to STATIC_ROOT what a plan says, and tells what was achieved.
 *
 * Whoever reads STATIC_ROOT meanwhile finds behind every name that the manifest holds the file that it means: the manifest
 * is replaced when all it names is there, and what only the old one named goes after that.
 */
import type { CollectPlan } from '../core/collect-plan.js';
import type { Entry } from '../core/entry.js';
import type { RelPath } from '../core/relpath.js';
import { FileError, type Problem } from '../errors.js';
import type { Pacer } from '../fs/pace.js';
import { type Digests, type Identified, renewed } from './identify.js';
import type { Content, Put, StaticRoot } from './static-root.js';
import { type Helper, PutFacts, type PutList, Together } from './thread/helper.js';
import { problemOf } from './trouble.js';

/** A file that is no plain copy: what it holds must be what its name says. */
export interface MadeFile {
  readonly entry: Entry;
  readonly content: Content;
}

export type WantedFile = Identified | MadeFile;

export type Plan = CollectPlan<WantedFile, Identified>;

/** What was achieved of a plan. */
export interface Done {
  /** What lies there now. */
  readonly put: ReadonlyMap<RelPath, Entry>;
  readonly removed: readonly RelPath[];
  /** What is to be removed, and was left: until all is put that could not be put now, or because it is not what was listed. */
  readonly putOff: readonly RelPath[];
  /** What could not be put. */
  readonly failed: readonly RelPath[];
  readonly problems: readonly Problem[];
}

export interface CarryOutOptions {
  /** The one of STATIC_ROOT. */
  readonly cache: Digests;
  readonly pacer: Pacer;
  /** Takes part where there is much to copy. */
  readonly helper?: Helper | undefined;
  /** Work that can be done while the helper copies. */
  readonly meanwhile?: (() => Promise<void>) | undefined;
  readonly onPut: (put: Put) => void;
  /** Called when all files of the plan are there, and before anything goes that is named no more. */
  readonly onAllPut?: (() => Promise<void>) | undefined;
}

/**
 * Does what `plan` says: what is in the way goes first, then files are put, then what vanished goes. What fails for one file is a
 * problem in the answer; rejects with a SourceError where nothing can be written at all, and with the reason of an abort.
 */
export async function carryOut(plan: Plan, root: StaticRoot, options: CarryOutOptions): Promise<Done> {
  const failed = plan.obstructed.map(({ path }) => path as RelPath); // the problem is told in the plan
  const work: Work = { root, ...options, put: new Map(), removed: [], putOff: [], failed, problems: [] };
  await removeAll(plan.clear, work);
  await putAll(plan.copy, work, options.meanwhile);
  const names = plan.seal !== undefined || options.onAllPut !== undefined;
  if (names && work.failed.length > 0) {
    if (plan.seal !== undefined) holdBack(plan.seal, work);
    for (const { entry } of plan.remove) work.putOff.push(entry.path); // what the old manifest names is still needed
    return work;
  }
  await putAll(plan.seal === undefined ? [] : [plan.seal], work);
  await options.onAllPut?.();
  await removeAll(plan.remove, work);
  return work;
}

/** What carrying out the plan would achieve if nothing went wrong. */
export function foresee({ clear, copy, seal, remove, obstructed }: Plan): Done {
  const isHeldBack = seal !== undefined && obstructed.length > 0;
  const put = seal === undefined || isHeldBack ? copy : [...copy, seal];
  return {
    put: new Map(put.map(({ entry }) => [entry.path, entry])),
    removed: [...clear, ...(isHeldBack ? [] : remove)].map(({ entry }) => entry.path),
    putOff: [],
    failed: [],
    problems: [],
  };
}

interface Work extends CarryOutOptions {
  readonly root: StaticRoot;
  readonly put: Map<RelPath, Entry>;
  readonly removed: RelPath[];
  readonly putOff: RelPath[];
  readonly failed: RelPath[];
  readonly problems: Problem[];
}

async function removeAll(
  files: readonly Identified[],
  { root, cache, pacer, removed, putOff, problems }: Work,
): Promise<void> {
  for (const { found } of files) {
    try {
      // Somebody has touched it since it was listed. Whether it is theirs now, its content will tell.
      if (!root.remove(found)) putOff.push(found.path);
      else {
        removed.push(found.path);
        cache.delete(found.path);
      }
    } catch (error) {
      problems.push(problemOf(found.path, 'collect', error));
    }
    if (pacer.isDue) await pacer.breathe();
  }
}

async function putAll(
  files: readonly WantedFile[],
  work: Work,
  meanwhile: () => Promise<void> = async () => undefined,
): Promise<void> {
  const copies = work.helper === undefined ? [] : files.filter(isCopy);
  const together = putTogether(copies, work);
  try {
    await meanwhile();
    for (const file of together === undefined ? files : files.filter((each) => !isCopy(each))) {
      await settle(file, work, () => putHere(file, work));
      if (work.pacer.isDue) await work.pacer.breathe();
    }
    if (together === undefined) return;
    for (const file of copies) {
      const byHelper = await together.next();
      await settle(file, work, async () => byHelper ?? putHere(file, work));
      if (work.pacer.isDue) await work.pacer.breathe();
    }
  } finally {
    await together?.end();
    // Where this was broken off, as much lies there as the helper came to.
    for (const put of together?.left() ?? []) note(put, work);
  }
}

function putHere(file: WantedFile, { root }: Work): Promise<Put> {
  return 'found' in file
    ? root.put({ file: file.found.file }, file.entry)
    : root.put(file.content, file.entry, 'exact');
}

/** Notes what comes of putting `file`. */
async function settle(file: WantedFile, work: Work, putIt: () => Promise<Put>): Promise<void> {
  const { path } = file.entry;
  try {
    note(await putIt(), work);
  } catch (error) {
    work.failed.push(path);
    work.problems.push(problemOf(path, 'collect', error));
  }
}

function note({ entry: { path, size, digest, mtime, mode }, mark }: Put, { cache, onPut, put }: Work): void {
  // Its stamp is worth nothing yet: the file is younger than a tick of the clock.
  const known = renewed(cache.get(path), { stamp: '', digest, mtime });
  cache.set(path, known);
  const lasting = { path, size, digest, mtime: known.mtime, mode };
  put.set(path, lasting);
  onPut({ entry: lasting, mark });
}

type Copy = Identified | (MadeFile & { readonly content: { readonly file: string } });

function isCopy(file: WantedFile): file is Copy {
  return 'found' in file || 'file' in file.content;
}

/** Undefined where nobody helps, or it does not pay. */
function putTogether(copies: readonly Copy[], { helper, root }: Work): Together<Copy, Put> | undefined {
  return Together.begin(helper, copies, (files, turn) => {
    const memory = PutFacts.memoryFor(files.length);
    const facts = new PutFacts(memory);
    const paths = files.map(({ entry }) => entry.path);
    const list: PutList = {
      kind: 'put',
      ...root.settings,
      fresh: root.makeFolders(paths),
      sources: files.map((file) => ('found' in file ? file.found.file : file.content.file)),
      paths,
      sizes: files.map(({ entry }) => entry.size),
      digests: files.map(({ entry }) => entry.digest),
      turn,
      facts: memory,
    };
    return { list, madeOf: (at) => facts.get(at, (files[at] as Copy).entry) };
  });
}

function holdBack({ entry: { path } }: WantedFile, { failed, problems }: Work): void {
  const [first] = failed;
  const reason = `it is not replaced, because it would name ${first}, which could not be written`;
  failed.push(path);
  problems.push(problemOf(path, 'collect', new FileError('HELD_BACK', reason)));
}
