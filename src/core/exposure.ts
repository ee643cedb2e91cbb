/**
 * exposure: refuses a plan that would show the public what is hardly meant for it: hidden files, keys, and code of the server.
 *
 * It goes by names alone. STATIC_ROOT holds such files by mistake: a folder too many among the sources, or a package that is
 * published with all that lies in it.
 */
import { SafetyError } from '../errors.js';
import { type Plan, uploadsOf } from './plan.js';
import type { RelPath } from './relpath.js';

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

/** Throws a SafetyError when a plan publishes such a file that `isAllowed` does not name. */
export function guardExposure(plan: Plan, isAllowed: (path: RelPath) => boolean): void {
  const found = uploadsOf(plan.groups).flatMap(({ path }) => {
    const what = exposureOf(path);
    return what === undefined || isAllowed(path) ? [] : [`${path} (${what})`];
  });
  if (found.length === 0) return;
  const rest = found.length - NAMED;
  throw new SafetyError(
    `nothing is published, for it would show what is hardly meant for the public: ${found.slice(0, NAMED).join(', ')}` +
      `${rest > 0 ? ` and ${rest} more` : ''}; take them out of the sources or name them under exclude of the target, ` +
      'or, if they are meant to be published, under allow',
  );
}
