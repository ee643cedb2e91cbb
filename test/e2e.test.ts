/** The whole, as a user runs it: the built program, real files, and an OpenSSH server that offers no shell. */

import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { appendFileSync, existsSync, mkdirSync, readdirSync, readFileSync, utimesSync, writeFileSync } from 'node:fs';
import { cp, mkdir, mkdtemp, readFile, rename, rm, stat, symlink, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { setImmediate } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { isMark, nameOfHolder } from '../src/core/lease.js';
import { freePort, type OpenSshServer, startOpenSsh } from './support/openssh-server.js';
import type { Running } from './support/program.js';
import {
  differences,
  inFolder,
  listing,
  makeProject,
  makeProjectIn,
  on,
  type Project,
  published,
  type Settings,
} from './support/project.js';
import { type SftpServer, startSftpServer, type TestServerOptions } from './support/sftp-server.js';
import { plant, readTree, type Tree, temporaryFolder } from './support/tree.js';

const SFTP_SERVER = '/usr/lib/openssh/sftp-server'; // the same code as internal-sftp, in a program of its own that logs

let server: OpenSshServer;

beforeAll(async () => {
  server = await startOpenSsh();
});

afterAll(() => server.stop());

const SITE: Tree = {
  'assets/css/app.css': 'body { background: url(../img/logo.png) }',
  'assets/img/logo.png': 'logo',
  'assets/index.html': '<p>page</p>',
  'assets/js/app.js': 'console.log(1)',
  'vendor/dist/lib.js': 'library',
};
const PUBLISHED: Tree = {
  'css/app.css': 'body { background: url(../img/logo.png) }',
  'img/logo.png': 'logo',
  'index.html': '<p>page</p>',
  'js/app.js': 'console.log(1)',
  'vendor/lib.js': 'library',
};

const FILLED_BY_OTHERS = { static: { root: 'var/static', storage: 'none' }, source: { dirs: [] } };

interface Scene extends Project {
  /** Where the published tree lies. */
  readonly target: string;
}

/** A project with one target, `web`, on the OpenSSH server. */
async function makeScene({
  tree = SITE,
  target: rest = {},
  ...settings
}: { tree?: Tree; target?: object } & Partial<Settings> = {}): Promise<Scene> {
  const target = join(await temporaryFolder(), 'static');
  const project = await makeProject({ targets: { web: on(server, target, rest) }, ...settings }, tree);
  return { ...project, target };
}

describe('10,000 files', () => {
  const FILES = 10_000;
  let folder: string;
  let target: string;
  let project: Project;
  let first: Awaited<ReturnType<Project['sync']>>;

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'pushstatic-many-'));
    target = join(folder, 'served', 'static');
    mkdirSync(dirname(target));
    project = await makeProjectIn(join(folder, 'project'), { targets: { web: on(server, target) } });
    for (let i = 0; i < FILES; i++) write(i % 5 === 0 ? project.vendor : project.assets, nameOf(i), `file ${i}\n`);
    first = await project.sync();
  });

  afterAll(() => rm(folder, { recursive: true }));

  it('are published in one run, byte for byte', () => {
    expect(first).toMatchObject({ status: 0, ok: true, collect: { files: FILES, copied: FILES } });
    expect(first.targets).toMatchObject([{ name: 'web', ok: true, uploaded: FILES, removed: 0, unchanged: 0 }]);
    expect(listing(target).filter((line) => / f /.test(line))).toHaveLength(FILES);
    expect(differences(project.root, target)).toBe('');
  });

  it('are not sent again', async () => {
    expect(await project.sync()).toMatchObject({ status: 0, collect: { copied: 0 }, targets: [NOTHING_SENT] });
  });

  it('are not sent again when each of them was touched, and keep the time they were published with', async () => {
    const before = listing(target);
    for (const place of [project.assets, project.vendor, project.root]) touchAll(place);
    expect(await project.sync()).toMatchObject({ status: 0, targets: [NOTHING_SENT] });
    expect(listing(target)).toEqual(before);
  });

  it('cost what changed when one is edited, one added, one removed and one renamed', async () => {
    const before = listing(target);
    appendFileSync(join(project.assets, nameOf(1)), 'an edit');
    write(project.assets, 'added.txt', 'new');
    await rm(join(project.assets, nameOf(2)));
    await rename(join(project.assets, nameOf(3)), join(project.assets, 'renamed.txt'));
    const { status, targets } = await project.sync();
    expect(status).toBe(0);
    expect(targets).toMatchObject([
      {
        uploaded: 3,
        removed: 2,
        unchanged: FILES - 3,
        sentBytes: 'file 1\nan edit'.length + 'new'.length + 'file 3\n'.length,
      },
    ]);
    expect(differences(project.root, target)).toBe('');
    const after = listing(target);
    const files = (lines: readonly string[]): string[] =>
      lines.filter((line) => / f /.test(line)).map((line) => line.split(' ')[0] ?? '');
    const [were, are] = [new Set(before), new Set(after)];
    expect(files(before.filter((line) => !are.has(line)))).toEqual([nameOf(1), nameOf(2), nameOf(3)].toSorted());
    expect(files(after.filter((line) => !were.has(line)))).toEqual([nameOf(1), 'added.txt', 'renamed.txt'].toSorted());
  });

  it('are not sent again by a machine that remembers nothing', async () => {
    await project.forgetState();
    expect(await project.sync()).toMatchObject({ status: 0, targets: [NOTHING_SENT] });
    expect(differences(project.root, target)).toBe('');
  });

  const NOTHING_SENT = { ok: true, uploaded: 0, removed: 0, unchanged: FILES, contentBytes: 0, sentBytes: 0 };

  function nameOf(i: number): string {
    return `${i % 120}/${i}.txt`;
  }
});

/** An OpenSSH server that writes down what it is asked for. */
async function startLogging(): Promise<{ readonly logging: OpenSshServer; readonly log: string }> {
  const log = join(await temporaryFolder(), 'sftp.log');
  const logging = await startOpenSsh({ extra: [`ForceCommand ${SFTP_SERVER} -e -l VERBOSE 2>>${log}`] });
  onTestFinished(() => logging.stop());
  return { logging, log };
}

it('what a push writes of its index is on the disk of OpenSSH before the head is replaced, twice', async () => {
  const { logging, log } = await startLogging();
  const target = join(await temporaryFolder(), 'static');
  const project = await makeProject({ targets: { web: on(logging, target) } }, SITE);
  await project.sync();
  await writeFile(log, '');
  await writeFile(join(project.assets, 'js/app.js'), 'console.log(2)');
  expect(await project.sync()).toMatchObject({ status: 0, targets: [{ uploaded: 1 }] });
  const asked = (await readFile(log, 'utf8')).replaceAll(target, '').split('\r\n');
  const order = asked.flatMap((line) => {
    const flushed = /^fsync "\/\.pushstatic\/(?:stage\/[^/]*\/)?(head|journal)/.exec(line)?.[1];
    if (flushed !== undefined) return [`${flushed} flushed`];
    return /^posix-rename .*"\/\.pushstatic\/head"$/.test(line) ? ['head replaced'] : [];
  });
  expect([order.slice(0, 2).toSorted(), order[2], order.slice(3, 5).toSorted(), order.slice(5)]).toEqual([
    ['head flushed', 'journal flushed'],
    'head replaced',
    ['head flushed', 'journal flushed'],
    ['head replaced'],
  ]);
});

describe('a run with nothing to do', () => {
  it('reads nothing of OpenSSH but the head of the index', async () => {
    const { logging, log } = await startLogging();
    const target = join(await temporaryFolder(), 'static');
    const project = await makeProject({ targets: { web: on(logging, target) } }, SITE);
    await project.sync();
    await writeFile(log, '');
    expect(await project.sync()).toMatchObject({ status: 0, targets: [{ unchanged: 5, sentBytes: 0 }] });
    const asked = async (): Promise<string[]> =>
      (await readFile(log, 'utf8'))
        .split('\r\n')
        .filter((line) => /^(?:\w+ )?"?\w+ (?:name )?"/.test(line))
        .map((line) => line.replaceAll(target, ''));
    // The server writes its last line when nobody waits for it any more.
    await expect.poll(asked).toEqual([
      'stat name ""',
      'realpath "."',
      'realpath ""',
      'lstat name "/.pushstatic"',
      'lstat name "/.pushstatic/HEAD"', // how the server takes names
      'open "/.pushstatic/head" flags READ mode 0600',
      // "forced" where the session ended before a busy server had read that.
      expect.stringMatching(/^(?:forced )?close "\/\.pushstatic\/head" bytes read [1-9]\d* written 0$/),
    ]);
  });

  it('asks a server for the root, where that and the login folder lie, the control area and the head, and for nothing else', async () => {
    const { project, remote } = await makeRemoteScene();
    await project.sync();
    for (const record of [remote.requests, remote.opened, remote.read]) clear(record);
    expect(await project.sync()).toMatchObject({ status: 0, targets: [{ unchanged: 5, sentBytes: 0 }] });
    expect(remote.opened).toEqual(['/static/.pushstatic/head']);
    expect(new Set(remote.read)).toEqual(new Set(remote.opened));
    expect(new Set(remote.requests.keys())).toEqual(
      new Set(['STAT', 'REALPATH', 'LSTAT', 'OPEN', 'FSTAT', 'READ', 'CLOSE']),
    );
  });
});

describe('verify', () => {
  it('agrees with what was just published', async () => {
    const { sync, program } = await makeScene();
    await sync();
    const { status, stdout } = await program.run('verify');
    const sure = 'names, sizes, times and modes compared; contents not read (--content reads them)';
    expect([status, stdout]).toEqual([0, `web: 5 files checked, 0 changed, 0 missing, 0 foreign\n${sure}\n`]);
  });

  it('names what was changed, what is missing and what is foreign, with status 3', async () => {
    const { sync, program, target } = await makeScene();
    await sync();
    await spoil(target);
    const { status, stdout } = await program.run('verify');
    expect(status).toBe(3);
    expect(stdout).toContain('web: 5 files checked, 1 changed, 1 missing, 1 foreign');
    expect(stdout).toContain('changed js/app.js: it has 4 bytes instead of 14');
    expect(stdout).toContain('missing img/logo.png: it is missing');
    expect(stdout).toContain('foreign img/theirs.txt: a file that pushstatic did not put there');
    const machine = await program.run('verify', '--json');
    expect(machine.status).toBe(3);
    expect(machine.json()).toMatchObject({
      ok: false,
      targets: [
        {
          name: 'web',
          ok: false,
          checked: 5,
          changed: [{ path: 'js/app.js' }],
          missing: [{ path: 'img/logo.png' }],
          foreign: [{ path: 'img/theirs.txt' }],
        },
      ],
    });
  });

  it('repairs what was changed or is missing, and leaves what is foreign', async () => {
    const { sync, program, target } = await makeScene();
    await sync();
    await spoil(target);
    const repaired = await program.run('verify', '--repair', '--json');
    expect(repaired.status).toBe(0);
    expect(repaired.json()).toMatchObject({ ok: true, targets: [{ repaired: { ok: true, uploaded: 2 } }] });
    expect(await published(target)).toEqual({ ...PUBLISHED, 'img/theirs.txt': 'foreign' });
    expect((await program.run('verify', '--content')).status).toBe(0);
  });

  it('sees another content of the same size and time only when it reads it, and repairs it then', async () => {
    const { sync, program, target } = await makeScene();
    await sync();
    await rewriteUnseen(join(target, 'js/app.js'), 'console.log(2)');
    expect((await program.run('verify')).status).toBe(0);
    const { status, stdout } = await program.run('verify', '--content');
    expect(status).toBe(3);
    expect(stdout).toContain('changed js/app.js: its content is another');
    expect((await program.run('verify', '--content', '--repair')).status).toBe(0);
    expect(await published(target)).toEqual(PUBLISHED);
    expect((await program.run('verify', '--content')).status).toBe(0);
  });

  it('ends with 0 when all it finds is foreign, for nothing of it is ours to mend', async () => {
    const { sync, program, target } = await makeScene();
    await sync();
    await plant(target, { 'theirs/a.txt': 'foreign' });
    const { status, stdout } = await program.run('verify');
    expect(status).toBe(0);
    expect(stdout).toContain('foreign theirs/a.txt');
  });

  it('finds a target without an index to differ, and can mend that', async () => {
    const { sync, program, target } = await makeScene();
    await sync();
    await rm(join(target, '.pushstatic'), { recursive: true });
    const { status, stdout } = await program.run('verify');
    expect([status, stdout.includes('has no index yet')]).toEqual([3, true]);
    expect((await program.run('verify', '--repair')).status).toBe(0);
    expect((await program.run('verify')).status).toBe(0);
  });

  /** Changes a file, removes one, and adds one. */
  async function spoil(target: string): Promise<void> {
    await writeFile(join(target, 'js/app.js'), 'torn');
    await rm(join(target, 'img/logo.png'));
    await plant(target, { 'img/theirs.txt': 'foreign' });
  }
});

describe('what is published', () => {
  it('carries the time of STATIC_ROOT in whole seconds, and the modes of the configuration, whatever umask the server has', async () => {
    const strict = await startOpenSsh({ extra: ['Subsystem sftp internal-sftp -u 077'] });
    onTestFinished(() => strict.stop());
    const target = join(await temporaryFolder(), 'static');
    await mkdir(target);
    const mode = { file: '0640', dir: '0751' };
    const settings = { targets: { web: on(strict, target, { mode }) }, ...FILLED_BY_OTHERS };
    const project = await makeProject(settings, { 'var/static/js/app.js': 'script' });
    await utimes(join(project.root, 'js/app.js'), 1_600_000_000.75, 1_600_000_000.75);
    await project.sync();
    expect(((await stat(join(target, 'js'))).mode & 0o7777).toString(8)).toBe('751');
    const file = await stat(join(target, 'js/app.js'));
    expect([(file.mode & 0o7777).toString(8), file.mtimeMs]).toEqual(['640', 1_600_000_000_000]);
  });

  it('can be read by everybody up to its root, which is made if it is missing, whatever umask the server has', async () => {
    const strict = await startOpenSsh({ extra: ['Subsystem sftp internal-sftp -u 077'] });
    onTestFinished(() => strict.stop());
    const target = join(await temporaryFolder(), 'static');
    const project = await makeProject({ targets: { web: on(strict, target) } }, SITE);
    await project.sync();
    expect((await stat(target)).mode & 0o7777).toBe(0o755);
    expect((await stat(join(target, '.pushstatic'))).mode & 0o7777).toBe(0o700);
  });

  it('gets another mode without being sent again', async () => {
    const { sync, configure, target, program } = await makeScene();
    await sync();
    const before = await stat(join(target, 'js/app.js'));
    await configure({ targets: { web: on(server, target, { mode: { file: '0600' } }) } });
    const plan = await program.run('diff');
    expect(plan.stdout).toContain('web: 0 to add, 0 to update, 5 to change the mode of, 0 to remove, 0 unchanged');
    const { stdout, status } = await program.run('sync');
    expect(status).toBe(0);
    expect(stdout).not.toContain('nothing to do');
    const after = await stat(join(target, 'js/app.js'));
    expect([(after.mode & 0o7777).toString(8), after.mtimeMs, after.ino]).toEqual(['600', before.mtimeMs, before.ino]);
    expect(await sync()).toMatchObject({ status: 0, targets: [{ uploaded: 0, unchanged: 5, sentBytes: 0 }] });
  });
});

describe('several targets', () => {
  it('are each on their own: the one that is dead fails alone, and the status and the summary say so', async () => {
    const folder = await temporaryFolder();
    const dead = { url: `sftp://nobody@127.0.0.1:${await freePort()}/static`, sshConfig: false };
    const targets = { far: on(server, join(folder, 'far')), dead, near: inFolder(join(folder, 'near')) };
    const project = await makeProject({ targets }, SITE);
    const run = await project.sync();
    expect(run).toMatchObject({
      status: 1,
      ok: false,
      targets: [
        { name: 'far', ok: true, uploaded: 5 },
        { name: 'dead', ok: false, uploaded: 0, error: { code: 'UNREACHABLE' } },
        { name: 'near', ok: true, uploaded: 5 },
      ],
    });
    expect(run.stderr).toMatch(/^problem: dead: failed: cannot (?:connect to|reach) .*127\.0\.0\.1/m);
    for (const name of ['far', 'near']) expect(await published(join(folder, name))).toEqual(PUBLISHED);
  });

  it('can be named, and the others are left alone', async () => {
    const folder = await temporaryFolder();
    const targets = { one: inFolder(join(folder, 'one')), two: inFolder(join(folder, 'two')) };
    const project = await makeProject({ targets }, SITE);
    expect((await project.sync('two')).targets).toMatchObject([{ name: 'two', uploaded: 5 }]);
    expect(existsSync(join(folder, 'one'))).toBe(false);
  });

  it('that a guard refuses one like the other end with 5, and with 1 if something else fails too', async () => {
    const folder = await temporaryFolder();
    const strict = { delete: { max: 0 } };
    const targets = { one: inFolder(join(folder, 'one'), strict), two: on(server, join(folder, 'two'), strict) };
    const project = await makeProject({ targets }, SITE);
    await project.sync();
    await rm(join(project.assets, 'js/app.js'));
    const refused = await project.sync();
    expect(refused.status).toBe(5);
    expect(refused.targets).toMatchObject([{ error: { code: 'REFUSED' } }, { error: { code: 'REFUSED' } }]);
    await writeFile(join(folder, 'one', '.pushstatic', 'head'), newerHead(join(folder, 'one')));
    expect((await project.sync()).status).toBe(1);
  });
});

describe('a target', () => {
  it('gets what its include and exclude say, and loses what they leave out from then on', async () => {
    const { sync, configure, target } = await makeScene({ target: { include: ['**/*.js', 'css/**'] } });
    await sync();
    expect(Object.keys(await published(target))).toEqual(['css/app.css', 'js/app.js', 'vendor/lib.js']);
    await configure({ targets: { web: on(server, target, { exclude: ['vendor/**', '**/*.png'] }) } });
    expect(await sync()).toMatchObject({ status: 0, targets: [{ uploaded: 1, removed: 1, unchanged: 2 }] });
    expect(Object.keys(await published(target))).toEqual(['css/app.css', 'index.html', 'js/app.js']);
  });

  it('gets a file with a line feed in its name or not, as its patterns say', async () => {
    const { sync, assets, target } = await makeScene({ target: { exclude: ['private/**', '**/*.map'] } });
    await plant(assets, { 'img/a\nb.png': 'x', 'private/a\nb.txt': 'x', 'js/a\nb.map': 'x' });
    await sync();
    expect(Object.keys(await published(target)).filter((name) => name.includes('\n'))).toEqual(['img/a\nb.png']);
  });

  it('keeps what is gone with --no-delete, until a run without it', async () => {
    const { sync, assets, target } = await makeScene();
    await sync();
    await rm(join(assets, 'js/app.js'));
    expect(await sync('--no-delete')).toMatchObject({ status: 0, targets: [{ removed: 0, unchanged: 4 }] });
    expect(await published(target)).toEqual(PUBLISHED);
    expect(await sync()).toMatchObject({ status: 0, targets: [{ removed: 1, unchanged: 4 }] });
    expect(existsSync(join(target, 'js'))).toBe(false);
  });

  it('keeps what is gone when its configuration forbids to delete', async () => {
    const { sync, assets, target } = await makeScene({ target: { delete: { enabled: false } } });
    await sync();
    await rm(join(assets, 'js/app.js'));
    expect(await sync()).toMatchObject({ status: 0, targets: [{ removed: 0 }] });
    expect(await published(target)).toEqual(PUBLISHED);
  });

  it.each([
    ['a count', 1, '2 of 5 files would be removed, more than delete.max allows (1)'],
    ['a share', '20%', '2 of 5 files would be removed, more than delete.max allows (20%)'],
  ])('that would lose more than %s allows is left as it is, with status 5, until --force', async (_, max, words) => {
    const { sync, assets, target, program } = await makeScene({ target: { delete: { max } } });
    await sync();
    const before = listing(target, 'all');
    await rm(join(assets, 'js/app.js'));
    await rm(join(assets, 'index.html'));
    const refused = await program.run('sync');
    expect(refused.status).toBe(5);
    expect(refused.stderr).toContain(`web: failed: ${words}`);
    expect(refused.stderr).toContain('--force');
    expect(listing(target, 'all')).toEqual(before);
    expect(await sync('--force')).toMatchObject({ status: 0, targets: [{ removed: 2, unchanged: 3 }] });
  });

  it('shows nobody a file that is hardly meant for the public, not with --force, until it is allowed by name', async () => {
    const { sync, root, target, program, configure } = await makeScene(FILLED_BY_OTHERS);
    await plant(root, {
      'app.css': 'a',
      '.env': 'SECRET_KEY=1',
      'tls/site.pem': 'key',
      '.well-known/security.txt': 's',
    });
    for (const words of [['sync'], ['sync', '--force'], ['sync', '--dry-run']]) {
      const refused = await program.run(...words);
      expect(refused.status).toBe(5);
      expect(refused.stderr).toContain(
        'web: failed: nothing is published, for it would show what is hardly meant for the public: .env (an environment ' +
          'with its secrets), .well-known/security.txt (a hidden file), tls/site.pem (a private key)',
      );
    }
    expect(listing(target, 'all').filter((line) => line.includes(' f '))).toEqual([]);
    const site = { allow: ['.well-known/**'], exclude: ['.env', 'tls/**'] };
    await configure({ ...FILLED_BY_OTHERS, targets: { web: on(server, target, site) } });
    expect((await sync()).status).toBe(0);
    expect(Object.keys(await published(target))).toEqual(['.well-known/security.txt', 'app.css']);
  });

  it.each(['an edit', 'a new file', 'a removal'])(
    'of which somebody removed a folder gets all of it again with %s in it (F28, F29)',
    async (change) => {
      const more = { 'assets/css/a/b.css': 'b', 'assets/css/other.css': 'other' };
      const { sync, assets, root, target } = await makeScene({ tree: { ...SITE, ...more } });
      await sync();
      await rm(join(target, 'css'), { recursive: true });
      if (change === 'an edit') await writeFile(join(assets, 'css/other.css'), 'new');
      else if (change === 'a removal') await rm(join(assets, 'css/other.css'));
      else await writeFile(join(assets, 'css/new.css'), 'new');
      const { status, stderr } = await sync();
      expect([status, stderr]).toEqual([0, expect.stringContaining('somebody removed them')]);
      expect(differences(root, target)).toBe('');
      expect(await sync()).toMatchObject({ status: 0, targets: [{ uploaded: 0, linked: 0, removed: 0 }] });
    },
  );

  it('gets no private key that a link gave another name (F53)', async () => {
    const { folder, assets, target, sync, configure } = await makeScene({ tree: { 'assets/index.html': 'page' } });
    await plant(folder, { 'keys/deploy': '-----BEGIN OPENSSH PRIVATE KEY-----\nb3BlbnNzaC1rZXktdjEA\n' });
    await symlink('../keys/deploy', join(assets, 'logo.png'));
    const refused = await sync();
    expect(refused.status).toBe(1);
    expect(refused.targets[0]?.problems.map(({ path, code }) => [path, code])).toEqual([
      ['logo.png', 'SECRET'],
      ['index.html', 'HELD_BACK'],
    ]);
    expect(spawnSync('grep', ['-r', 'PRIVATE KEY', target]).stdout.toString()).toBe('');
    await configure({ targets: { web: on(server, target, { allow: ['logo.png'] }) } });
    expect((await sync()).status).toBe(0);
  });

  it('with its control area beside it holds nothing but what is published', async () => {
    const { sync, forgetState, program, target } = await makeScene({ target: { control: '../control-of-static' } });
    await sync();
    expect(await readTree(target)).toEqual(PUBLISHED);
    expect(existsSync(join(dirname(target), 'control-of-static/head'))).toBe(true);
    await forgetState();
    expect(await sync()).toMatchObject({ targets: [{ unchanged: 5, sentBytes: 0 }] });
    expect((await program.run('verify', '--content')).stdout).toContain('0 changed, 0 missing, 0 foreign');
  });
});

describe('a plan', () => {
  it.each([[['sync', '-n']], [['diff']]])('of %s changes nothing, and is what the next sync does', async (words) => {
    const scene = await makeScene();
    await scene.sync();
    await edit(scene);
    const before = [listing(scene.target, 'all'), listing(scene.root), memoryOf(scene)];
    const planned = await scene.program.run(...words);
    expect(planned.status).toBe(0);
    expect([listing(scene.target, 'all'), listing(scene.root), memoryOf(scene)]).toEqual(before);
    expect(planned.stdout).toContain('web: 1 to add, 1 to update, 1 to remove, 3 unchanged');
    expect(itemsOf(planned.stdout)).toEqual(['  ~ css/app.css  (6 B)', '  - js/app.js', '  + new.txt  (3 B)']);
    const done = await scene.program.run('sync', '-v');
    expect(itemsOf(done.stdout)).toEqual(itemsOf(planned.stdout));
    expect(done.stdout).toMatch(/^web: 2 uploaded, 1 removed, 3 unchanged; 9 B sent/m);
  });

  it('as data names every change, and a run that was only planned makes no STATIC_ROOT', async () => {
    const { sync, root } = await makeScene();
    const { status, targets } = await sync('--dry-run');
    expect(status).toBe(0);
    expect(targets[0]).toMatchObject({ ok: true, uploaded: 0, sentBytes: 0 });
    expect(targets[0]?.changes?.map(({ kind, path }) => `${kind} ${path}`)).toEqual(
      Object.keys(PUBLISHED).map((path) => `added ${path}`),
    );
    expect(existsSync(root)).toBe(false);
  });

  it.each([['sync', '-n'], ['diff'], ['verify'], ['status']])('of %s makes no target', async (...words) => {
    const folder = await temporaryFolder();
    const targets = { far: on(server, join(folder, 'far')), near: inFolder(join(folder, 'near')) };
    const { program } = await makeProject({ targets }, SITE);
    await program.run(...words);
    expect(readdirSync(folder)).toEqual([]);
  });

  it('has the status 3 with --exit-code when there is something to do, and 0 when not', async () => {
    const scene = await makeScene();
    expect((await scene.program.run('diff', '--exit-code')).status).toBe(3);
    await scene.sync();
    expect((await scene.program.run('diff', '--exit-code')).status).toBe(0);
    await edit(scene);
    expect((await scene.program.run('diff', '--exit-code')).status).toBe(3);
    expect((await scene.program.run('diff')).status).toBe(0);
    await scene.sync();
    await rm(join(scene.root, 'new.txt')); // the target has it, and STATIC_ROOT is to get it again
    expect((await scene.program.run('diff', '--exit-code')).status).toBe(3);
  });

  async function edit({ assets }: Scene): Promise<void> {
    await plant(assets, { 'css/app.css': 'edited', 'new.txt': 'new' });
    await rm(join(assets, 'js/app.js'));
  }

  /** The digests of local files are remembered whatever the run is for; they say nothing about what was done. */
  function memoryOf({ state }: Scene): string[] {
    return listing(state).filter((line) => !/\/(?:sources|root) f /.test(line) && !/ d /.test(line));
  }

  function itemsOf(stdout: string): string[] {
    return stdout.split('\n').filter((line) => /^ {2}[+~m-] /.test(line));
  }
});

describe('the index (F30)', () => {
  it('of another project makes its target refused, with both names and the way out', async () => {
    const { sync, target } = await makeScene({ site: 'shop' });
    await sync();
    const before = listing(target, 'all');
    const other = await makeProject({ targets: { web: on(server, target) }, site: 'blog' }, { 'assets/a.txt': 'a' });
    const refused = await other.program.run('sync');
    expect(refused.status).toBe(5);
    expect(refused.stderr).toContain('belongs to the site "shop", and this configuration is the site "blog"');
    expect(refused.stderr).toContain('sync this target with --force');
    expect(listing(target, 'all')).toEqual(before);
    const verify = await other.program.run('verify');
    expect([verify.status, verify.stderr]).toEqual([5, expect.stringContaining('sync this target with --force')]);
  });

  it.each([
    ['missing', (control: string) => rm(control, { recursive: true })],
    ['without a head', (control: string) => rm(join(control, 'head'))],
    ['without its snapshot', (control: string) => rm(fileIn(control, 'snapshot'))],
    ['without its journal', (control: string) => rm(fileIn(control, 'journal'))],
    ['a truncated head', (control: string) => cut(join(control, 'head'))],
    ['a truncated snapshot', (control: string) => cut(fileIn(control, 'snapshot'))],
    ['a truncated journal', (control: string) => cut(fileIn(control, 'journal'))],
    ['a flipped bit in its head', (control: string) => flip(join(control, 'head'))],
    ['a flipped bit in its snapshot', (control: string) => flip(fileIn(control, 'snapshot'))],
    ['a flipped bit in its journal', (control: string) => flip(fileIn(control, 'journal'))],
  ])('that is %s is made anew from what really lies there', async (_, damage) => {
    const { sync, forgetState, target } = await makeScene();
    await sync();
    await rewriteUnseen(join(target, 'img/logo.png'), 'LOGO');
    await damage(join(target, '.pushstatic'));
    await forgetState();
    expect(await sync()).toMatchObject({
      status: 0,
      targets: [{ uploaded: 1, unchanged: 4, contentBytes: 4, sentBytes: 4 }],
    });
    expect(await published(target)).toEqual(PUBLISHED);
  });

  it('of a newer format is left alone, and the user is told what to do', async () => {
    const { sync, target, program, assets } = await makeScene();
    await sync();
    await writeFile(join(target, '.pushstatic/head'), newerHead(target));
    const before = listing(target, 'all');
    await writeFile(join(assets, 'js/app.js'), 'changed');
    const { status, stderr } = await program.run('sync');
    expect(status).toBe(1);
    expect(stderr).toContain('it has format 99, and this version reads format 1');
    expect(stderr).toContain('use the version of pushstatic that wrote it, or a newer one');
    expect(listing(target, 'all')).toEqual(before);
  });

  it('that went back to an older generation is not believed', async () => {
    const { sync, target, assets } = await makeScene();
    await sync();
    await keepCopy(join(target, '.pushstatic'));
    await writeFile(join(assets, 'js/app.js'), 'console.log(2)');
    await sync();
    await restoreCopy(join(target, '.pushstatic'));
    expect(await sync()).toMatchObject({
      status: 0,
      targets: [{ uploaded: 0, unchanged: 5, sentBytes: 0, generation: 3 }],
    });
  });

  it('that was restored with its whole tree from a backup is brought up to date', async () => {
    const { sync, target, assets } = await makeScene();
    await sync();
    await keepCopy(target);
    await writeFile(join(assets, 'js/app.js'), 'console.log(2)');
    await sync();
    await restoreCopy(target);
    expect(await sync()).toMatchObject({ status: 0, targets: [{ uploaded: 1, unchanged: 4 }] });
    expect(await published(target)).toEqual({ ...PUBLISHED, 'js/app.js': 'console.log(2)' });
  });

  it('whose tree alone was removed claims nothing of it any more', async () => {
    const { sync, target, assets } = await makeScene({ target: { control: '../control-of-static' } });
    await sync();
    await rm(target, { recursive: true });
    await writeFile(join(assets, 'js/app.js'), 'console.log(2)');
    expect(await sync()).toMatchObject({ status: 0, targets: [{ uploaded: 5, unchanged: 0 }] });
    expect(await published(target)).toEqual({ ...PUBLISHED, 'js/app.js': 'console.log(2)' });
  });

  it('that was wiped with its whole tree makes the next run publish all', async () => {
    const { sync, target } = await makeScene();
    await sync();
    await rm(target, { recursive: true });
    expect(await sync()).toMatchObject({ status: 0, targets: [{ uploaded: 5, unchanged: 0 }] });
    expect(await published(target)).toEqual(PUBLISHED);
  });

  function fileIn(control: string, kind: 'snapshot' | 'journal'): string {
    const name = readdirSync(control).find((each) => each.startsWith(`${kind}-`));
    if (name === undefined) throw new Error(`there is no ${kind} in ${control}`);
    return join(control, name);
  }

  async function cut(file: string): Promise<void> {
    const bytes = await readFile(file);
    await writeFile(file, bytes.subarray(0, bytes.length - 7));
  }

  async function flip(file: string): Promise<void> {
    const bytes = await readFile(file);
    const middle = bytes.length >> 1;
    bytes.writeUInt8(bytes.readUInt8(middle) ^ 0x10, middle);
    await writeFile(file, bytes);
  }

  async function keepCopy(place: string): Promise<void> {
    await cp(place, `${place}.copy`, { recursive: true, preserveTimestamps: true });
  }

  async function restoreCopy(place: string): Promise<void> {
    await rm(place, { recursive: true });
    await rename(`${place}.copy`, place);
  }
});

describe('STATIC_ROOT that another tool fills', () => {
  it('is published as it is', async () => {
    const { sync, target, root } = await makeScene({
      ...FILLED_BY_OTHERS,
      tree: { 'var/static/a.css': 'a', 'var/static/b/c.js': 'c' },
    });
    expect(await sync()).toMatchObject({ status: 0, targets: [{ uploaded: 2 }] });
    expect(differences(root, target)).toBe('');
  });
});

describe('a target that somebody else is writing to', () => {
  const ELSEWHERE = nameOfHolder({ run: 'other', host: 'build2', machine: 'ffffffff', pid: 7 });

  it('is waited for, until its lease is dropped by hand', async () => {
    const { sync, program, target, assets } = await makeScene();
    await sync();
    const stage = join(target, '.pushstatic', 'stage');
    await mkdir(join(stage, ELSEWHERE));
    await writeFile(join(stage, ELSEWHERE, 'digest.0'), 'content');
    await writeFile(join(assets, 'js/app.js'), 'console.log(2)');
    const run = program.start('sync');
    while (!run.output.stderr.includes('waiting')) await setImmediate();
    expect(run.output.stderr).toContain('web: build2 (process 7) is writing to it; waiting for that to end');
    const { status, stdout } = await program.run('unlock', 'web');
    expect([status, stdout]).toEqual([
      0,
      expect.stringMatching(
        /^web: held by build2 \(process 7\), whose last sign of life is of 20\S+Z\nweb: dropped\n$/,
      ),
    ]);
    expect((await run.ended).status).toBe(0);
    expect(await readFile(join(target, 'js/app.js'), 'utf8')).toBe('console.log(2)');
    expect(readdirSync(stage).filter((name) => !isMark(name))).toEqual([]);
    expect((await program.run('unlock', 'web', '--json')).json()).toEqual({ ok: true, target: 'web', dropped: [] });
  });
});

describe('an interrupted push', () => {
  const FILES = 1500;
  const BYTES = 1024;
  const IN_FLIGHT = 50;
  const SENTENCE = 'pushstatic: interrupted; nothing half done is visible, and the next run goes on from here\n';

  it('that was killed while it sent is finished by the next run, which does not send everything again', async () => {
    const { run, target, project } = await startSlowPush();
    const staged = await untilStaged(target, 400);
    run.kill('SIGKILL');
    expect((await run.ended).status).toBe(137);
    expect(await published(target)).toEqual({});
    const { status, targets } = await project.sync();
    expect(status).toBe(0);
    expect(targets).toMatchObject([{ uploaded: FILES, unchanged: 0 }]);
    // Of the files that were there, those under way at that moment were not complete.
    expect(targets[0]?.sentBytes).toBeLessThanOrEqual((FILES - (staged - IN_FLIGHT)) * BYTES);
    expect(differences(project.root, target)).toBe('');
    expectTidy(target);
  });

  it.each([
    { what: 'files', extension: 'js', request: 'POSIX_RENAME', before: 99 },
    { what: 'folders', extension: 'png', request: 'RENAME', before: 9 },
  ])(
    'that was killed while it published $what shows whole ones, and is finished by the next run',
    async ({ what, extension, request, before }) => {
      let isStuck = (): void => {};
      const stuck = new Promise<void>((resolve) => (isStuck = resolve));
      let renames = 0;
      const { project, remote } = await makeRemoteScene({
        tree: manyFiles(200, 'assets', extension),
        fault: ({ kind, path = '' }) => {
          if (kind !== request || !path.includes('/stage/') || path.endsWith('/head') || ++renames <= before)
            return undefined;
          isStuck();
          return 'hang';
        },
      });
      const target = join(remote.folder, 'static');
      const run = project.program.start('sync');
      await stuck;
      run.kill('SIGKILL');
      expect((await run.ended).status).toBe(137);
      const visible = Object.entries(await published(target)).filter(([path]) => !path.endsWith('/'));
      const wanted = await published(project.root);
      for (const [path, content] of visible) expect(content).toBe(wanted[path]);
      if (what === 'files') expect(visible).toHaveLength(before);
      else {
        const whole = new Set(visible.map(([path]) => dirname(path)));
        expect(whole.size).toBe(before);
        expect(visible).toHaveLength(Object.keys(wanted).filter((path) => whole.has(dirname(path))).length);
      }
      renames = Number.NEGATIVE_INFINITY;
      expect(await project.sync()).toMatchObject({ status: 0, targets: [{ sentBytes: 0 }] });
      expect(differences(project.root, target)).toBe('');
      expectTidy(target);
    },
  );

  it.each([
    ['SIGHUP', 129],
    ['SIGINT', 130],
    ['SIGTERM', 143],
  ] as const)(
    'that %s ended says so, has the status %i, and is finished by the next run (F66)',
    async (signal, status) => {
      const { run, target, project } = await startSlowPush();
      await untilStaged(target, 100);
      run.kill(signal);
      const ended = await run.ended;
      expect(ended.status, ended.stderr).toBe(status);
      // What is sent before the plan is made has no line yet.
      const [last, ...lines] = ended.stderr.trimEnd().split('\n').toReversed();
      expect(`${last}\n`).toBe(SENTENCE);
      for (const line of lines) expect(line).toMatch(/^web: /);
      expect(ended.stdout).toBe('');
      expect(await published(target)).toEqual({});
      expect(await project.sync()).toMatchObject({ status: 0, targets: [{ uploaded: FILES }] });
      expect(differences(project.root, target)).toBe('');
      expectTidy(target);
    },
  );

  /** A push that takes some seconds, so that it can be met half-way. The next run has no limit. */
  async function startSlowPush(): Promise<{ run: Running; target: string; project: Project }> {
    const { target, ...project } = await makeScene({
      ...FILLED_BY_OTHERS,
      tree: manyFiles(FILES, 'var/static'),
      push: { bandwidth: '1M', concurrency: IN_FLIGHT },
    });
    const run = project.program.start('sync');
    await untilStaged(target, 1);
    await project.configure({ push: { bandwidth: 'unlimited' } });
    return { run, target, project };
  }

  function manyFiles(count: number, folder = 'assets', extension = 'txt'): Tree {
    const names = Array.from({ length: count }, (_, i) => `${folder}/${i % 30}/${i}.${extension}`);
    return Object.fromEntries(names.map((name) => [name, name.padEnd(BYTES, '.')]));
  }

  /** Waits until so many files wait on the server; their number then. */
  async function untilStaged(target: string, count: number): Promise<number> {
    for (;;) {
      const found = stagedIn(target).length;
      if (found >= count) return found;
      await setImmediate();
    }
  }

  function expectTidy(target: string): void {
    const control = readdirSync(join(target, '.pushstatic')).map((name) => name.replace(/-.*/, ''));
    // A journal begins to be there with its first segment.
    expect(new Set([...control, 'journal'])).toEqual(new Set(['head', 'journal', 'snapshot', 'stage']));
    const staged = control.includes('stage') ? readdirSync(join(target, '.pushstatic', 'stage')) : [];
    expect(staged.filter((name) => !isMark(name))).toEqual([]);
  }

  /** The files that were sent, in part at least. */
  function stagedIn(target: string): string[] {
    const stage = join(target, '.pushstatic', 'stage');
    if (!existsSync(stage)) return [];
    const found = readdirSync(stage, { recursive: true, withFileTypes: true });
    return found.filter((each) => each.isFile() && !['notes', 'head'].includes(each.name)).map(({ name }) => name);
  }
});

interface RemoteScene {
  readonly project: Project;
  readonly remote: SftpServer;
}

/** A project with one target, `web`, on a server that records what it is asked and fails on demand. */
async function makeRemoteScene({
  tree = SITE,
  ...options
}: TestServerOptions & { tree?: Tree } = {}): Promise<RemoteScene> {
  const remote = await startSftpServer(options);
  onTestFinished(() => remote.stop());
  return { remote, project: await makeProject({ targets: { web: on(remote, 'static') } }, tree) };
}

function clear(record: Map<unknown, unknown> | unknown[]): void {
  if (record instanceof Map) record.clear();
  else record.length = 0;
}

function write(folder: string, path: string, text: string): void {
  mkdirSync(dirname(join(folder, path)), { recursive: true });
  writeFileSync(join(folder, path), text);
}

function touchAll(folder: string): void {
  const now = Date.now() / 1000;
  for (const each of readdirSync(folder, { recursive: true, withFileTypes: true })) {
    if (each.isFile()) utimesSync(join(each.parentPath, each.name), now, now + 100);
  }
}

/** Puts other content of the same size into a file, with its time as it was: nothing that a listing shows. */
async function rewriteUnseen(file: string, content: string): Promise<void> {
  const { mtime, size } = await stat(file);
  expect(Buffer.byteLength(content)).toBe(size);
  await writeFile(file, content);
  await utimes(file, mtime, mtime);
}

/** The head of `target`, as a version of the future would write it. */
function newerHead(target: string): string {
  const [line = ''] = readFileSync(join(target, '.pushstatic', 'head'), 'utf8').split('\n');
  const newer = JSON.stringify({ ...(JSON.parse(line) as object), format: 99 });
  return `${newer}\n${createHash('sha256').update(newer).digest('hex')}\n`;
}
