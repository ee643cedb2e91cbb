/**
 * runPython: runs a script of ours with the project's own Python, once, and reads what it says.
 *
 * The project's settings are run by it, and may do anything: print, wait for ever, end the process, start others. So the
 * answer has a descriptor of its own, and its size, its time and what it leaves behind are bounded.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { stat } from 'node:fs/promises';
import { dirname } from 'node:path';
import { ConfigError, SourceError } from '../errors.js';
import { codeOf, reasonOf } from '../system-error.js';
import type { Failure, Read } from './answer.js';

const ANSWER = 3; // the descriptor of what it says; the next one ends when this process does
const MAX_ANSWER = 8 * 1024 * 1024; // bytes; a thousand apps need half of one MiB
const KEPT_STDERR = 2048; // bytes, for what ends without an answer

/** A script and the project that it is run for. */
export interface Script<T> {
  readonly file: string;
  readonly words: readonly string[];
  /** Absolute. It runs in the folder of this file. */
  readonly manage: string;
  readonly python: string;
  readonly read: (text: string) => Read<T>;
  /** The beginning of a message: "cannot ask the Django project". */
  readonly cannot: string;
  /** How such a message ends when the time is over. */
  readonly tooSlow: (seconds: number) => string;
}

export interface PythonOptions {
  readonly env: NodeJS.ProcessEnv;
  /** Ends it; the signal's reason is thrown then. */
  readonly signal?: AbortSignal | undefined;
  readonly limitMs: number;
}

/** Rejects with a ConfigError for what the user can put right, with a SourceError for what may go better another time. */
export async function runPython<T>(script: Script<T>, options: PythonOptions): Promise<T> {
  const { file, words, manage, python, cannot } = script;
  const found = await stat(manage).catch(() => undefined);
  if (found?.isFile() !== true) {
    throw new ConfigError(`${cannot}: there is no file ${manage}; name it with source.django.manage`);
  }
  options.signal?.throwIfAborted();
  // No bytecode is written: where it is not there already, the folders may not be ours to write to.
  const child = spawn(python, ['-B', file, ...words], {
    cwd: dirname(manage),
    env: options.env,
    detached: true, // a group of its own, so that all that it starts can be ended with it
    stdio: ['ignore', 'ignore', 'pipe', 'pipe', 'pipe'],
  });
  try {
    return answerOf(await endOf(child, script, options), script);
  } catch (error) {
    if (['ENOENT', 'EACCES', 'ENOTDIR'].includes(codeOf(error))) throw noPython(script, error);
    throw error;
  } finally {
    endGroup(child);
    for (const stream of child.stdio ?? []) stream?.destroy(); // there are none where it could not be started
  }
}

interface Said {
  readonly text: string;
  /** undefined: it has said all there is to say. */
  readonly ending: string | undefined;
  readonly stderr: string;
}

/** Resolves at the end of the answer's line, or when there will be none. */
async function endOf(
  child: ChildProcess,
  { cannot, tooSlow }: Pick<Script<unknown>, 'cannot' | 'tooSlow'>,
  { signal, limitMs }: PythonOptions,
): Promise<Said> {
  const answer: Buffer[] = [];
  let [size, status] = [0, ''];
  let stderr = Buffer.alloc(0);
  let timer: NodeJS.Timeout | undefined;
  let abort = (): void => undefined;
  try {
    const ending = await new Promise<string | undefined>((resolve, reject) => {
      const late = (): void => reject(new SourceError(`${cannot}: ${tooSlow(limitMs / 1000)}`));
      timer = setTimeout(late, limitMs);
      abort = () => reject(signal?.reason);
      signal?.addEventListener('abort', abort);
      child.once('error', reject);
      child.once('exit', (code, by) => {
        status = by === null ? `with status ${code}` : `by ${by}`;
        endGroup(child); // what it started holds on to its streams
      });
      child.once('close', () => resolve(`it ended ${status} and without an answer`));
      child.stderr?.on('data', (chunk: Buffer) => {
        stderr = Buffer.concat([stderr, chunk]).subarray(-KEPT_STDERR);
      });
      child.stdio?.[ANSWER]?.on('data', (chunk: Buffer) => {
        answer.push(chunk);
        size += chunk.length;
        if (chunk.includes('\n')) resolve(undefined);
        else if (size > MAX_ANSWER) resolve('it said more than it may');
      });
    });
    return { text: Buffer.concat(answer).toString(), ending, stderr: stderr.toString() };
  } finally {
    clearTimeout(timer);
    signal?.removeEventListener('abort', abort);
  }
}

function answerOf<T>({ text, ending, stderr }: Said, { python, manage, read, cannot }: Script<T>): T {
  const said = ending === undefined ? read(text) : undefined;
  if (said === undefined) {
    const lines = stderr.split('\n').filter((line) => line.trim() !== '');
    const reason = ending ?? 'something else than the answer came';
    throw new SourceError(withLines(`${cannot}: ${python} was started, but ${reason}`, lines.slice(-4)));
  }
  if ('answer' in said) return said.answer;
  const { failure } = said;
  const sentence = `${cannot}: ${reasonFor(failure, python, manage)}`;
  if (failure.phase === 'collectstatic') throw new SourceError(withLines(sentence, failure.lines));
  throw new ConfigError(failure.phase === 'missing' ? sentence : withLines(sentence, failure.lines));
}

function reasonFor(
  { phase, django, settings, python: version, storage }: Failure,
  python: string,
  manage: string,
): string {
  switch (phase) {
    case 'missing':
      return `${python} has no Django; name the Python that the project runs with, by source.django.python`;
    case 'old':
      return `it has Django ${django}; 4.2 and newer are supported, with an older one list source.dirs by hand`;
    case 'manage':
      return `${manage} fails; correct it, or name another with source.django.manage`;
    case 'django':
      return `its Django cannot be loaded by ${python} (Python ${version}); correct the installation`;
    case 'settings':
      return settings === ''
        ? `${manage} names no settings; name them with source.django.settings`
        : `its settings ${settings} cannot be loaded; correct them, or name others with source.django.settings`;
    case 'apps':
      return 'its apps cannot be loaded; correct what fails there';
    case 'static':
      return 'its settings for static files are refused by Django; correct them';
    case 'storage':
      return (
        `its storage ${storage} cannot be made to keep its files in another folder for a while; ` +
        'write static.storage: none, and run collectstatic yourself before each sync'
      );
    case 'collectstatic':
      return 'it failed, and STATIC_ROOT stays as it is';
  }
}

function noPython({ python, cannot }: Pick<Script<unknown>, 'python' | 'cannot'>, cause: unknown): ConfigError {
  return new ConfigError(
    `${cannot}: ${python} cannot be run (${reasonOf(cause)}); ` +
      'name the Python that the project runs with, by source.django.python',
    { cause },
  );
}

/** `lines` are the project's own, and stand below the sentence. */
function withLines(sentence: string, lines: readonly string[]): string {
  return [sentence, ...lines.map((line) => `  ${line}`)].join('\n');
}

/** Where nobody is left, or only who may not be ended, there is nothing to do. */
function endGroup({ pid }: ChildProcess): void {
  if (pid === undefined) return;
  try {
    process.kill(-pid, 'SIGKILL');
  } catch (error) {
    if (!['ESRCH', 'EPERM'].includes(codeOf(error))) throw error;
  }
}
