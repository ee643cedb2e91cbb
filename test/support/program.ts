/**
 * The built program as a child process with a home, a state folder and an environment of its own: what a user runs.
 * `npm test` builds it first.
 */
import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { constants } from 'node:os';
import { fileURLToPath } from 'node:url';

const MAIN = fileURLToPath(new URL('../../dist/cli/main.js', import.meta.url));

type Environment = Readonly<Record<string, string | undefined>>;

export interface Program {
  /** Runs it to its end, with no input and no terminal. */
  readonly run: (...words: readonly string[]) => Promise<Ended>;
  readonly start: (...words: readonly string[]) => Running;
  /** Started with what stands behind its name in a command of the shell, redirections among it. */
  readonly throughShell: (rest: string) => Running;
  /** Started in a folder that is there no more. */
  readonly nowhere: (...words: readonly string[]) => Running;
  /** The same program with these variables as well. */
  readonly with: (env: Environment) => Program;
}

export interface Running {
  readonly pid: number;
  readonly kill: (signal: NodeJS.Signals) => void;
  /** What it has written until now. */
  readonly output: Readonly<Pick<Ended, 'stdout' | 'stderr'>>;
  readonly ended: Promise<Ended>;
}

export interface Ended {
  /** What a shell would say: 128 and the signal's number for a process that a signal ended. */
  readonly status: number;
  readonly stdout: string;
  readonly stderr: string;
  /** The one document on stdout. Throws if that is anything else. */
  readonly json: () => unknown;
}

/** The program started in the folder `cwd`. Nothing of the test's own environment reaches it but PATH. */
export function programIn(cwd: string, env: Environment): Program {
  if (!existsSync(MAIN)) throw new Error(`${MAIN} is missing; npm run build`);
  const spawned = (command: string, words: readonly string[]): Running => {
    const whole = { PATH: process.env['PATH'], ...env };
    const child = spawn(command, words, { cwd, env: whole, stdio: ['ignore', 'pipe', 'pipe'] });
    const output = { stdout: '', stderr: '' };
    child.stdout.setEncoding('utf8').on('data', (text: string) => (output.stdout += text));
    child.stderr.setEncoding('utf8').on('data', (text: string) => (output.stderr += text));
    const ended = new Promise<Ended>((resolve, reject) => {
      child.once('error', reject);
      child.once('close', (code, signal) =>
        resolve(endOf(code ?? 128 + constants.signals[signal ?? 'SIGKILL'], output)),
      );
    });
    return { pid: child.pid ?? 0, ended, output, kill: (signal) => void child.kill(signal) };
  };
  const start: Program['start'] = (...words) => spawned(process.execPath, [MAIN, ...words]);
  const throughShell: Program['throughShell'] = (rest) =>
    spawned('sh', ['-c', `exec "${process.execPath}" "${MAIN}" ${rest}`]);
  const nowhere: Program['nowhere'] = (...words) =>
    spawned('sh', [
      '-c',
      'mkdir passing && cd passing && rmdir ../passing && exec "$@"',
      'sh',
      process.execPath,
      MAIN,
      ...words,
    ]);
  const run: Program['run'] = (...words) => start(...words).ended;
  return { start, throughShell, nowhere, run, with: (more) => programIn(cwd, { ...env, ...more }) };
}

function endOf(status: number, { stdout, stderr }: { readonly stdout: string; readonly stderr: string }): Ended {
  return { status, stdout, stderr, json: (): unknown => JSON.parse(stdout) };
}
