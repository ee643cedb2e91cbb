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
  for (const name of ['assets', 'demo']) mkdirSync(join(folder, name));
});

afterAll(() => rm(folder, { recursive: true }));

describe('bash completes', () => {
  it.each(NAMES)('%s', (_, typed, expected) => {
    // A folder gets its slash where it is shown.
    expect(bashCompletes(typed.split(' '))).toEqual(expected.map((word) => word.replace(/\/$/, '')));
  });
});

describe('bash', () => {
  it.each([
    ['an option behind one with a file of its own', '--config=a.yaml sync --no-d', ['--no-delete']],
    ['the file of an option behind =', '--config=conf', ['configured.yaml']],
    ['the file of an option right behind =', '--config=', ['assets', 'bash', 'configured.yaml', 'demo', 'fish', 'zsh']],
  ])('completes %s, which it takes apart', (_, typed, expected) => {
    expect(bashCompletes(typed.split(/ |(?==)|(?<==)/).filter(Boolean))).toEqual(expected);
  });

  it('takes no command for a folder of that name', async () => {
    const shown = await shownBy('bash --norc -i', 'source ./bash', 'pushstatic demo', { TERM: 'xterm' });
    expect(shown).toContain('pushstatic demo ');
    expect(await shownBy('bash --norc -i', 'source ./bash', 'pushstatic demo asse', { TERM: 'xterm' })).toContain(
      'pushstatic demo assets/',
    );
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
    const shown = await shownBy(
      'zsh -f -i',
      'autoload -Uz compinit && compinit -u -D; source ./zsh',
      `pushstatic ${typed}`,
      { TERM: 'dumb' },
    );
    const words = typed.split(' ');
    const whole = [...words.slice(0, -1), only ?? words.at(-1)].join(' ');
    if (expected.length < 2) expect(shown).toContain(`pushstatic ${whole}`);
    else for (const each of expected) expect(shown).toMatch(new RegExp(`^${each} `, 'm'));
  });
});

/** What bash is offered for the last of the words, as it hands them over. */
function bashCompletes(typed: readonly string[]): string[] {
  const words = ['pushstatic', ...typed];
  const script = `source ./bash; COMP_WORDS=(${words.join(' ')}); COMP_CWORD=${words.length - 1}; _pushstatic; printf '%s\\n' "\${COMPREPLY[@]}"`;
  return linesOf(execFileSync('bash', ['--norc', '-c', script], { cwd: folder, encoding: 'utf8' }));
}

/** What stands in a terminal once Tab was pressed behind `typed`. */
async function shownBy(command: string, setUp: string, typed: string, rest: NodeJS.ProcessEnv): Promise<string> {
  const env = { PATH: process.env['PATH'], HOME: folder, ...rest };
  const shell = spawn('script', ['-qec', `stty cols 200; exec ${command}`, '/dev/null'], { cwd: folder, env });
  onTestFinished(async () => {
    shell.stdin.end();
    shell.kill('SIGKILL');
    if (shell.exitCode === null && shell.signalCode === null) await once(shell, 'exit');
  });
  let shown = '';
  shell.stdout.setEncoding('utf8').on('data', (text: string) => (shown += text));
  const shows = (text: RegExp) => vi.waitFor(() => expect(shown).toMatch(text), { timeout: 20_000 });
  shell.stdin.write(`PS1=''; ${setUp}; echo rea''dy\n`);
  await shows(/^ready[^]*\[\?2004h/m); // it reads keys
  shown = '';
  // What is typed behind it is done when it is.
  shell.stdin.write(`${typed}\t\u0015echo fini''shed\n`);
  await shows(/^finished/m);
  return shown.replaceAll('\u0007', ''); // the bell
}

function linesOf(text: string): string[] {
  return text.split('\n').filter(Boolean).sort();
}
