/**
 * verify, met by the program as a user runs it: whatever somebody else did to a target is told as what it is, put right as far as
 * that can be, and told until it is.
 */
import { chmod, mkdir, readdir, rename, rm, stat, truncate, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { IndexStore } from '../src/push/index/store.js';
import { doubt, verify, verifyIndex } from '../src/push/verify.js';
import { MemoryTarget } from '../src/targets/memory.js';
import type { Target } from '../src/targets/target.js';
import { Crash, crashAt } from './support/crashing-target.js';
import { type Bench, controlFiles, makeBench, publicTree } from './support/cycle.js';
import { path } from './support/entries.js';
import { type OpenSshServer, startOpenSsh } from './support/openssh-server.js';
import { differences, inFolder, makeProject, on, type Project } from './support/project.js';
import { startSftpServer } from './support/sftp-server.js';
import { fifo, plant, symlink, type Tree, temporaryFolder } from './support/tree.js';

let openSsh: OpenSshServer;

beforeAll(async () => {
  openSsh = await startOpenSsh();
});

afterAll(() => openSsh.stop());

const SITE: Tree = {
  'assets/css/app.css': 'body {}',
  'assets/img/a.png': 'a',
  'assets/img/deep/b.png': 'b',
  'assets/top.txt': 't',
};

interface Scene extends Project {
  /** Where the published tree lies. */
  readonly target: string;
  /** The lines that a run says on stdout, and its status. */
  readonly verify: (...words: string[]) => Promise<{ readonly status: number; readonly lines: string[] }>;
}

describe.each(['a folder of this machine', 'OpenSSH'])('verify of %s', (where) => {
  async function makeScene(): Promise<Scene> {
    const target = join(await temporaryFolder(), 'static');
    const web = where === 'OpenSSH' ? on(openSsh, target) : inFolder(target);
    const project = await makeProject({ targets: { web } }, SITE);
    expect((await project.sync()).status).toBe(0);
    return { ...project, target, verify: (...words) => runVerify(project, words) };
  }

  it.each([
    ['a folder', 'a folder is in its place', (at: string) => mkdir(at)],
    ['a link', 'a symbolic link is in its place', (at: string) => plant(join(at, '..'), { 'top.txt': symlink('css') })],
    [
      'a FIFO',
      'a FIFO, a socket or a device is in its place',
      (at: string) => plant(join(at, '..'), { 'top.txt': fifo() }),
    ],
  ])(
    'tells that %s is in the place of a file as that, in one line, and puts the file back (F27)',
    async (_, words, make) => {
      const { verify: run, root, target } = await makeScene();
      await rm(join(target, 'top.txt'));
      await make(join(target, 'top.txt'));
      expect(await run()).toEqual({
        status: 3,
        lines: ['web: 4 files checked, 1 changed, 0 missing, 0 foreign', `  changed top.txt: ${words}`, SURE],
      });
      expect(await run('--repair')).toMatchObject({ status: 0 });
      expect(differences(root, target)).toBe('');
      expect(await run()).toMatchObject({ status: 0 });
    },
  );

  it.each([
    ['a file', (at: string) => writeFile(at, 'theirs')],
    [
      'a symbolic link',
      async (at: string) => {
        await plant(join(at, '../..'), { 'real/a.png': 'a', 'real/deep/b.png': 'b' });
        await plant(join(at, '..'), { img: symlink('../real') });
      },
    ],
  ])(
    'tells that %s is in the place of a folder until it is not, also after a repair that failed (F27)',
    async (kind, make) => {
      const { verify: run, program, sync, root, target } = await makeScene();
      const what = `${kind} is in the place of this folder, and what it held is missing (2 of our files)`;
      await rename(join(target, 'img'), join(target, '../img'));
      await make(join(target, 'img'));
      expect(await run()).toEqual({
        status: 3,
        lines: ['web: 4 files checked, 1 changed, 0 missing, 0 foreign', `  changed img: ${what}`, SURE],
      });
      for (const words of [['--repair'], ['--repair']]) expect(await run(...words)).toMatchObject({ status: 1 });
      expect((await sync()).status).toBe(1);
      const later = await program.run('verify', '--json');
      expect(later.status).toBe(3);
      const paths = [{ path: 'img/a.png' }, { path: 'img/deep/b.png' }];
      expect(later.json()).toMatchObject({
        ok: false,
        targets: [{ ok: false, changed: [{ path: 'img', message: what }], foreign: [], unsettled: paths }],
      });
      expect((await program.run('status')).stdout).toContain('failed: img/a.png');
      await rm(join(target, 'img'));
      expect((await sync()).status).toBe(0);
      expect(differences(root, target)).toBe('');
      expect(await run('--content')).toMatchObject({ status: 0 });
    },
  );

  it('sees another mode of a file and of a folder, and gives it back without sending anything', async () => {
    const { verify: run, program, target } = await makeScene();
    await chmod(join(target, 'top.txt'), 0o600);
    await chmod(join(target, 'img'), 0o700);
    const { status, lines } = await run('--content');
    expect([status, lines.slice(1)]).toEqual([
      3,
      [
        '  changed img: the folder has mode 0700 instead of 0755',
        '  changed top.txt: it has mode 0600 instead of 0644',
        'names, sizes, times and modes compared; all contents read',
      ],
    ]);
    const repaired = await program.run('verify', '--repair', '--json');
    expect(repaired.json()).toMatchObject({ ok: true, targets: [{ repaired: { ok: true, uploaded: 0, modes: 2 } }] });
    const modes = await Promise.all(
      ['img', 'top.txt'].map(async (name) => (await stat(join(target, name))).mode & 0o777),
    );
    expect(modes).toEqual([0o755, 0o644]);
    expect(await run()).toMatchObject({ status: 0 });
  });

  it('--repair brings a target to STATIC_ROOT where nothing but that differs', async () => {
    const { verify: run, root, target } = await makeScene();
    await plant(root, { 'top.txt': 'newer', 'new.txt': 'n' });
    expect(await run('--repair')).toEqual({
      status: 0,
      lines: ['web: 4 files checked, 0 changed, 0 missing, 0 foreign', SURE, 'web: repaired: 2 files brought again'],
    });
    expect(differences(root, target)).toBe('');
    expect((await run('--repair')).lines).toContain('web: agrees with STATIC_ROOT');
  });

  it.each([
    ['damaged', (at: string) => writeFile(at, 'damaged')],
    ['cut off', (at: string) => truncate(at, 3)],
    ['gone', (at: string) => rm(at)],
  ])(
    'sees that the index on the target is %s, whatever this machine remembers, and writes it anew',
    async (_, spoil) => {
      const { verify: run, sync, assets, target, forgetState, root } = await makeScene();
      await writeFile(join(assets, 'top.txt'), 'second');
      await sync();
      const control = join(target, '.pushstatic');
      for (const name of await readdir(control))
        if (/^(?:snapshot|journal)-/.test(name)) await spoil(join(control, name));
      const { status, lines } = await run();
      expect([status, lines[0]]).toEqual([3, 'web: 4 files checked, 2 changed, 0 missing, 0 foreign']);
      expect(lines.slice(1, 3)).toEqual([
        expect.stringMatching(
          /^ {2}changed \.pushstatic\/(?:snapshot|journal)-\S+: .*whoever has no copy of the index/,
        ),
        expect.stringMatching(
          /^ {2}changed \.pushstatic\/(?:snapshot|journal)-\S+: .*whoever has no copy of the index/,
        ),
      ]);
      expect(await run('--repair')).toMatchObject({ status: 0 });
      expect(await run()).toMatchObject({ status: 0 });
      const left = (await readdir(control)).filter((name) => name.startsWith('snapshot-'));
      expect(left).toHaveLength(1);
      await forgetState();
      expect(await run('--content')).toMatchObject({ status: 0 });
      expect(differences(root, target)).toBe('');
    },
  );
});

describe('verify of a server that fails', () => {
  /** A site that was published there before `isDenied` began. */
  async function withServer() {
    let isDenied = false;
    const changes = new Set(['POSIX_RENAME', 'RENAME', 'SETSTAT']);
    const remote = await startSftpServer({
      fault: ({ kind, path: at }) =>
        isDenied && changes.has(kind) && at?.endsWith('/head') !== true ? { status: 3 } : undefined,
    });
    onTestFinished(() => remote.stop());
    const project = await makeProject({ targets: { web: on(remote, 'static') } }, SITE);
    expect((await project.sync()).status).toBe(0);
    const deny = (whether: boolean): void => void (isDenied = whether);
    return { project, remote, deny, target: join(remote.folder, 'static') };
  }

  it.each([
    ['content of our size and time', rewriteUnseen, ['--content']],
    ['a file that is missing', (at: string) => rm(at), []],
    ['another mode', (at: string) => chmod(at, 0o600), []],
  ])('tells of %s until it is put right, whatever failed meanwhile', async (_, spoil, words) => {
    const { project, deny, target } = await withServer();
    await spoil(join(target, 'top.txt'));
    expect(await runVerify(project, words)).toMatchObject({ status: 3 });
    deny(true);
    expect(await runVerify(project, [...words, '--repair'])).toMatchObject({ status: 1 });
    for (const status of [1, 1]) {
      expect((await runVerify(project, [])).lines[0]).toBe(
        'web: 3 files checked, 0 changed, 0 missing, 1 unsettled, 0 foreign',
      );
      expect(await runVerify(project, [])).toMatchObject({ status: 3 });
      expect((await project.sync()).status).toBe(status);
    }
    deny(false);
    expect((await project.sync()).status).toBe(0);
    expect(differences(project.root, target)).toBe('');
    expect(await runVerify(project, ['--content'])).toMatchObject({ status: 0 });
  });

  it('says which folder could not get its mode back', async () => {
    const { project, deny, target } = await withServer();
    await chmod(join(target, 'img'), 0o700);
    deny(true);
    const { status, json } = await project.program.run('verify', '--repair', '--json');
    expect(status).toBe(1);
    expect(json()).toMatchObject({
      ok: false,
      targets: [{ repaired: { ok: false, problems: [{ path: 'img', step: 'verify', code: 'DENIED' }] } }],
    });
  });

  it('tries again where the connection is lost (F3)', async () => {
    let left = 1;
    const remote = await startSftpServer({
      fault: ({ kind }) => (kind === 'READDIR' && left-- > 0 ? 'drop' : undefined),
    });
    onTestFinished(() => remote.stop());
    const project = await makeProject({ targets: { web: on(remote, 'static') } }, SITE);
    left = 0;
    await project.sync();
    left = 1;
    const { status, stderr } = await project.program.run('verify');
    expect([status, stderr]).toEqual([0, expect.stringMatching(/^web: .*; trying again\n$/)]);
  });
});

describe('a repair', () => {
  it('is not held up by files that went in runs since the last one (F47)', async () => {
    const target = join(await temporaryFolder(), 'static');
    const names = Array.from({ length: 20 }, (_, i) => `assets/${i}.js`);
    const tree = Object.fromEntries(names.map((name) => [name, name]));
    const project = await makeProject({ targets: { web: inFolder(target, { delete: { max: '100%' } }) } }, tree);
    expect((await project.sync()).status).toBe(0);
    expect((await project.program.run('verify', '--repair')).status).toBe(0);
    for (const [from, to] of [
      [10, 20],
      [6, 10],
    ] as const) {
      for (const name of names.slice(from, to)) await rm(join(project.folder, name));
      expect((await project.sync()).status).toBe(0);
    }
    await rm(join(target, '0.js'));
    expect((await project.program.run('verify', '--repair')).status).toBe(0);
    expect(differences(project.root, target)).toBe('');
  });

  const PUBLISHED = { 'app.css': 'url(img/a.png)', 'img/a.png': 'a', 'img/b.png': 'b', 'page.html': 'page' };

  it.each(['before', 'after'] as const)(
    'that breaks off %s any step forgets nothing of what it found, and the next one puts it right',
    async (moment) => {
      const bench = await makeBench();
      const counted = crashAt(await spoiltTarget(bench), Number.POSITIVE_INFINITY, 'before');
      await repair(bench, counted);
      expect(counted.changes()).toBeGreaterThan(10);
      for (let at = 1; at <= counted.changes(); at++) {
        const target = await spoiltTarget(bench);
        await expect(repair(bench, crashAt(target, at, moment))).rejects.toBeInstanceOf(Crash);
        if (at % 2 === 0) await bench.forgetState();
        const isRight = JSON.stringify(await publicTree(target)) === JSON.stringify(PUBLISHED);
        if (!isRight) expect((await findingsOf(bench, target)).length).toBeGreaterThan(0);

        await repair(bench, target);
        expect(await publicTree(target)).toEqual(PUBLISHED);
        expect(await findingsOf(bench, target)).toEqual([]);
        await bench.publish(target, { ...PUBLISHED, 'one-more.txt': '1' });
        expect(await controlFiles(target)).toEqual(['head', 'journal', 'snapshot']);
      }
    },
  );

  /** Published, and then: one file gone, one with another content that only reading tells, one with another mode, no journal. */
  async function spoiltTarget(bench: Bench): Promise<MemoryTarget> {
    const target = new MemoryTarget();
    await bench.forgetState();
    await bench.publish(target, { 'app.css': 'old' });
    const { index } = await bench.publish(target, PUBLISHED);
    await target.remove(path('img/b.png'));
    await target.chmod(path('page.html'), 0o600);
    const sheet = index.entries.find(path('app.css'));
    if (sheet === undefined) throw new TypeError('it was not published');
    await target.write(sheet.path, () => Buffer.from('url(img/X.png)'), sheet);
    for await (const each of target.list(path('.pushstatic'))) {
      if (each.path.startsWith('.pushstatic/journal-')) await target.remove(each.path);
    }
    return target;
  }

  async function repair(bench: Bench, target: Target): Promise<void> {
    await bench.plant(PUBLISHED);
    const store = new IndexStore(target, { ...bench.options(), cache: bench.state });
    try {
      const loaded = await store.load();
      if (loaded.kind === 'index') {
        await store.holdStill();
        const files = await verify(target, loaded.index, { depth: 'content', folderMode: 0o755 });
        await doubt(store, loaded.index, [...(await verifyIndex(store)), ...files]);
      }
    } finally {
      await store.release('done');
    }
    await bench.publish(target, PUBLISHED);
  }

  async function findingsOf(bench: Bench, target: Target) {
    const store = new IndexStore(target, { ...bench.options(), cache: bench.state });
    const loaded = await store.load();
    if (loaded.kind !== 'index') return [loaded];
    const files = await verify(target, loaded.index, { depth: 'content', folderMode: 0o755 });
    return [...(await verifyIndex(store)), ...files];
  }
});

const SURE = 'names, sizes, times and modes compared; contents not read (--content reads them)';

async function runVerify({ program }: Project, words: readonly string[]) {
  const { status, stdout } = await program.run('verify', ...words);
  return { status, lines: stdout.trimEnd().split('\n') };
}

/** Another content of one byte, with the time that the file has. */
async function rewriteUnseen(at: string): Promise<void> {
  const { atime, mtime } = await stat(at);
  await writeFile(at, 'T');
  await utimes(at, atime, mtime);
}
