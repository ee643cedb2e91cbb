/**
 * Staging: folders of ours that something else fills, in the place of STATIC_ROOT. They are kept from run to run, so that
 * what is there need not be made again.
 *
 * A run takes them under a name of its own and puts them back when all went well. So two runs never work in the same
 * folders, and what a run left that broke off is not worked with again: the next one begins with empty ones.
 */
import { mkdir, readdir, rename, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { SourceError } from '../errors.js';
import { isRunning } from '../fs/is-running.js';
import { makeFolders } from '../fs/make-folders.js';
import type { StateFolder } from '../fs/state.js';
import { codeOf, reasonOf } from '../system-error.js';

const KEPT = 'collectstatic';
const TAKEN = `${KEPT}-`;
const ABANDONED_MS = 3_600_000; // no run takes an hour, unless the machine slept

/** The folders that runs of this process work in: those of a process before it that had its id are not among them. */
const ours = new Set<string>();

export interface Staging {
  /** What is to be published. */
  readonly files: string;
  /** For a manifest that does not lie among it. */
  readonly manifest: string;
}

/**
 * Gives `work` the folders of the last run, or empty ones; `empty` asks for those, and nothing is kept then. Rejects as
 * `work` does, and with a SourceError where the state folder cannot be written.
 */
export async function withStaging<T>(
  state: StateFolder,
  begin: 'as-kept' | 'empty',
  work: (staging: Staging) => Promise<T>,
): Promise<T> {
  const kept = join(state.path, KEPT);
  const taken = `${join(state.path, TAKEN)}${process.pid}-${crypto.randomUUID()}`;
  await removeAbandoned(state.path, Date.now()).catch(() => undefined);
  ours.add(taken);
  let isKept = false;
  try {
    const staging = await orTrouble(state, () => take(kept, taken, begin));
    const result = await work(staging);
    isKept = begin === 'as-kept' && (await putBack(taken, kept));
    return result;
  } finally {
    if (!isKept) await rm(taken, { recursive: true, force: true, maxRetries: 3 });
    ours.delete(taken);
  }
}

async function take(kept: string, taken: string, begin: 'as-kept' | 'empty'): Promise<Staging> {
  if (begin === 'as-kept') await unlessMissing(rename(kept, taken));
  const staging = { files: join(taken, 'files'), manifest: join(taken, 'manifest') };
  await makeFolders(staging.files, 0o700);
  await rm(staging.manifest, { recursive: true, force: true });
  await mkdir(staging.manifest, { mode: 0o700 });
  return staging;
}

/** Not where another run was quicker: then its folders are kept. */
async function putBack(taken: string, kept: string): Promise<boolean> {
  return rename(taken, kept).then(
    () => true,
    () => false,
  );
}

/** The time of change of a folder that is taken is that of the taking. A process of another machine is not seen here. */
async function removeAbandoned(folder: string, nowMs: number): Promise<void> {
  for (const name of await readdir(folder)) {
    const place = join(folder, name);
    if (!name.startsWith(TAKEN) || isInUse(place, Number.parseInt(name.slice(TAKEN.length), 10))) continue;
    const { ctimeMs } = await stat(place);
    if (nowMs - ctimeMs > ABANDONED_MS) await rm(place, { recursive: true, force: true });
  }
}

function isInUse(place: string, pid: number): boolean {
  return pid === process.pid ? ours.has(place) : isRunning(pid);
}

async function unlessMissing(work: Promise<void>): Promise<void> {
  try {
    await work;
  } catch (error) {
    if (codeOf(error) !== 'ENOENT') throw error;
  }
}

async function orTrouble<T>({ path }: StateFolder, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    throw new SourceError(
      `cannot run collectstatic beside STATIC_ROOT: ${path} cannot be written: ${reasonOf(error)}`,
      {
        cause: error,
      },
    );
  }
}
