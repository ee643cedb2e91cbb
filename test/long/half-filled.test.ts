/** A STATIC_ROOT that another program fills, met by a run alone while that is at work: what is missing there is not gone (F45). */
import { existsSync, readdirSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setImmediate } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { atRest } from '../../src/collect/at-rest.js';
import { DigestCache } from '../../src/collect/digest-cache.js';
import { scan } from '../../src/collect/scan.js';
import type { Snapshot } from '../../src/core/snapshot.js';
import { Pacer } from '../../src/fs/pace.js';
import { StateFolder } from '../../src/fs/state.js';
import { path } from '../support/entries.js';
import { inFolder, makeProject, published } from '../support/project.js';
import { SteppingPacer } from '../support/stepping-pacer.js';
import { plant, readTree, type Tree, temporaryFolder } from '../support/tree.js';

const LONG_AGO_S = 1_700_000_000;
const SITE: Tree = {
  ...Object.fromEntries(Array.from({ length: 20 }, (_, i) => [`css/${i}.css`, `style ${i}`])),
  'app.js': 'script',
  'app.0123456789ab.js': 'script',
  'staticfiles.json': '{}',
};

describe('collectstatic --clear by another program, met by a run alone with storage none (F45)', () => {
  it('that does not come to its end takes nothing away, and brings what is new', async () => {
    const { project, target } = await scene();
    const running = clearing(project.root);
    const { status, stderr, targets } = await untilOver(project.sync(), running);
    expect(status).toBe(0);
    expect(targets).toMatchObject([{ ok: true, removed: 0, uploaded: 1 }]);
    expect(stderr).toContain(
      'web: 4 files that are missing are not removed: something else is still filling STATIC_ROOT',
    );
    expect(await published(target)).toEqual({ ...SITE, 'new.css': 'new' });
  });

  it('that stands still before it writes the manifest takes nothing away either', async () => {
    const { project, target } = await scene();
    clearing(project.root);
    age(project.root);
    const { status, stderr, targets } = await project.sync();
    expect([status, targets[0]?.removed]).toEqual([0, 0]);
    expect(stderr).toContain(
      'web: 4 files that are missing are not removed: staticfiles.json is missing beside files with hashed names; ' +
        'let collectstatic finish, or run again with --force',
    );
    expect(await published(target)).toEqual({ ...SITE, 'new.css': 'new' });

    const forced = await project.sync('--force');
    expect([forced.status, forced.targets[0]?.removed]).toEqual([0, 4]);
  });

  it.each([
    ['verify --repair', ['verify', '--repair']],
    ['a sync that collects nothing', ['sync', '--no-collect']],
  ])('that stands still before it writes the manifest loses nothing by %s', async (_, args) => {
    const { project, target } = await scene(args.includes('--no-collect') ? 'manifest' : 'none');
    clearing(project.root);
    age(project.root);
    const { status, stderr } = await project.program.run(...args);
    expect([status, stderr]).toEqual([0, expect.stringContaining('staticfiles.json is missing beside files with')]);
    expect(await published(target)).toEqual({ ...SITE, 'new.css': 'new' });
  });

  it('that comes to its end while it is waited for is published with all that it made', async () => {
    const { project, target } = await scene();
    expect((await project.sync()).status).toBe(0);
    const [folder = ''] = readdirSync(join(project.state, 'pushstatic'));
    const note = join(project.state, 'pushstatic', folder, 'baseline-touched');
    expect(existsSync(note)).toBe(false);
    rmSync(join(project.root, 'staticfiles.json'));
    let isMade = false;
    const make = (): void => {
      if (isMade || !existsSync(note)) return; // what is gone is noted when it was looked at
      isMade = true;
      writeFileSync(join(project.root, 'app.111111111111.js'), 'newer');
      writeFileSync(join(project.root, 'staticfiles.json'), '{"paths":{"app.js":"app.111111111111.js"}}');
    };
    expect((await untilOver(project.sync(), make)).status).toBe(0);
    expect(isMade).toBe(true);
    expect(await published(target)).toEqual(await readTree(project.root));
  });

  it('that is over has what it left out removed', async () => {
    const { project, target } = await scene();
    rmSync(join(project.root, 'css/1.css'));
    const { status, stderr, targets } = await project.sync();
    expect([status, stderr, targets[0]?.removed]).toEqual([0, '', 1]);
    const { 'css/1.css': _, ...left } = SITE;
    expect(await published(target)).toEqual(left);
  });
});

describe('a folder in which a file is missing', () => {
  const missing = [path('css/b.css')];

  it('is taken as it is if nothing came or went for a second', async () => {
    const site = await newSite();
    age(site.root);
    const first = await site.look();
    const pacer = new SteppingPacer([]);
    expect(await atRest(site.root, missing, first, site.scan, pacer)).toBe(first.snapshot);
    expect(pacer.rests).toBe(0);
  });

  it('is not taken for quiet because a folder above it is dated far ahead', async () => {
    const site = await newSite();
    const ahead = Date.now() / 1000 + 3600;
    utimesSync(site.root, ahead, ahead);
    const first = await site.look();
    const pacer = new SteppingPacer([]);
    expect(await atRest(site.root, missing, first, site.scan, pacer)).not.toBe(first.snapshot);
    expect(pacer.rests).toBeGreaterThan(0);
  });

  it('is looked at again when it is quiet', async () => {
    const site = await newSite();
    const first = await site.look();
    const pacer = new SteppingPacer([() => writeFileSync(join(site.root, 'css/b.css'), 'b')]);
    const rested = await atRest(site.root, missing, first, site.scan, pacer);
    expect([...(rested?.entries ?? [])].map((entry) => entry.path)).toEqual(['app.js', 'css/a.css', 'css/b.css']);
    expect(pacer.rests).toBeGreaterThanOrEqual(2); // a timer that was early makes it one more
  });

  it('is looked at again at once if it changed after the first look and is quiet by now', async () => {
    const site = await newSite();
    age(site.root);
    const first = { ...(await site.look()), atMs: LONG_AGO_S * 1000 };
    expect(await atRest(site.root, missing, first, site.scan, new Pacer())).not.toBe(first.snapshot);
  });

  it('is given up if it does not come to rest', async () => {
    const site = await newSite();
    const first = await site.look();
    const steps = Array.from({ length: 20 }, (_, i) => () => writeFileSync(join(site.root, `css/${i}.css`), ''));
    expect(await atRest(site.root, missing, first, site.scan, new SteppingPacer(steps))).toBeUndefined();
  });
});

/** A site that is published, and STATIC_ROOT has been quiet since. */
async function scene(storage = 'none') {
  const target = join(await temporaryFolder(), 'target');
  const project = await makeProject({
    targets: { web: inFolder(target) },
    source: { dirs: storage === 'none' ? [] : ['assets'] },
    static: { root: 'var/static', storage },
  });
  await plant(project.root, SITE);
  expect((await project.sync('--no-collect')).status).toBe(0);
  age(project.root);
  return { project, target };
}

/** Takes some files away, the manifest first, and makes others; each call of the answer does a little more. */
function clearing(root: string): () => void {
  for (const name of ['staticfiles.json', 'css/1.css', 'css/2.css', 'css/3.css']) rmSync(join(root, name));
  writeFileSync(join(root, 'new.css'), 'new');
  // What comes and goes leaves nothing but this; a folder by that name, there and gone and there again, may be met by a look.
  return () => utimesSync(join(root, 'css'), new Date(), new Date());
}

async function untilOver<T>(work: Promise<T>, meanwhile: () => void): Promise<T> {
  const over = new AbortController();
  void work.finally(() => over.abort()).catch(() => undefined);
  for (; !over.signal.aborted; await setImmediate()) meanwhile();
  return work;
}

/** As if nothing had come or gone for long. */
function age(root: string): void {
  for (const folder of [root, join(root, 'css')]) utimesSync(folder, LONG_AGO_S, LONG_AGO_S);
}

async function newSite() {
  const root = await temporaryFolder();
  await plant(root, { 'app.js': 'script', 'css/a.css': 'a' });
  const state = new StateFolder(await temporaryFolder());
  const look = async (): Promise<Snapshot> => scan(root, { cache: await DigestCache.load(state, 'root', new Pacer()) });
  return { root, scan: look, look: async () => ({ atMs: Date.now(), snapshot: await look() }) };
}
