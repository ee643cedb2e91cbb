/**
 * Trees of real files from literals, and literals from real trees:
 * `await plant(folder, { 'css/a.css': 'text', 'logo.png': bytes, 'latest': symlink('css'), 'empty/': '' })`.
 *
 * `readTree` answers in the same shape, so that a test can compare a folder with a literal.
 */

import { isUtf8 } from 'node:buffer';
import { execFileSync } from 'node:child_process';
import { existsSync, lstatSync, writeFileSync } from 'node:fs';
import {
  chmod,
  symlink as link,
  lstat,
  mkdir,
  mkdtemp,
  readdir,
  readFile,
  readlink,
  rm,
  utimes,
  writeFile,
} from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { setImmediate } from 'node:timers/promises';
import { onTestFinished } from 'vitest';

const MEMORY = '/dev/shm';
const NOBODY = 65534;
const SLASH = 0x2f;

interface Link {
  readonly link: string;
}

interface Special {
  readonly special: 'fifo';
}

/** Text or bytes of a file; a link; a FIFO. A name that ends in `/` is a folder, and its value is ''. */
export type Planted = string | Uint8Array | Link | Special;

export type Tree = Readonly<Record<string, Planted>>;

export function symlink(target: string): Link {
  return { link: target };
}

export function fifo(): Special {
  return { special: 'fifo' };
}

/** A new empty folder, readable by everybody, that is removed when the test is over. */
export function temporaryFolder(): Promise<string> {
  return newFolderIn(tmpdir());
}

/** The same in memory, where the system has room for it: several times as quick with many small files. */
export function memoryFolder(): Promise<string> {
  return newFolderIn(existsSync(MEMORY) ? MEMORY : tmpdir());
}

async function newFolderIn(parent: string): Promise<string> {
  const folder = await mkdtemp(join(parent, 'pushstatic-test-'));
  await chmod(folder, 0o755);
  onTestFinished(() => rm(folder, { recursive: true, force: true }));
  return folder;
}

/** Makes everything in `tree` below `folder`, and the folders it needs. Files and links that are there are replaced. */
export async function plant(folder: string, tree: Tree): Promise<void> {
  await mkdir(folder, { recursive: true });
  for (const [name, planted] of Object.entries(tree)) await plantOne(join(folder, name), planted);
}

/** A file whose name is any bytes; one that ends in `/` is a folder. */
export async function plantRaw(folder: string, name: Uint8Array, content = ''): Promise<void> {
  await mkdir(folder, { recursive: true });
  const place = Buffer.concat([Buffer.from(`${folder}/`), name]);
  if (place.at(-1) === SLASH) await mkdir(place);
  else await writeFile(place, content);
}

/**
 * Everything below `folder`: files that are UTF-8 as text, others as bytes, links and FIFOs as `symlink` and `fifo`
 * make them, empty folders as `name/`. A missing folder reads as an empty tree.
 */
export async function readTree(folder: string): Promise<Record<string, Planted>> {
  const tree: Record<string, Planted> = {};
  await readInto(tree, folder, '');
  return tree;
}

/**
 * Runs `work` without the rights of root, for tests about permissions: root may read and write everything. If root runs
 * the tests, `folder` and all in it belongs to nobody from then on, and `work` runs as nobody.
 */
export async function withoutRoot<T>(folder: string, work: () => Promise<T>): Promise<T> {
  if (process.geteuid?.() !== 0) return work();
  execFileSync('chown', ['-hR', `${NOBODY}`, folder]);
  process.seteuid?.(NOBODY);
  try {
    return await work();
  } finally {
    process.seteuid?.(0);
  }
}

/** Waits until the clock of the file system that holds `folder` has moved on, so that a change gets another time. */
export async function clockTick(folder: string): Promise<void> {
  const probe = join(folder, '.clock-probe');
  const now = () => {
    writeFileSync(probe, '');
    return lstatSync(probe, { bigint: true }).ctimeNs;
  };
  for (const start = now(); now() === start; ) await setImmediate();
  await rm(probe);
}

async function plantOne(path: string, planted: Planted): Promise<void> {
  if (path.endsWith('/')) return void (await mkdir(path, { recursive: true }));
  await mkdir(dirname(path), { recursive: true });
  await rm(path, { force: true });
  if (typeof planted === 'string' || planted instanceof Uint8Array) {
    await writeFile(path, planted);
    // Nobody is to take it for one that is just being written.
    if (planted.length === 0) await utimes(path, Date.now() / 1000 - 1, Date.now() / 1000 - 1);
    return;
  }
  if ('link' in planted) return link(planted.link, path);
  execFileSync('mkfifo', [path]);
}

async function readInto(tree: Record<string, Planted>, folder: string, prefix: string): Promise<void> {
  const names = await readdir(folder).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT' && prefix === '') return undefined;
    throw error;
  });
  if (names?.length === 0 && prefix !== '') tree[prefix] = '';
  for (const name of (names ?? []).toSorted()) {
    const path = join(folder, name);
    const stats = await lstat(path);
    if (stats.isDirectory()) await readInto(tree, path, `${prefix}${name}/`);
    else if (stats.isSymbolicLink()) tree[prefix + name] = symlink(await readlink(path));
    else if (stats.isFIFO()) tree[prefix + name] = fifo();
    else tree[prefix + name] = textOf(await readFile(path));
  }
}

function textOf(content: Buffer): string | Uint8Array {
  return isUtf8(content) ? content.toString() : content;
}
