/**
 * explain: why a server did not do what it was asked. Most causes arrive as the status "Failure", or as "Permission denied"; a look
 * at the place and at its file system names the cause. Nothing is asked as long as all goes well.
 */
import { posix } from 'node:path';
import {
  dependsOnItself,
  OTHER_DEVICE,
  roomOf,
  shortened,
  whyBadName,
  whyDenied,
  whyNoSpace,
} from '../../core/refusal.js';
import { TargetError } from '../../errors.js';
import type { SftpChannel, Space } from './channel.js';
import { SAYS_NOTHING } from './trouble.js';
import { type Attributes, kindOf } from './wire.js';

export type Verb =
  | 'look at'
  | 'list'
  | 'read'
  | 'write'
  | 'publish'
  | 'remove'
  | 'remove the folder'
  | 'change the mode of'
  | 'make the folder';

/** What was tried: `cannot <verb> <at>`, with so many bytes to write there, or with what was to be renamed. */
export interface Attempt {
  readonly verb: Verb;
  readonly at: string;
  readonly bytes?: number;
  readonly from?: string;
}

/** The error with its cause named, or as it is. */
export async function explain(error: unknown, attempt: Attempt, channel: SftpChannel): Promise<unknown> {
  if (!(error instanceof TargetError)) return error;
  if (error.kind === 'bad-name') return explainBadName(error, attempt, channel);
  if (error.kind === 'denied') return explainDenial(error, attempt, channel);
  return error.kind === 'failed' ? explainFailure(error, attempt, channel) : error;
}

async function explainBadName(cause: TargetError, { verb, at }: Attempt, channel: SftpChannel): Promise<TargetError> {
  const why = whyBadName(at, (await spaceAbove(at, channel))?.mostNameBytes);
  return new TargetError('bad-name', `cannot ${verb} ${shortened(at)}: ${why}`, { cause });
}

/** What refuses is the last on the way there that can be seen, or the server itself. */
async function explainDenial(cause: TargetError, { verb, at }: Attempt, channel: SftpChannel): Promise<TargetError> {
  const isOpen = (verb === 'write' || verb === 'read') && !cause.message.startsWith('cannot open');
  if (isOpen) return deniedWhenOpen(cause, verb, at);
  let path = dependsOnItself(verb) ? at : posix.dirname(at);
  let there = await sight(path, channel);
  while (there === undefined && path !== posix.dirname(path)) {
    path = posix.dirname(path);
    there = await sight(path, channel);
  }
  if (there === undefined) {
    const why = 'the server lets nothing there be looked at; let the account of this target do that, on the whole way';
    return new TargetError('denied', `cannot ${verb} ${at}: permission denied: ${why}`, { cause });
  }
  const { mode, owner } = there;
  const why = whyDenied({ kind: kindOf(mode), path, owner, mode });
  const message = `cannot ${verb} ${at}: ${why}; if it is the account's own, the server itself forbids this`;
  return new TargetError('denied', message, { cause });
}

/** No mode of a file refuses anything once it is open. */
function deniedWhenOpen(cause: TargetError, verb: 'read' | 'write', at: string): TargetError {
  const refused = verb === 'read' ? 'to let it be read' : 'to write to it';
  const why = `the server opened it, and then refused ${refused}; allow that in its settings`;
  return new TargetError('denied', `cannot ${verb} ${at}: ${why}`, { cause });
}

async function explainFailure(cause: TargetError, attempt: Attempt, channel: SftpChannel): Promise<TargetError> {
  const { verb, at, bytes = 0, from } = attempt;
  const [there, space] = await Promise.all([sight(at, channel), spaceAbove(at, channel)]);
  const isFile = verb !== 'make the folder' && verb !== 'list' && verb !== 'look at';
  if (isFile && there !== undefined && kindOf(there.mode) === 'folder')
    return new TargetError('not-a-file', `cannot ${verb} ${at}: a folder is there`, { cause });
  if (from !== undefined && space !== undefined && space.id !== (await spaceAbove(from, channel))?.id)
    return new TargetError('other-device', `cannot ${verb} ${at}: ${OTHER_DEVICE}`, { cause });
  const changes = verb !== 'list' && verb !== 'look at' && verb !== 'read';
  if (changes && space?.readOnly === true)
    return new TargetError('read-only', `cannot ${verb} ${at}: the file system on the server is read-only`, { cause });
  if (changes && space !== undefined && (space.freeBytes <= bytes || space.freeFiles === 0))
    return new TargetError('no-space', `cannot ${verb} ${at}: ${whyNoSpace(space, 'the server')}`, { cause });
  if (!cause.message.endsWith(SAYS_NOTHING)) return cause;
  const known = space === undefined ? 'and does not tell how full its disk is' : `though ${roomOf(space)}`;
  const message = `cannot ${verb} ${at}: ${SAYS_NOTHING}, ${known}; see its log, and whether the account has a quota`;
  return new TargetError('failed', message, { cause });
}

/** Undefined also where it cannot be seen. */
function sight(path: string, channel: SftpChannel): Promise<Attributes | undefined> {
  return channel.lstat(path).catch(() => undefined);
}

/** Of the file system of the nearest folder that can be asked for it. */
async function spaceAbove(at: string, channel: SftpChannel): Promise<Space | undefined> {
  if (!channel.tellsSpace) return undefined;
  for (let path = posix.dirname(at); ; path = posix.dirname(path)) {
    const space = await channel.space(path);
    if (space !== undefined || path === posix.dirname(path)) return space;
  }
}
