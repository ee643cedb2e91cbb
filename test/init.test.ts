/** `init` as a person uses it: what it asks in a real terminal, which answers it takes, and which file it writes. */
import { existsSync, readFileSync } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test, vi } from 'vitest';
import { type Program, programIn } from './support/program.js';
import { openTerminal, type Terminal } from './support/terminal.js';
import { plant, type Tree, temporaryFolder } from './support/tree.js';

const [CTRL_C, CTRL_D, CTRL_U, ENTER] = ['\u0003', '\u0004', '\u0015', '\r'];
const PATIENCE = { timeout: 20_000, interval: 20 };
const INTERRUPTED = 'pushstatic: interrupted; nothing half done is visible, and the next run goes on from here';

async function site(tree: Tree = { 'static/app.css': 'body{}' }): Promise<{ folder: string; program: Program }> {
  const folder = await temporaryFolder();
  await plant(folder, tree);
  return { folder, program: programIn(folder, { HOME: folder, XDG_STATE_HOME: join(folder, '.state') }) };
}

interface Asked extends Pick<Terminal, 'raw' | 'type'> {
  /** Resolves when this has been written; the screen itself is of a kind that only a real terminal can show. */
  readonly says: (text: string) => Promise<void>;
  readonly ended: () => Promise<{ status: number; isRestored: boolean }>;
}

async function asking(
  folder: string,
  question = 'Which folders hold your static files?',
  words: readonly string[] = [],
): Promise<Asked> {
  const env = { HOME: folder, XDG_STATE_HOME: join(folder, '.state') };
  const terminal = await openTerminal(folder, env, [...words, 'init'], 200);
  const { raw, type } = terminal;
  const says = (text: string): Promise<void> => vi.waitFor(() => expect(raw()).toContain(text), PATIENCE);
  await says(question);
  const ended: Asked['ended'] = async () => {
    const { isRestored } = await terminal.ended();
    return { status: Number(/^status (\d+)/m.exec(raw())?.[1]), isRestored };
  };
  return { raw, type, says, ended };
}

describe('the file that -c names', () => {
  test('is the one that is written, wherever it stands in the command line', async () => {
    const { folder, program } = await site();
    expect(await program.run('-c', 'other.yaml', 'init', '--yes')).toMatchObject({ status: 0, stderr: '' });
    const { stdout } = await program.run('init', '--yes', '-c', 'sub/../third.yaml');
    expect(stdout).toContain('pushstatic sync --dry-run -c sub/../third.yaml');
    expect(['other', 'third', 'pushstatic'].map((name) => existsSync(join(folder, `${name}.yaml`)))).toEqual([
      true,
      true,
      false,
    ]);
    expect(await program.run('config', '--check', '-c', 'other.yaml')).toMatchObject({ status: 0 });
  });

  test('is the one that --force overwrites, and no other', async () => {
    const { folder, program } = await site({ 'pushstatic.yaml': 'mine', 'zzz.yaml': 'old' });
    expect(await program.run('init', '--yes', '-c', 'zzz.yaml')).toMatchObject({
      status: 2,
      stderr: expect.stringContaining(`${folder}/zzz.yaml is there already`) as string,
    });
    expect(await program.run('init', '--yes', '--force', '-c', 'zzz.yaml')).toMatchObject({ status: 0 });
    expect(readFileSync(join(folder, 'pushstatic.yaml'), 'utf8')).toBe('mine');
    expect(readFileSync(join(folder, 'zzz.yaml'), 'utf8')).toContain('site: ');
  });

  test('is made for the folder that it lies in', async () => {
    const { folder, program } = await site({ 'shop/assets/app.css': 'body{}', 'static/app.css': 'body{}' });
    await program.run('init', '--yes', '-c', 'shop/pushstatic.yaml');
    expect(readFileSync(join(folder, 'shop/pushstatic.yaml'), 'utf8')).toContain('    - assets\n');
    expect(await program.run('collect', '-c', 'shop/pushstatic.yaml')).toMatchObject({ status: 0 });
  });
});

test.each([
  [[], true],
  [['--no-color'], false],
])('the questions with %j have colours: %j', async (words, expected) => {
  const { folder } = await site();
  const terminal = await asking(folder, undefined, words);
  expect(terminal.raw().includes('\u001b[36m')).toBe(expected); // cyan
  terminal.type(CTRL_C);
  expect(await terminal.ended()).toEqual({ status: 130, isRestored: true });
});

describe('an answer', () => {
  test('that the program would refuse is refused where it is asked, in the same words', async () => {
    const { folder, program } = await site();
    const terminal = await asking(folder);
    const answer = (text: string): void => terminal.type(`${CTRL_U}${text}${ENTER}`);
    answer('statc');
    await terminal.says(`cannot collect from ${folder}/statc: no such folder; make it, or name another one`);
    answer('static, static');
    await terminal.says('source.dirs[1]: the same folder and prefix as source.dirs[0]; remove one');
    answer('static');
    await terminal.says('STATIC_ROOT');
    answer('.');
    await terminal.says('static.root: it holds this configuration file, which would be published');
    answer('static/out');
    await terminal.says('static.root: it lies inside source.dirs[0]');
    answer('out');
    await terminal.says('STATIC_URL');
    answer('/st tic/');
    await terminal.says('static.url: expected a URL like /static/ or https://static.example.com/');
    answer('/s/');
    await terminal.says('Where are they published?');
    answer('sftp://u:secret@h/srv/static');
    await terminal.says('targets.production.url: a password stands in the URL; secrets never stand in the file');
    answer('/srv/x');
    await terminal.says('targets.production.url: expected a URL like sftp://user@host/path or file:///path');
    answer(`file://${folder}/out/x`);
    await terminal.says('targets.production.url: it lies inside static.root');
    answer('sftp://u@h/srv/static');
    expect(await terminal.ended()).toEqual({ status: 0, isRestored: true });
    expect(readFileSync(join(folder, 'pushstatic.yaml'), 'utf8')).not.toContain('secret');
    const { stdout } = await program.run('config');
    for (const line of ['url: /s/', 'url: sftp://u@h/srv/static', `root: ${folder}/out`])
      expect(stdout).toContain(line);
  });

  test('that is only in conflict with what is asked next is taken', async () => {
    const { folder } = await site({ 'var/app.css': 'body{}' });
    const terminal = await asking(folder);
    terminal.type(`${CTRL_U}var${ENTER}`);
    await terminal.says('STATIC_ROOT');
  });

  test('to a Django project is only asked for the target, and checked', async () => {
    const { folder } = await site({ 'manage.py': '' });
    const terminal = await asking(folder, 'Where are the static files published?');
    terminal.type(`sftp://h${ENTER}`);
    await terminal.says('targets.production.url: the root of the server cannot be a target');
  });
});

test('what is written without a target says truly what sync does then', async () => {
  const { folder, program } = await site();
  await program.run('init', '--yes');
  expect(readFileSync(join(folder, 'pushstatic.yaml'), 'utf8')).toContain('"sync" says that there is none');
  expect(await program.run('sync')).toMatchObject({
    status: 2,
    stderr: expect.stringContaining('no targets') as string,
  });
});

test('defaults that the program would refuse are not written', async () => {
  const { folder, program } = await site({});
  await mkdir(join(folder, 'var'));
  await plant(folder, { 'static/app.css': 'body{}', 'var/static': { link: '../static' } });
  const { status, stdout, stderr } = await program.run('init', '--yes');
  expect([status, stdout]).toEqual([2, '']);
  expect(stderr).toContain(`pushstatic: cannot write ${folder}/pushstatic.yaml, which would be refused:\n`);
  expect(stderr).toContain('static.root: it is the same folder as source.dirs[0]');
  expect(existsSync(join(folder, 'pushstatic.yaml'))).toBe(false);
});

test('SIGTERM ends it while it asks', async () => {
  const { folder } = await site();
  const terminal = await asking(folder);
  process.kill(Number(/^pid (\d+)/m.exec(terminal.raw())?.[1]), 'SIGTERM');
  expect(await terminal.ended()).toEqual({ status: 143, isRestored: true });
  expect(terminal.raw()).toContain(INTERRUPTED);
});

test.each([
  ['Ctrl-C', CTRL_C],
  ['Ctrl-D at an empty question', `${CTRL_U}${CTRL_D}`],
])('%s ends it like any other command, writes nothing and shows the cursor again', async (_, keys) => {
  const { folder } = await site();
  const terminal = await asking(folder);
  terminal.type(keys);
  expect(await terminal.ended()).toEqual({ status: 130, isRestored: true });
  expect(terminal.raw()).toContain(INTERRUPTED);
  expect(terminal.raw().lastIndexOf('\u001b[?25h')).toBeGreaterThan(terminal.raw().lastIndexOf('\u001b[?25l'));
  expect(existsSync(join(folder, 'pushstatic.yaml'))).toBe(false);
});
