/**
 * runHook: runs the command of `hooks.after` with the changed public paths on its stdin.
 *
 * Nothing that the command does can harm the daemon: it has a time limit, of what it writes only the end is kept, it need
 * not read what it is given, and what it leaves running in the background is not waited for. How it ended is data.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { setTimeout as pause } from 'node:timers/promises';
import type { Config } from '../config/schema.js';
import { envForOthers } from '../config/secrets.js';
import { formatDuration } from '../config/units.js';
import { codeOf, reasonOf } from '../system-error.js';

const KEPT_BYTES = 4096;
const GRACE_MS = 2000; // from SIGTERM to SIGKILL
const LOOK_MS = 50;
const DRAIN_MS = 200; // for what is in the pipe when the command has ended, and others may still hold it open

export interface HookOptions {
  /** The public paths that changed. One with a line break in it is left out, and the result says so. */
  readonly paths: readonly string[];
  /** The absolute folder to run in. */
  readonly cwd: string;
  /** All of the command's environment; `hookEnv` makes one. */
  readonly env: NodeJS.ProcessEnv;
  readonly timeoutMs: number;
  /** Ends the command as the time limit does. */
  readonly signal?: AbortSignal | undefined;
}

export interface HookResult {
  /** What went wrong, in one sentence; undefined if the command ended with status 0. */
  readonly failure: string | undefined;
  /** What a person should know though nothing failed. */
  readonly warning: string | undefined;
  /** The end of what it wrote to stdout and stderr, at most 4 KiB. */
  readonly output: string;
  readonly durationMs: number;
}

/** The targets that were published to, and the generation that each one has now. */
export type HookTargets = readonly { readonly name: string; readonly generation: number }[];

/**
 * `env` for a hook: what the cycle did in PUSHSTATIC_CONFIG, PUSHSTATIC_TARGETS and PUSHSTATIC_GENERATIONS, the last two in
 * the same order and separated by spaces.
 */
export function hookEnv(config: Config, targets: HookTargets, env: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  return {
    ...envForOthers(config, env),
    PUSHSTATIC_CONFIG: config.file,
    PUSHSTATIC_TARGETS: targets.map(({ name }) => name).join(' '),
    PUSHSTATIC_GENERATIONS: targets.map(({ generation }) => generation).join(' '),
  };
}

/** Runs `command` by /bin/sh. Never rejects. */
export async function runHook(command: string, options: HookOptions): Promise<HookResult> {
  const began = performance.now();
  const lines = options.paths.filter((path) => !path.includes('\n'));
  const { failure, output } = await attempt(command, lines, options);
  return {
    failure: failure === undefined ? undefined : `hooks.after ${failure}`,
    warning: warningOf(options.paths.length - lines.length),
    output,
    durationMs: performance.now() - began,
  };
}

type Attempt = Pick<HookResult, 'failure' | 'output'>;

async function attempt(command: string, lines: readonly string[], options: HookOptions): Promise<Attempt> {
  const { cwd, env, signal } = options;
  if (signal?.aborted === true) return { failure: 'was not run, because pushstatic ends', output: '' };
  try {
    // A group of its own, so that all that it starts can be ended with it.
    const child = spawn('/bin/sh', ['-c', command], { cwd, env, detached: true, stdio: 'pipe' });
    const closed = new Promise((resolve) => child.once('close', resolve));
    const ended = endOf(child, options);
    const tail = keepTail(child);
    feed(child, lines);
    const failure = await ended;
    await Promise.race([closed, pause(DRAIN_MS)]);
    for (const stream of child.stdio ?? []) stream?.destroy(); // there are none where it could not be started
    const output = tail();
    return { failure: failure !== undefined && output !== '' ? `${failure}: ${lastLineOf(output)}` : failure, output };
  } catch (error) {
    return { failure: couldNotRun(cwd, error), output: '' };
  }
}

/** Resolves when it has ended, or was ended: with what went wrong, if anything did. */
async function endOf(child: ChildProcess, { cwd, timeoutMs, signal }: HookOptions): Promise<string | undefined> {
  const late = `took longer than hooks.timeout (${formatDuration(timeoutMs)}) and`;
  const end = await new Promise<End>((resolve) => {
    const timer = setTimeout(settle, timeoutMs, { ended: `${late} was ended`, goesOn: `${late} goes on` });
    const abort = (): void =>
      settle({ ended: 'was ended, because pushstatic ends', goesOn: 'goes on while pushstatic ends' });
    signal?.addEventListener('abort', abort);
    child.once('error', (error) => settle({ ended: couldNotRun(cwd, error) }));
    child.once('exit', (status, by) => settle({ ended: failureOf(status, by) }));
    function settle(how: End): void {
      clearTimeout(timer);
      signal?.removeEventListener('abort', abort);
      resolve(how);
    }
  });
  if (end.goesOn === undefined || child.pid === undefined || (await endGroup(child.pid)) === 'gone') return end.ended;
  return `${end.goesOn}: it runs as another user, whom pushstatic may not signal`;
}

/** `ended` is said once it has ended; `goesOn` instead, where we wanted to end it and may not. */
interface End {
  readonly ended: string | undefined;
  readonly goesOn?: string;
}

type Group = 'there' | 'gone' | 'strange';

/** `strange`: it may not be ended. */
async function endGroup(leader: number): Promise<'gone' | 'strange'> {
  if (signalGroup(leader, 'SIGTERM') === 'strange') return 'strange';
  for (let waited = 0; waited < GRACE_MS; waited += LOOK_MS) {
    await pause(LOOK_MS);
    if (signalGroup(leader, 0) === 'gone') return 'gone';
  }
  return signalGroup(leader, 'SIGKILL') === 'strange' ? 'strange' : 'gone';
}

/** Who of the group is left, and whether it heard the signal. */
function signalGroup(leader: number, name: NodeJS.Signals | 0): Group {
  try {
    process.kill(-leader, name);
    return 'there';
  } catch (error) {
    if (codeOf(error) === 'ESRCH') return 'gone';
    if (codeOf(error) === 'EPERM') return 'strange';
    throw error;
  }
}

/** Reads all that it writes, so that it never waits for us, and keeps the end. */
function keepTail({ stdout, stderr }: ChildProcess): () => string {
  let tail = Buffer.alloc(0);
  for (const stream of [stdout, stderr]) {
    stream?.on('data', (chunk: Buffer) => {
      tail = Buffer.concat([tail, chunk.subarray(-KEPT_BYTES)]).subarray(-KEPT_BYTES);
    });
  }
  return () => tail.subarray(beginningOf(tail)).toString().trimEnd();
}

/** Where the first character begins that was not cut. */
function beginningOf(utf8: Buffer): number {
  const isContinuation = (byte: number | undefined): boolean => byte !== undefined && (byte & 0xc0) === 0x80;
  let at = 0;
  while (isContinuation(utf8[at])) at++;
  return at;
}

function feed({ stdin }: ChildProcess, lines: readonly string[]): void {
  stdin?.on('error', () => {}); // it need not read to the end; whether that is a failure, its status tells
  stdin?.end(lines.map((line) => `${line}\n`).join(''));
}

function failureOf(status: number | null, by: NodeJS.Signals | null): string | undefined {
  if (by !== null) return `was ended by ${by}`;
  return status === 0 ? undefined : `ended with status ${status}`;
}

function couldNotRun(cwd: string, error: unknown): string {
  return `could not be run in ${cwd}: ${reasonOf(error)}`;
}

function lastLineOf(output: string): string {
  return output.slice(output.lastIndexOf('\n') + 1).trim();
}

function warningOf(leftOut: number): string | undefined {
  if (leftOut === 0) return undefined;
  const which =
    leftOut === 1 ? '1 path has a line break in it and was' : `${leftOut} paths have a line break in them and were`;
  return `${which} not given to hooks.after`;
}
