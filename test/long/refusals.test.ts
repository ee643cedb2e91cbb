/**
 * What a file system under a target refuses: it is named with its cause and what to do, concerns the paths that it concerns and no
 * others, and is the same on a server as in a folder of this machine.
 */
import { spawnSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { appendFileSync, existsSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { access, chmod, chown, mkdir, readFile, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it, onTestFinished, type TestContext } from 'vitest';
import type { Entry } from '../../src/core/entry.js';
import { problemsOf } from '../../src/core/outcome.js';
import type { RelPath } from '../../src/core/relpath.js';
import { emptyIndex } from '../../src/core/target-index.js';
import type { RequestKind } from '../../src/demo/sftp-wire.js';
import { TargetError } from '../../src/errors.js';
import { StateFolder } from '../../src/fs/state.js';
import { IndexStore } from '../../src/push/index/store.js';
import { codeOf } from '../../src/system-error.js';
import { openLocal } from '../../src/targets/local.js';
import { MemoryTarget } from '../../src/targets/memory.js';
import { makeBench, publicTree } from '../support/cycle.js';
import { hooked } from '../support/hooked-target.js';
import { type OpenSshServer, startOpenSsh } from '../support/openssh-server.js';
import { differences, inFolder, makeProject, on, published, type TargetSettings } from '../support/project.js';
import { startSftpServer } from '../support/sftp-server.js';
import { plant, symlink, type Tree, temporaryFolder, withoutRoot } from '../support/tree.js';

const QUOTA_DISK_BYTES = 128 * 1024 * 1024;
const SFTP_SERVER = ['/usr/lib/openssh/sftp-server', '/usr/libexec/sftp-server'].find((path) => existsSync(path)) ?? '';

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
const SERVED = { 'css/app.css': 'body {}', 'img/a.png': 'a', 'img/b.png': 'b', 'top.txt': 't' };

/** A target in `folder` of this machine, as such or by way of the server. */
function reach(where: string, folder: string, rest: object = {}): TargetSettings {
  return where === 'OpenSSH' ? on(openSsh, folder, rest) : inFolder(folder, rest);
}

describe.each(['OpenSSH', 'a folder of this machine'])('a path that is too long for %s alone (F55)', (where) => {
  const FOLDERS = Array.from({ length: 57 }, (_, i) => `${i}`.padEnd(60, 'x'));
  const LONG = `${FOLDERS.join('/')}/a.png`;

  /** A root so deep that 4,096 bytes are not enough for root and path. */
  async function makeScene(tree: Tree) {
    const target = join(await temporaryFolder(), ...Array.from({ length: 4 }, () => 'r'.repeat(210)));
    await mkdir(target, { recursive: true });
    const project = await makeProject({ targets: { web: reach(where, target) } }, tree);
    return { ...project, target };
  }

  it('is a problem of that path, says why and what to do, and the others are published', async () => {
    const { sync, assets, target, program } = await makeScene({ ...SITE, [`assets/${LONG}`]: 'long' });
    const { status, targets } = await sync();
    expect(status).toBe(1);
    expect(targets[0]?.problems).toMatchObject([{ code: 'BAD_NAME', step: 'publish' }]);
    expect(targets[0]?.problems[0]?.message).toMatch(
      /the whole path has \d+ bytes there, and 4095 are the most; rename/,
    );
    expect(await published(target)).toEqual(SERVED);
    expect((await program.run('verify', '--content')).status).toBe(0);
    await plant(assets, { 'top.txt': 'T' });
    expect(await sync()).toMatchObject({ status: 1, targets: [{ uploaded: 1, problems: [{ code: 'BAD_NAME' }] }] });
    await rm(join(assets, FOLDERS[0] ?? ''), { recursive: true });
    expect(await sync()).toMatchObject({ status: 0, targets: [{ unchanged: 4, removed: 0 }] });
  });

  it('is a problem of its file alone where its folder is not too long, also of a folder that comes as a whole', async () => {
    const { sync, assets, target } = await makeScene({ 'assets/top.txt': 't' });
    const folder = LONG.slice(0, 4090 - target.length - 1);
    const names = ['four', 'one', 'three', 'two'].map((name) => `${folder}/${name}-more.svg`);
    await plant(assets, Object.fromEntries(names.map((name, i) => [name, `${i}`])));
    const { status, targets } = await sync();
    expect([status, targets[0]?.uploaded]).toEqual([1, 1]);
    const told = targets[0]?.problems.map(({ path, code }) => `${code} ${path}`).toSorted();
    expect(told?.join() === names.map((name) => `BAD_NAME ${name}`).join()).toBe(true);
    expect(await published(target)).toEqual({ 'top.txt': 't' });
  });

  it.each([
    ['which the sources still have', { [`assets/${LONG}`]: 'long' }, 1],
    ['which was taken away', {}, 0],
  ])('and pending in its index, %s, does not keep the others from being published', async (_, tree, expected) => {
    const { sync, target, state, program } = await makeScene({ ...SITE, ...tree });
    await announce(target, LONG, join(state, 'other'));
    expect(await sync()).toMatchObject({ status: expected, targets: [{ uploaded: 4 }] });
    expect(await published(target)).toEqual(SERVED);
    expect((await program.run('verify', '--repair')).status).toBe(expected);
    expect((await program.run('status', '--json')).json()).toMatchObject({ targets: [{ pending: expected }] });
  });
});

it('a name that is too long for a target is a problem of its file alone, also in a folder that comes as a whole (F55)', async () => {
  const memory = new MemoryTarget();
  const target = hooked(memory, (kind, [first, second]) => {
    const at = kind === 'rename' ? second : first;
    const isTooLong = typeof at === 'string' && at.split('/').some((name) => name.length > 143);
    if (isTooLong && ['stat', 'write', 'rename'].includes(kind)) throw new TargetError('bad-name', 'too long');
  });
  const long = `${'n'.repeat(150)}.svg`;
  const rest = { 'set/1.svg': '1', 'set/2.svg': '2', 'set/3.svg': '3', 'set/4.svg': '4', 'app.css': 'css' };
  const { outcomes } = await (await makeBench()).publish(target, { ...rest, [`set/${long}`]: 'long' });
  expect(problemsOf(outcomes)).toMatchObject([{ path: `set/${long}`, code: 'BAD_NAME', step: 'publish' }]);
  expect(await publicTree(memory)).toEqual(rest);
});

describe.each(['OpenSSH', 'a folder of this machine'])('what is closed to us on %s', (where) => {
  let ofNobody: OpenSshServer;

  beforeAll(async () => {
    ofNobody = await startOpenSshAsNobody();
  });

  afterAll(() => ofNobody.stop());

  /** The site is published by somebody who is not root, and then `name` is closed to them. */
  async function makeScene(context: TestContext, name: string, mode = 0) {
    const program = fileURLToPath(new URL('../../dist/cli/main.js', import.meta.url));
    const project = await makeProject({ targets: {} }, SITE);
    const target = join(project.folder, 'served');
    const isLocal = where !== 'OpenSSH';
    if (isLocal && !(await withoutRoot(project.folder, () => canRead(program))))
      context.skip('root runs the tests, and the program lies where nobody else may read it');
    await project.configure({ targets: { web: isLocal ? inFolder(target) : on(ofNobody, target) } });
    const as = <T>(work: () => Promise<T>): Promise<T> => withoutRoot(project.folder, work);
    await as(async () => undefined); // what the server may write to is theirs, too
    const runs = isLocal ? as : <T>(work: () => Promise<T>): Promise<T> => work();
    expect(await runs(project.sync)).toMatchObject({ status: 0 });
    await chmod(join(target, name), mode);
    return {
      owner: (await stat(target)).uid,
      target,
      assets: project.assets,
      sync: () => runs(project.sync),
      verify: (...words: readonly string[]) => runs(() => project.program.run('verify', ...words)),
      open: () => chmod(join(target, name), 0o755),
      forgetIndex: () => rm(join(target, '.pushstatic'), { recursive: true }),
    };
  }

  it('is a problem of what lies below it, and all else is published and checked', async (context) => {
    const { sync, verify, assets, target, open } = await makeScene(context, 'img');
    await plant(assets, { 'img/deep/new.txt': 'new', 'other.txt': 'other' });
    const { status, targets } = await sync();
    expect(status).toBe(1);
    expect(targets).toMatchObject([{ uploaded: 1, problems: [{ path: 'img/deep/new.txt', code: 'DENIED' }] }]);
    expect(await readFile(join(target, 'other.txt'), 'utf8')).toBe('other');
    const verified = await verify('--json');
    expect([verified.status, verified.json()]).toMatchObject([
      1,
      {
        targets: [
          {
            ok: false,
            changed: [{ path: 'img', message: 'the folder has mode 0000 instead of 0755' }],
            missing: [],
            unreadable: [{ path: 'img/a.png' }, { path: 'img/b.png' }],
          },
        ],
      },
    ]);
    const read = await verify('--content', '--json');
    expect(read.json()).toMatchObject({ targets: [{ unreadable: [{ path: 'img/a.png' }, { path: 'img/b.png' }] }] });
    await rm(join(target, 'other.txt'));
    expect((await verify('--repair')).status).toBe(1);
    expect(await readFile(join(target, 'other.txt'), 'utf8')).toBe('other');
    await open();
    expect((await sync()).status).toBe(0);
    expect([(await verify()).status, await published(target)]).toEqual([
      0,
      { ...SERVED, 'img/deep/new.txt': 'new', 'other.txt': 'other' },
    ]);
  });

  it('may be a file, of which the others are read all the same', async (context) => {
    const { verify } = await makeScene(context, 'img/a.png');
    const { status, stdout, stderr } = await verify('--content');
    expect([status, stdout]).toEqual([
      1,
      'web: 3 files checked, 1 changed, 0 missing, 0 foreign\n' +
        '  changed img/a.png: it has mode 0000 instead of 0644\n' +
        'names, sizes, times and modes compared; the contents of 3 of 4 files read\n',
    ]);
    expect(stderr).toMatch(/^problem: web: +unreadable img\/a\.png: cannot (?:read|open) [^\n]*[Pp]ermission denied/m);
  });

  it('by its mode alone is told with its owner, its mode and what to do', async (context) => {
    const { sync, assets, target, owner } = await makeScene(context, 'img', 0o555);
    await plant(assets, { 'img/new.png': 'new' });
    const { status, targets } = await sync();
    expect([status, targets[0]?.problems]).toMatchObject([1, [{ path: 'img/new.png', code: 'DENIED' }]]);
    // Who the account of a server is, nobody tells; here it is the owner.
    const help = where === 'OpenSSH' ? 'give it to the account of this target, or change its mode' : 'change its mode';
    expect(targets[0]?.problems[0]?.message).toContain(
      `permission denied: the folder ${join(target, 'img')} belongs to user ${owner} and has mode 0555; ${help}`,
    );
  });

  // In a folder of this machine all is given to who runs it.
  if (where === 'OpenSSH')
    it('is what somebody else has in a sticky folder of theirs, which is not replaced (F34)', async (context) => {
      if (process.getuid?.() !== 0) context.skip('only root can give files to somebody else');
      const { sync, assets, target, owner } = await makeScene(context, 'img', 0o1777);
      const folder = join(target, 'img');
      for (const place of [folder, join(folder, 'a.png')]) await chown(place, owner + 1, owner + 1);
      await plant(assets, { 'img/a.png': 'A', 'img/b.png': 'B', 'img/new.png': 'new' });
      const { status, targets } = await sync();
      expect([status, targets[0]?.problems]).toMatchObject([1, [{ path: 'img/a.png', code: 'DENIED' }]]);
      expect(targets[0]?.problems[0]?.message).toContain(
        `the folder ${folder} belongs to user ${owner + 1} and has mode 1777, where only the owner of a file may replace it; give it to `,
      );
      expect(await published(target)).toEqual({ ...SERVED, 'img/b.png': 'B', 'img/new.png': 'new' });
      await chown(join(folder, 'a.png'), owner, owner);
      expect(await sync()).toMatchObject({ status: 0 });
      expect(await published(target)).toEqual({ ...SERVED, 'img/a.png': 'A', 'img/b.png': 'B', 'img/new.png': 'new' });
    });

  it('is not what an index is made of', async (context) => {
    const { sync, target, forgetIndex, open } = await makeScene(context, 'img');
    await forgetIndex();
    const { status, targets } = await sync();
    expect([status, targets[0]?.problems.map(({ path, code }) => [path, code])]).toEqual([
      1,
      [
        ['img/a.png', 'DENIED'],
        ['img/b.png', 'DENIED'],
      ],
    ]);
    await open();
    expect(await sync()).toMatchObject({ status: 0, targets: [{ uploaded: 2 }] });
    expect(await published(target)).toEqual(SERVED);
  });
});

describe.each(['OpenSSH', 'a folder of this machine'])('a disk under %s', (where) => {
  const place = where === 'OpenSSH' ? 'the server' : 'the disk';

  it.for<
    readonly [what: string, disk: string, spoil: (disk: string) => void, code: string, words: RegExp, mend: string]
  >([
    [
      'that is read-only (F25)',
      'size=2m',
      (disk) => spawnSync('mount', ['-o', 'remount,ro', disk]),
      'READ_ONLY',
      /cannot make the folder \S*\.pushstatic\S*: the file system (?:on the server )?is read-only$/,
      'remount,rw',
    ],
    [
      'that has no inode left (F24)',
      'size=2m,nr_inodes=60',
      fillWithFiles,
      'NO_SPACE',
      new RegExp(
        `no inode is free on ${place}, so that it takes no more files \\(\\d+ bytes are free\\); remove files there$`,
      ),
      'remount,nr_inodes=1000',
    ],
    [
      'that is full (F23)',
      'size=512k',
      fillUp,
      'NO_SPACE',
      new RegExp(`no space left on ${place} \\(\\d+ bytes and \\d+ inodes are free\\); make room there$`),
      'remount,size=4m',
    ],
  ])('%s is named, and published to when it is mended', async ([, options, spoil, code, words, mend], { skip }) => {
    const target = await temporaryFolder();
    if (!mountDisk(target, options)) skip('only root can mount a small file system');
    const { sync, assets } = await makeProject({ targets: { web: reach(where, join(target, 'static')) } }, SITE);
    expect(await sync()).toMatchObject({ status: 0 });
    spoil(target);
    await plant(assets, { 'css/new.css': 'new'.repeat(9000), 'img/a.png': 'A' });
    const { status, targets } = await sync();
    const [told] = [targets[0]?.error, ...(targets[0]?.problems ?? [])].filter((each) => each !== undefined);
    expect([status, told?.code]).toEqual([1, code]);
    expect(told?.message).toMatch(words);
    spawnSync('mount', ['-o', mend, target]);
    expect(await sync()).toMatchObject({ status: 0 });
    expect(await readFile(join(target, 'static/img/a.png'), 'utf8')).toBe('A');
  });
});

it.for(['OpenSSH', 'a folder of this machine'])(
  'a quota on %s that is used up is named, and published to when there is more of it (F24)',
  async (where, context) => {
    const site = await mountWithQuota(context);
    limitTo(site, '2M');
    const target = join(site, 'static');
    // Slow enough for the push to be announced before the large file has used all of it up.
    const push = { bandwidth: '4M' };
    const { sync, assets, program } = await makeProject({ targets: { web: reach(where, target) }, push }, SITE);
    expect(await sync()).toMatchObject({ status: 0 });
    await plant(assets, { 'css/app.css': 'BODY {}', 'img/large.png': randomBytes(3 * 1024 * 1024) });
    const { status, targets } = await sync();
    expect([status, targets[0]?.problems.map(({ path }) => path)]).toEqual([1, ['img/large.png', 'css/app.css']]);
    const large = targets[0]?.problems.find(({ path }) => path === 'img/large.png');
    expect(large?.message).toMatch(where === 'OpenSSH' ? /whether the account has a quota$/ : /quota of the account/);
    expect(await published(target)).toEqual(SERVED);
    limitTo(site, 'none');
    expect(await sync()).toMatchObject({ status: 0 });
    expect(await readFile(join(target, 'css/app.css'), 'utf8')).toBe('BODY {}');
    expect((await program.run('verify', '--content')).status).toBe(0);
  },
);

it('a quota on STATIC_ROOT that is used up is named, and what lay there is served until there is more of it (F24)', async (context) => {
  const site = await mountWithQuota(context);
  limitTo(site, '2M');
  const target = join(await temporaryFolder(), 'target');
  const settings = { static: { root: join(site, 'static') }, targets: { web: on(openSsh, target) } };
  const { sync, assets } = await makeProject(settings, SITE);
  expect(await sync()).toMatchObject({ status: 0 });
  await plant(assets, { 'img/a.png': randomBytes(3 * 1024 * 1024) });
  const { status, collect } = await sync();
  expect([status, collect?.problems]).toMatchObject([1, [{ path: 'img/a.png', code: 'NO_SPACE' }]]);
  expect(collect?.problems[0]?.message).toMatch(/disk quota exceeded$/);
  expect(await published(target)).toEqual(SERVED);
  limitTo(site, 'none');
  expect(await sync()).toMatchObject({ status: 0, targets: [{ uploaded: 1 }] });
});

describe.each(['OpenSSH', 'a folder of this machine'])('another file system under %s (F26)', (where) => {
  it('that holds the control area is named in each run, with what to do, and nothing is published', async ({
    skip,
  }) => {
    const folder = await temporaryFolder();
    await mkdir(join(folder, 'elsewhere'));
    if (!mountDisk(join(folder, 'elsewhere'), 'size=2m')) skip('only root can mount a small file system');
    const target = join(folder, 'static');
    const { sync, configure } = await makeProject(
      { targets: { web: reach(where, target, { control: '../elsewhere/own' }) } },
      { 'assets/a.png': 'a', 'assets/b.png': 'b' },
    );
    for (const run of ['first', 'second']) {
      const { status, targets } = await sync();
      const told = [targets[0]?.error, ...(targets[0]?.problems ?? [])].filter((each) => each !== undefined);
      expect([run, status, [...new Set(told.map(({ code }) => code))]]).toEqual([run, 1, ['OTHER_DEVICE']]);
      expect(told[0]?.message).toMatch(/on another file system.*inside the target/);
    }
    expect(await published(target)).toEqual({});
    await configure({ targets: { web: reach(where, target) } });
    expect(await sync()).toMatchObject({ status: 0, targets: [{ uploaded: 2 }] });
  });

  it('that is mounted inside the target is a problem of the paths there, and the others are published', async ({
    skip,
  }) => {
    const target = join(await temporaryFolder(), 'static');
    await mkdir(join(target, 'media'), { recursive: true });
    if (!mountDisk(join(target, 'media'), 'size=2m')) skip('only root can mount a small file system');
    const { sync, configure } = await makeProject(
      { targets: { web: reach(where, target) } },
      { 'assets/a.png': 'a', 'assets/media/m.png': 'm' },
    );
    for (const uploaded of [1, 0]) {
      const { status, targets } = await sync();
      expect([status, targets]).toMatchObject([
        1,
        [{ uploaded, problems: [{ path: 'media/m.png', code: 'OTHER_DEVICE', step: 'publish' }] }],
      ]);
      expect(targets[0]?.problems[0]?.message).toContain('or exclude what is mounted there');
    }
    await configure({ targets: { web: reach(where, target, { exclude: ['media/**'] }) } });
    expect(await sync()).toMatchObject({ status: 0, targets: [{ unchanged: 1 }] });
  });
});

describe.each(['OpenSSH', 'a folder of this machine'])('a link on %s', (where) => {
  it('that leads nowhere, in the place of the target, is named', async () => {
    const folder = await temporaryFolder();
    await plant(folder, { static: symlink('nowhere') });
    const { sync } = await makeProject({ targets: { web: reach(where, join(folder, 'static')) } }, SITE);
    const { status, targets } = await sync();
    expect([status, targets[0]?.error?.message]).toEqual([
      1,
      expect.stringContaining('a symbolic link is there that leads nowhere; make the folder that it names'),
    ]);
    await mkdir(join(folder, 'nowhere'));
    expect(await sync()).toMatchObject({ status: 0, targets: [{ uploaded: 4 }] });
  });
});

it('a link in the place of the head of an index is named, in a folder of this machine', async () => {
  const target = join(await temporaryFolder(), 'static');
  const { sync } = await makeProject({ targets: { web: inFolder(target) } }, SITE);
  await sync();
  await rm(join(target, '.pushstatic/head'));
  await plant(target, { '.pushstatic/head': symlink('../top.txt') });
  const { status, targets } = await sync();
  const message = 'cannot read .pushstatic/head: a symbolic link is there, which is not followed; remove it';
  expect([status, targets[0]?.error?.message]).toEqual([1, message]);
});

describe('what is ours on a target', () => {
  it.each<[what: string, place: string, kind: RequestKind]>([
    ['the stage', 'static/.pushstatic/stage', 'WRITE'],
    ['the stage', 'static/.pushstatic/stage', 'POSIX_RENAME'],
    ['the control area', 'static/.pushstatic', 'WRITE'],
    ['the control area', 'static/.pushstatic', 'POSIX_RENAME'],
    ['the whole target', 'static', 'WRITE'],
    ['the whole target', 'static', 'POSIX_RENAME'],
  ])('may be removed under a run, %s (%s) at a %s: it says so, and brings all of it (F28)', async (_, place, kind) => {
    let isArmed = false;
    const remote = await startSftpServer({
      fault: (request) => {
        if (!isArmed || request.kind !== kind || !/stage\/.*(?<!head)$/.test(request.path ?? '')) return undefined;
        isArmed = false;
        rmSync(join(remote.folder, place), { recursive: true });
        return undefined;
      },
    });
    onTestFinished(() => remote.stop());
    const { sync, assets, root } = await makeProject({ targets: { web: on(remote, 'static') } }, SITE);
    await sync();
    await plant(assets, { 'img/a.png': 'A', 'img/new.png': 'new', 'css/app.css': 'p {}', 'top.txt': 'T' });
    isArmed = true;
    const { status, stderr } = await sync();
    expect([status, isArmed]).toEqual([0, false]);
    expect(stderr).toMatch(/its control area, or all of it, was removed while this run was writing.*trying again/);
    expect(stderr).not.toContain('another run');
    expect(differences(root, join(remote.folder, 'static'))).toBe('');
    expect(await sync()).toMatchObject({ status: 0, targets: [{ unchanged: 5, sentBytes: 0 }] });
  });

  it('and removed under a run is told as that in a folder of this machine, and not as another run (F28)', async () => {
    const root = join(await temporaryFolder(), 'static');
    const target = await openLocal({ url: 'file:', root, control: join(root, '.pushstatic') });
    const bench = await makeBench();
    await bench.publish(target, { 'a.png': 'a' });
    const meddled = hooked(target, async (kind) => {
      if (kind === 'rename') await rm(join(root, '.pushstatic'), { recursive: true, force: true });
    });
    await expect(bench.publish(meddled, { 'a.png': 'A' })).rejects.toMatchObject({
      kind: 'control-gone',
      retryable: true,
      message: expect.stringContaining('was removed while this run was writing') as string,
    });
    await bench.publish(target, { 'a.png': 'A' });
    expect(await published(root)).toEqual({ 'a.png': 'A' });
  });
});

/** Mounts a file system at `folder` until the test is over: true if this user may do that. */
function mountDisk(folder: string, options: string): boolean {
  const { status } = spawnSync('mount', ['-t', 'tmpfs', '-o', options, 'tmpfs', folder]);
  if (status === 0) onTestFinished(() => void spawnSync('umount', ['--lazy', folder]));
  return status === 0;
}

/** A folder of a file system that has quotas, until the test is over. */
async function mountWithQuota(context: TestContext): Promise<string> {
  const [image, disk] = [join(await temporaryFolder(), 'image'), await temporaryFolder()];
  writeFileSync(image, '');
  truncateSync(image, QUOTA_DISK_BYTES);
  const site = join(disk, 'site');
  const run = (command: string, ...words: string[]): boolean => spawnSync(command, words).status === 0;
  if (!run('mkfs.btrfs', '--mixed', image) || !run('mount', '-o', 'loop', image, disk))
    return context.skip('a file system with quotas can only be mounted by root, where there is btrfs');
  onTestFinished(() => void spawnSync('umount', [disk]));
  if (!run('btrfs', 'quota', 'enable', disk) || !run('btrfs', 'subvolume', 'create', site))
    throw new TypeError(`cannot set up quotas in ${disk}`);
  return site;
}

function limitTo(site: string, size: string): void {
  const { status, stderr } = spawnSync('btrfs', ['qgroup', 'limit', size, site], { encoding: 'utf8' });
  if (status !== 0) throw new TypeError(stderr);
}

/** Makes empty files until there is no inode for another one. */
function fillWithFiles(disk: string): void {
  untilFull(() => {
    for (let i = 0; ; i++) writeFileSync(join(disk, `filler-${i}`), '');
  });
}

/** Writes a file until not one byte more fits. */
function fillUp(disk: string): void {
  const page = Buffer.alloc(4096);
  untilFull(() => {
    for (;;) appendFileSync(join(disk, 'filler'), page);
  });
}

function untilFull(fill: () => void): void {
  try {
    fill();
  } catch (error) {
    if (codeOf(error) !== 'ENOSPC') throw error;
  }
}

/** A server whose sessions have the rights of nobody, if root runs the tests. */
function startOpenSshAsNobody(): Promise<OpenSshServer> {
  if (process.geteuid?.() !== 0) return startOpenSsh();
  const rights = '--reuid=65534 --regid=65534 --clear-groups';
  return startOpenSsh({ extra: [`Subsystem sftp /usr/bin/setpriv ${rights} ${SFTP_SERVER}`] });
}

function canRead(file: string): Promise<boolean> {
  return access(file).then(
    () => true,
    () => false,
  );
}

/** Leaves an index on the target in `folder` that says that `path` may hold a file. */
async function announce(folder: string, path: string, state: string): Promise<void> {
  const target = await openLocal({ url: 'file:', root: folder, control: join(folder, '.pushstatic') });
  const cache = new StateFolder(state);
  const store = new IndexStore(target, { site: 'test', run: 'earlier', cache, now: () => 0 });
  await store.load();
  const entry: Entry = { path: path as RelPath, size: 4, digest: 'd'.repeat(64), mtime: 0, mode: 0o644 };
  await store.begin(emptyIndex('test'), new Map([[entry.path, entry]]));
  await store.release('failed');
  await target.close();
}
