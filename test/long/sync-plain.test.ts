/** A sync of a site without hashed names: it collects only what has changed, and brings each target what that one has missed. */
import { hash } from 'node:crypto';
import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Chance, chanceOf } from '../support/chance.js';
import { type OpenSshServer, startOpenSsh } from '../support/openssh-server.js';
import { differences, inFolder, makeProject, on } from '../support/project.js';
import { plant, readTree, temporaryFolder } from '../support/tree.js';

let server: OpenSshServer;
beforeAll(async () => {
  server = await startOpenSsh();
});
afterAll(() => server.stop());

/** The path of each of these is the same in both sources. */
const SHARED = ['a.css', 'deep/b.js', 'deep/c.png'];
const NAMES = [...SHARED, 'deep/er/d.svg', 'e.txt'];

describe('sync of a plain site', () => {
  it('collects all of it once, and then what has changed', async () => {
    const { project, targets, baseline } = await scene();
    await project.sync();
    const left = baseline();
    for (let run = 0; run < 3; run++) {
      writeFileSync(join(project.assets, 'deep/b.js'), `edit ${run}`);
      expect(await project.sync()).toMatchObject({
        status: 0,
        collect: { files: NAMES.length, copied: 1 },
        targets: [{ uploaded: 1, unchanged: NAMES.length - 1 }, { uploaded: 1 }],
      });
      for (const target of targets) expect(differences(project.root, target)).toBe('');
      expect(await project.sync()).toMatchObject({
        collect: { copied: 0 },
        targets: [{ uploaded: 0 }, { uploaded: 0 }],
      });
    }
    expect(baseline()).toEqual(left);
  });

  it('collects what came by itself, and each target gets it', async () => {
    const { project, targets, baseline } = await scene();
    await project.sync();
    const left = baseline();
    for (const only of [[], ['web'], []]) {
      const before = readdirSync(project.assets).length;
      await plant(project.assets, {
        [`new/${before}.css`]: 'new',
        [`new${before}/a/b.css`]: 'new',
        'late.css': 'late',
      });
      expect(await project.sync(...only)).toMatchObject({ status: 0 });
      for (const target of only.length > 0 ? targets.slice(0, 1) : targets)
        expect(differences(project.root, target)).toBe('');
    }
    expect(baseline()).toEqual(left);
    expect((await project.program.run('collect', '--force')).status).toBe(0);
    expect(await project.sync()).toMatchObject({ status: 0, targets: [{ uploaded: 0 }, { uploaded: 0 }] });
  });

  it.each<[string, (project: Awaited<ReturnType<typeof scene>>['project']) => void]>([
    ['a file went', ({ assets }) => rmSync(join(assets, 'e.txt'))],
    ['a file of the other source came to light', ({ assets }) => rmSync(join(assets, 'a.css'))],
    ['the only file of a folder went', ({ assets }) => rmSync(join(assets, 'deep/er/d.svg'))],
    ['a folder went', ({ assets }) => rmSync(join(assets, 'deep'), { recursive: true })],
    ['a file got another name', ({ assets }) => renameSync(join(assets, 'e.txt'), join(assets, 'deep/e.txt'))],
    ['a copy is gone', ({ root }) => rmSync(join(root, 'e.txt'))],
    ['a folder of copies is gone', ({ root }) => rmSync(join(root, 'deep'), { recursive: true })],
  ])('collects what that is about when %s', async (_, change) => {
    const { project, targets, baseline, wanted } = await scene();
    await project.sync();
    const left = baseline();
    change(project);
    for (const only of [['web'], []]) {
      expect(await project.sync(...only)).toMatchObject({ status: 0, stderr: '' });
      expect(await readTree(project.root)).toEqual(await wanted());
    }
    for (const target of targets) expect(differences(project.root, target)).toBe('');
    expect(baseline()).toEqual(left);
    const files = Object.keys(await wanted()).length;
    expect(await project.sync()).toMatchObject({ collect: { files, copied: 0, removed: 0 } });
  });

  it.each<[string, (project: Awaited<ReturnType<typeof scene>>['project']) => void]>([
    ['somebody put a file into STATIC_ROOT', ({ root }) => writeFileSync(join(root, 'robots.txt'), 'by hand')],
  ])('collects all when %s, and is quick again after that', async (_, change) => {
    const { project, targets, baseline } = await scene();
    await project.sync();
    const left = baseline();
    change(project);
    expect(await project.sync()).toMatchObject({ status: 0 });
    for (const target of targets) expect(differences(project.root, target)).toBe('');
    const anew = baseline();
    expect(anew).not.toEqual(left);
    writeFileSync(join(project.assets, 'deep/b.js'), 'edit');
    expect(await project.sync()).toMatchObject({ status: 0, collect: { copied: 1 } });
    expect(baseline()).toEqual(anew);
  });

  it('puts back what somebody changed in STATIC_ROOT', async () => {
    const { project, targets, baseline } = await scene();
    await project.sync();
    const left = baseline();
    writeFileSync(join(project.root, 'a.css'), 'by hand');
    expect(await project.sync()).toMatchObject({ status: 0, collect: { copied: 1 }, targets: [{ uploaded: 0 }, {}] });
    expect(readFileSync(join(project.root, 'a.css'), 'utf8')).toBe('a.css of assets');
    for (const target of targets) expect(differences(project.root, target)).toBe('');
    expect(baseline()).toEqual(left);
  });

  it('brings what a collect between two of them has made', async () => {
    const { project, targets } = await scene();
    await project.sync();
    const file = join(project.assets, 'e.txt');
    renameSync(file, `${file}.aside`);
    writeFileSync(file, 'for a moment');
    expect((await project.program.run('collect')).status).toBe(0);
    await project.sync('web');
    rmSync(file);
    renameSync(`${file}.aside`, file);
    expect((await project.program.run('collect')).status).toBe(0);
    expect(await project.sync()).toMatchObject({ status: 0 });
    for (const target of targets) expect(readFileSync(join(target, 'e.txt'), 'utf8')).toBe('e.txt of assets');
  });

  it('leaves on each target what the sources say, after every change', async () => {
    const { project, targets, edit, wanted } = await scene();
    await project.sync();
    const chance = chanceOf(20_261_128);
    for (let step = 0; step < 50; step++) {
      const what = edit(chance, step);
      if (chance.happens(0.2)) expect((await project.program.run('collect')).status).toBe(0);
      const only = chance.pick([[], [], ['web'], ['second']]);
      const { status, stderr } = await project.sync(...only);
      expect([what, status, stderr]).toEqual([what, 0, '']);
      expect([what, await readTree(project.root)]).toEqual([what, await wanted()]);
      for (const [at, target] of targets.entries())
        if (only.length === 0 || only[0] === ['web', 'second'][at])
          expect([what, differences(project.root, target)]).toEqual([what, '']);
    }
  });
});

async function scene() {
  const web = join(await temporaryFolder(), 'web');
  const second = join(await temporaryFolder(), 'second');
  const files = [
    ...NAMES.map((name) => [`assets/${name}`, `${name} of assets`]),
    ...SHARED.map((name) => [`others/${name}`, `${name} of others`]),
  ];
  const project = await makeProject(
    {
      targets: { web: on(server, web), second: inFolder(second) },
      source: { dirs: ['assets', 'others'] },
      static: { root: 'var/static', storage: 'plain' },
    },
    Object.fromEntries(files),
  );
  const others = join(project.folder, 'others');
  const baseline = (): string => {
    const [folder = ''] = readdirSync(join(project.state, 'pushstatic'));
    return hash('sha256', readFileSync(join(project.state, 'pushstatic', folder, 'baseline')));
  };
  const foreign: Record<string, string> = {};
  const wanted = async () => {
    const all = { ...foreign, ...(await readTree(others)), ...(await readTree(project.assets)) };
    return Object.fromEntries(Object.entries(all).filter(([path]) => !path.endsWith('/'))); // no empty folders
  };
  let extra = 0;
  const edit = (chance: Chance, step: number): string => {
    const name = chance.pick(NAMES);
    const file = join(chance.pick([project.assets, project.assets, others]), name);
    const copy = join(project.root, name);
    const kinds = [
      'nothing',
      'edit',
      'edit',
      'touch',
      'new',
      'gone',
      'folder gone',
      'ours',
      'foreign',
      'lost',
      'folder lost',
    ];
    const what = chance.pick(kinds);
    const old = new Date(1_600_000_000_000 + step * 1000);
    const put = (place: string, text: string): void => {
      mkdirSync(dirname(place), { recursive: true });
      writeFileSync(place, text);
    };
    if (what === 'edit') put(file, `edit ${step}`);
    if (what === 'touch' && existsSync(file)) utimesSync(file, old, old);
    if (what === 'new') put(join(project.assets, `new/${extra++}.js`), `new ${step}`);
    if (what === 'gone') rmSync(extra > 0 ? join(project.assets, `new/${--extra}.js`) : file, { force: true });
    if (what === 'ours' && existsSync(copy)) writeFileSync(copy, 'somebody was here');
    if (what === 'foreign')
      writeFileSync(join(project.root, 'robots.txt'), (foreign['robots.txt'] = `by hand ${step}`));
    if (what === 'folder gone' && name.includes('/')) rmSync(dirname(file), { recursive: true, force: true });
    if (what === 'lost') rmSync(copy, { force: true });
    if (what === 'folder lost' && name.includes('/')) rmSync(dirname(copy), { recursive: true, force: true });
    return what;
  };
  return { project, targets: [web, second], baseline, edit, wanted };
}
