/** Files that are written in place while they are read: what is published of them is always one that was whole (F43, F44). */
import {
  closeSync,
  existsSync,
  ftruncateSync,
  futimesSync,
  openSync,
  readFileSync,
  renameSync,
  statSync,
  utimesSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as pause, setImmediate } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { scanTree } from '../../src/collect/scan.js';
import type { CachedDigest } from '../../src/core/digest-cache-codec.js';
import { Pacer } from '../../src/fs/pace.js';
import { eventually, expectSettled, makeScene, startDaemon } from '../support/daemon.js';
import { type OpenSshServer, startOpenSsh } from '../support/openssh-server.js';
import { inFolder, makeProject } from '../support/project.js';
import { SteppingPacer } from '../support/stepping-pacer.js';
import { plant, type Tree, temporaryFolder } from '../support/tree.js';

const LONG_AGO_S = 1_700_000_000;
const OLD = 'the old content;\n'.repeat(1000);
const NEW = 'what is new;\n'.repeat(1000);
const HALF = NEW.length / 2;

describe('a run that meets a file', () => {
  it('that was just emptied reads it when it is whole', async () => {
    const site = await newSite();
    const descriptor = openSync(site.file, 'w');
    const finish = (): void => {
      writeSync(descriptor, NEW.slice(HALF));
      closeSync(descriptor);
    };
    const { files, problems, rests } = await site.scan({
      steps: [() => writeSync(descriptor, NEW.slice(0, HALF)), finish],
    });
    expect(problems).toEqual([]);
    expect(files[0]?.entry.size).toBe(NEW.length);
    expect(rests).toBe(2);
  });

  it('that was cut down in place reads it when it is whole', async () => {
    const site = await newSite();
    const descriptor = openSync(site.file, 'r+');
    ftruncateSync(descriptor, 100);
    const finish = (): void => {
      writeSync(descriptor, NEW, 0);
      closeSync(descriptor);
    };
    const { files } = await site.scan({ steps: [finish] });
    expect(files[0]?.entry.size).toBe(NEW.length);
  });

  it('that grows after it was listed reads it when it is whole', async () => {
    const site = await newSite();
    const descriptor = openSync(site.file, 'a');
    writeSync(descriptor, 'zero ');
    const finish = (): void => {
      writeSync(descriptor, 'two ');
      closeSync(descriptor);
    };
    const { files } = await site.scan({ whenListed: () => writeSync(descriptor, 'one '), steps: [finish] });
    expect(files[0]?.entry.size).toBe(`${OLD}zero one two `.length);
  });

  it.each([
    ['is new', 'new.css', ''],
    ['has grown beyond what it was', 'm.css', OLD],
  ])('that %s, while its writer pauses, reads it when it is whole', async (_, name, before) => {
    const site = await newSite();
    const descriptor = openSync(join(site.folder, name), 'w');
    writeSync(descriptor, `${before}half`);
    const finish = (): void => {
      writeSync(descriptor, ' and half');
      closeSync(descriptor);
    };
    const { files, rests } = await site.scan({ steps: [finish] });
    expect(files.find(({ entry }) => entry.path === name)?.entry.size).toBe(`${before}half and half`.length);
    expect(rests).toBe(1);
  });

  it('that is new and stays empty takes it after half a second', async () => {
    const site = await newSite();
    const file = join(site.folder, 'new.css');
    writeFileSync(file, '');
    const ahead = Date.now() / 1000 + 1; // also a machine that stands still for a second finds it written just now
    utimesSync(file, ahead, ahead);
    const { files, rests } = await site.scan();
    expect(files.map(({ entry }) => [entry.path, entry.size])).toContainEqual(['new.css', 0]);
    expect(rests).toBe(1);
  });

  it('that is written without end gives it up after some seconds, and knows nothing of it', async () => {
    const site = await newSite();
    const descriptor = openSync(site.file, 'w');
    const { files, problems } = await site.scan({ steps: Array(20).fill(() => writeSync(descriptor, 'more')) });
    closeSync(descriptor);
    expect(files).toEqual([]);
    expect(problems).toEqual([
      {
        path: 'm.css',
        step: 'scan',
        code: 'CHANGED',
        message: 'it is still being written; the next run takes it up',
      },
    ]);
  });

  it.each<[what: string, save: (file: string) => void]>([
    [
      'a smaller one was renamed over it',
      (file) => {
        writeFileSync(`${file}~`, 'small');
        renameSync(`${file}~`, file);
      },
    ],
    ['it was written in one go and is no smaller', (file) => writeFileSync(file, `${OLD}and more`)],
    [
      'it was emptied long ago',
      (file) => {
        writeFileSync(file, '');
        utimesSync(file, LONG_AGO_S, LONG_AGO_S);
      },
    ],
  ])('does not wait where %s', async (_, save) => {
    const site = await newSite();
    save(site.file);
    expect(await site.scan()).toMatchObject({ problems: [], rests: 0 });
  });
});

it('a run does not wait for whole files that are renamed over one another, though they share two inodes', async () => {
  const site = await newSite();
  const replace = (): void => {
    writeFileSync(`${site.file}~`, NEW);
    renameSync(`${site.file}~`, site.file);
  };
  replace();
  expect(await site.scan({ whenListed: () => [replace(), replace()] })).toMatchObject({ problems: [], rests: 0 });
});

describe.each(['plain', 'manifest', 'none'])('a run alone with storage %s', (storage) => {
  it('leaves the old content while a file is written in place, and brings the new one whole (F43)', async () => {
    const target = join(await temporaryFolder(), 'target');
    const project = await makeProject({
      targets: { web: inFolder(target) },
      source: { dirs: storage === 'none' ? [] : ['assets'] },
      static: { root: 'var/static', storage },
    });
    const folder = storage === 'none' ? project.root : project.assets;
    await plant(folder, { 'm.txt': OLD, 'o.css': 'one' });
    expect((await project.sync()).status).toBe(0);

    writeFileSync(join(folder, 'o.css'), 'two ');
    const descriptor = openSync(join(folder, 'm.txt'), 'w');
    const over = new AbortController();
    const running = project.sync().finally(() => over.abort());
    for (let at = 0; !over.signal.aborted; at = (at + 1) % NEW.length) {
      writeSync(descriptor, NEW.charAt(at), at);
      const ahead = Date.now() / 1000 + 1.5; // also a machine that stands still for a second finds it written just now
      futimesSync(descriptor, ahead, ahead);
      await setImmediate();
    }
    const { status, collect } = await running;
    expect(collect.problems).toMatchObject([{ path: 'm.txt', code: 'CHANGED' }]);
    expect(status).toBe(1);
    expect(await readFile(join(target, 'm.txt'), 'utf8')).toBe(OLD);
    expect(await readFile(join(target, 'o.css'), 'utf8')).toBe('two ');

    ftruncateSync(descriptor, 0);
    writeSync(descriptor, NEW, 0);
    closeSync(descriptor);
    expect((await project.sync()).status).toBe(0);
    expect(await readFile(join(target, 'm.txt'), 'utf8')).toBe(NEW);
  });
});

describe('a daemon', () => {
  let server: OpenSshServer;
  beforeAll(async () => {
    server = await startOpenSsh();
  });
  afterAll(() => server.stop());

  it.each(['plain', 'manifest', 'none'])(
    'never serves a half of what is written in place, and others go on, with storage %s (F44)',
    async (storage) => {
      const tree = { [storage === 'none' ? 'var/static/m.txt' : 'assets/m.txt']: 'version 0 is there' };
      const scene = await makeScene(server, {
        tree,
        source: { dirs: storage === 'none' ? [] : ['assets'] },
        static: { root: 'var/static', storage },
        watch: { settle: '100ms', maxWait: '500ms', sweep: '1h' },
      });
      const daemon = await startDaemon(scene);
      await daemon.inSync();
      const folder = storage === 'none' ? scene.root : scene.assets;
      const read = (name: string): string => readIfThere(join(scene.target, name));
      const reader = startReader(() => `${read('m.txt')} ${read('o.css')}`);
      for (let version = 1; version <= 3; version++) {
        const [half, rest] = [`version ${version} `, 'is there'];
        const descriptor = openSync(join(folder, 'm.txt'), 'w');
        writeFileSync(join(folder, 'o.css'), `other ${version}`);
        // The writer goes on until the other one is served: it is never quiet, and never whole.
        for (; read('o.css') !== `other ${version}`; await setImmediate()) {
          ftruncateSync(descriptor, 0);
          await setImmediate();
          writeSync(descriptor, half, 0);
        }
        writeSync(descriptor, rest, half.length);
        closeSync(descriptor);
        await eventually('it is served', () => read('m.txt') === half + rest);
      }
      await daemon.inSync();
      expect(await reader.seen()).toEqual([
        'version 0 is there ',
        'version 0 is there other 1',
        'version 1 is there other 1',
        'version 1 is there other 2',
        'version 2 is there other 2',
        'version 2 is there other 3',
        'version 3 is there other 3',
      ]);
    },
  );

  it('serves at once what is saved as a whole, a shorter one too, and an empty file when it stays like that', async () => {
    const tree: Tree = Object.fromEntries(['a', 'b', 'c', 'd'].map((name) => [`assets/${name}.css`, 'as before']));
    const scene = await makeScene(server, { tree, watch: { settle: '100ms', maxWait: '500ms', sweep: '1h' } });
    const daemon = await startDaemon(scene);
    await daemon.inSync();
    const read = (name: string): string => readIfThere(join(scene.target, name));
    const reader = startReader(() => ['a.css', 'b.css', 'c.css', 'd.css', 'e.css'].map(read).join());
    writeFileSync(join(scene.assets, 'a.css'), 'short');
    writeFileSync(join(scene.assets, 'b.css'), '');
    writeFileSync(join(scene.assets, 'e.css'), '');
    writeFileSync(join(scene.assets, 'c.css'), 'longer than before');
    writeFileSync(join(scene.assets, 'd.css~'), 'renamed');
    renameSync(join(scene.assets, 'd.css~'), join(scene.assets, 'd.css'));
    // This one is not quiet before the others are served. A new one that is not would hold them back.
    const others = (): string => ['a.css', 'c.css', 'd.css'].map(read).join('');
    for (; others() !== 'shortlonger than beforerenamed'; await pause(50)) {
      const ahead = new Date(Date.now() + 1500); // so that a machine that stands still does not matter
      utimesSync(join(scene.assets, 'b.css'), ahead, ahead);
    }
    await eventually('all is served', () => existsSync(join(scene.target, 'e.css')) && read('b.css') === '');
    await daemon.inSync();
    const seen = await reader.seen();
    expect(seen).toContain('short,as before,longer than before,renamed,');
    expect(seen.at(-1)).toBe('short,,longer than before,renamed,');
    await expectSettled(scene);
  });
});

/** Reads all the time, until it is asked what it saw: each thing once, in order. */
function startReader(look: () => string): { readonly seen: () => Promise<string[]> } {
  const seen = new Set<string>();
  const over = new AbortController();
  const reading = (async () => {
    for (; !over.signal.aborted; await setImmediate()) seen.add(look());
  })();
  const end = async (): Promise<string[]> => {
    over.abort();
    await reading;
    return [...seen];
  };
  return { seen: end };
}

function readIfThere(file: string): string {
  return existsSync(file) ? readFileSync(file, 'utf8') : '';
}

interface Steps {
  /** When the file was listed, and before it is read. */
  readonly whenListed?: () => unknown;
  /** One each time that the run waits. */
  readonly steps?: readonly (() => unknown)[];
}

/** A folder with one old file, whose content is known. */
async function newSite() {
  const folder = await temporaryFolder();
  const file = join(folder, 'm.css');
  await plant(folder, { 'm.css': OLD });
  utimesSync(file, LONG_AGO_S, LONG_AGO_S);
  const bornAt = statSync(file).birthtimeMs;
  while (Date.now() - bornAt < 600) await setImmediate(); // else it passes for one that is renamed over another one
  const cache = new Map<string, CachedDigest>();
  await scanTree(folder, { step: 'scan', cache, pacer: new Pacer() });
  return {
    folder,
    file,
    scan: async ({ whenListed, steps = [] }: Steps = {}) => {
      const pacer = new SteppingPacer(steps);
      const onFound = () => void whenListed?.();
      const scanned = await scanTree(folder, { step: 'scan', cache, pacer, onFound });
      return { ...scanned, rests: pacer.rests };
    },
  };
}
