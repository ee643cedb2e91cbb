/**
 * exposure: refuses a plan that would show the public what is hardly meant for it: hidden files, keys, and code of the server.
 *
 * STATIC_ROOT holds such files by mistake: a folder too many among the sources, or a package that is published with all that lies
 * in it. A plan is judged by names alone; keys are also known by how they begin, whatever name a link gave them.
 */
import { SafetyError } from '../errors.js';
import type { Plan } from './plan.js';
import type { RelPath } from './relpath.js';
import { isStop, type Work } from './work.js';

const NAMED = 3; // in the message

/** What a path may give away, in the words for a message. The first that fits counts. */
const KINDS: readonly (readonly [RegExp, string])[] = [
  [/(?:^|\/)id_(?:rsa|dsa|ecdsa|ed25519)(?:_sk)?(?:\.[0-9a-f]{12})?$/i, 'a private key'],
  [/\.(?:pem|key|p12|pfx|jks|keystore|ppk|kdbx)$/i, 'a private key'],
  [/\.env$/i, 'an environment with its secrets'],
  [/\.py[co]?$/i, 'code of the server'],
  [/\.sqlite3?$/i, 'a database'],
  [/(?:^|\/)\./, 'a hidden file'],
];
const ANY_KIND = new RegExp(KINDS.map(([{ source }]) => source).join('|'), 'i');

/** Undefined for a path that gives away nothing. */
export function exposureOf(path: RelPath): string | undefined {
  if (!ANY_KIND.test(path)) return undefined; // nearly all of them
  return KINDS.find(([pattern]) => pattern.test(path))?.[1];
}

/** How a private key begins: in PEM (RFC 7468) and OpenSSH's form of it, and in PuTTY's. */
const BEGINNINGS = [/^-----BEGIN (?:[A-Z0-9]+ )*PRIVATE KEY-----/, /^PuTTY-User-Key-File-/];
/** So many of a file's first bytes tell. */
export const BEGINNING_BYTES = 64;

/** Whether content is a private key, by its first bytes. */
export function isPrivateKey(content: Uint8Array): boolean {
  if (content[0] !== 0x2d && content[0] !== 0x50) return false; // nearly all: '-' and 'P'
  const beginning = Buffer.from(content.subarray(0, BEGINNING_BYTES)).toString('latin1');
  return BEGINNINGS.some((pattern) => pattern.test(beginning));
}

/** Throws a SafetyError when a plan publishes such a file that `isAllowed` does not name. */
export function* guardExposure(plan: Plan, isAllowed: (path: RelPath) => boolean): Work<void> {
  const found: string[] = [];
  for (const { steps } of plan.groups) {
    for (const [at, { kind, path }] of steps.entries()) {
      if (isStop(at)) yield;
      const what = kind === 'upload' ? exposureOf(path) : undefined;
      if (what !== undefined && !isAllowed(path)) found.push(`${path} (${what})`);
    }
  }
  if (found.length === 0) return;
  const rest = found.length - NAMED;
  throw new SafetyError(
    `nothing is published, for it would show what is hardly meant for the public: ${found.slice(0, NAMED).join(', ')}` +
      `${rest > 0 ? ` and ${rest} more` : ''}; take them out of the sources or name them under exclude of the target, ` +
      'or, if they are meant to be published, under allow',
  );
}
