/** What the program is trusted with goes nowhere else: not to the screen, a log, a document, its arguments, its state, or a target. */
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, it, onTestFinished } from 'vitest';
import { makeKey, startOpenSsh } from './support/openssh-server.js';
import type { Program } from './support/program.js';
import { makeProject, on } from './support/project.js';
import { startSftpServer } from './support/sftp-server.js';
import { temporaryFolder } from './support/tree.js';

const PASSWORD = 'pass-word-55e0';
const PASSPHRASE = 'pass-phrase-71b3';
const WRONG = 'wrong-phrase-9c44';
const TOKEN = 'page-token-3d17';
const SECRETS = [PASSWORD, PASSPHRASE, WRONG, TOKEN];

it('of passwords, passphrases and tokens nothing is said, shown, kept or handed on', async () => {
  const { folder, key, worded, targets, project } = await makeScene();
  const trusted = project.program.with({ WORD: PASSWORD, PHRASE: PASSPHRASE, TOKEN });
  const said: string[] = [];
  const say = async (program: Program, ...words: string[]): Promise<number> => {
    const run = program.start(...words);
    said.push(argumentsOf(run.pid));
    const { status, stdout, stderr } = await run.ended;
    said.push(stdout, stderr);
    return status;
  };
  expect(await say(trusted, '-vv', 'sync')).toBe(0);
  for (const words of [
    ['--json', 'sync'],
    ['-vv', 'verify'],
    ['config'],
    ['--json', 'config'],
    ['--json', 'status'],
    ['diff'],
  ]) {
    expect(await say(trusted, ...words)).toBe(0);
  }
  await project.configure({ targets, log: { level: 'trace', format: 'json' } });
  expect(await say(trusted, 'sync', '--checksum')).toBe(0);
  expect(await say(project.program.with({ WORD: WRONG, PHRASE: WRONG, TOKEN }), '-vv', 'sync')).toBe(1);

  const places = [project.folder, join(folder, 'keyed'), worded];
  for (const secret of SECRETS) {
    expect(said.filter((text) => text.includes(secret))).toEqual([]);
    expect(spawnSync('grep', ['-rl', secret, ...places], { encoding: 'utf8' }).stdout).toBe('');
  }
  expect(
    spawnSync('grep', ['-rlF', (await readFile(key, 'utf8')).split('\n')[1] ?? '', ...places]).stdout.toString(),
  ).toBe('');
  // And what is kept is for nobody else.
  const open = spawnSync('find', [project.state, '-perm', '/077'], { encoding: 'utf8' }).stdout.split('\n');
  expect(open.filter((path) => path !== '' && path !== project.state)).toEqual([]);
});

async function makeScene() {
  const [folder, server] = [await temporaryFolder(), await startOpenSsh()];
  onTestFinished(() => server.stop());
  await mkdir(join(folder, 'keyed'));
  const key = await makeKey(join(folder, 'key'), 'ed25519', PASSPHRASE);
  const allowed = join(server.identityFile, '..', 'authorized_keys');
  await writeFile(allowed, `${await readFile(allowed, 'utf8')}${await readFile(`${key}.pub`, 'utf8')}`);
  const worded = await startSftpServer({
    authenticate: (context) =>
      context.method === 'password' && context.password === PASSWORD ? context.accept() : context.reject(['password']),
  });
  onTestFinished(() => worded.stop());
  const { identityFile: _, ...byWord } = on(worded, '/static', { passwordEnv: 'WORD' }) as {
    identityFile: string;
    url: string;
  };
  const byKey = { ...on(server, join(folder, 'keyed', 'static')), identityFile: key, passphraseEnv: 'PHRASE' };
  const targets = { keyed: byKey, worded: byWord };
  const project = await makeProject({ targets, daemon: { http: false, tokenEnv: 'TOKEN' } }, { 'assets/a.css': 'a' });
  return { folder, key, worded: worded.folder, targets, project };
}

/** As everybody on the machine sees them. */
function argumentsOf(pid: number): string {
  return readFileSync(`/proc/${pid}/cmdline`, 'latin1');
}
