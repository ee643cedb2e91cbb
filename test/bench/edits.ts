/**
 * Edits as people and tools make them, at random: for a tree that is to stay about as big as it is.
 */
import { randomInt } from 'node:crypto';
import { cp, mkdir, readdir, rename, rm, stat, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { content } from './trees.js';

/** One edit somewhere in `tree`. Answers with what it did. */
export async function editAnywhere(tree: string): Promise<string> {
  const name = pick(Object.keys(EDITS));
  await EDITS[name]?.(tree);
  return name;
}

/** Hundreds of files at once, as a build or a change of branch does it. */
export async function burst(tree: string): Promise<void> {
  const folders = await foldersIn(tree);
  const few = Array.from({ length: 5 }, () => pick(folders));
  for (const folder of new Set(few)) {
    for (const name of await filesIn(join(tree, folder))) await writeFile(join(tree, folder, name), something());
  }
  await rm(join(tree, 'built'), { recursive: true, force: true });
  await cp(join(tree, pick(folders)), join(tree, 'built'), { recursive: true });
}

const EDITS: Readonly<Record<string, (tree: string) => Promise<void>>> = {
  'write in place': async (tree) => writeFile(await fileIn(tree), something()),
  'write and rename': async (tree) => {
    const file = await fileIn(tree);
    await writeFile(`${file}~`, something());
    await rename(`${file}~`, file);
  },
  'write in pieces': async (tree) => {
    const file = await fileIn(tree);
    for (const size of [0, 1000, 2000]) await writeFile(file, something().subarray(0, size));
  },
  'same size, old time': async (tree) => {
    const file = await fileIn(tree);
    const { size, atime, mtime } = await stat(file);
    await writeFile(file, Buffer.alloc(size, something()));
    await utimes(file, atime, mtime);
  },
  touch: async (tree) => utimes(await fileIn(tree), new Date(), new Date()),
  'add a file': async (tree) =>
    writeFile(join(tree, pick(await foldersIn(tree)), `new${randomInt(20)}.css`), something()),
  'remove a file': async (tree) => rm(await fileIn(tree)),
  'rename a file': async (tree) =>
    rename(await fileIn(tree), join(tree, pick(await foldersIn(tree)), `moved${randomInt(20)}.js`)),
  'rename a folder': async (tree) => {
    const folder = pick(await foldersIn(tree));
    const free = `app${randomInt(1000)}`;
    if (!(await foldersIn(tree)).includes(free)) await rename(join(tree, folder), join(tree, free));
  },
  'a folder at once': async (tree) => {
    const folder = join(tree, pick(await foldersIn(tree)), `deep${randomInt(3)}/er`);
    await mkdir(folder, { recursive: true });
    await writeFile(join(folder, 'a.js'), something());
  },
  'remove a folder': async (tree) =>
    rm(join(tree, pick(await foldersIn(tree)), `deep${randomInt(3)}`), { recursive: true, force: true }),
  'there for a moment': async (tree) => {
    const file = join(tree, pick(await foldersIn(tree)), 'moment.css');
    await writeFile(file, something());
    await rm(file);
  },
};

function something(): Buffer {
  return content(randomInt(1_000_000));
}

async function fileIn(tree: string): Promise<string> {
  const folder = join(tree, pick(await foldersIn(tree)));
  const names = await filesIn(folder);
  if (names.length > 0) return join(folder, pick(names));
  await writeFile(join(folder, 'first.js'), something());
  return join(folder, 'first.js');
}

async function filesIn(folder: string): Promise<string[]> {
  const entries = await readdir(folder, { withFileTypes: true });
  return entries.filter((each) => each.isFile()).map(({ name }) => name);
}

async function foldersIn(tree: string): Promise<string[]> {
  return (await readdir(tree)).filter((name) => name.startsWith('app'));
}

function pick(from: readonly string[]): string {
  return from[randomInt(from.length)] ?? '';
}
