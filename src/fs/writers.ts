/**
 * isOpenToWrite: whether a program has a file open to write to it, as far as Linux tells (proc(5), /proc/PID/fd and fdinfo).
 */
import { readdirSync, readFileSync, type Stats, statSync } from 'node:fs';

const GOOD_MS = 10; // for many files in one go, all programs are looked at once
const PROC = '/proc';
const WRITES = 0o3; // O_WRONLY and O_RDWR

type Identity = Pick<Stats, 'dev' | 'ino' | 'uid'>;

let last: { readonly atMs: number; readonly open: ReadonlySet<string> | undefined } | undefined;

/** Undefined where that cannot be told: on another system, or for the file of somebody into whose programs nobody else sees. */
export function isOpenToWrite({ dev, ino, uid }: Identity): boolean | undefined {
  const now = performance.now();
  if (last === undefined || now - last.atMs > GOOD_MS) last = { atMs: now, open: openFiles() };
  if (last.open?.has(`${dev}:${ino}`) === true) return true;
  const self = process.getuid?.();
  return last.open !== undefined && (self === 0 || self === uid) ? false : undefined;
}

/** Device and inode of all that the programs one may look into have open to write. */
function openFiles(): Set<string> | undefined {
  const programs = listed(PROC);
  if (programs === undefined) return undefined;
  const open = new Set<string>();
  for (const program of programs) {
    if (!/^\d+$/.test(program)) continue;
    for (const number of listed(`${PROC}/${program}/fd`) ?? []) {
      const file = writtenBy(program, number);
      if (file !== undefined) open.add(file);
    }
  }
  return open;
}

/** Programs and what they have open come and go meanwhile. */
function writtenBy(program: string, number: string): string | undefined {
  try {
    const stats = statSync(`${PROC}/${program}/fd/${number}`);
    if (!stats.isFile()) return undefined;
    const flags = /^flags:\s*([0-7]+)$/m.exec(readFileSync(`${PROC}/${program}/fdinfo/${number}`, 'latin1'))?.[1];
    return flags !== undefined && (Number.parseInt(flags, 8) & WRITES) !== 0 ? `${stats.dev}:${stats.ino}` : undefined;
  } catch {
    return undefined;
  }
}

function listed(folder: string): string[] | undefined {
  try {
    return readdirSync(folder);
  } catch {
    return undefined;
  }
}
