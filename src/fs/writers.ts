/**
 * isOpenToWrite: whether a program has a file open to write to it, as far as Linux tells (proc(5), /proc/PID/fd).
 */
import { lstatSync, readdirSync, readlinkSync, type Stats, statSync } from 'node:fs';
import { codeOf, orUndefined } from '../system-error.js';

const TICK_MS = 10; // of the kernel, by which files are dated, at worst
const MOST_MS = 1000; // and clocks are set back
const PROC = '/proc';
const DENIED: ReadonlySet<string> = new Set(['EACCES', 'EPERM']);
const FIRST_NAMESPACE = 'pid:[4026531836]'; // the kernel's PROC_PID_INIT_INO, 0xEFFFFFFC
const WRITES = 0o200; // the mode of the link says for what the file is open

type Identity = Pick<Stats, 'dev' | 'ino' | 'uid' | 'ctimeMs'>;

/** All that programs have open to write, as of a moment in milliseconds since 1970. */
interface Look {
  readonly atMs: number;
  readonly open: ReadonlySet<string> | undefined;
}

let seesAllPrograms: boolean | undefined;
let last: Look | undefined; // one look at all programs is good for many files

/**
 * Undefined where that cannot be told: on another system, from within a container, or for the file of somebody into whose programs
 * nobody else sees.
 */
export function isOpenToWrite({ dev, ino, uid, ctimeMs }: Identity): boolean | undefined {
  const file = `${dev}:${ino}`;
  if (last === undefined || !isGood(last, file, ctimeMs)) last = { atMs: Date.now(), open: openFiles() };
  if (last.open?.has(file) === true) return true;
  const self = process.getuid?.();
  return last.open !== undefined && seesAll() && (self === 0 || self === uid) ? false : undefined;
}

/** Whether /proc shows all programs of the machine: in a PID namespace of its own, as in a container, it does not (pid_namespaces(7)). */
function seesAll(): boolean {
  return (seesAllPrograms ??= orUndefined(() => readlinkSync(`${PROC}/self/ns/pid`)) === FIRST_NAMESPACE);
}

/** Whoever has opened the file since then has not written to it; who had it open may have closed it. */
function isGood({ atMs, open }: Look, file: string, ctimeMs: number): boolean {
  const age = Date.now() - atMs;
  const most = open?.has(file) === true ? TICK_MS : MOST_MS;
  return ctimeMs + TICK_MS < atMs && age >= 0 && age <= most;
}

/** Device and inode of all that the programs one may look into have open to write. */
function openFiles(): Set<string> | undefined {
  const programs = listed(PROC);
  if (programs === undefined) return undefined;
  const open = new Set<string>();
  for (const program of programs) {
    if (/^\d+$/.test(program)) addWritten(`${PROC}/${program}/fd`, open);
  }
  return open;
}

/** Adds what one program has open to write. Programs, and what they have open, come and go meanwhile. */
function addWritten(folder: string, open: Set<string>): void {
  for (const number of listed(folder) ?? []) {
    const link = `${folder}/${number}`;
    try {
      // First, for it only asks /proc, while stat may hang as long as the server of a network file system does.
      if (((lstatSync(link, { throwIfNoEntry: false })?.mode ?? 0) & WRITES) === 0) continue;
      const stats = statSync(link, { throwIfNoEntry: false });
      if (stats?.isFile() === true) open.add(`${stats.dev}:${stats.ino}`);
    } catch (error) {
      // What a file system of others refuses is not what the program does.
      if (DENIED.has(codeOf(error)) && !mayBeAsked(link)) return; // as for one, so for all that it has open
    }
  }
}

function mayBeAsked(link: string): boolean {
  return orUndefined(() => readlinkSync(link)) !== undefined;
}

function listed(folder: string): string[] | undefined {
  return orUndefined(() => readdirSync(folder));
}
