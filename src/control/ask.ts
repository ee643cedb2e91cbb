/**
 * ask: one request to the daemon that listens at a Unix socket, and its reply, whole or line by line.
 */
import { lstat } from 'node:fs/promises';
import { type IncomingMessage, request } from 'node:http';
import { connect } from 'node:net';
import { createInterface } from 'node:readline';
import type { DaemonStatus } from '../daemon/status.js';
import { ControlError, type Failure, PushstaticError } from '../errors.js';
import { codeOf, reasonOf } from '../system-error.js';
import { revive } from './wire.js';

const SILENCE_MS = 30_000; // a stream says something at least every 10 s, and a project that is asked for a reload has that long
const LONGEST_REPLY = 64 * 1024 * 1024; // the status of a thousand targets is a tenth of it

export interface Question {
  readonly method: 'GET' | 'POST';
  readonly path: string;
  /** Sent as JSON. */
  readonly body?: unknown;
  readonly signal?: AbortSignal | undefined;
}

/**
 * Who listens at `socketPath`: no process, one that may be asked, or one of another user, whose word counts for nobody but root. Of a
 * folder that this user may not look into nothing is known: that is none.
 */
export async function listenerAt(socketPath: string): Promise<'none' | 'daemon' | 'stranger'> {
  const code = await errorAt(socketPath);
  if (['ECONNREFUSED', 'ENOENT', 'ENOTDIR'].includes(code ?? '')) return 'none';
  const owner = await lstat(socketPath).then(
    ({ uid }) => uid,
    () => undefined,
  );
  if (owner === undefined) return 'none';
  const own = process.getuid?.();
  const isStrange = own !== 0 && owner !== 0 && owner !== own;
  return isStrange || code === 'EACCES' || code === 'EPERM' ? 'stranger' : 'daemon'; // also one whose queue is full
}

/** Undefined where somebody lets this process in. */
function errorAt(socketPath: string): Promise<string | undefined> {
  return new Promise((resolve) => {
    const socket = connect(socketPath);
    socket.once('connect', () => {
      socket.destroy();
      resolve(undefined);
    });
    socket.once('error', (error) => resolve(codeOf(error)));
  });
}

/**
 * The document of the reply. Throws the error that the daemon answered with, or a ControlError if it did not; and the reason of the
 * signal when that is aborted.
 */
export async function ask(socketPath: string, question: Question): Promise<unknown> {
  try {
    return await document(await send(socketPath, question), socketPath);
  } catch (error) {
    question.signal?.throwIfAborted();
    throw error;
  }
}

export async function askStatus(socketPath: string, signal?: AbortSignal): Promise<DaemonStatus> {
  return (await ask(socketPath, { method: 'GET', path: '/status', signal })) as DaemonStatus;
}

/** Each line of the reply. Throws as `ask` does, also when the reply breaks off in the middle. */
export async function* askLines(socketPath: string, question: Question): AsyncGenerator<unknown, void> {
  let reply: IncomingMessage | undefined;
  try {
    reply = await send(socketPath, question);
    for await (const line of createInterface({ input: reply })) yield parsed(line, socketPath);
    if (!reply.complete) throw lost(socketPath);
  } catch (error) {
    question.signal?.throwIfAborted();
    throw ours(error, socketPath);
  } finally {
    reply?.destroy();
  }
}

/** The reply, if it is not an error. */
async function send(socketPath: string, { method, path, body, signal }: Question): Promise<IncomingMessage> {
  const text = body === undefined ? '' : JSON.stringify(body);
  const reply = await new Promise<IncomingMessage>((resolve, reject) => {
    const asked = request({
      socketPath,
      method,
      path,
      agent: false,
      timeout: SILENCE_MS,
      headers: { host: 'pushstatic', 'content-type': 'application/json', 'content-length': Buffer.byteLength(text) },
      ...(signal && { signal }),
    });
    asked.once('response', resolve);
    asked.once('timeout', () => asked.destroy(lost(socketPath)));
    asked.on('error', (error) => reject(ours(error, socketPath)));
    asked.end(text);
  });
  if (reply.statusCode !== undefined && reply.statusCode < 400) return reply;
  const { error } = (await document(reply, socketPath)) as { readonly error?: Failure };
  throw error === undefined ? lost(socketPath) : revive(error);
}

async function document(reply: IncomingMessage, socketPath: string): Promise<unknown> {
  const parts: Buffer[] = [];
  let size = 0;
  try {
    for await (const part of reply as AsyncIterable<Buffer>) {
      size += part.length;
      if (size > LONGEST_REPLY) throw lost(socketPath);
      parts.push(part);
    }
  } catch (error) {
    throw ours(error, socketPath);
  }
  return parsed(Buffer.concat(parts).toString(), socketPath);
}

function parsed(text: string, socketPath: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    throw lost(socketPath, error);
  }
}

/** What Node throws while a reply is read, with a sentence for a person. */
function ours(error: unknown, socketPath: string): unknown {
  if (error instanceof PushstaticError) return error;
  const isEnd = ['ECONNRESET', 'EPIPE'].includes(codeOf(error));
  return isEnd
    ? lost(socketPath, error)
    : new ControlError('LOST', unaskable(socketPath, reasonOf(error)), { cause: error });
}

function lost(socketPath: string, cause?: unknown): ControlError {
  return new ControlError('LOST', unaskable(socketPath, 'it ended, or does not answer'), { cause });
}

function unaskable(socketPath: string, reason: string): string {
  return `cannot ask the daemon at ${socketPath}: ${reason}`;
}
