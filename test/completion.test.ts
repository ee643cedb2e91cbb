/** The scripts that complete the command line, in the shells that they are for. */
import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, writeFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, onTestFinished, vi } from 'vitest';
import { programIn } from './support/program.js';

const NAMES = [
  ['a command', 'sy', ['sync']],
  ['commands', 're', ['reload', 'resume']],
  ['an option of a command', 'sync --no-d', ['--no-delete']],
  ['an option of all commands behind one', 'status --js', ['--json']],
  ['options before the command', '--qu', ['--quiet']],
  ['a command behind an option', '-q -c a.yaml veri', ['verify']],
  ['a word that a command takes', 'completion z', ['zsh']],
  ['no option of another command', 'status --no-d', []],
  ['the file of an option', '-c conf', ['configured.yaml']],
  ['the folder of a command', 'demo asse', ['assets/']],
] as const;

let folder: string;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'pushstatic-completion-'));
  const program = programIn(folder, { HOME: folder });
  for (const shell of ['bash', 'zsh', 'fish'])
    writeFileSync(join(folder, shell), (await program.run('completion', shell)).stdout);
  writeFileSync(join(folder, 'configured.yaml'), '');
  mkdirSync(join(folder, 'assets'));
});

afterAll(() => rm(folder, { recursive: true }));

describe('bash completes', () => {
  it.each(NAMES)('%s', (_, typed, expected) => {
    const words = ['pushstatic', ...typed.split(' ')];
    const script = `source ./bash; COMP_WORDS=(${words.join(' ')}); COMP_CWORD=${words.length - 1}; _pushstatic; printf '%s\\n' "\${COMPREPLY[@]}"`;
    const found = execFileSync('bash', ['--norc', '-c', script], { cwd: folder, encoding: 'utf8' });
    // A folder gets its slash where it is shown.
    expect(linesOf(found)).toEqual(expected.map((word) => word.replace(/\/$/, '')));
  });
});

describe('fish completes', () => {
  it.each(NAMES)('%s', (_, typed, expected) => {
    const script = `source ./fish; complete -C 'pushstatic ${typed}'`;
    const found = execFileSync('fish', ['--no-config', '-c', script], { cwd: folder, encoding: 'utf8' });
    expect(linesOf(found).map((line) => line.split('\t')[0])).toEqual(expected);
  });
});

describe('zsh completes', () => {
  it.each(NAMES)('%s', async (_, typed, expected) => {
    const [only] = expected;
    const shown = await shownByZsh(typed);
    const words = typed.split(' ');
    const whole = [...words.slice(0, -1), only ?? words.at(-1)].join(' ');
    if (expected.length < 2) expect(shown).toContain(`pushstatic ${whole}`);
    else for (const each of expected) expect(shown).toMatch(new RegExp(`^${each} `, 'm'));
  });
});

/** What stands in a terminal once Tab was pressed behind `typed`. */
async function shownByZsh(typed: string): Promise<string> {
  const env = { PATH: process.env['PATH'], TERM: 'dumb', HOME: folder };
  const shell = spawn('script', ['-qec', 'stty cols 200; exec zsh -f -i', '/dev/null'], { cwd: folder, env });
  onTestFinished(async () => {
    shell.stdin.end();
    shell.kill('SIGKILL');
    if (shell.exitCode === null && shell.signalCode === null) await once(shell, 'exit');
  });
  let shown = '';
  shell.stdout.setEncoding('utf8').on('data', (text: string) => (shown += text));
  const shows = (text: RegExp) => vi.waitFor(() => expect(shown).toMatch(text), { timeout: 20_000 });
  shell.stdin.write("PS1=''; autoload -Uz compinit && compinit -u -D && source ./zsh; echo rea''dy\n");
  await shows(/^ready[^]*\[\?2004h/m); // it reads keys
  shown = '';
  // What is typed behind it is done when it is.
  shell.stdin.write(`pushstatic ${typed}\t\u0015echo fini''shed\n`);
  await shows(/^finished/m);
  return shown.replaceAll('\u0007', ''); // the bell
}

function linesOf(text: string): string[] {
  return text.split('\n').filter(Boolean).sort();
}
