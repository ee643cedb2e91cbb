/**
 * What goes wrong on an SFTP channel, as TargetErrors: a status of the protocol (draft-ietf-secsh-filexfer-02, section 7),
 * an answer that is none, an end.
 */
import { TargetError, type TargetErrorKind } from '../../errors.js';
import { REPLY, type Reply, STATUS } from './wire.js';

const KINDS: Readonly<Record<number, TargetErrorKind>> = {
  [STATUS.noSuchFile]: 'not-found',
  [STATUS.denied]: 'denied',
  [STATUS.failure]: 'failed',
  [STATUS.badMessage]: 'bad-name',
  [STATUS.noConnection]: 'unreachable',
  [STATUS.connectionLost]: 'unreachable',
  [STATUS.unsupported]: 'unsupported',
};

/** What "Failure" tells: nothing. */
export const SAYS_NOTHING = 'the server says no more than "Failure"';

/** Why a server did not do it. */
export type Refusal = () => TargetError;

/** Throws if the reply is of another kind. */
export function statusOf(reply: Reply): number {
  if (reply.type !== REPLY.status) throw confused();
  return reply.uint32();
}

/** Why the server did not do it; undefined if it did. */
export function troubleIn(reply: Reply, verb: string, path: string): TargetError | undefined {
  const status = statusOf(reply);
  return status === STATUS.ok ? undefined : refusal(status, reply, verb, path);
}

export function refusal(status: number, reply: Reply, verb: string, path: string): TargetError {
  return refusing(status, reply, verb, path)();
}

/** As `refusal`, for whoever may not need it: the trace of an error takes longer than all the rest of a reply. */
export function refusing(status: number, reply: Reply, verb: string, path: string): Refusal {
  const said = reply.isOver ? '' : reply.text();
  const isNothing = status === STATUS.failure && (said === '' || said === 'Failure');
  const reason = isNothing ? SAYS_NOTHING : said === '' ? `it answered with status ${status}` : said;
  return () => new TargetError(KINDS[status] ?? 'failed', `cannot ${verb} ${path}: ${reason}`);
}

export function notOffered(verb: string, path: string): TargetError {
  return new TargetError('unsupported', `cannot ${verb} ${path}: the server does not offer it`);
}

export function confused(cause?: unknown): TargetError {
  return new TargetError('unreachable', 'the server gave an answer that is none to what was asked', { cause });
}

/** `exitCode` where the server's side of the channel said how it ended. */
export function lost(error: Error | undefined, exitCode: unknown): TargetError {
  const reasons = [
    error?.message,
    typeof exitCode === 'number' ? `its side ended with exit code ${exitCode}` : undefined,
  ];
  const said = reasons.filter((reason) => reason !== undefined);
  return new TargetError('unreachable', ['the connection was lost', ...said].join(': '));
}

/** For a look that may find nothing. */
export function ignoreMissing(error: unknown): undefined {
  if (error instanceof TargetError && error.kind === 'not-found') return undefined;
  throw error;
}
