/**
 * Lease: who may write to a target. Whoever writes has a folder on the stage, which holds all that it is about to publish: it is
 * the lease. Its name tells who that is.
 */
import { type RelPath, STAGE } from './relpath.js';

export interface Holder {
  /** A name that no other run has. */
  readonly run: string;
  /** For people. */
  readonly host: string;
  /** Eight hexadecimal digits: two processes with the same ones can see each other. */
  readonly machine: string;
  readonly pid: number;
}

const MOST_HOST_BYTES = 40;
const NAME = /^([^~/]+)~([^~/]*)~([0-9a-f]{8})~(\d{1,10})$/;
const MARK = 'at-';
const MARK_DIGITS = 24;

export function nameOfHolder({ run, host, machine, pid }: Holder): RelPath {
  const readable = host.replace(/[^A-Za-z0-9.-]/g, '-').slice(0, MOST_HOST_BYTES);
  return `${run}~${readable}~${machine}~${pid}` as RelPath;
}

/** Undefined for a name that tells nothing: then only its age does. */
export function holderOf(name: string): Holder | undefined {
  const [, run, host, machine, pid] = NAME.exec(name) ?? [];
  if (run === undefined || host === undefined || machine === undefined) return undefined;
  return { run, host, machine, pid: Number(pid) };
}

/** "build1 (process 4242)" */
export function describeHolder(name: string): string {
  const holder = holderOf(name);
  return holder === undefined ? name : `${holder.host || 'a machine without a name'} (process ${holder.pid})`;
}

/** The folder on the stage that `path` is, or lies in. */
export function runFolderOf(path: RelPath): RelPath {
  const end = path.indexOf('/', STAGE.length + 1);
  return end < 0 ? path : (path.slice(0, end) as RelPath);
}

/**
 * The name of an empty folder on the stage that says: nobody has written since the head was the one with this checksum, which is
 * hexadecimal.
 */
export function markOf(checksum: string): RelPath {
  return `${MARK}${checksum.slice(0, MARK_DIGITS)}` as RelPath;
}

export function isMark(name: string): boolean {
  return name.startsWith(MARK);
}
