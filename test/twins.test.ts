/** Plain and hashed copies that are one file under two names, and what becomes of them when one of the two goes. */
import { linkSync, lstatSync, readFileSync } from 'node:fs';
import { rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeEach, describe, expect, test } from 'vitest';
import { type Collected, collect } from '../src/collect/collect.js';
import type { CollectProject } from '../src/collect/project.js';
import { StateFolder } from '../src/fs/state.js';
import { hashedProject } from './support/hashed-project.js';
import { listFolder } from './support/listing.js';
import { memoryFolder, plant } from './support/tree.js';

const LOGO = 'img/logo.png';
const HASHED_LOGO = 'img/logo.5d41402abc4b.png'; // md5 of 'hello'
const CHANGED_LOGO = 'img/logo.7d793037a076.png'; // md5 of 'world'

let folder: string;
let project: CollectProject;
beforeEach(async () => {
  folder = await memoryFolder();
  await plant(folder, {
    [`assets/${LOGO}`]: 'hello',
    'assets/img/other.png': 'hello',
    'assets/app.css': 'a{b:url(img/logo.png)}',
    'assets/bare.css': 'a{}',
  });
  project = hashedProject([{ path: join(folder, 'assets'), prefix: '' }], join(folder, 'root'));
});

function run(): Promise<Collected> {
  return collect(project, { state: new StateFolder(join(folder, 'state')), mode: 'write' });
}

function inode(path: string): number {
  return lstatSync(join(project.root, path)).ino;
}

describe('a hashed copy that is put with its plain one', () => {
  test('is the same file; no other copy is, and no text that was rewritten', async () => {
    await run();
    const names = Object.keys(listFolder(project.root));
    const hashedOf = (stem: string): string =>
      names.find((name) => name.startsWith(`${stem}.`) && /\.[0-9a-f]{12}\./.test(name)) ?? '';
    expect(inode(HASHED_LOGO)).toBe(inode(LOGO));
    expect(inode(hashedOf('bare'))).toBe(inode('bare.css'));
    expect(inode(hashedOf('app'))).not.toBe(inode('app.css'));
    expect(inode('img/other.png')).not.toBe(inode(LOGO));
  });

  test('goes with it when its source goes', async () => {
    await run();
    await rm(join(folder, 'assets/img/other.png'));
    const { removed } = await run();
    expect(removed).toEqual(['img/other.5d41402abc4b.png', 'img/other.png']);
    expect(Object.keys(listFolder(project.root))).not.toEqual(expect.arrayContaining([...removed]));
  });

  test('makes way for another pair when the content changes', async () => {
    await run();
    await writeFile(join(folder, 'assets', LOGO), 'world');
    const { removed, problems } = await run();
    expect(problems).toEqual([]);
    expect(removed).toContain(HASHED_LOGO);
    expect(inode(CHANGED_LOGO)).toBe(inode(LOGO));
    expect(readFileSync(join(project.root, LOGO), 'utf8')).toBe('world');
  });

  test('is made anew by itself when somebody removed it', async () => {
    await run();
    await rm(join(project.root, HASHED_LOGO));
    const { copied, hashed } = await run();
    expect({ copied, hashed }).toEqual({ copied: [], hashed: [HASHED_LOGO] });
    expect(readFileSync(join(project.root, HASHED_LOGO), 'utf8')).toBe('hello');
  });

  test('is repaired with it when somebody wrote into both in place', async () => {
    await run();
    await writeFile(join(project.root, LOGO), 'HELLO');
    expect(readFileSync(join(project.root, HASHED_LOGO), 'utf8')).toBe('HELLO');
    const { copied, hashed } = await run();
    expect({ copied, hashed }).toEqual({ copied: [LOGO], hashed: [HASHED_LOGO] });
    expect(readFileSync(join(project.root, LOGO), 'utf8')).toBe('hello');
    expect(readFileSync(join(project.root, HASHED_LOGO), 'utf8')).toBe('hello');
  });

  test('is a file of its own where its name is taken', async () => {
    await plant(folder, { [`root/${HASHED_LOGO}`]: 'another' });
    const { problems } = await run();
    expect(problems).toEqual([]);
    expect(readFileSync(join(project.root, HASHED_LOGO), 'utf8')).toBe('hello');
    expect(inode(HASHED_LOGO)).not.toBe(inode(LOGO));
  });

  test('leaves alone what somebody else gave a third name', async () => {
    await run();
    linkSync(join(project.root, LOGO), join(folder, 'mine.png'));
    await writeFile(join(folder, 'assets', LOGO), 'world');
    await run();
    expect(readFileSync(join(folder, 'mine.png'), 'utf8')).toBe('hello');
    expect(readFileSync(join(project.root, LOGO), 'utf8')).toBe('world');
  });
});
