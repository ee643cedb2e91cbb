/**
 * problemOf: an error at one file as data, or the error again if it concerns more than the file.
 */
import type { RelPath } from '../core/relpath.js';
import {
  FileError,
  type Problem,
  type ProblemCode,
  type ProblemStep,
  TargetError,
  type TargetErrorKind,
} from '../errors.js';

const CODES: Readonly<Partial<Record<TargetErrorKind, ProblemCode>>> = {
  'not-found': 'FAILED',
  exists: 'OBSTRUCTED',
  'not-a-directory': 'OBSTRUCTED',
  'not-a-file': 'OBSTRUCTED',
  'not-empty': 'OBSTRUCTED',
  'bad-name': 'BAD_NAME',
  denied: 'DENIED',
  'no-space': 'NO_SPACE',
  'read-only': 'READ_ONLY',
  'other-device': 'OTHER_DEVICE',
  unsupported: 'FAILED',
  failed: 'FAILED',
};

/** The problem that `error` is for `path`. Throws `error` itself when the target as a whole is out of reach. */
export function problemOf(path: RelPath, step: ProblemStep, error: unknown): Problem {
  if (error instanceof FileError) return { path, step, code: error.code, message: error.message };
  if (!(error instanceof TargetError)) throw error;
  const code = CODES[error.kind];
  if (code === undefined) throw error;
  return { path, step, code, message: error.message };
}
