/** What changed between two sweeps is found, whatever kind of change it is, and nothing else is. */
import { chmod, link, mkdir, rename, rm, stat, symlink, unlink, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { type Marks, sweep } from '../src/collect/sweep.js';
import { isWithin } from '../src/core/relpath.js';
import { Pacer } from '../src/fs/pace.js';
import { clockTick, fifo, plant, type Tree, temporaryFolder, symlink as to, withoutRoot } from './support/tree.js';

const IGNORE = ['CVS', '.*', '*~'];
const TREE: Tree = {
  'css/a.css': 'a',
  'css/b.css': 'b',
  'css/deep/c.css': 'c',
  'js/a.js': 'a',
  top: 'top',
  outside: to('../elsewhere'),
  nowhere: to('../nothing'),
  one: to('../single'),
};

interface Site {
  readonly root: string;
  /** Beside the root: a link leads there. */
  readonly elsewhere: string;
  readonly single: string;
  /** Places below the root, without it; `` for itself. */
  sweep(): Promise<string[]>;
}

async function newSite(tree: Tree = TREE): Promise<Site> {
  const folder = await temporaryFolder();
  const root = join(folder, 'root');
  await plant(folder, { 'elsewhere/x': 'x', single: 'single' });
  await plant(root, tree);
  let marks: Marks | undefined;
  const look = async (): Promise<string[]> => {
    const swept = await sweep([root], IGNORE, marks, new Pacer());
    ({ marks } = swept);
    return swept.touched.map((place) => place.slice(root.length + 1)).toSorted();
  };
  expect(await look()).toEqual([]);
  return { root, elsewhere: join(folder, 'elsewhere'), single: join(folder, 'single'), sweep: look };
}

type Change = (site: Site) => Promise<unknown>;

const CHANGES: readonly (readonly [what: string, change: Change, touched: readonly string[]])[] = [
  ['a file that was written', ({ root }) => writeFile(join(root, 'css/a.css'), 'longer'), ['css/a.css']],
  ['a file of the same size', ({ root }) => writeFile(join(root, 'css/a.css'), 'A'), ['css/a.css']],
  ['a file of the same size whose old time was put back', backdated, ['css/a.css']],
  ['a file that was only touched', ({ root }) => utimes(join(root, 'top'), 1, 1), ['top']],
  ['another mode', ({ root }) => chmod(join(root, 'top'), 0o600), ['top']],
  ['a file that another took the place of', replaced, ['css/a.css']],
  ['a new file', ({ root }) => writeFile(join(root, 'css/new.css'), 'new'), ['css/new.css']],
  ['a new empty folder', ({ root }) => mkdir(join(root, 'new')), ['new']],
  ['a new tree', ({ root }) => plant(root, { 'new/deep/f': 'f' }), ['new', 'new/deep', 'new/deep/f']],
  ['a new link', ({ root }) => symlink('css', join(root, 'styles')), ['styles']],
  ['a link that leads elsewhere now', relinked, ['one']],
  ['a file that is gone, by its folder', ({ root }) => unlink(join(root, 'css/a.css')), ['css']],
  ['a link that is gone', ({ root }) => unlink(join(root, 'one')), ['']],
  ['a tree that is gone', ({ root }) => rm(join(root, 'css'), { recursive: true }), ['']],
  ['a file that was renamed', ({ root }) => rename(join(root, 'js/a.js'), join(root, 'js/b.js')), ['js']],
  ['a file that was moved', ({ root }) => rename(join(root, 'js/a.js'), join(root, 'css/a.js')), ['css/a.js', 'js']],
  ['a file that became a folder', becameFolder, ['top']],
  ['a folder that became a file', becameFile, ['js']],
  ['a file that a link leads to', ({ single }) => writeFile(single, 'other'), ['one']],
  ['a file that a link leads to and that is gone', ({ single }) => unlink(single), ['one']],
  ['a file in a folder that a link leads to', ({ elsewhere }) => writeFile(join(elsewhere, 'x'), 'y'), ['outside/x']],
  ['a new file in it', ({ elsewhere }) => writeFile(join(elsewhere, 'new'), ''), ['outside/new']],
  ['where a link led to nothing, a file', ({ root }) => writeFile(join(root, '../nothing'), ''), ['nowhere']],
  ['where a link led to nothing, a folder', ({ root }) => plant(root, { '../nothing/x': 'x' }), ['nowhere']],
  ['a folder that others may read', ({ root }) => chmod(join(root, 'css'), 0o700), ['css']],
  ['a folder that a link leads to and that others may read', ({ elsewhere }) => chmod(elsewhere, 0o700), ['outside']],
];

describe('a sweep', () => {
  test.each(CHANGES)('finds %s, and once', async (_, change, touched) => {
    const site = await newSite();
    await clockTick(site.elsewhere);
    await rm(join(site.elsewhere, '.clock-probe'), { force: true });
    expect(await site.sweep()).toEqual([]);
    await change(site);
    const found = await site.sweep();
    const covers = (places: readonly string[], each: string) =>
      places.some((place) => place === '' || isWithin(each, place));
    expect(touched.filter((each) => !covers(found, each))).toEqual([]);
    expect(found.filter((each) => !covers(touched, each))).toEqual([]);
    expect(await site.sweep()).toEqual([]);
  });

  test('finds nothing where nothing changed, and nothing in what was read', async () => {
    const site = await newSite();
    for (let again = 0; again < 3; again++) expect(await site.sweep()).toEqual([]);
  });

  test('finds nothing that is ignored', async () => {
    const site = await newSite();
    await plant(site.root, { '.git/index': '', 'css/.a.css.swp': '', 'a~': '', 'CVS/x': '' });
    expect(await site.sweep()).toEqual([]);
  });

  test('finds a second change beside the first', async () => {
    const site = await newSite();
    await writeFile(join(site.root, 'css/a.css'), 'longer');
    await writeFile(join(site.root, 'js/new.js'), 'new');
    await unlink(join(site.root, 'css/deep/c.css'));
    expect(await site.sweep()).toEqual(['css/a.css', 'css/deep', 'js/new.js']);
  });

  test('finds a folder that can be read again, as a whole', async () => {
    const site = await newSite();
    await withoutRoot(join(site.root, '..'), async () => {
      await chmod(join(site.root, 'css'), 0);
      expect(await site.sweep()).toContain('css');
      expect(await site.sweep()).toEqual([]);
      await chmod(join(site.root, 'css'), 0o755);
      expect(await site.sweep()).toContain('css');
    });
  });

  test('touches nothing: what is no file is not opened', async () => {
    const site = await newSite({ ...TREE, pipe: fifo() });
    expect(await site.sweep()).toEqual([]);
  });

  test('comes to an end where links lead back, and finds what changed there', async () => {
    const site = await newSite({ 'a/f': 'f', 'a/up': to('..'), self: to('self'), b: to('a') });
    await writeFile(join(site.root, 'a/f'), 'other');
    const found = await site.sweep();
    expect(found).toEqual(['a/f', 'b/f']);
    expect(await site.sweep()).toEqual([]);
  });

  test('finds what changed in a folder under each name that leads there', async () => {
    const site = await newSite({
      'css/a.css': 'a',
      styles: to('css'),
      one: to('../elsewhere'),
      two: to('../elsewhere'),
    });
    await writeFile(join(site.root, 'css/a.css'), 'longer');
    await writeFile(join(site.elsewhere, 'x'), 'longer');
    expect(await site.sweep()).toEqual(['css/a.css', 'one/x', 'styles/a.css', 'two/x']);
  });

  test('of a folder that is missing finds nothing, and finds all when it comes', async () => {
    const site = await newSite();
    await rename(site.root, `${site.root}.away`);
    expect(await site.sweep()).toEqual(['']);
    expect(await site.sweep()).toEqual([]);
    await rename(`${site.root}.away`, site.root);
    expect(await site.sweep()).toContain('css');
  });

  test('has eight bytes for each entry', async () => {
    const folder = await temporaryFolder();
    await plant(folder, TREE);
    const { marks } = await sweep([folder], IGNORE, undefined, new Pacer());
    expect(marks.get(`${folder}/css`)?.byteLength).toBe(3 * 8);
  });
});

const names = fc.constantFrom('a', 'b', 'ab', 'c/a', 'c/b', 'c/d/a');
const anEdit = fc.record({ kind: fc.constantFrom('write', 'remove', 'move', 'hard link'), at: names, to: names });

test('whatever changed lies at or below a place that the sweep finds', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(anEdit, { minLength: 1, maxLength: 5 }), async (edits) => {
      const site = await newSite({ a: 'a', 'c/a': 'ca', 'c/d/a': 'cda' });
      const before = await stampsIn(site.root);
      for (const edit of edits) await carryOut(site.root, edit).catch(() => undefined); // it may be in the way of itself
      const after = await stampsIn(site.root);
      const different = [...new Set([...before.keys(), ...after.keys()])].filter(
        (at) => before.get(at) !== after.get(at),
      );
      const found = await site.sweep();
      const missed = different.filter((at) => !found.some((place) => place === '' || isWithin(at, place)));
      expect(missed).toEqual([]);
      expect(different.length > 0 || found.length === 0).toBe(true);
    }),
    { numRuns: 100 },
  );
});

async function carryOut(root: string, edit: { kind: string; at: string; to: string }): Promise<void> {
  const [place, other] = [join(root, edit.at), join(root, edit.to)];
  if (edit.kind === 'write') return plant(root, { [edit.at]: edit.to });
  if (edit.kind === 'remove') return rm(place, { recursive: true });
  return edit.kind === 'move' ? rename(place, other) : link(place, other);
}

/** What stat says of each file that a name of `names` may stand for. */
async function stampsIn(root: string): Promise<Map<string, string>> {
  const found = new Map<string, string>();
  for (const at of ['a', 'b', 'ab', 'c/a', 'c/b', 'c/d/a']) {
    const stats = await stat(join(root, at)).catch(() => undefined);
    if (stats?.isFile() === true) found.set(at, `${stats.ino} ${stats.size} ${stats.mtimeMs} ${stats.ctimeMs}`);
  }
  return found;
}

async function backdated({ root }: Site): Promise<void> {
  const file = join(root, 'css/a.css');
  const { atime, mtime } = await stat(file);
  await writeFile(file, 'A');
  await utimes(file, atime, mtime);
}

async function replaced({ root }: Site): Promise<void> {
  const { atime, mtime } = await stat(join(root, 'css/a.css'));
  await writeFile(join(root, 'css/.new'), 'A');
  await utimes(join(root, 'css/.new'), atime, mtime);
  await rename(join(root, 'css/.new'), join(root, 'css/a.css'));
}

async function relinked({ root, elsewhere }: Site): Promise<void> {
  await unlink(join(root, 'one'));
  await symlink(join(elsewhere, 'x'), join(root, 'one'));
}

async function becameFolder({ root }: Site): Promise<void> {
  await unlink(join(root, 'top'));
  await plant(root, { 'top/inner': 'inner' });
}

async function becameFile({ root }: Site): Promise<void> {
  await rm(join(root, 'js'), { recursive: true });
  await writeFile(join(root, 'js'), 'js');
}
