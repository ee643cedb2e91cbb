/**
 * runProbe: runs the probe with the project's own Python, once, and reads what it says.
 *
 * The project's settings are run by it, and may do anything: print, wait for ever, end the process, start others. So the
 * answer has a descriptor of its own, and its size, its time and what it leaves behind are bounded.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { stat } from 'node:fs/promises';
import { dirname } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { DjangoSource } from '../config/schema.js';
import { ConfigError, codeOf, reasonOf, SourceError } from '../errors.js';
import { type Answer, type Failure, readAnswer } from './answer.js';

/** Beside the source as beside the built program. */
export const PROBE = fileURLToPath(new URL('./probe.py', import.meta.url));

const ANSWER = 3; // the descriptor of the probe's answer
const LIMIT_MS = 30_000; // large projects take a few seconds to load
const MAX_ANSWER = 8 * 1024 * 1024; // bytes; a thousand apps need half of one MiB
const KEPT_STDERR = 2048; // bytes, for what ends without an answer

export interface ProbeOptions {
  readonly env: NodeJS.ProcessEnv;
  /** Ends it; the signal's reason is thrown then. */
  readonly signal?: AbortSignal;
  readonly limitMs?: number;
}

/** Rejects with a ConfigError for what the user can put right, with a SourceError for what may go better another time. */
export async function runProbe(source: DjangoSource, python: string, options: ProbeOptions): Promise<Answer> {
  const { manage, settings = '' } = source;
  const found = await stat(manage).catch(() => undefined);
  if (found?.isFile() !== true) {
    throw new ConfigError(
      `cannot ask the Django project: there is no file ${manage}; name it with source.django.manage`,
    );
  }
  options.signal?.throwIfAborted();
  // No bytecode is written: where it is not there already, the folders may not be ours to write to.
  const child = spawn(python, ['-B', PROBE, manage, settings], {
    cwd: dirname(manage),
    env: options.env,
    detached: true, // a group of its own, so that all that it starts can be ended with it
    stdio: ['ignore', 'ignore', 'pipe', 'pipe'],
  });
  try {
    const { text, ending, stderr } = await endOf(child, options);
    return answerOf(text, ending, { python, manage, stderr });
  } catch (error) {
    if (['ENOENT', 'EACCES', 'ENOTDIR'].includes(codeOf(error))) throw noPython(python, error);
    throw error;
  } finally {
    endGroup(child);
    for (const stream of child.stdio) stream?.destroy();
  }
}

interface Said {
  readonly text: string;
  /** undefined: it has said all there is to say. */
  readonly ending: string | undefined;
  readonly stderr: string;
}

/** Resolves at the end of the answer's line, or when there will be none. */
async function endOf(child: ChildProcess, { signal, limitMs = LIMIT_MS }: ProbeOptions): Promise<Said> {
  const answer: Buffer[] = [];
  let [size, status] = [0, ''];
  let stderr = Buffer.alloc(0);
  let timer: NodeJS.Timeout | undefined;
  let abort = (): void => undefined;
  try {
    const ending = await new Promise<string | undefined>((resolve, reject) => {
      timer = setTimeout(() => reject(tooSlow(limitMs)), limitMs);
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
      child.stdio[ANSWER]?.on('data', (chunk: Buffer) => {
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

interface Run {
  readonly python: string;
  readonly manage: string;
  readonly stderr: string;
}

function answerOf(text: string, ending: string | undefined, { python, manage, stderr }: Run): Answer {
  const read = ending === undefined ? readAnswer(text) : undefined;
  if (read === undefined) {
    const lines = stderr.split('\n').filter((line) => line.trim() !== '');
    const reason = ending ?? 'something else than the answer came';
    throw new SourceError(
      withLines(`cannot ask the Django project: ${python} was started, but ${reason}`, lines.slice(-4)),
    );
  }
  if ('answer' in read) return read.answer;
  const { failure } = read;
  const sentence = `cannot ask the Django project: ${reasonFor(failure, python, manage)}`;
  throw new ConfigError(failure.phase === 'missing' ? sentence : withLines(sentence, failure.lines));
}

function reasonFor({ phase, django, settings, python: version }: Failure, python: string, manage: string): string {
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
  }
}

function noPython(python: string, cause: unknown): ConfigError {
  return new ConfigError(
    `cannot ask the Django project: ${python} cannot be run (${reasonOf(cause)}); ` +
      'name the Python that the project runs with, by source.django.python',
    { cause },
  );
}

function tooSlow(limitMs: number): SourceError {
  return new SourceError(
    `cannot ask the Django project: its settings and apps were not loaded within ${limitMs / 1000} s; ` +
      'see what they wait for, such as a server that is away',
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
