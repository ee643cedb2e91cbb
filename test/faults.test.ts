/**
 * Bad input and bad servers, met by the program as a user runs it. Each ends in exactly one of: converged, or a named
 * problem with its exit status and nothing lost. The numbers are those of the list of faults that the project is held to.
 */
import { once } from 'node:events';
import { existsSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { access, appendFile, chmod, mkdir, readFile, rm, stat, truncate, writeFile } from 'node:fs/promises';
import { connect } from 'node:net';
import { dirname, join, posix } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { CONTROL, join as inControl, type RelPath } from '../src/core/relpath.js';
import { type RequestKind, STATUS } from '../src/demo/sftp-wire.js';
import { openLocal } from '../src/targets/local.js';
import { eventually, QUICK, serves, startDaemon } from './support/daemon.js';
import { FILLED_AT, writeDated } from './support/filled-root.js';
import { makeKey, type OpenSshServer, startOpenSsh } from './support/openssh-server.js';
import {
  differences,
  inFolder,
  listing,
  makeProject,
  on,
  type Project,
  published,
  type TargetSettings,
} from './support/project.js';
import { countLogins, type SftpServer, startSftpServer, type TestServerOptions } from './support/sftp-server.js';
import { fillUp, mountSmallDisk } from './support/small-disk.js';
import { fifo, plant, plantRaw, readTree, symlink, type Tree, temporaryFolder, withoutRoot } from './support/tree.js';

let openSsh: OpenSshServer;

beforeAll(async () => {
  openSsh = await startOpenSsh();
});

afterAll(() => openSsh.stop());

const SITE: Tree = {
  'assets/css/app.css': 'body {}',
  'assets/img/a.png': 'a',
  'assets/img/b.png': 'b',
  'assets/top.txt': 't',
};

/** A project with one target, `web`, on a server that fails on demand. */
async function withServer(
  options: TestServerOptions,
  tree: Tree = SITE,
): Promise<{ project: Project; remote: SftpServer }> {
  const remote = await startSftpServer(options);
  onTestFinished(() => remote.stop());
  return { remote, project: await makeProject({ targets: { web: on(remote, 'static') } }, tree) };
}

describe('a host key', () => {
  it('that is unknown is refused, with its fingerprint and what to do, and nobody logs in (F10)', async () => {
    const logins = countLogins((context) => context.accept());
    const { project, remote } = await withServer({ authenticate: logins.authenticate });
    await writeFile(remote.knownHosts, '');
    const { status, targets, stderr } = await project.sync();
    expect([status, targets[0]?.error?.code]).toEqual([1, 'HOST_KEY']);
    expect(stderr).toContain(remote.fingerprint);
    expect(stderr).toMatch(/known_hosts|hostKey/);
    expect(logins.tries).toEqual([]);
  });

  it('that changed is refused, and nobody logs in (F10)', async () => {
    const logins = countLogins((context) => context.accept());
    const { project, remote } = await withServer({ authenticate: logins.authenticate });
    const other = `${await makeKey(join(await temporaryFolder(), 'other'), 'ed25519')}.pub`;
    await writeFile(remote.knownHosts, `[127.0.0.1]:${remote.port} ${await readFile(other, 'utf8')}`);
    const { status, targets } = await project.sync();
    expect([status, targets[0]?.error?.code]).toEqual([1, 'HOST_KEY']);
    expect(targets[0]?.error?.message).toContain(remote.fingerprint);
    expect(targets[0]?.error?.message).toContain('changed');
    expect(logins.tries).toEqual([]);
  });
});

describe('the login folder', () => {
  it.each([
    ['by its own path', 'login'],
    ['by a link that leads to it', 'link'],
  ])('is not published into %s, and the folder below it is', async (_, name) => {
    const top = await temporaryFolder();
    const [folder, path] = [join(top, 'login'), join(top, name)];
    await plant(top, { link: symlink('login') });
    await mkdir(folder);
    const server = await startOpenSsh({ extra: [`Subsystem sftp internal-sftp -d ${folder}`] });
    onTestFinished(() => server.stop());
    const project = await makeProject({ targets: { web: on(server, path) } }, SITE);
    const { status, targets } = await project.sync();
    expect([status, targets[0]?.error?.code]).toEqual([5, 'REFUSED']);
    expect(targets[0]?.error?.message).toContain(`cannot use ${path} on the server: it is the login folder`);
    expect(await project.program.run('diff')).toMatchObject({ status: 5 });
    expect(listing(folder, 'all')).toEqual([]);
    await project.configure({ targets: { web: on(server, `${path}/static`) } });
    expect(await project.sync()).toMatchObject({ status: 0 });
    expect(differences(project.root, join(folder, 'static'))).toBe('');
  });
});

describe('a log-in', () => {
  it.each([
    ['with a key file that is missing', 'nowhere', {}, /nowhere/],
    ['with an encrypted key and no passphrase', 'locked', {}, /locked.*passphrase/],
    ['with an encrypted key and a wrong passphrase', 'locked', { passphraseEnv: 'PASS' }, /locked/],
    ['with a key that the server does not know', 'unknown', {}, /127\.0\.0\.1/],
  ])('%s fails once, by name, and changes nothing (F11)', async (_, name, rest, words) => {
    const { project, remote } = await withServer({});
    await makeKey(join(project.folder, 'locked'), 'ed25519', 'secret');
    await makeKey(join(project.folder, 'unknown'), 'ed25519');
    await project.configure({ targets: { web: { ...on(remote, 'static', rest), identityFile: name } } });
    const { status, stdout, stderr } = await project.program.with({ PASS: 'wrong' }).run('sync');
    expect(status).toBe(1);
    expect(stderr).toMatch(words);
    expect(stderr).toMatch(/^problem: web: failed: [^\n]*$/m);
    expect(stderr).not.toContain('trying again');
    expect(stdout).not.toContain('uploaded');
    expect(await readTree(remote.folder)).toEqual({});
  });

  it('with a password that is refused is not tried again and again (F11)', async () => {
    const logins = countLogins((context) => context.reject(['password']));
    const { project, remote } = await withServer({ authenticate: logins.authenticate });
    const { identityFile: _, ...settings } = on(remote, 'static', { passwordEnv: 'PASS' }) as {
      identityFile: string;
    } & TargetSettings;
    await project.configure({ targets: { web: settings } });
    const { status, stderr } = await project.program.with({ PASS: 'expired' }).run('sync');
    expect(status).toBe(1);
    expect(stderr).not.toContain('expired');
    expect(logins.tries.filter((method) => method === 'password')).toHaveLength(1);
  });
});

describe('a connection', () => {
  it('that breaks while files are sent is made again, and what was sent is not sent again (F2)', async () => {
    let left = 1;
    const { project, remote } = await withServer(
      { fault: ({ kind, count }) => (kind === 'WRITE' && count > 60 && left-- > 0 ? 'drop' : undefined) },
      manyFiles(100),
    );
    const { status, stdout, stderr } = await project.program.run('sync');
    expect(status).toBe(0);
    expect(stderr).toContain('trying again');
    expect(stdout).toMatch(/^web: 100 uploaded/m);
    expect(differences(project.root, join(remote.folder, 'static'))).toBe('');
  });

  it('that breaks while files are published leaves whole ones, and the same run finishes (F8)', async () => {
    let left = 1;
    const { project, remote } = await withServer(
      { fault: ({ kind, count }) => (kind === 'POSIX_RENAME' && count > 50 && left-- > 0 ? 'drop' : undefined) },
      manyFiles(100),
    );
    expect((await project.program.run('sync')).status).toBe(0);
    expect(differences(project.root, join(remote.folder, 'static'))).toBe('');
  });

  it('that breaks when an old file is put aside and no new one is there yet never brings the old one back (F16)', async () => {
    let left = 0;
    const remote = await startSftpServer({
      extensions: {},
      fault: ({ kind, path = '' }) =>
        kind === 'RENAME' && /\/[0-9a-f]{64}\.\d+$/.test(path) && left-- > 0 ? 'drop' : undefined,
    });
    onTestFinished(() => remote.stop());
    const project = await makeProject({
      targets: { web: on(remote, 'static', { allowNonAtomic: true }) },
      static: { root: 'var/static', storage: 'none' },
      source: { dirs: [] },
    });
    const put = (content: string): void => {
      for (const name of ['a.css', 'b.css', 'c.css', 'd.css', 'e.css'])
        writeDated(join(project.root, name), `${name} ${content}`, FILLED_AT);
    };
    put('old');
    expect(await project.sync()).toMatchObject({ status: 0 });
    put('new');
    left = 1;
    const { status, targets, stderr } = await project.sync();
    expect([status, targets[0]?.problems]).toEqual([0, []]);
    expect(stderr).toContain('trying again');
    expect(differences(project.root, join(remote.folder, 'static'))).toBe('');
    expect((await project.program.run('verify', '--content')).status).toBe(0);
  });
});

describe('a server', () => {
  const NO_NAMES = ['..', '.', '', '../above', '../../above', '/above', 'img/../../above', 'a\0b', 'a/b', './top.txt'];

  it('that once says of a folder that it is not there is not believed for good', async () => {
    let left = 0;
    const { project, remote } = await withServer(
      {
        fault: ({ kind, path = '' }) =>
          kind === 'LSTAT' && path.endsWith('/css') && left-- > 0 ? { status: STATUS.noSuchFile } : undefined,
      },
      { 'assets/css/a.css': 'a', 'assets/css/old.css': 'old', 'assets/top.txt': 'top' },
    );
    expect((await project.sync()).status).toBe(0);
    await rm(join(project.assets, 'css/old.css'));
    await writeFile(join(project.assets, 'css/a.css'), 'A');
    left = 1;
    const { status, stderr } = await project.sync();
    expect([status, stderr]).toEqual([0, expect.stringContaining('trying again')]);
    expect(differences(project.root, join(remote.folder, 'static'))).toBe('');
  });

  it('that replaces in steps, and takes neither the new file nor the old one back, is not believed to hold either (F16)', async () => {
    let refuses = false;
    const remote = await startSftpServer({
      extensions: {},
      fault: ({ kind, path = '' }) =>
        refuses && kind === 'RENAME' && /\/(?:replaced\.)?[0-9a-f]{64}\.\d+$/.test(path)
          ? { status: STATUS.permissionDenied }
          : undefined,
    });
    onTestFinished(() => remote.stop());
    const project = await makeProject(
      { targets: { web: on(remote, 'static', { allowNonAtomic: true }) } },
      { 'assets/a.css': 'old' },
    );
    await project.sync();
    await writeFile(join(project.assets, 'a.css'), 'new');
    refuses = true;
    expect(await project.sync()).toMatchObject({ status: 1, targets: [{ problems: [{ path: 'a.css' }] }] });
    refuses = false;
    await writeFile(join(project.assets, 'a.css'), 'old');
    expect((await project.sync()).status).toBe(0);
    expect(differences(project.root, join(remote.folder, 'static'))).toBe('');
  });

  it.each(['verify --content', 'verify --repair', 'sync --force', 'sync'])(
    'that lists names which are none is asked for nothing but our files by %s (F36)',
    async (words) => {
      const above = await stat(fileURLToPath(import.meta.url));
      const names = NO_NAMES.flatMap((name) => [name, `head-${name}`, `snapshot-${name}`]);
      const opened = new Set<string>();
      const asked: string[] = [];
      let [isHostile, lies] = [false, 0];
      const { project, remote } = await withServer({
        fault: ({ kind, path = '' }) => {
          if (!isHostile) return undefined;
          asked.push(path);
          if (kind === 'OPENDIR') opened.add(path);
          if (kind !== 'READDIR' || !opened.delete(path)) return undefined;
          lies++;
          return { names: names.map((name) => ({ name, stats: above })) };
        },
      });
      await plant(remote.folder, { above: 'not ours', 'static/foreign.txt': 'nor this' });
      expect((await project.sync()).status).toBe(0);
      if (words === 'sync') await rm(join(remote.folder, 'static/.pushstatic/head')); // all is looked at
      if (words === 'sync --force') await plant(project.assets, { 'top.txt': 'T' });
      isHostile = true;
      expect(await project.program.run(...words.split(' '))).toMatchObject({ status: 0 });
      expect(lies).toBeGreaterThan(0);
      const isOurs = (path: string): boolean => /^\/(?:static(?:\/[^\0]*)?)?$/.test(posix.resolve('/', path));
      expect(asked.filter((path) => !isOurs(path))).toEqual([]);
      expect(await published(join(remote.folder, 'static'))).toEqual({
        ...(await readTree(project.root)),
        'foreign.txt': 'nor this',
      });
      expect(await readFile(join(remote.folder, 'above'), 'utf8')).toBe('not ours');
    },
  );

  it('that has no place for one more login is tried again until it has (F6)', async () => {
    const server = await startOpenSsh({ extra: ['PerSourceMaxStartups 1'] });
    onTestFinished(() => server.stop());
    const target = join(await temporaryFolder(), 'static');
    const project = await makeProject({ targets: { web: on(server, target) } }, SITE);
    const other = await eventually('the only place is taken', async () => {
      const socket = connect(server.port, server.host);
      const [said = ''] = (await once(socket, 'data').catch(() => [])) as [Buffer?];
      if (said.toString().startsWith('SSH-')) return socket;
      socket.destroy(); // whoever waited for the server to start has not quite left
      return undefined;
    });
    const run = project.program.start('sync');
    await eventually('it tries again', () => run.output.stderr.includes('trying again'));
    other.destroy();
    expect(await run.ended).toMatchObject({ status: 0 });
    expect(run.output.stderr).toContain('MaxStartups');
    expect(differences(project.root, target)).toBe('');
  });

  it('that refuses to open files exclusively is published to all the same (F19)', async () => {
    const { project, remote } = await withServer({ denyExclusive: true });
    expect(await project.sync()).toMatchObject({ status: 0, targets: [{ uploaded: 4 }] });
    expect(differences(project.root, join(remote.folder, 'static'))).toBe('');
  });

  it('that allows two open files at a time is published to, and checked, all the same (F21)', async () => {
    const { project, remote } = await withServer({ maxHandles: 2 }, manyFiles(300));
    expect(await project.sync()).toMatchObject({ status: 0, targets: [{ uploaded: 300 }] });
    expect(differences(project.root, join(remote.folder, 'static'))).toBe('');
    await project.forgetState();
    expect(await project.sync()).toMatchObject({ status: 0, targets: [{ unchanged: 300, sentBytes: 0 }] });
    const { status, stderr } = await project.program.run('verify', '--content');
    expect([status, stderr]).toEqual([0, '']);
  });

  it('that opens a second channel and never speaks on it is published to over the first one', async () => {
    const { project, remote } = await withServer({ speakingChannels: 1 });
    expect(await project.sync()).toMatchObject({ status: 0, targets: [{ uploaded: 4 }] });
    expect(differences(project.root, join(remote.folder, 'static'))).toBe('');
  });

  it('that opens files and takes nothing is named as that, and the file with it', async () => {
    const { project } = await withServer({ fault: ({ kind }) => (kind === 'WRITE' ? { status: 3 } : undefined) });
    const { status, targets } = await project.sync();
    const said = [targets[0]?.error, ...(targets[0]?.problems ?? [])].filter((each) => each !== undefined);
    expect([status, said[0]?.message]).toEqual([
      1,
      expect.stringMatching(
        /^cannot write \S*\/stage\/\S*: the server opened it, and then refused to write to it; allow that in its settings$/,
      ),
    ]);
  });

  it('that answers "Failure" to every change is given up on, by name (F22)', async () => {
    const changes: RequestKind[] = ['WRITE', 'MKDIR', 'POSIX_RENAME', 'RENAME', 'REMOVE', 'SETSTAT', 'FSETSTAT'];
    const { project, remote } = await withServer({
      fault: ({ kind }) => (changes.includes(kind) ? { status: 4 } : undefined),
    });
    await mkdir(join(remote.folder, 'static'));
    const { status, targets } = await project.sync();
    expect([status, targets[0]?.ok]).toEqual([1, false]);
    expect(targets[0]?.error?.message).toMatch(
      /^cannot make the folder \S*\.pushstatic\S*: the server says no more than "Failure", though \d+ bytes .*are free; see its log, and whether the account has a quota$/,
    );
    expect(await published(join(remote.folder, 'static'))).toEqual({});
  });
});

describe('a server whose disk is full (F23)', () => {
  const NEW: Tree = Object.fromEntries(Object.keys(SITE).map((path) => [path, `new ${path}`.repeat(1000)]));

  it.for<readonly [when: string, kind: RequestKind, path: RegExp]>([
    ['when a file is opened', 'OPEN', /\/stage\//],
    ['in the middle of a file', 'WRITE', /\/stage\//],
    ['when a file is closed', 'CLOSE', /\/stage\//],
    ['when a file is published', 'POSIX_RENAME', /\/stage\/.*(?<!\/head)$/],
    ['when the index is written', 'WRITE', /\/(?:journal-[^/]*|head)$/],
    ['when the index is renamed', 'POSIX_RENAME', /\/head$/],
  ])(
    '%s is named, keeps every file whole, and is published to when there is space again',
    async ([, kind, path], { skip }) => {
      let isFull = false;
      let met = 0;
      const { project, remote } = await withServer({
        fault: (request) => {
          if (!isFull || request.kind !== kind || !path.test(request.path ?? '')) return undefined;
          fillUp(remote.folder);
          met++;
          return { status: 4 };
        },
      });
      if (!mountSmallDisk(remote.folder)) skip('a small file system to fill can only be mounted by root');
      const target = join(remote.folder, 'static');
      expect((await project.sync()).status).toBe(0);
      const old = await published(target);
      await plant(project.folder, NEW);
      isFull = true;
      const { status, targets } = await project.sync();
      isFull = false;
      expect([status, met > 0]).toEqual([1, true]);
      const said = [targets[0]?.error, ...(targets[0]?.problems ?? [])].filter((each) => each !== undefined);
      expect(
        said.some(({ code, message }) => code === 'NO_SPACE' && message.includes('no space left on the server')),
      ).toBe(true);
      const wanted = await published(project.root);
      for (const [name, content] of Object.entries(await published(target))) {
        expect([old[name], wanted[name]]).toContain(content);
      }
      expect(Object.keys(await published(target))).toEqual(Object.keys(old));
      rmSync(join(remote.folder, 'filler'));
      expect((await project.sync()).status).toBe(0);
      expect(differences(project.root, target)).toBe('');
      expect((await project.program.run('verify', '--content')).status).toBe(0);
    },
  );
});

describe.each([['a folder of this machine'], ['OpenSSH']])('something else in our place on %s (F27)', (where) => {
  it('a file instead of a folder is left alone and named, and the folder comes back when it is gone', async () => {
    const { sync, assets, target, program } = await makeScene();
    await rm(join(target, 'img'), { recursive: true });
    await writeFile(join(target, 'img'), 'theirs');
    await writeFile(join(assets, 'img/a.png'), 'A');
    expect(await sync()).toMatchObject({
      status: 1,
      targets: [{ problems: [{ path: 'img/a.png', code: 'OBSTRUCTED' }] }],
    });
    expect(await readFile(join(target, 'img'), 'utf8')).toBe('theirs');
    await rm(join(target, 'img'));
    expect((await program.run('verify', '--repair')).status).toBe(0);
    expect(await published(target)).toEqual({
      'css/app.css': 'body {}',
      'img/a.png': 'A',
      'img/b.png': 'b',
      'top.txt': 't',
    });
  });

  it('an empty folder instead of a file makes room', async () => {
    const { sync, assets, target } = await makeScene();
    await rm(join(target, 'top.txt'));
    await mkdir(join(target, 'top.txt/empty'), { recursive: true });
    await writeFile(join(assets, 'top.txt'), 'T');
    expect(await sync()).toMatchObject({ status: 0, targets: [{ uploaded: 1 }] });
    expect(await readFile(join(target, 'top.txt'), 'utf8')).toBe('T');
  });

  it('a folder with files of others instead of a file is left alone and named', async () => {
    const { sync, assets, target } = await makeScene();
    await rm(join(target, 'top.txt'));
    await plant(target, { 'top.txt/theirs': 'theirs' });
    await writeFile(join(assets, 'top.txt'), 'T');
    expect(await sync()).toMatchObject({
      status: 1,
      targets: [{ problems: [{ path: 'top.txt', code: 'OBSTRUCTED' }] }],
    });
    expect(await readFile(join(target, 'top.txt/theirs'), 'utf8')).toBe('theirs');
    await rm(join(assets, 'top.txt'));
    expect((await sync()).status).toBe(0);
    expect(await readFile(join(target, 'top.txt/theirs'), 'utf8')).toBe('theirs');
  });

  it.each([
    ['inside', 'css'],
    ['that leaves the root', '../outside'],
    ['to itself', 'img'],
    ['to nothing', 'nowhere'],
  ])(
    'a link %s instead of a folder is never followed: nothing is written, removed or changed behind it',
    async (_, to) => {
      const { sync, assets, target, configure, reach } = await makeScene();
      await plant(join(target, '../outside'), { 'a.png': 'outside a', 'b.png': 'outside b' });
      await plant(join(target, 'css'), { 'a.png': 'css a', 'b.png': 'css b' });
      await rm(join(target, 'img'), { recursive: true });
      await plant(target, { img: symlink(to) });
      const theirs = (): string[] =>
        [...listing(join(target, '../outside')), ...listing(join(target, 'css'))].filter((line) =>
          /^[ab]\.png/.test(line),
        );
      const before = theirs();
      expect(before).toHaveLength(4);
      await writeFile(join(assets, 'img/a.png'), 'A');
      await rm(join(assets, 'img/b.png'));
      const { status, targets } = await sync();
      expect(status).toBe(1);
      expect(targets[0]?.problems.map(({ path, code }) => [path, code])).toContainEqual(['img/a.png', 'OBSTRUCTED']);
      await configure({ targets: { web: reach({ mode: { file: '0600' }, exclude: ['img/**'], delete: { max: 9 } }) } });
      await sync();
      expect(theirs()).toEqual(before);
      expect((await readTree(target))['img']).toEqual(symlink(to));
    },
  );

  it('folders are not left behind empty by files that are held back', async () => {
    const { sync, assets, target } = await makeScene();
    await plant(target, { 'obstructed.txt/theirs': 'theirs' });
    await rm(join(assets, 'img/b.png'));
    await plant(assets, {
      'obstructed.txt': 'ours',
      'img/b.png/in/x.css': 'held back',
      'fresh/deep/y.css': 'held back',
    });
    expect((await sync()).status).toBe(1);
    expect(Object.keys(await published(target)).toSorted()).toEqual(
      ['css/app.css', 'img/a.png', 'obstructed.txt/theirs', 'top.txt'].toSorted(),
    );
    await rm(join(target, 'obstructed.txt'), { recursive: true });
    expect((await sync()).status).toBe(0);
    expect(await published(target)).toMatchObject({
      'img/b.png/in/x.css': 'held back',
      'fresh/deep/y.css': 'held back',
    });
  });

  it('an empty folder behind a link stays, also when a file below it cannot come', async () => {
    const { sync, assets, target } = await makeScene();
    await mkdir(join(target, '../outside/new'), { recursive: true });
    await rm(join(target, 'img'), { recursive: true });
    await plant(target, { img: symlink('../outside') });
    await plant(assets, { 'img/new/a.png': 'A', 'fresh/a.css': 'held back' });
    expect((await sync()).status).toBe(1);
    expect(existsSync(join(target, '../outside/new'))).toBe(true);
    expect(existsSync(join(target, 'fresh'))).toBe(false);
  });

  it('a link instead of a file is replaced, and what it leads to is left alone', async () => {
    const { sync, assets, target } = await makeScene();
    await plant(join(target, '..'), { 'outside.txt': 'outside' });
    await rm(join(target, 'top.txt'));
    await plant(target, { 'top.txt': symlink('../outside.txt') });
    await writeFile(join(assets, 'top.txt'), 'T');
    expect(await sync()).toMatchObject({ status: 0, targets: [{ uploaded: 1 }] });
    expect([
      await readFile(join(target, 'top.txt'), 'utf8'),
      await readFile(join(target, '../outside.txt'), 'utf8'),
    ]).toEqual(['T', 'outside']);
    expect((await stat(join(target, 'top.txt'))).isFile()).toBe(true);
  });

  it('a link instead of a file does not lead a change of mode to what is behind it', async () => {
    const { sync, target, configure, reach } = await makeScene();
    const outside = join(target, '../outside.txt');
    await writeFile(outside, 'outside');
    await chmod(outside, 0o600);
    await rm(join(target, 'top.txt'));
    await plant(target, { 'top.txt': symlink('../outside.txt') });
    await configure({ targets: { web: reach({ mode: { file: '0666' } }) } });
    const { status, targets } = await sync();
    expect(((await stat(outside)).mode & 0o7777).toString(8)).toBe('600');
    const message = expect.stringContaining('a link is in its place') as string;
    expect([status, targets[0]?.problems[0]]).toMatchObject([1, { path: 'top.txt', message }]);
    expect(await sync()).toMatchObject({ status: 0, targets: [{ uploaded: 1 }] });
    expect([(await readTree(target))['top.txt'], await readFile(outside, 'utf8')]).toEqual(['t', 'outside']);
  });

  async function makeScene() {
    const target = join(await temporaryFolder(), 'static');
    const reach = (rest: object = {}): TargetSettings =>
      where === 'OpenSSH' ? on(openSsh, target, rest) : inFolder(target, rest);
    const project = await makeProject({ targets: { web: reach() } }, SITE);
    expect(await project.sync()).toMatchObject({ status: 0, targets: [{ uploaded: 4 }] });
    return { ...project, target, reach };
  }

  it('a link instead of the control folder is not written through', async () => {
    const { sync, assets, target } = await makeScene();
    await rm(join(target, '.pushstatic'), { recursive: true });
    await mkdir(join(target, '../outside'));
    await plant(target, { '.pushstatic': symlink('../outside') });
    await writeFile(join(assets, 'top.txt'), 'T');
    const { status, targets } = await sync();
    expect([status, targets[0]?.error?.message]).toEqual([1, expect.stringContaining('.pushstatic')]);
    expect(await readTree(join(target, '../outside'))).toEqual({});
    expect(await readFile(join(target, 'top.txt'), 'utf8')).toBe('t');
  });
});

describe('files of others', () => {
  it('in our folders survive everything, and keep the folder that they lie in (F33)', async () => {
    const target = join(await temporaryFolder(), 'static');
    const { sync, assets } = await makeProject({ targets: { web: on(openSsh, target) } }, SITE);
    await plant(target, { 'theirs.txt': 'before the first push' });
    await sync();
    await plant(target, { 'img/theirs.txt': 'x', 'img/deep/theirs.txt': 'y', 'empty/': '' });
    await rm(join(assets, 'img'), { recursive: true });
    expect(await sync()).toMatchObject({ status: 0, targets: [{ removed: 2, problems: [] }] });
    expect(await published(target)).toEqual({
      'css/app.css': 'body {}',
      'empty/': '',
      'img/deep/theirs.txt': 'y',
      'img/theirs.txt': 'x',
      'theirs.txt': 'before the first push',
      'top.txt': 't',
    });
  });

  it('that have the name of a new one of ours are replaced, as rsync would (F33)', async () => {
    const target = join(await temporaryFolder(), 'static');
    const { sync } = await makeProject({ targets: { web: on(openSsh, target) } }, SITE);
    await plant(target, { 'top.txt': 'theirs' });
    expect(await sync()).toMatchObject({ status: 0, targets: [{ uploaded: 4 }] });
    expect(await readFile(join(target, 'top.txt'), 'utf8')).toBe('t');
  });
});

describe('names', () => {
  const NAMES = [
    'with space',
    ' leading and trailing ',
    '-dash',
    '--help',
    '.dot',
    'trailing.',
    '100%',
    'a%23b',
    'q?x=1#f',
    "it's",
    '"quoted"',
    '$HOME `id` $(id) ;|&<>*[]{}!~',
    'new\nline',
    'tab\tand\r',
    'esc\u001b[31m',
    'emoji \u{1f680}',
    '\u05e9\u05dc\u05d5\u05dd',
    '\u202eright-to-left',
    'caf\u00e9',
    'cafe\u0301',
    'Logo.png',
    'logo.png',
    '\ufffd',
    'x'.repeat(255),
    '\u6f22'.repeat(85),
  ];

  it('of any bytes that are UTF-8 arrive as they are, also those that differ only by case (F55, F57)', async () => {
    const target = join(await temporaryFolder(), 'static');
    const tree = Object.fromEntries(
      NAMES.flatMap((name, i) => [
        [`assets/${name}`, `${i}`],
        [`assets/in/${name}/${name}`, `${i}`],
      ]),
    );
    const project = await makeProject(
      {
        targets: { web: on(openSsh, target, { allow: ['**/.dot', '.dot'] }) },
        source: { dirs: ['assets'], ignore: [] },
      },
      tree,
    );
    const count = NAMES.length;
    const { status, targets } = await project.sync();
    // Two of one content that were written in different seconds are not one file.
    expect([status, (targets[0]?.uploaded ?? 0) + (targets[0]?.linked ?? 0)]).toEqual([0, 2 * count]);
    expect(await published(target)).toEqual(await readTree(project.assets));
    await project.forgetState();
    expect(await project.sync()).toMatchObject({ status: 0, targets: [{ unchanged: NAMES.length * 2, sentBytes: 0 }] });
    expect((await project.program.run('verify', '--content')).stdout).toContain('0 changed, 0 missing, 0 foreign');
    for (const name of NAMES) await rm(join(project.assets, name));
    expect(await project.sync()).toMatchObject({ status: 0, targets: [{ removed: NAMES.length }] });
  });

  it('cannot break out of the line that they are shown on (F55)', async () => {
    const target = join(await temporaryFolder(), 'static');
    const { program } = await makeProject(
      { targets: { web: inFolder(target) } },
      { 'assets/a\nb\u001b[31m\u202ec': '' },
    );
    const { stdout } = await program.run('diff');
    expect(stdout).toContain('  + a\\u{a}b\\u{1b}[31m\\u{202e}c  (0 B)\n');
  });

  it('that others wrote do nothing to a terminal, whatever tells of them (F55)', async () => {
    const EVIL = 'x\u001b]0;title\u0007\u001b[31m\u009b2J';
    const target = join(await temporaryFolder(), 'static');
    const project = await makeProject(
      {
        targets: { web: inFolder(target) },
        static: {
          root: 'var/static',
          storage: 'manifest',
          django: '5.2',
          manifest: { missing: 'warn' },
        },
      },
      { 'assets/s.css': `a { b: url("${EVIL}.png") }` },
    );
    const outputs: string[] = [];
    const run = async (...words: string[]): Promise<void> => {
      const { stdout, stderr } = await project.program.run(...words);
      outputs.push(stdout, stderr);
    };
    await run('sync');
    await plantRaw(target, Buffer.from(`${EVIL}.txt`), 'somebody else put it there');
    mkdirSync(join(target, '.pushstatic/stage', `run~${EVIL}~00000000~1`), { recursive: true });
    for (const words of [['verify'], ['unlock', 'web'], ['status'], ['sync', '--checksum'], ['explain', EVIL]])
      await run(...words);
    expect(outputs.join('')).toContain('\\u{1b}');
    expect(outputs.filter((text) => /(?!\n)\p{Cc}/u.test(text))).toEqual([]);
  });

  it('that cannot be published are named, and the others are published (F55)', async () => {
    const target = join(await temporaryFolder(), 'static');
    const project = await makeProject({ targets: { web: on(openSsh, target) } }, { ...SITE, 'assets/back\\slash': '' });
    await plantRaw(project.assets, Buffer.from([0x66, 0xff, 0xfe]), 'no UTF-8');
    const { status, collect, targets, stderr } = await project.sync();
    expect(status).toBe(1);
    expect(collect.problems.map(({ path, code }) => `${code} ${path}`).toSorted()).toEqual([
      'BAD_NAME back\\slash',
      expect.stringMatching(/^BAD_NAME f/),
    ]);
    expect(stderr).toContain('the name is not valid UTF-8; rename it');
    expect(targets).toMatchObject([{ ok: true, uploaded: 4 }]);
  });
});

describe('what cannot be read in a source', () => {
  it('is named, the rest is published, and an older copy stays where it is (F53, F54)', async () => {
    const target = join(await temporaryFolder(), 'static');
    const broken = ['became-fifo', 'became-link', 'became-loop'];
    const old = Object.fromEntries(broken.map((name) => [`assets/${name}.css`, `old ${name}`]));
    const project = await makeProject({ targets: { web: on(openSsh, target) } }, { ...SITE, ...old });
    await project.sync();
    await plant(project.assets, {
      'became-fifo.css': fifo(),
      'became-link.css': symlink('nowhere'),
      'became-loop.css': symlink('became-loop.css'),
      'new.css': 'new',
    });
    const { status, collect, targets } = await project.sync();
    expect(status).toBe(1);
    expect(Object.fromEntries(collect.problems.map(({ path, code }) => [path, code]))).toEqual({
      'became-fifo.css': 'NOT_A_FILE',
      'became-link.css': 'BROKEN_LINK',
      'became-loop.css': 'LINK_LOOP',
    });
    expect(targets).toMatchObject([{ ok: true, uploaded: 1, removed: 0 }]);
    const tree = await published(target);
    expect(broken.map((name) => tree[`${name}.css`])).toEqual(broken.map((name) => `old ${name}`));
    expect(tree['new.css']).toBe('new');
    for (const name of broken) await rm(join(project.assets, `${name}.css`));
    expect(await project.sync()).toMatchObject({ status: 0, targets: [{ removed: 3 }] });
  });

  it('because its mode forbids it is named, the rest is published, and an older copy stays (F54)', async (context) => {
    const program = fileURLToPath(new URL('../dist/cli/main.js', import.meta.url));
    const project = await makeProject({ targets: {} }, { ...SITE, 'assets/secret.css': 'old' });
    const isReadable = await withoutRoot(project.folder, () =>
      access(program).then(
        () => true,
        () => false,
      ),
    );
    if (!isReadable) context.skip('root runs the tests, and the program lies where nobody else may read it');
    const target = join(project.folder, 'served');
    await project.configure({ targets: { web: inFolder(target) } });
    await withoutRoot(project.folder, () => project.sync());
    await plant(project.assets, { 'new.css': 'new', 'secret.css': 'changed' });
    await chmod(join(project.assets, 'secret.css'), 0o000);
    const { status, collect, targets } = await withoutRoot(project.folder, () => project.sync());
    expect([status, collect.problems]).toMatchObject([1, [{ path: 'secret.css', code: 'UNREADABLE' }]]);
    expect(targets).toMatchObject([{ ok: true, uploaded: 1, removed: 0 }]);
    expect(await readFile(join(target, 'secret.css'), 'utf8')).toBe('old');
  });

  it.each([
    [
      'is gone',
      1,
      'no such folder; mount it, or remove it from source.dirs',
      (place: string) => rm(place, { recursive: true }),
    ],
    ['is suddenly empty', 5, 'it had 4 files at the last run and has 0 now', emptyOut],
  ])('as a whole because it %s stops the run before anything is removed (F47)', async (_, expected, words, lose) => {
    const target = join(await temporaryFolder(), 'static');
    const project = await makeProject({ targets: { web: inFolder(target) } }, { ...SITE, 'vendor/dist/lib.js': 'l' });
    await project.sync();
    const before = [listing(target, 'all'), listing(project.root)];
    await lose(project.assets);
    const { status, stderr } = await project.program.run('sync');
    expect(status).toBe(expected);
    expect(stderr).toContain(words);
    expect([listing(target, 'all'), listing(project.root)]).toEqual(before);
  });

  it.each([
    ['sync', '--no-collect'],
    ['verify', '--repair'],
  ])(
    'is remembered over a %s %s, so that a source which is suddenly empty is still noticed (F47)',
    async (...words) => {
      const target = join(await temporaryFolder(), 'static');
      const project = await makeProject({ targets: { web: inFolder(target) } }, { ...SITE, 'vendor/dist/lib.js': 'l' });
      await project.sync();
      await rm(join(target, 'top.txt'));
      await project.program.run(...words);
      await emptyOut(project.assets);
      expect((await project.program.run('sync')).status).toBe(5);
    },
  );

  async function emptyOut(place: string): Promise<void> {
    await rm(place, { recursive: true });
    await mkdir(place);
  }
});

describe('sizes (F56)', () => {
  it('of nothing, and sixty folders deep with a path of almost 4 KiB, are published', async () => {
    const target = join(await temporaryFolder(), 'static');
    const deep = `${Array.from({ length: 60 }, (_, i) => `${i}`.padEnd(60, 'x')).join('/')}/leaf.css`;
    const project = await makeProject(
      { targets: { web: on(openSsh, target) } },
      { 'assets/empty.css': '', [`assets/${deep}`]: 'leaf' },
    );
    expect(await project.sync()).toMatchObject({ status: 0, targets: [{ uploaded: 2, sentBytes: 4 }] });
    expect(await published(target)).toEqual({ [deep]: 'leaf', 'empty.css': '' });
    await rm(join(project.assets, deep));
    expect(await project.sync()).toMatchObject({ status: 0, targets: [{ removed: 1 }] });
    expect(await published(target)).toEqual({ 'empty.css': '' });
  });

  it('of 20,000 files in one folder are published', async () => {
    const target = join(await temporaryFolder(), 'static');
    const project = await makeProject({
      targets: { web: on(openSsh, target) },
      static: NO_STORAGE,
      source: { dirs: [] },
    });
    mkdirSync(join(project.root, 'one'), { recursive: true });
    for (let i = 0; i < 20_000; i++) writeFileSync(join(project.root, `one/${i}.txt`), `${i}`);
    expect(await project.sync()).toMatchObject({ status: 0, targets: [{ uploaded: 20_000 }] });
    expect(differences(project.root, target)).toBe('');
    expect(await project.sync()).toMatchObject({ status: 0, targets: [{ unchanged: 20_000, sentBytes: 0 }] });
  });

  it('of 300 MB in one file are published', async () => {
    const size = 300_000_000;
    const target = join(await temporaryFolder(), 'static');
    const project = await makeProject({
      targets: { web: on(openSsh, target) },
      static: NO_STORAGE,
      source: { dirs: [] },
    });
    await mkdir(project.root, { recursive: true });
    const file = join(project.root, 'video.mp4');
    await writeFile(file, 'begin');
    await truncate(file, size - 3);
    await appendFile(file, 'end');
    expect(await project.sync()).toMatchObject({ status: 0, targets: [{ uploaded: 1, sentBytes: size }] });
    expect(differences(project.root, target)).toBe('');
  });

  const NO_STORAGE = { root: 'var/static', storage: 'none' };
});

describe('a configuration', () => {
  const URL = 'sftp://deploy@example.com/srv/static';

  it.each([
    ['an unknown key', 'statics: {}', /:8:1: statics: unknown key; did you mean "static"\?/],
    [
      'a value of the wrong type',
      'push: { concurrency: many }',
      /:8:\d+: push\.concurrency: expected .*found .*"many"/,
    ],
    [
      'two targets with one URL',
      `targets: { a: { url: ${URL} }, b: { url: ${URL} } }`,
      /:8:\d+: targets\.b\.url: the same place as targets\.a\.url/,
    ],
    [
      'the root of a server',
      'targets: { a: { url: sftp://example.com/ } }',
      /:8:\d+: targets\.a\.url: .*the root of the server cannot be a target/,
    ],
    [
      'STATIC_ROOT inside a source',
      'static: { root: assets/static }',
      /:8:\d+: static\.root: it lies inside source\.dirs\[0\]/,
    ],
    ['a source inside STATIC_ROOT', 'static: { root: . }', /:8:\d+: static\.root: /],
    [
      'a target inside STATIC_ROOT',
      'targets: { a: { url: file:///HERE/var/static/out } }',
      /:8:\d+: targets\.a\.url: it lies inside static\.root/,
    ],
    [
      'a password in the URL',
      'targets: { a: { url: "sftp://me:secret@example.com/srv" } }',
      /:8:\d+: targets\.a\.url: .*passwordEnv/,
    ],
  ])('with %s has the status 2, says where, and nothing is touched', async (_, line, words) => {
    const project = await makeProject({ targets: {} }, SITE);
    const key = line.split(':')[0];
    const sound = [
      'site: test',
      'source:',
      '  dirs: [assets]',
      'static: { root: var/static }',
      `targets: { a: { url: ${URL} } }`,
      '',
      '',
    ];
    const text = [...sound.map((each) => (each.startsWith(`${key}:`) ? '' : each)), line, ''].join('\n');
    await writeFile(join(project.folder, 'pushstatic.yaml'), text.replace('/HERE', project.folder));
    const before = listing(project.folder, 'all');
    const { status, stdout, stderr } = await project.program.run('sync');
    expect([status, stdout]).toEqual([2, '']);
    expect(stderr).toMatch(words);
    expect(stderr).toContain('pushstatic.yaml:');
    expect(stderr).not.toContain('secret@');
    expect(listing(project.folder, 'all')).toEqual(before);
  });

  it('that names an environment variable which is not set has the status 2, names both, and nothing is touched', async () => {
    const project = await makeProject({ targets: { web: { url: URL, passwordEnv: 'NOT_SET' } } }, SITE);
    const before = listing(project.folder, 'all');
    const { status, stderr } = await project.program.run('sync');
    expect(status).toBe(2);
    expect(stderr).toContain('the environment variable NOT_SET is not set; set it, or remove targets.web.passwordEnv');
    expect(listing(project.folder, 'all')).toEqual(before);
  });
});

function manyFiles(count: number): Tree {
  return Object.fromEntries(
    Array.from({ length: count }, (_, i) => [`assets/${i % 10}/${i}.txt`, `file ${i}`.repeat(50)]),
  );
}

describe.each(['on OpenSSH', 'in a folder'] as const)(
  'a target %s whose disk is full to the last byte (F23)',
  (place) => {
    it('is freed by a run that removes files', async ({ skip }) => {
      const disk = await temporaryFolder();
      if (!mountSmallDisk(disk)) skip('a small file system to fill can only be mounted by root');
      const target = join(disk, 'static');
      const web = place === 'on OpenSSH' ? on(openSsh, target) : inFolder(target);
      const project = await makeProject(
        { targets: { web } },
        { ...manyFiles(20), 'assets/large.bin': 'x'.repeat(300_000) },
      );
      expect((await project.sync()).status).toBe(0);
      fillUp(disk);
      await rm(join(project.assets, 'large.bin'));
      await rm(join(project.assets, '0'), { recursive: true });
      expect(await project.sync()).toMatchObject({ status: 0, targets: [{ removed: 3, problems: [] }] });
      expect(differences(project.root, target)).toBe('');
      expect(await project.sync()).toMatchObject({ status: 0, targets: [{ uploaded: 0, removed: 0, unchanged: 18 }] });
      expect((await project.program.run('verify', '--content')).status).toBe(0);
    });
  },
);

describe('a folder of this machine whose disk is nearly full (F23)', () => {
  it('takes no part of an index for the whole', async ({ skip }) => {
    const folder = await temporaryFolder();
    if (!mountSmallDisk(folder)) skip('a small file system to fill can only be mounted by root');
    const target = await openLocal({ url: 'file:', root: folder, control: join(folder, '.pushstatic') });
    await target.makeFolder(CONTROL, 0o700);
    fillUp(folder);
    const filler = join(folder, 'filler');
    await truncate(filler, (await stat(filler)).size - 8192);
    const index = inControl(CONTROL, 'journal' as RelPath);
    await expect(target.append(index, 0, Buffer.alloc(64 * 1024))).rejects.toMatchObject({ kind: 'no-space' });
    await rm(filler);
    await target.append(index, 0, Buffer.alloc(64 * 1024));
    expect((await target.stat(index))?.size).toBe(64 * 1024);
  });
});

describe('a disk of this machine that is full (F68)', () => {
  it('keeps what lay in STATIC_ROOT and is served, until there is space again', async ({ skip }) => {
    const target = join(await temporaryFolder(), 'static');
    const project = await makeProject({ targets: { web: inFolder(target) } }, SITE);
    mkdirSync(project.root, { recursive: true });
    if (!mountSmallDisk(project.root)) skip('a small file system to fill can only be mounted by root');
    expect((await project.sync()).status).toBe(0);
    const before = await published(target);
    fillUp(project.root);
    await plant(project.folder, { 'assets/top.txt': 'top'.repeat(5000), 'assets/new.txt': 'new'.repeat(5000) });
    const { status, collect } = await project.sync();
    expect(status).toBe(1);
    expect(collect.problems).toMatchObject([
      { path: 'new.txt', code: 'NO_SPACE' },
      { path: 'top.txt', code: 'NO_SPACE' },
    ]);
    const { filler: _, ...served } = await published(target);
    expect(served).toEqual(before);
    await rm(join(project.root, 'filler'));
    expect((await project.sync()).status).toBe(0);
    expect(differences(project.root, target)).toBe('');
  });

  it('is tried again by a daemon, though nothing is touched', { timeout: 300_000 }, async ({ skip }) => {
    const target = join(await temporaryFolder(), 'static');
    const project = await makeProject(
      { targets: { web: inFolder(target) }, watch: QUICK, daemon: { http: false } },
      SITE,
    );
    const disk = dirname(project.root);
    mkdirSync(disk, { recursive: true });
    if (!mountSmallDisk(disk)) skip('a small file system to fill can only be mounted by root');
    const daemon = await startDaemon(project);
    await daemon.inSync();
    fillUp(disk);
    await plant(project.folder, { 'assets/new.txt': 'new'.repeat(5000) });
    const { cycles, watch: before } = await daemon.until(({ cycles: [last] }) => last?.collect.problems.length === 1);
    const swept = await daemon.until(({ watch }) => watch.sweeps >= before.sweeps + 2, 120_000);
    expect(swept.cycles.length).toBe(cycles.length); // the same trouble is told once
    await rm(join(disk, 'filler'));
    const { local, watch } = await daemon.until(({ local: { problems } }) => problems.length === 0, 120_000);
    expect([local.error, watch.foundBySweep]).toEqual([null, before.foundBySweep]);
    await serves(target, await readTree(project.root));
    expect((await daemon.stop()).status).toBe(0);
  });

  it('that the state is to lie on is told of, and the work is done all the same', async ({ skip }) => {
    const target = join(await temporaryFolder(), 'static');
    const project = await makeProject({ targets: { web: inFolder(target) } }, SITE);
    mkdirSync(project.state, { recursive: true });
    if (!mountSmallDisk(project.state)) skip('a small file system to fill can only be mounted by root');
    fillUp(project.state);
    for (const text of ['one', 'two']) {
      await plant(project.folder, { 'assets/top.txt': text });
      const { status, stderr } = await project.program.run('sync');
      expect([status, stderr]).toEqual([0, expect.stringContaining('no space left')]);
      expect(differences(project.root, target)).toBe('');
    }
  });
});
