/** A daemon whose sources get lost: it halts, says what to do, removes nothing, and goes on by itself when they are back. */
import { readdirSync, renameSync, rmSync } from 'node:fs';
import { mkdir, readdir, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  eventually,
  makeScene,
  PUBLISHED,
  QUICK,
  type Scene,
  serves,
  startDaemon,
  targetOf,
} from '../support/daemon.js';
import { type OpenSshServer, startOpenSsh } from '../support/openssh-server.js';
import { differences, inFolder, makeProject, on, published } from '../support/project.js';
import { plant, readTree, symlink, type Tree, temporaryFolder } from '../support/tree.js';

const folderOf = (i: number): string => (i < 20 ? 'few' : 'many');
const MANY: Tree = Object.fromEntries(Array.from({ length: 100 }, (_, i) => [`assets/${folderOf(i)}/${i}.js`, `${i}`]));
const MANY_PUBLISHED: Tree = Object.fromEntries(
  Array.from({ length: 100 }, (_, i) => [`${folderOf(i)}/${i}.js`, `${i}`]),
);

let server: OpenSshServer;

beforeAll(async () => {
  server = await startOpenSsh();
});

afterAll(() => server.stop());

const losses = {
  'is removed': {
    lose: ({ assets }: Scene) => rename(assets, `${assets}.away`),
    code: 'SOURCE',
    bringBack: ({ assets }: Scene) => rename(`${assets}.away`, assets),
  },
  'is emptied': {
    lose: async ({ assets }: Scene) => {
      await mkdir(`${assets}.away`);
      // In one go: a batch may not come in between.
      for (const name of readdirSync(assets)) renameSync(join(assets, name), join(`${assets}.away`, name));
    },
    code: 'REFUSED',
    bringBack: async ({ assets }: Scene) => {
      for (const name of await readdir(`${assets}.away`))
        await rename(join(`${assets}.away`, name), join(assets, name));
    },
  },
  'is another, empty one, as after an unmount': {
    lose: async ({ assets }: Scene) => {
      await rename(assets, `${assets}.away`);
      await mkdir(assets);
    },
    code: 'REFUSED',
    bringBack: async ({ assets }: Scene) => {
      await rm(assets, { recursive: true });
      await rename(`${assets}.away`, assets);
    },
  },
};

describe.each(['native', 'chokidar', 'poll'] as const)('with the %s backend, a source that', (backend) => {
  it.each(Object.entries(losses))(
    '%s halts the daemon until it is back (F47, F49)',
    async (_, { lose, code, bringBack }) => {
      const scene = await makeScene(server, { watch: { settle: '300ms', maxWait: '1s', sweep: '2s', backend } });
      await plant(scene.folder, MANY);
      const daemon = await startDaemon(scene);
      await daemon.inSync();
      for (let round = 0; round < 2; round++) {
        await lose(scene);
        const { local } = await daemon.until((status) => status.local.state === 'halted');
        expect(local.error).toMatchObject({ code });
        const { message = 'none' } = local.error ?? {};
        await eventually('it says so', () => daemon.output.stderr.includes(JSON.stringify(message).slice(1, -1)));
        await daemon.until(({ cycles: [last] }) => last?.error?.code === code && !last.ok);
        expect(await scene.program.run('healthcheck')).toMatchObject({
          status: 1,
          stderr: expect.stringContaining('assets'),
        });
        expect(await published(scene.target)).toEqual({ ...PUBLISHED, ...MANY_PUBLISHED });
        expect(differences(scene.root, scene.target)).toBe('');

        await bringBack(scene);
        await daemon.inSync();
        await rm(`${scene.assets}.away`, { recursive: true, force: true });
        expect(await published(scene.target)).toEqual({ ...PUBLISHED, ...MANY_PUBLISHED });
      }
      await plant(scene.assets, { 'after.css': 'after' });
      await serves(scene.target, { ...PUBLISHED, ...MANY_PUBLISHED, 'after.css': 'after' });
    },
  );
});

describe.each(['plain', 'manifest', 'none'])('of few files, with storage %s, a source', (storage) => {
  const names = Array.from({ length: 20 }, (_, i) => `${i}.js`);
  const sources = storage === 'none' ? 'var/static' : 'assets';

  function sceneOf(few: readonly string[], watch: object): Promise<Scene> {
    return makeScene(server, {
      tree: Object.fromEntries(few.map((name) => [`${sources}/${name}`, name])),
      source: { dirs: storage === 'none' ? [] : ['assets'] },
      static: { root: 'var/static', storage },
      target: { delete: { max: '100%' } },
      watch,
    });
  }

  it.each([
    ['that loses most of them', 15],
    ['that loses all of them', 20],
    ['that loses all of three', 3],
  ])('%s halts the daemon until they are back, and takes nothing away (F47)', async (_, lost) => {
    const few = lost === 3 ? names.slice(0, 3) : names;
    const scene = await sceneOf(few, { settle: '300ms', maxWait: '1s', sweep: '1h' });
    const daemon = await startDaemon(scene);
    await daemon.inSync();
    const [collected, served] = [await readTree(scene.root), await published(scene.target)];
    const folder = join(scene.folder, sources);
    for (const name of few.slice(0, lost)) rmSync(join(folder, name));
    const { local } = await daemon.until((status) => status.local.state === 'halted');
    expect(local.error).toMatchObject({ code: 'REFUSED', message: expect.stringContaining(folder) });
    await serves(scene.target, served);
    if (storage !== 'none') expect(await readTree(scene.root)).toEqual(collected);

    await plant(folder, Object.fromEntries(few.map((name) => [name, name])));
    await daemon.inSync();
    await serves(scene.target, served);
  });

  it('that loses them one after another is followed, and is no surprise to the next run (F47)', async () => {
    const scene = await sceneOf(names, { settle: '50ms', maxWait: '500ms', sweep: '1h' });
    const daemon = await startDaemon(scene);
    await daemon.inSync();
    for (let left = names.length; left > 2; left -= 3) {
      for (const name of names.slice(left - 3, left)) await rm(join(scene.folder, sources, name));
      await eventually('they are gone', async () => {
        const tree = await published(scene.target).catch(() => undefined);
        return tree !== undefined && !(`${left - 1}.js` in tree);
      });
      await daemon.inSync();
    }
    await daemon.stop();
    expect(await scene.program.run('sync')).toMatchObject({ status: 0 });
  });
});

describe('what is missing', () => {
  const names = Array.from({ length: 20 }, (_, i) => `${i}.js`);
  const WAITING = { settle: '50ms', maxWait: '3s', sweep: '1h' };

  async function running() {
    const scene = await makeScene(server, {
      tree: Object.fromEntries(names.map((name) => [`assets/${name}`, name])),
      target: { delete: { max: '100%' } },
      watch: WAITING,
    });
    const daemon = await startDaemon(scene);
    await daemon.inSync();
    return { scene, daemon };
  }

  it('since before the sources were lost is not removed while they are (F47)', async () => {
    const { scene, daemon } = await running();
    for (const name of names.slice(0, 8)) rmSync(join(scene.assets, name));
    await daemon.until(({ local }) => local.files === 12);
    for (const name of names.slice(8)) rmSync(join(scene.assets, name));
    await daemon.until(({ local }) => local.state === 'halted');
    const haltedAt = Date.now();
    // By then what was held back would have gone.
    await eventually('it has been quiet for long', () => Date.now() - haltedAt > 6000);
    expect(Object.keys(await published(scene.target))).toHaveLength(20);
    await plant(scene.assets, Object.fromEntries(names.map((name) => [name, name])));
    await daemon.inSync();
    expect(
      (await daemon.client.status()).cycles.every(({ targets }) => targets.every(({ removed }) => removed === 0)),
    ).toBe(true);
  });

  it('a moment before another configuration is taken up goes when it has been quiet, too', async () => {
    const { scene, daemon } = await running();
    rmSync(join(scene.assets, '0.js'));
    await daemon.until(({ local }) => local.files === 19);
    await scene.configure({ targets: { web: on(server, scene.target, { delete: { max: '90%' } }) } });
    expect((await scene.program.run('reload')).status).toBe(0);
    const { cycles } = await daemon.until((status) => status.cycles[0]?.cause === 'start' && status.cycles.length > 1);
    expect(cycles[0]?.targets).toMatchObject([{ removed: 0 }]);
    await eventually('it has gone', async () => {
      const tree = await published(scene.target).catch(() => undefined);
      return tree !== undefined && !('0.js' in tree);
    });
  });
});

describe('targets that are not asked for', () => {
  it('get what the others get as soon as they may', async () => {
    const first = join(await temporaryFolder(), 'first');
    const second = join(await temporaryFolder(), 'second');
    const project = await makeProject(
      {
        targets: { first: inFolder(first), second: inFolder(second) },
        watch: { ...QUICK, sweep: '1h' },
        daemon: { http: false },
      },
      { 'assets/a.css': 'a' },
    );
    const daemon = await startDaemon(project);
    await daemon.inSync();
    expect((await project.program.run('pause')).status).toBe(0);
    await plant(project.assets, { 'a.css': 'edited' });
    expect((await project.program.run('trigger', '--wait', 'first')).status).toBe(0);
    expect(await published(first)).toEqual({ 'a.css': 'edited' });
    expect(await published(second)).toEqual({ 'a.css': 'a' });
    expect(targetOf(await daemon.client.status(), 'second')).toMatchObject({ state: 'behind', pending: 1 });
    expect((await project.program.run('resume')).status).toBe(0);
    await serves(second, { 'a.css': 'edited' });
  });
});

describe('what cannot be read in STATIC_ROOT, and then is gone', () => {
  /** Two targets hold a file in whose place a link lies now that leads nowhere. */
  async function unclear() {
    const [first, second] = [join(await temporaryFolder(), 'first'), join(await temporaryFolder(), 'second')];
    const all = { delete: { max: '100%' } };
    const project = await makeProject(
      {
        source: { dirs: [] },
        static: { root: 'var/static', storage: 'none' },
        targets: { first: inFolder(first, all), second: inFolder(second, all) },
        watch: { ...QUICK, sweep: '1h' },
        daemon: { http: false },
      },
      { 'var/static/gone.css': 'gone', 'var/static/kept.css': 'kept', lost: symlink('nowhere') },
    );
    const daemon = await startDaemon(project);
    await daemon.inSync();
    const place = join(project.root, 'gone.css');
    await rename(join(project.folder, 'lost'), place); // in one step: at no moment is it merely gone
    await daemon.until(({ local }) => local.problems.length === 1 && local.unsettled === 0);
    await daemon.inSync();
    expect(await published(second)).toEqual({ 'gone.css': 'gone', 'kept.css': 'kept' });
    return { project, first, second, place };
  }

  it('goes from the targets', async () => {
    const { first, second, place } = await unclear();
    await rm(place);
    for (const target of [first, second]) await serves(target, { 'kept.css': 'kept' });
  });

  it('goes from a target that was not asked for, as soon as it may', async () => {
    const { project, first, second, place } = await unclear();
    expect((await project.program.run('pause')).status).toBe(0);
    await rm(place);
    expect((await project.program.run('trigger', '--wait', 'first')).status).toBe(0);
    expect(await published(first)).toEqual({ 'kept.css': 'kept' });
    expect(await published(second)).toHaveProperty('gone.css');
    expect((await project.program.run('resume')).status).toBe(0);
    await serves(second, { 'kept.css': 'kept' });
  });
});

describe('what is refused', () => {
  it('a lost source: is done by trigger --force (F47)', async () => {
    const scene = await makeScene(server);
    await plant(scene.folder, MANY);
    const daemon = await startDaemon(scene);
    await daemon.inSync();
    await rm(scene.assets, { recursive: true });
    await mkdir(scene.assets);
    await daemon.until((status) => status.local.state === 'halted');
    expect(await scene.program.run('trigger', '--wait')).toMatchObject({ status: 5 });
    expect(await published(scene.target)).toEqual({ ...PUBLISHED, ...MANY_PUBLISHED });
    expect(await scene.program.run('trigger', '--wait', '--force')).toMatchObject({ status: 0 });
    expect(await published(scene.target)).toEqual({ 'vendor/lib.js': 'library' });
    await daemon.inSync();
  });

  it('more removals than delete.max: halts the target, and is done by trigger --force (F47)', async () => {
    const scene = await makeScene(server, { target: { delete: { max: 10 } } });
    await plant(scene.folder, MANY);
    const daemon = await startDaemon(scene);
    await daemon.inSync();
    await rename(join(scene.assets, 'few'), join(scene.folder, 'few')); // all at once
    const status = await daemon.until(({ targets }) => targets[0]?.state === 'halted');
    expect(targetOf(status)).toMatchObject({
      error: { code: 'REFUSED', message: expect.stringContaining('delete.max') },
    });
    expect(await published(scene.target)).toEqual({ ...PUBLISHED, ...MANY_PUBLISHED });
    await plant(scene.assets, { 'more.css': 'more' });
    // What is new is served all the same; what is missing waits for a person.
    await serves(scene.target, { ...PUBLISHED, ...MANY_PUBLISHED, 'more.css': 'more' });
    await daemon.until(({ targets }) => targets[0]?.state === 'halted');
    expect(await published(scene.target)).toEqual({ ...PUBLISHED, ...MANY_PUBLISHED, 'more.css': 'more' });
    expect(await scene.program.run('trigger', '--wait')).toMatchObject({ status: 5 });
    expect(await scene.program.run('trigger', '--wait', '--force')).toMatchObject({ status: 0 });
    expect(Object.keys(await published(scene.target))).toHaveLength(86);
    expect(differences(scene.root, scene.target)).toBe('');
  });

  it('more removals than delete.max: goes on by itself when the files are back (F47)', async () => {
    const scene = await makeScene(server, { target: { delete: { max: 10 } } });
    await plant(scene.folder, MANY);
    const daemon = await startDaemon(scene);
    await daemon.inSync();
    await rename(join(scene.assets, 'few'), join(scene.folder, 'few'));
    await daemon.until(({ targets }) => targets[0]?.state === 'halted');
    await rename(join(scene.folder, 'few'), join(scene.assets, 'few'));
    await daemon.inSync();
    await plant(scene.assets, { 'more.css': 'more' });
    await serves(scene.target, { ...PUBLISHED, ...MANY_PUBLISHED, 'more.css': 'more' });
    await eventually('its error is gone', async () => targetOf(await daemon.client.status()).error === null);
  });
});
