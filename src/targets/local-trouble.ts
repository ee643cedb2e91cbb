/**
 * What goes wrong in a folder of this machine, as TargetErrors: a code of the system, and what a look at the place and at its file
 * system tells of the cause. Nothing is looked at as long as all goes well.
 */
import { lstatSync, type Stats, statfsSync } from 'node:fs';
import { dirname } from 'node:path';
import {
  type Closed,
  dependsOnItself,
  OTHER_DEVICE,
  type Room,
  shortened,
  whyBadName,
  whyDenied,
  whyNoSpace,
} from '../core/refusal.js';
import { TargetError, type TargetErrorKind } from '../errors.js';
import { codeOf, isSystemError, orUndefined, reasonOf } from '../system-error.js';

/** What was tried: `cannot <verb> <path>`, which is `at` on this machine. */
export interface Attempt {
  readonly verb: Verb;
  readonly path: string;
  readonly at: string;
}

export type Verb =
  | 'use'
  | 'look at'
  | 'list'
  | 'read'
  | 'write'
  | 'publish'
  | 'publish the folder'
  | 'remove'
  | 'remove the folder'
  | 'change the mode of'
  | 'make'
  | 'make the folder';

const KINDS: Readonly<Record<string, TargetErrorKind>> = {
  ENOENT: 'not-found',
  EEXIST: 'exists',
  ENOTDIR: 'not-a-directory',
  EISDIR: 'not-a-file',
  ELOOP: 'not-a-file',
  ENOTEMPTY: 'not-empty',
  ENAMETOOLONG: 'bad-name',
  EILSEQ: 'bad-name',
  EACCES: 'denied',
  EPERM: 'denied',
  ENOSPC: 'no-space',
  EDQUOT: 'no-space',
  EROFS: 'read-only',
  EXDEV: 'other-device',
};

const NO_SUCH_NAME =
  'the disk there can have no such name; rename the file or its folders, or exclude it from this target';

/** What the system says is for programmers; where a code has a meaning for others, a sentence of ours says it. */
const REASONS: Readonly<Record<string, string>> = {
  ENOENT: 'it, or the folder above it, is missing',
  ENOTDIR: 'a file is there where a folder should be',
  EISDIR: 'a folder is there',
  ELOOP: 'a symbolic link is there, which is not followed; remove it',
  EDQUOT: 'the quota of the account on that disk is used up; make room there',
  EROFS: 'the file system is read-only',
  EILSEQ: NO_SUCH_NAME,
  EXDEV: OTHER_DEVICE,
};

/** What is no error of the system comes back as it is. */
export function targetError(attempt: Attempt, error: unknown): unknown {
  if (!isSystemError(error)) return error;
  const { verb, path } = attempt;
  const code = isNameRefused(error) ? 'EILSEQ' : codeOf(error);
  const kind = KINDS[code] ?? 'failed';
  const reason = REASONS[code] ?? reasonFor(kind, attempt) ?? reasonOf(error);
  return new TargetError(kind, `cannot ${verb} ${shortened(path)}: ${reason}`, { cause: error });
}

/** For `catch`: throws the TargetError. */
export function fail(attempt: Attempt): (error: unknown) => never {
  return (error) => {
    throw targetError(attempt, error);
  };
}

/** For `catch`: undefined for an error of the system with one of `codes`, the TargetError for any other. */
export function ignore(codes: readonly string[], attempt: Attempt): (error: unknown) => undefined {
  return (error) => {
    if (isSystemError(error) && codes.includes(codeOf(error))) return undefined;
    throw targetError(attempt, error);
  };
}

function reasonFor(kind: TargetErrorKind, { verb, at }: Attempt): string | undefined {
  if (kind === 'bad-name') return whyBadName(at);
  if (kind === 'no-space') return whyNoSpace(roomAt(dirname(at)) ?? NOTHING_FREE, 'the disk');
  if (kind !== 'denied') return undefined;
  const closed = closedOnTheWay(dependsOnItself(verb) ? at : dirname(at));
  return closed === undefined ? 'permission denied' : whyDenied(closed, process.geteuid?.());
}

const NOTHING_FREE: Room = { freeBytes: 0, freeFiles: undefined };

function roomAt(folder: string): Room | undefined {
  const found = orUndefined(() => statfsSync(folder));
  if (found === undefined) return undefined;
  const { bavail, bsize, files, ffree } = found;
  return { freeBytes: bavail * bsize, freeFiles: files === 0 ? undefined : ffree };
}

/** What refuses is the last on the way there that can be seen. */
function closedOnTheWay(at: string): Closed | undefined {
  for (let path = at; ; path = dirname(path)) {
    const there = orUndefined(() => lstatSync(path));
    if (there !== undefined) return { kind: kindOf(there), path, owner: there.uid, mode: there.mode };
    if (path === dirname(path)) return undefined;
  }
}

export function kindOf(stats: Stats): 'file' | 'folder' | 'link' | 'other' {
  return stats.isFile() ? 'file' : stats.isDirectory() ? 'folder' : stats.isSymbolicLink() ? 'link' : 'other';
}

/** Some disks say so of a name that they cannot have, such as one with a colon. Of anything but a name it means something else. */
function isNameRefused({ code, syscall = '' }: NodeJS.ErrnoException): boolean {
  return code === 'EINVAL' && ['open', 'mkdir', 'link', 'lstat'].includes(syscall);
}
