/**
 * stage: brings the content of a plan to the target, into the control area, where no reader sees it.
 *
 * A staged file is named by its digest, inside a folder of this run. What an interrupted run staged completely (its
 * size and mtime are set last, so they tell) is taken over by renaming it into this run's folder; the rest of it is
 * removed. So a push that broke off goes on where it was, and two runs never write to one name.
 */
import type { Plan, Step } from '../core/plan.js';
import { uploadsOf } from '../core/plan.js';
import { CONTROL, join, nameOf, type RelPath } from '../core/relpath.js';
import type { Digest, Entry } from '../core/snapshot.js';
import type { Problem } from '../errors.js';
import { TargetError } from '../errors.js';
import type { RemoteFile, Target } from '../targets/target.js';
import { allOf, inParallel } from './in-parallel.js';
import type { Throttle } from './throttle.js';
import { problemOf } from './trouble.js';
import { bodyOf, SMALL_BYTES } from './upload.js';

const STAGE = join(CONTROL, 'stage' as RelPath);
const PRIVATE = 0o700;
const LEAST_IN_FLIGHT = 64;
const MOST_IN_FLIGHT = 2048;
// A file waits for two round trips, and about 15 of them leave in a millisecond; some more keep the line full while the
// replies to a burst are worked off.
const FILES_PER_MS = 40;
const BYTES_IN_FLIGHT = 24 * 1024 * 1024; // enough for 100 MB/s at 200 ms
const LARGE_IN_FLIGHT = 4 * 1024 * 1024; // what one long file has on its way, whatever its size

export type Upload = Extract<Step, { kind: 'upload' }>;

export interface StageOptions {
  /** The absolute file for a path of the plan. */
  readonly fileOf: (path: RelPath) => string;
  /** Content that is in memory already. */
  readonly contentOf?: ((digest: Digest) => Uint8Array | undefined) | undefined;
  /** A name for this run that no other run has. */
  readonly run: string;
  readonly concurrency: number | 'auto';
  readonly throttle: Throttle;
  readonly signal?: AbortSignal | undefined;
  readonly onFile?: (entry: Entry, sentBytes: number) => void;
}

export interface Staged {
  /** Where the content of an upload waits; undefined if it could not be staged. */
  readonly placeOf: (step: Upload) => RelPath | undefined;
  /** The uploads that could not be staged. */
  readonly problems: ReadonlyMap<RelPath, Problem>;
  readonly sentBytes: number;
  /** Removes what this run staged and did not publish, and what earlier runs left. */
  readonly tidy: (published: ReadonlySet<RelPath>) => Promise<void>;
}

/** How many files may be under way at once so that neither the line nor the server waits. */
function filesInFlight(roundTripMs: number): number {
  return Math.min(MOST_IN_FLIGHT, Math.round(LEAST_IN_FLIGHT + FILES_PER_MS * roundTripMs));
}

/** `control` is what lies in the control area, which is there. */
export async function stage(
  plan: Plan,
  target: Target,
  control: readonly RemoteFile[],
  options: StageOptions,
): Promise<Staged> {
  const uploads = uploadsOf(plan);
  const folder = join(STAGE, options.run as RelPath);
  await allOf([target.makeFolder(STAGE, PRIVATE), target.makeFolder(folder, PRIVATE)]);
  const leftovers = leftoversIn(control, folder);
  await makeRoom(target, leftovers, uploads);
  // Numbers, not names: with a hundred thousand files the names alone would be some ten megabytes.
  const numbers = new Map<RelPath, number>();
  const problems = new Map<RelPath, Problem>();
  let sentBytes = 0;
  let full: Problem | undefined;

  const space = new ByteBudget(BYTES_IN_FLIGHT);
  await inParallel(uploads.entries(), inFlight(options, target), async ([i, upload]) => {
    options.signal?.throwIfAborted();
    const { path, entry } = upload;
    const cost = entry.size <= SMALL_BYTES ? entry.size : LARGE_IN_FLIGHT;
    await space.take(cost);
    try {
      if (full !== undefined) problems.set(path, { ...full, path });
      else await stageOne(upload, i);
    } catch (error) {
      const problem = problemOf(path, 'stage', error);
      problems.set(path, problem);
      if (problem.code === 'NO_SPACE' || problem.code === 'READ_ONLY') full = problem;
    } finally {
      space.give(cost);
    }
  });
  return { placeOf, problems, sentBytes, tidy: (published) => tidy(target, folder, unpublished(published), leftovers) };

  async function stageOne({ path, entry }: Upload, number: number): Promise<void> {
    const place = placeFor(entry, number);
    const isThere = leftovers.byDigest.size > 0 && (await takeOver(target, leftovers, entry, place));
    if (!isThere) {
      await options.throttle.take(entry.size, options.signal);
      const content = options.contentOf?.(entry.digest);
      await target.write(place, content === undefined ? bodyOf(options.fileOf(path), entry) : () => content, entry);
      sentBytes += entry.size;
    }
    numbers.set(path, number);
    options.onFile?.(entry, isThere ? 0 : entry.size);
  }

  function placeOf({ path, entry }: Upload): RelPath | undefined {
    const number = numbers.get(path);
    return number === undefined ? undefined : placeFor(entry, number);
  }

  function placeFor({ digest }: Entry, number: number): RelPath {
    return join(folder, `${digest}.${number}` as RelPath);
  }

  function unpublished(published: ReadonlySet<RelPath>): RelPath[] {
    const left = uploads.filter(({ path }) => !published.has(path));
    return left.map(placeOf).filter((place) => place !== undefined);
  }
}

/** What earlier runs left: files by the digest in their name, all of it to be removed in the end. */
interface Leftovers {
  readonly byDigest: Map<string, RemoteFile[]>;
  readonly folders: readonly RelPath[];
}

function leftoversIn(control: readonly RemoteFile[], own: RelPath): Leftovers {
  const byDigest = new Map<string, RemoteFile[]>();
  const folders: RelPath[] = [];
  for (const found of control) {
    if (!found.path.startsWith(`${STAGE}/`) || found.path === own) continue;
    if (found.kind === 'folder') folders.push(found.path);
    else {
      const digest = nameOf(found.path).split('.')[0] ?? '';
      byDigest.set(digest, [...(byDigest.get(digest) ?? []), found]);
    }
  }
  return { byDigest, folders };
}

/** Removes at once what no upload can use. After a disk that was full, it may be what fills it. */
async function makeRoom(target: Target, { byDigest }: Leftovers, uploads: readonly Upload[]): Promise<void> {
  if (byDigest.size === 0) return;
  const wanted = new Set(uploads.map(({ entry }) => entry.digest));
  const useless = [...byDigest].filter(([digest]) => !wanted.has(digest));
  await Promise.all(useless.flatMap(([, files]) => files.map(({ path }) => target.remove(path))));
  for (const [digest] of useless) byDigest.delete(digest);
}

async function takeOver(target: Target, leftovers: Leftovers, entry: Entry, place: RelPath): Promise<boolean> {
  const files = leftovers.byDigest.get(entry.digest);
  const at = files?.findIndex((file) => file.size === entry.size && file.mtime === entry.mtime) ?? -1;
  const [file] = at < 0 ? [] : (files?.splice(at, 1) ?? []);
  if (file === undefined) return false;
  try {
    await target.rename(file.path, place);
    return true;
  } catch (error) {
    // Another run was quicker.
    if (error instanceof TargetError && error.kind === 'not-found') return false;
    throw error;
  }
}

async function tidy(target: Target, folder: RelPath, files: readonly RelPath[], leftovers: Leftovers): Promise<void> {
  const left = [...leftovers.byDigest.values()].flat().map((file) => file.path);
  await Promise.all([...files, ...left].map((path) => target.remove(path)));
  const folders = [folder, ...leftovers.folders].sort((a, b) => b.length - a.length);
  for (const each of folders) await target.removeFolder(each);
}

function inFlight(options: StageOptions, target: Target): number {
  return options.concurrency === 'auto' ? filesInFlight(target.capabilities.roundTripMs) : options.concurrency;
}

/** How many bytes may lie in memory at once. What is more than all of it is let through alone. */
class ByteBudget {
  readonly #all: number;
  readonly #waiting: { readonly bytes: number; readonly admit: () => void }[] = [];
  #taken = 0;

  constructor(bytes: number) {
    this.#all = bytes;
  }

  /** Resolves in the order of the calls. */
  take(bytes: number): Promise<void> | undefined {
    if (this.#waiting.length === 0 && this.#fits(bytes)) {
      this.#taken += bytes;
      return undefined;
    }
    return new Promise((admit) => this.#waiting.push({ bytes, admit }));
  }

  give(bytes: number): void {
    this.#taken -= bytes;
    for (let next = this.#waiting[0]; next !== undefined && this.#fits(next.bytes); next = this.#waiting[0]) {
      this.#taken += next.bytes;
      this.#waiting.shift();
      next.admit();
    }
  }

  #fits(bytes: number): boolean {
    return this.#taken === 0 || this.#taken + bytes <= this.#all;
  }
}
