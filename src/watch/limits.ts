/**
 * Limits: what the system allows a watcher, how much is needed, and the line that allows it.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { codeOf } from '../errors.js';
import type { Engine, LimitCode } from './backend.js';

const ROOM = 2; // other programs of the same user take from the same limit, and trees grow

/** What each engine needs a watch for: every folder, or every file as well. */
export interface Need {
  readonly folders: number;
  readonly files: number;
}

/** One sentence or two for a person. `allowed` is what the limit is now; undefined where that cannot be read. */
export function limitText(code: LimitCode, engine: Engine, need: Need, allowed: number | undefined): string {
  const now = allowed === undefined ? '' : ` of ${allowed}`;
  if (code === 'EMFILE') {
    const line = `sudo sysctl fs.inotify.max_user_instances=${Math.max(512, (allowed ?? 0) * ROOM)}`;
    return `no inotify instance is left: the limit${now} for this user, or that of open files, is used up; allow more with "${line}"`;
  }
  const watches = engine === 'chokidar' ? need.folders + need.files : need.folders;
  const wanted = powerOfTwo(Math.max(watches * ROOM, (allowed ?? 0) * ROOM));
  return `watching needs ${watches} inotify watches, and the limit${now} for this user is used up; allow more with "sudo sysctl fs.inotify.max_user_watches=${wanted}"`;
}

/** The limit that `code` is about; undefined where that cannot be read. */
export function readLimit(code: LimitCode): number | undefined {
  const name = code === 'ENOSPC' ? 'watches' : 'instances';
  const limits = [`/proc/sys/fs/inotify/max_user_${name}`, `/proc/sys/user/max_inotify_${name}`].map(readNumber);
  const known = limits.filter((limit) => limit !== undefined);
  return known.length === 0 ? undefined : Math.min(...known);
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

function entriesOf(folder: string) {
  try {
    return readdirSync(folder, { withFileTypes: true });
  } catch (error) {
    if (codeOf(error) === '') throw error;
    return [];
  }
}

function readNumber(path: string): number | undefined {
  try {
    return Number(readFileSync(path, 'utf8'));
  } catch (error) {
    if (codeOf(error) === '') throw error;
    return undefined;
  }
}

function powerOfTwo(least: number): number {
  return 2 ** Math.ceil(Math.log2(least));
}
