/**
 * Errors of the system (of a disk, a socket, a process): which they are, and their words; and the words of anything that was thrown.
 */
import { constants } from 'node:os';
import { getSystemErrorMap } from 'node:util';
import { type Failure, PushstaticError } from './errors.js';

/** Errors of the system for which Node has neither a code nor words (libuv calls them unknown). */
const UNNAMED: Readonly<Record<number, { readonly code: string; readonly words: string }>> = {
  [-constants.errno.EDQUOT]: { code: 'EDQUOT', words: 'disk quota exceeded' },
  [-constants.errno.ESTALE]: { code: 'ESTALE', words: 'stale file handle' },
};

/** The text of anything that was thrown, for the end of a sentence. */
export function reasonOf(error: unknown): string {
  return unnamedIn(error)?.words ?? (error instanceof Error ? error.message : String(error));
}

/** Anything that was thrown, as documents have it: 'UNEXPECTED' is one that is none of ours. */
export function failureOf(error: unknown): Failure {
  return { code: error instanceof PushstaticError ? error.code : 'UNEXPECTED', message: reasonOf(error) };
}

/** The system's words for what went wrong, without path and call. */
export function reasonOfSystem(error: NodeJS.ErrnoException): string {
  return unnamedIn(error)?.words ?? getSystemErrorMap().get(error.errno ?? 0)?.[1] ?? error.message;
}

/** The text of anything that was thrown; of what the system refused, the same for each file that it was refused for. */
export function reasonForAny(error: unknown): string {
  return isSystemError(error) ? reasonOfSystem(error) : reasonOf(error);
}

function unnamedIn(error: unknown) {
  return error instanceof Error && 'errno' in error ? UNNAMED[Number(error.errno)] : undefined;
}

/** What the system says is for programmers: what it means for a file that somebody named, and what they can do. */
const UNREADABLE: Readonly<Record<string, string>> = {
  ENOENT: 'there is no such file; correct the path, or make the file',
  ENOTDIR: 'a file is on the way to it, where a folder should be; correct the path',
  EISDIR: 'it is a folder; name a file in it',
  EACCES: 'permission denied; let the user that runs pushstatic read it',
  ELOOP: 'its symbolic links lead in a circle; name the file itself',
};

/** Why a file that the user named cannot be read, and what they can do, for the end of a sentence. */
export function whyUnreadable(error: unknown): string {
  return UNREADABLE[codeOf(error)] ?? reasonOf(error);
}

/** The code of a system error, such as ENOENT; '' for anything else that was thrown. */
export function codeOf(error: unknown): string {
  const unnamed = unnamedIn(error);
  if (unnamed !== undefined) return unnamed.code;
  return error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : '';
}

/** Whether a call of the system failed, and not the program that made it: an error of Node's own has no number. */
export function isSystemError(error: unknown): error is NodeJS.ErrnoException {
  return error instanceof Error && 'errno' in error && 'syscall' in error;
}

/** What `call` answers; undefined where the system refuses it, whatever its reason. */
export function orUndefined<T>(call: () => T): T | undefined {
  try {
    return call();
  } catch (error) {
    if (isSystemError(error)) return undefined;
    throw error;
  }
}
