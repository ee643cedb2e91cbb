/**
 * Limits: what the system allows a watcher, how much is needed, and the line that allows it.
 */
import { type Dirent, readdirSync, readFileSync } from 'node:fs';
import { orUndefined } from '../system-error.js';
import type { Engine, LimitCode } from './backend.js';

const ROOM = 2; // other programs of the same user take from the same limit, and trees grow
const LEAST_INSTANCES = 512;

/** What each engine needs a watch for: every folder, or every file as well. */
export interface Need {
  readonly folders: number;
  readonly files: number;
}

export interface Limit {
  /** Its name for sysctl(8). */
  readonly name: string;
  /** What it is now; undefined where that cannot be read. */
  readonly allowed: number | undefined;
}

/** For a person: what is used up, how much is needed, and the line that allows it. */
export function limitText(code: LimitCode, engine: Engine, need: Need, { name, allowed }: Limit): string {
  const now = allowed === undefined ? '' : ` of ${allowed}`;
  if (code === 'EMFILE') {
    const wanted = Math.max(LEAST_INSTANCES, (allowed ?? 0) * ROOM);
    return `no inotify instance is left: the limit${now} for this user, or that of open files, is used up; allow more with "sudo sysctl ${name}=${wanted}"`;
  }
  const watches = engine === 'chokidar' ? need.folders + need.files : need.folders;
  const wanted = powerOfTwo(Math.max(watches, allowed ?? 0) * ROOM);
  return `watching needs ${watches} inotify watches, and the limit${now} for this user is used up; allow more with "sudo sysctl ${name}=${wanted}"`;
}

/** The limit that `code` is about. One of the whole machine and one of the container may apply: the answer is the lower. */
export function readLimit(code: LimitCode): Limit {
  const what = code === 'ENOSPC' ? 'watches' : 'instances';
  const limits = [`fs.inotify.max_user_${what}`, `user.max_inotify_${what}`].map(
    (name): Limit => ({ name, allowed: readNumber(`/proc/sys/${name.replaceAll('.', '/')}`) }),
  );
  return limits.reduce((low, each) => ((each.allowed ?? Infinity) < (low.allowed ?? Infinity) ? each : low));
}

/** How many folders and files lie in `folders`; what cannot be read counts as empty. */
export function countIn(folders: readonly string[]): Need {
  const waiting = [...folders];
  let files = 0;
  let seen = 0;
  for (let folder = waiting.pop(); folder !== undefined; folder = waiting.pop()) {
    seen++;
    for (const entry of entriesOf(folder)) {
      if (entry.isDirectory()) waiting.push(`${folder}/${entry.name}`);
      else files++;
    }
  }
  return { folders: seen, files };
}

function entriesOf(folder: string): Dirent[] {
  return orUndefined(() => readdirSync(folder, { withFileTypes: true })) ?? [];
}

function readNumber(path: string): number | undefined {
  return orUndefined(() => Number(readFileSync(path, 'utf8')));
}

function powerOfTwo(least: number): number {
  return 2 ** Math.ceil(Math.log2(least));
}
