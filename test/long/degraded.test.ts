/**
 * Servers that refuse single requests, and real OpenSSH does that with `internal-sftp -P`: what is published is right all the same,
 * and one warning says what is weaker.
 */
import { rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { type OpenSshServer, startOpenSsh } from '../support/openssh-server.js';
import { differences, listing, makeProject, on, type Project, published } from '../support/project.js';
import { plant, type Tree, temporaryFolder } from '../support/tree.js';

const SITE: Tree = {
  'assets/app.css': 'url(img/a.png)',
  'assets/img/a.png': 'a',
  'assets/img/b.png': 'b'.repeat(20_000),
  'assets/index.html': 'page',
  'assets/js/long.js': Array.from({ length: 9000 }, (_, i) => `line ${i};`).join('\n'),
};
const EDITS: Tree = {
  'assets/app.css': 'url(img/c.png)',
  'assets/img/c.png': 'c',
  'assets/js/long.js': Array.from({ length: 9000 }, (_, i) => `line ${i === 4000 ? 'x' : i};`).join('\n'),
};
const UNFLUSHED = 'warning: web: the server offers no fsync: after a power failure';
const SENT_AGAIN = 'warning: web: the server copies nothing (it offers neither hardlink nor copy-data)';
const OWN_MODES = 'warning: web: the server refuses to set modes or times';

/** A server that refuses nothing. */
let open: OpenSshServer;

beforeAll(async () => {
  open = await startOpenSsh();
});

afterAll(() => open.stop());

describe('without', () => {
  it.each([
    ['hardlink', []],
    ['copy-data', []],
    ['hardlink,copy-data', [SENT_AGAIN]],
    ['fsync', [UNFLUSHED]],
    ['limits', []],
    ['statvfs,fstatvfs', []],
    ['fstat', []],
    ['rename', []],
    ['realpath', []],
    ['lsetstat', []],
    ['fsetstat', []],
    ['setstat', []], // files have theirs from fsetstat, and folders by being made
    ['setstat -u 027', [OWN_MODES]], // where that is another mode
    ['fsetstat,setstat', [OWN_MODES]],
    ['hardlink,copy-data,fsync,limits,statvfs,fstat,lsetstat', [UNFLUSHED, SENT_AGAIN]],
  ] as const)(
    '%s: a push, an update and a removal are published, with the warnings %j (F16 to F20)',
    async (denied, warnings) => {
      const { project, target } = await makeScene(denied);
      const first = await project.sync();
      expect([first.status, first.targets[0]?.problems]).toEqual([0, []]);
      expect(weaknesses(first.stderr)).toEqual(warnings.map((text) => expect.stringContaining(text)));
      expect(differences(project.root, target)).toBe('');

      await plant(project.folder, EDITS);
      await rm(join(project.assets, 'img/b.png'));
      const second = await project.sync();
      expect([second.status, second.targets[0]?.problems]).toEqual([0, []]);
      expect(differences(project.root, target)).toBe('');
      expect((await project.sync()).targets).toMatchObject([{ uploaded: 0, patched: 0, linked: 0, removed: 0 }]);
      for (const name of ['app.css', 'img/a.png', 'js/long.js'])
        expect((await stat(join(target, name))).mode & 0o777).toBe(0o644);
      expect(
        listing(target, 'all').filter((line) => line.startsWith('.pushstatic/stage/') && / f /.test(line)),
      ).toEqual([]);
    },
  );
});

describe('without posix-rename', () => {
  it('nothing is replaced, or sent in vain, until allowNonAtomic allows a moment without the file (F16)', async () => {
    const { project, target, settings } = await makeScene('posix-rename');
    expect((await project.sync()).status).toBe(0);
    const before = await published(target);
    await plant(project.folder, EDITS);
    for (let run = 0; run < 2; run++) {
      const refused = await project.sync();
      expect(refused.status).toBe(5);
      expect(refused.targets[0]?.error?.message).toBe(
        '2 published files would be replaced, which the server cannot do in one step (it offers no posix-rename): readers would ' +
          'find each of them missing for a moment; to accept that, set allowNonAtomic: true for this target',
      );
      expect(await published(target)).toEqual(before);
    }
    await project.configure({ targets: { web: { ...settings, allowNonAtomic: true } } });
    const allowed = await project.sync();
    expect([allowed.status, allowed.targets[0]?.problems]).toEqual([0, []]);
    expect(weaknesses(allowed.stderr)).toEqual([
      expect.stringContaining('each file that is replaced is missing for a moment'),
    ]);
    expect(differences(project.root, target)).toBe('');
    expect((await project.program.run('verify', '--content')).status).toBe(0);
  });
});

/** What a server must do, and what is told where it does not. */
const NEEDED = {
  mkdir:
    /^cannot make the folder \S+: permission denied: .*; if it is the account's own, the server itself forbids this$/,
  opendir: /^cannot list \S+: permission denied: .*; if it is the account's own, the server itself forbids this$/,
  readdir: /^cannot list \S+: permission denied: .*; if it is the account's own, the server itself forbids this$/,
  stat: /^cannot look at \S+: permission denied: .*; if it is the account's own, the server itself forbids this$/,
  lstat: /^cannot make the folder \S+: permission denied: the server lets nothing there be looked at; let the account/,
  open: /^cannot read \S+: permission denied: .*; if it is the account's own, the server itself forbids this$/,
  read: /^cannot read \S+: the server opened it, and then refused to let it be read; allow that in its settings$/,
  write: /^cannot write \S+: the server opened it, and then refused to write to it; allow that in its settings$/,
  close: /^cannot write \S+: the server opened it, and then refused to write to it; allow that in its settings$/,
  'posix-rename,rename':
    /^cannot publish \S+: permission denied: .*; if it is the account's own, the server itself forbids this$/,
  remove: /^cannot remove \S+: permission denied: .*; if it is the account's own, the server itself forbids this$/,
  rmdir:
    /^cannot remove the folder \S+: permission denied: .*; if it is the account's own, the server itself forbids this$/,
} as const;

describe('where the server refuses', () => {
  it.each(Object.entries(NEEDED))(
    '%s, that is named with the place and what to do, and nothing is torn',
    async (denied, words) => {
      const { project, target, settings } = await makeScene(denied);
      const told: string[] = [];
      for (const edit of [{}, EDITS]) {
        await plant(project.folder, edit);
        if (edit === EDITS) await rm(join(project.assets, 'img/b.png'));
        const { targets } = await project.sync();
        const troubles = [targets[0]?.error, ...(targets[0]?.problems ?? [])];
        told.push(...troubles.flatMap((each) => each?.message ?? []));
      }
      expect(told.at(-1)).toMatch(words);
      await project.configure({ targets: { web: { ...settings, ...on(open, target) } } });
      expect((await project.sync()).targets).toMatchObject([{ ok: true, problems: [] }]);
      expect(differences(project.root, target)).toBe('');
      expect((await project.program.run('verify', '--content')).status).toBe(0);
    },
  );
});

async function makeScene(
  denied: string,
): Promise<{ project: Project; target: string; settings: ReturnType<typeof on> }> {
  const server = await startOpenSsh({ extra: [`Subsystem sftp internal-sftp -P ${denied}`] });
  onTestFinished(() => server.stop());
  const target = join(await temporaryFolder(), 'static');
  const settings = on(server, target);
  return { project: await makeProject({ targets: { web: settings } }, SITE), target, settings };
}

function weaknesses(stderr: string): string[] {
  return stderr.split('\n').filter((line) => line.includes('the server '));
}
