/**
 * Errors of the local disk as trouble with one file, told by cause.
 */
import { FileError, type Problem, type ProblemCode, type ProblemStep } from '../errors.js';
import { codeOf, isSystemError, reasonOfSystem } from '../system-error.js';

const WRITE_CODES: Readonly<Record<string, ProblemCode>> = {
  ENOSPC: 'NO_SPACE',
  EDQUOT: 'NO_SPACE',
  EACCES: 'DENIED',
  EPERM: 'DENIED',
  EROFS: 'READ_ONLY',
  ENOTDIR: 'OBSTRUCTED',
  EEXIST: 'OBSTRUCTED',
  EISDIR: 'OBSTRUCTED',
  ENOTEMPTY: 'OBSTRUCTED',
  ELOOP: 'OBSTRUCTED',
  ENAMETOOLONG: 'BAD_NAME',
  EILSEQ: 'BAD_NAME',
};

/** As of a disk of another machine that is away, or where too much is open: what is there may be read again soon. */
const PASSING = new Set([
  'EIO',
  'ESTALE',
  'ETIMEDOUT',
  'ENOTCONN',
  'EHOSTDOWN',
  'EHOSTUNREACH',
  'EMFILE',
  'ENFILE',
  'ENOMEM',
]);

export function codeOfUnread(error: NodeJS.ErrnoException): ProblemCode {
  return PASSING.has(codeOf(error)) ? 'FAILED' : 'UNREADABLE';
}

/** Why a file could not be read. Anything but an error of the system is thrown again. */
export function readTrouble(error: unknown): FileError {
  if (error instanceof FileError) return error;
  if (!isSystemError(error)) throw error;
  if (error.code === 'ENOENT') return new FileError('CHANGED', 'it vanished while it was read', { cause: error });
  return new FileError(codeOfUnread(error), `it cannot be read: ${reasonOfSystem(error)}`, { cause: error });
}

/** Why a file in STATIC_ROOT could not be written or removed. Anything but an error of the system is thrown again. */
export function writeTrouble(error: unknown): FileError {
  if (error instanceof FileError) return error;
  if (!isSystemError(error)) throw error;
  const code = WRITE_CODES[codeOf(error)] ?? 'FAILED';
  return new FileError(code, `it cannot be changed in STATIC_ROOT: ${reasonOfSystem(error)}`, { cause: error });
}

/** The problem that `error` is for `path`. Anything but a FileError is thrown again. */
export function problemOf(path: string, step: ProblemStep, error: unknown): Problem {
  if (!(error instanceof FileError)) throw error;
  return { path, step, code: error.code, message: error.message };
}
