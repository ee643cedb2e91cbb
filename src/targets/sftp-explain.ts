/**
 * explain: why a server did not do what it was asked. Most causes arrive as the status "Failure"; a look at the place and at
 * the file system names the cause. Nothing is asked as long as all goes well.
 */
import { shortened, whyBadName } from '../core/bad-name.js';
import { TargetError } from '../errors.js';
import type { SftpChannel } from './sftp-channel.js';
import { kindOf } from './sftp-wire.js';

/** What was tried: `cannot <verb> <at>`, with so many bytes to write there. */
export interface Attempt {
  readonly verb: string;
  readonly at: string;
  readonly bytes?: number;
}

/** The error with its cause named, or as it is. `root` is the published tree. */
export async function explain(error: unknown, attempt: Attempt, channel: SftpChannel, root: string): Promise<unknown> {
  if (!(error instanceof TargetError)) return error;
  if (error.kind === 'bad-name') return badName(error, attempt, (await channel.space(root))?.mostNameBytes);
  return error.kind === 'failed' ? explainFailure(error, attempt, channel, root) : error;
}

function badName(cause: TargetError, { verb, at }: Attempt, mostNameBytes: number | undefined): TargetError {
  const why = whyBadName(at, mostNameBytes);
  return new TargetError('bad-name', `cannot ${verb} ${shortened(at)}: ${why}`, { cause });
}

async function explainFailure(
  cause: TargetError,
  { at, bytes = 0 }: Attempt,
  channel: SftpChannel,
  root: string,
): Promise<TargetError> {
  const [there, space] = await Promise.all([channel.lstat(at).catch(() => undefined), channel.space(root)]);
  if (there !== undefined && kindOf(there.mode) === 'folder')
    return new TargetError('not-a-file', `cannot replace ${at}: a folder is there`, { cause });
  if (space?.readOnly)
    return new TargetError('read-only', `cannot write ${at}: the file system is read-only`, { cause });
  if (space !== undefined && (space.freeBytes <= bytes || space.freeFiles === 0)) {
    const what = space.freeFiles === 0 ? 'no inode is free' : `${space.freeBytes} bytes are free`;
    return new TargetError('no-space', `cannot write ${at}: no space left on the server (${what})`, { cause });
  }
  return cause;
}
