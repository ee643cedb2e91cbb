/** A sync of a site with hashed names: it collects only what has changed, and brings each target what that one has missed. */
import {
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  truncateSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { chanceOf } from '../support/chance.js';
import { type OpenSshServer, startOpenSsh } from '../support/openssh-server.js';
import { differences, inFolder, makeProject, on } from '../support/project.js';
import { temporaryFolder } from '../support/tree.js';

let server: OpenSshServer;
beforeAll(async () => {
  server = await startOpenSsh();
});
afterAll(() => server.stop());

const STYLES = 6;
const IMAGES = 12;

describe('sync of a site with hashed names', () => {
  it('collects all of it once, and then what has changed', async () => {
    const { project, targets, checkpoint } = await scene();
    await project.sync();
    const left = checkpoint();
    expect(await project.sync()).toMatchObject({ status: 0, collect: { copied: 0 }, targets: [{}, {}] });
    for (let run = 0; run < 3; run++) {
      writeFileSync(join(project.assets, 'images/0.png'), `edit ${run}`);
      const { status, collect, targets: told } = await project.sync();
      expect([status, collect]).toMatchObject([0, { files: STYLES + IMAGES, copied: 1 }]);
      // The image under both its names, the style sheet that names it, and the manifest.
      for (const { uploaded, linked, removed } of told) expect([uploaded + linked, removed]).toEqual([4, 2]);
      for (const target of targets) expect(differences(project.root, target)).toBe('');
    }
    expect(checkpoint()).toEqual(left);
  });

  it('brings a target what others had before, with the times that they have', async () => {
    const { project, targets } = await scene();
    await project.sync();
    for (const image of [0, 1, 0]) {
      writeFileSync(join(project.assets, `images/${image}.png`), `edit of ${image} at ${performance.now()}`);
      await project.sync('web');
    }
    expect(await project.sync('second')).toMatchObject({ status: 0, targets: [{ name: 'second', ok: true }] });
    const [, second = ''] = targets;
    expect(differences(project.root, second)).toBe('');
    for (const name of await readdir(join(second, 'images'))) {
      const [here, there] = [project.root, second].map((at) =>
        Math.floor(statSync(join(at, 'images', name)).mtimeMs / 1000),
      );
      expect([name, there]).toEqual([name, here]);
    }
  });

  it('makes right what an older STATIC_ROOT lacks that somebody put in its place', async () => {
    const { project, targets } = await scene();
    const [image, aside] = [join(project.assets, 'images/0.png'), `${project.root}.aside`];
    await project.sync();
    renameSync(project.root, aside);
    for (const edit of ['one', 'two']) {
      writeFileSync(image, edit);
      expect(await project.sync()).toMatchObject({ status: 0 });
    }
    rmSync(project.root, { recursive: true });
    renameSync(aside, project.root);
    expect(await project.sync()).toMatchObject({ status: 0 });
    const kept = readFileSync(join(project.root, 'staticfiles.json'));
    for (const target of targets) expect(differences(project.root, target)).toBe('');
    await project.forgetState();
    rmSync(project.root, { recursive: true });
    await project.sync();
    expect(readFileSync(join(project.root, 'staticfiles.json'))).toEqual(kept);
  });

  it('goes on from the same checkpoint after a target had to be looked at as a whole', async () => {
    const { project, targets, checkpoint } = await scene();
    await project.sync('web');
    const left = checkpoint();
    for (let run = 0; run < 2; run++) {
      expect(await project.sync()).toMatchObject({ status: 0 });
      for (const target of targets) expect(differences(project.root, target)).toBe('');
      expect(checkpoint()).toEqual(left);
    }
  });

  it('follows what a style sheet refers to that comes from somebody else', async () => {
    const { project, targets } = await scene({ manifest: { missing: 'warn' } });
    writeFileSync(join(project.assets, '0.css'), 'a{background:url(images/foreign.png)}');
    for (let run = 0; run < 2; run++) await project.sync();
    writeFileSync(join(project.root, 'images/foreign.png'), 'foreign');
    expect(await project.sync()).toMatchObject({ status: 0 });
    const style = readdirSync(project.root).find((name) => /^0\.[0-9a-f]{12}\.css$/.test(name)) ?? '';
    expect(readFileSync(join(project.root, style), 'utf8')).toMatch(/foreign\.[0-9a-f]{12}\.png/);
    for (const target of targets) expect(differences(project.root, target)).toBe('');
  });

  it('says that a source is gone, also one that had nothing', async () => {
    const { project } = await scene({}, ['assets', 'empty']);
    await project.sync();
    rmSync(join(project.folder, 'empty'), { recursive: true });
    expect(await project.sync()).toMatchObject({ status: 1, stderr: expect.stringContaining('no such folder') });
  });

  it.each<[string, (file: string) => void]>([
    ['lost', (file) => rmSync(file)],
    ['cut off', (file) => truncateSync(file, statSync(file).size - 3)],
    ['short of a line', (file) => writeFileSync(file, readFileSync(file, 'utf8').split('\n').slice(1).join('\n'))],
    ['spoilt', (file) => writeFileSync(file, readFileSync(file, 'latin1').replace(/[0-9a-f]{2}/, 'zz'))],
  ])('removes what it brought to a target though its notes are %s', async (_, spoil) => {
    for (const notes of ['checkpoint-touched', 'collected-since']) {
      const { project, targets, stateFile } = await scene();
      await project.sync();
      writeFileSync(join(project.root, 'foreign.txt'), 'foreign');
      writeFileSync(join(project.assets, 'images/0.png'), 'edit');
      await project.sync();
      spoil(stateFile(notes));
      rmSync(join(project.root, 'foreign.txt'));
      writeFileSync(join(project.assets, 'images/0.png'), 'another edit');
      expect(await project.sync()).toMatchObject({ status: 0 });
      for (const target of targets) expect([notes, differences(project.root, target)]).toEqual([notes, '']);
    }
  });

  it('leaves on each target what lies in STATIC_ROOT, after every change', async () => {
    const { project, targets, edit } = await scene();
    await project.sync();
    const chance = chanceOf(20_261_127);
    for (let step = 0; step < 40; step++) {
      const what = edit(chance, step);
      const only = chance.pick([[], [], ['web'], ['second']]);
      const { status, stderr } = await project.sync(...only);
      expect([what, status, stderr]).toEqual([what, 0, '']);
      for (const [at, target] of targets.entries())
        if (only.length === 0 || only[0] === ['web', 'second'][at])
          expect([what, differences(project.root, target)]).toEqual([what, '']);
    }
    const kept = readFileSync(join(project.root, 'staticfiles.json'));
    await project.forgetState();
    await project.sync();
    expect(readFileSync(join(project.root, 'staticfiles.json'))).toEqual(kept);
  });
});

async function scene(settings: object = {}, dirs: readonly string[] = ['assets']) {
  const web = join(await temporaryFolder(), 'web');
  const second = join(await temporaryFolder(), 'second');
  const styles = Array.from({ length: STYLES }, (_, at) => [
    `assets/${at}.css`,
    `a{background:url(images/${at}.png)} b{background:url(images/${at + STYLES}.png)}`,
  ]);
  const images = Array.from({ length: IMAGES }, (_, at) => [`assets/images/${at}.png`, `image ${at}`]);
  const project = await makeProject(
    {
      targets: { web: on(server, web), second: inFolder(second) },
      source: { dirs },
      static: { root: 'var/static', storage: 'manifest', django: '5.2', ...settings },
    },
    Object.fromEntries([...styles, ...images]),
  );
  for (const folder of dirs) mkdirSync(join(project.folder, folder), { recursive: true });
  const stateFile = (name: string): string => {
    const [folder = ''] = readdirSync(join(project.state, 'pushstatic'));
    return join(project.state, 'pushstatic', folder, name);
  };
  const checkpoint = (): Buffer => readFileSync(stateFile('marks'));
  let extra = 0;
  const edit = (chance: ReturnType<typeof chanceOf>, step: number): string => {
    const image = join(project.assets, 'images', `${chance.below(IMAGES)}.png`);
    const what = chance.pick([
      'nothing',
      'edit',
      'edit',
      'edit',
      'back',
      'touch',
      'new',
      'gone',
      'ours',
      'foreign',
      'lost',
    ]);
    const old = new Date(1_600_000_000_000 + step * 1000);
    if (what === 'edit') writeFileSync(image, `edit ${step}`);
    if (what === 'back') writeFileSync(image, 'as it often is');
    if (what === 'touch') utimesSync(join(project.assets, '0.css'), old, old);
    if (what === 'new') writeFileSync(join(project.assets, `new-${extra++}.js`), `new ${step}`);
    if (what === 'gone' && extra > 0) rmSync(join(project.assets, `new-${--extra}.js`));
    if (what === 'ours') writeFileSync(join(project.root, '1.css'), 'somebody was here');
    if (what === 'foreign') writeFileSync(join(project.root, 'robots.txt'), `by somebody else ${step}`);
    if (what === 'lost') rmSync(join(project.root, 'images', '3.png'), { force: true });
    return what;
  };
  return { project, targets: [web, second], checkpoint, stateFile, edit };
}
