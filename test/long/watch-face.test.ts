/** `watch` as a person sees it, in a real terminal, and as a pipe gets it. */
import { rename, rm, symlink } from 'node:fs/promises';
import { constants } from 'node:os';
import { join } from 'node:path';
import { describe, expect, test, vi } from 'vitest';
import { inFolder, makeProject, type Project } from '../support/project.js';
import { openTerminal, type Terminal } from '../support/terminal.js';
import { plant, temporaryFolder } from '../support/tree.js';

const KEYS = '[s sync · p pause · q quit]';
const STOPPED = 128 + constants.signals.SIGTSTP; // what a shell says
const [CTRL_C, CTRL_Z] = ['\u0003', '\u001a'];

async function project(): Promise<Project> {
  const tree = { 'assets/app.css': 'body{}', 'assets/logo.svg': '<svg/>' };
  return makeProject({ targets: { mirror: inFolder(join(await temporaryFolder(), 'mirror')) } }, tree);
}

async function watching(columns?: number): Promise<{ site: Project; terminal: Terminal }> {
  const site = await project();
  const env = { HOME: join(site.folder, '.home'), XDG_STATE_HOME: site.state };
  const terminal = await openTerminal(site.folder, env, ['watch'], columns);
  await terminal.shows('mirror in sync');
  return { site, terminal };
}

describe('in a terminal', () => {
  test('a cycle is a line, and below them stands how it is and what can be done', async () => {
    const { site, terminal } = await watching();
    await plant(site.assets, { 'app.css': 'body{color:red}' });
    await terminal.shows(/^\d\d:\d\d:\d\d {2}~app\.css -> mirror \(.*from save to served\)$/);
    await terminal.shows('mirror in sync');
    expect(terminal.screen().slice(-4)).toEqual([
      expect.stringMatching(/^\d\d:\d\d:\d\d {2}2 files, \d+ B -> mirror \(.*\)$/),
      expect.stringContaining('~app.css -> mirror'),
      `2 files · mirror in sync  ${KEYS}`,
      '',
    ]);
    terminal.type('q');
    expect(await terminal.ended()).toEqual({ status: 0, isRestored: true });
    expect(terminal.screen().join('\n')).not.toContain(KEYS);
  });

  test('a pause shows what waits, and the same key ends it', async () => {
    const { site, terminal } = await watching();
    await until(site, ({ daemon }) => expect(daemon?.local.unsettled).toBe(0)); // its own writing waits, too
    terminal.type('p');
    await terminal.shows('p resume');
    await plant(site.assets, { 'app.css': 'body{color:red}' });
    await terminal.shows('paused, 1 change waits');
    terminal.type('p');
    await terminal.shows('~app.css -> mirror');
  });

  test('a key asks for a cycle, though nothing changed', async () => {
    const { terminal } = await watching();
    terminal.type('s');
    await terminal.shows(/mirror: nothing to do \(/);
  });

  test('the live line fits, also when the terminal became narrower', async () => {
    const { terminal } = await watching();
    terminal.resize(20);
    await terminal.shows(/^2 files · mirror i…$/);
    terminal.resize(100);
    await terminal.shows(KEYS);
    expect(terminal.screen().filter((line) => line.includes('2 files · '))).toHaveLength(1);
  });

  test('Ctrl-C ends it, says nothing and leaves the terminal as it was', async () => {
    const { terminal } = await watching();
    terminal.type(CTRL_C);
    expect(await terminal.ended()).toEqual({ status: 130, isRestored: true });
    const shown = terminal.screen().slice(2);
    expect(shown.slice(0, 2)).toEqual([expect.stringContaining('-> mirror'), 'status 130']);
  });

  test('it ends with its terminal, in good order', async () => {
    const { site, terminal } = await watching();
    terminal.hangUp();
    await vi.waitFor(
      async () => expect((await site.program.run('status', '--json')).json()).toMatchObject({ daemon: null, ok: true }),
      { timeout: 20_000 },
    );
  });

  test('NO_COLOR is respected', async () => {
    const site = await project();
    const env = { HOME: join(site.folder, '.home'), XDG_STATE_HOME: site.state, NO_COLOR: '1' };
    const terminal = await openTerminal(site.folder, env, ['watch']);
    await terminal.shows('mirror in sync');
    expect(terminal.raw()).not.toMatch(/\[\d+m/);
  });

  test('Ctrl-Z gives the terminal back to the shell', async () => {
    const { terminal } = await watching();
    terminal.type(CTRL_Z);
    expect(await terminal.ended()).toEqual({ status: STOPPED, isRestored: true });
    const [before] = terminal.screen().join('\n').split('status ');
    expect(before).not.toContain(KEYS);
  });
});

describe('without a terminal', () => {
  test('lines go to stdout, trouble goes to stderr, and nothing is painted', async () => {
    const site = await project();
    const running = site.program.start('watch');
    await served(site, 2);
    await symlink('nowhere', join(site.assets, 'broken'));
    await plant(site.assets, { 'new.js': '1' });
    await served(site, 3);
    expect((await site.program.run('stop')).stdout).toBe('it has ended\n');
    const { status, stdout, stderr } = await running.ended;
    expect(status).toBe(0);
    expect(stdout).toMatch(/2 files, 12 B -> mirror[^]*\+new\.js -> mirror/);
    expect(stderr).toContain('problem: broken: collect: it is a link to something that does not exist\n');
    expect(stdout + stderr).not.toContain('\u001b');
  });

  test('--json prints a document a cycle, one a line', async () => {
    const site = await project();
    const running = site.program.start('watch', '--json');
    await served(site, 2);
    await plant(site.assets, { 'new.js': '1' });
    await served(site, 3);
    await site.program.run('stop');
    const lines = (await running.ended).stdout.trimEnd().split('\n');
    expect(lines.map((line): unknown => JSON.parse(line))).toEqual([
      expect.objectContaining({ id: 1, ok: true, cause: 'start' }),
      expect.objectContaining({ id: 2, ok: true, cause: 'change', changed: 1 }),
    ]);
  });

  test('what stands in the way is said once, and when it is over', async () => {
    const site = await project();
    const running = site.program.start('watch');
    await served(site, 2);
    const away = join(site.folder, 'away');
    await rename(site.assets, away);
    await local(site, 'halted');
    await plant(site.vendor, { 'more.js': '1' });
    await rm(join(site.vendor, 'more.js'));
    await rename(away, site.assets);
    await local(site, 'ready');
    await site.program.run('stop');
    const { stdout, stderr } = await running.ended;
    expect(stderr.match(/cannot collect from .*assets: no such folder/g)).toHaveLength(1);
    expect(stdout).toContain('the sources can be collected again');
  });

  test('a configuration that went wrong keeps nobody from asking and stopping it', async () => {
    const site = await project();
    const running = site.program.start('watch');
    await served(site, 2);
    await plant(site.folder, { 'pushstatic.yaml': 'urk: 1\n' });
    const asked = await site.program.run('status');
    expect(asked.stdout).toMatch(/^daemon: process \d+[^]*mirror: in sync since /);
    expect(asked).toMatchObject({ status: 2, stderr: expect.stringContaining('urk') });
    expect(await site.program.run('stop')).toMatchObject({ status: 0, stdout: 'it has ended\n' });
    expect((await running.ended).status).toBe(0);
    expect(await site.program.run('stop')).toMatchObject({ status: 2, stderr: expect.stringContaining('urk') });
  });
});

interface Asked {
  readonly daemon: {
    readonly local: { readonly state: string; readonly unsettled: number };
    readonly targets: readonly { readonly state: string; readonly files: number }[];
  } | null;
}

/** Resolves when the target is in sync and holds so many files. */
function served(site: Project, files: number): Promise<void> {
  return until(site, ({ daemon }) => expect(daemon?.targets).toMatchObject([{ state: 'in-sync', files }]));
}

function local(site: Project, state: string): Promise<void> {
  return until(site, ({ daemon }) => expect(daemon?.local.state).toBe(state));
}

function until(site: Project, check: (asked: Asked) => void): Promise<void> {
  return vi.waitFor(async () => check((await site.program.run('status', '--json')).json() as Asked), {
    timeout: 20_000,
  });
}
