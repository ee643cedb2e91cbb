/**
 * Whether the server is the one the user meant. Nothing is sent to it before this is known, and nothing here ever says
 * yes for the user: a key is trusted because they wrote it down, as a fingerprint or in a known_hosts file.
 */
import { existsSync } from 'node:fs';
import { dirname } from 'node:path';
import type { ServerHostKeyAlgorithm } from 'ssh2';
import { TargetError } from '../../errors.js';
import {
  checkHostKey,
  fingerprintOf,
  type HostKeyVerdict,
  type HostName,
  type KnownHost,
  keyTypesFor,
  nameInKnownHosts,
  readKnownHosts,
} from './known-hosts.js';

/** What is asked for, best first. RSA keys sign with SHA-2 (RFC 8332); SHA-1 is for servers that know no better. */
const ALGORITHMS: readonly ServerHostKeyAlgorithm[] = [
  'ssh-ed25519',
  'ecdsa-sha2-nistp256',
  'ecdsa-sha2-nistp384',
  'ecdsa-sha2-nistp521',
  'rsa-sha2-512',
  'rsa-sha2-256',
  'ssh-rsa',
];

export interface HostKeyPolicy {
  /** In the order in which the server is to be asked. */
  readonly algorithms: ServerHostKeyAlgorithm[];
  /** Of the key that was found, where it is not the pinned one: the server may have that one beside it. */
  readonly refusedKind: string | undefined;
  /** Why a key, in SSH's wire format, is not to be trusted; undefined if it is. */
  check(key: Buffer): TargetError | undefined;
}

export interface HostKeyRules extends HostName {
  /** The host, for messages. */
  readonly label: string;
  /** 'SHA256:…': the only key to trust, whatever the files say. */
  readonly pinned: string | undefined;
  /** known_hosts files, which may be missing. New keys belong into the first. */
  readonly files: readonly string[];
  /** Kinds of keys that are not to be asked for, such as 'ssh-ed25519'. */
  readonly passedOver?: readonly string[];
}

/** Throws a ConfigError if a file is there and cannot be read. */
export async function hostKeyPolicy(rules: HostKeyRules): Promise<HostKeyPolicy> {
  const { pinned } = rules;
  if (pinned !== undefined) return new PinnedKey(pinned, rules);
  const lines = await readKnownHosts(rules.files);
  const known = keyTypesFor(lines, rules.host, rules.port);
  const isKnown = (name: ServerHostKeyAlgorithm) => known.includes(kindFor(name));
  return {
    algorithms: [...ALGORITHMS.filter((name) => isKnown(name)), ...ALGORITHMS.filter((name) => !isKnown(name))],
    refusedKind: undefined,
    check: (key) => complaint(checkHostKey(lines, { ...rules, key }), key, rules),
  };
}

/** The fingerprint does not tell of what kind the key is: a server shows one kind, and may have others. */
class PinnedKey implements HostKeyPolicy {
  readonly algorithms: ServerHostKeyAlgorithm[];
  refusedKind: string | undefined;
  readonly #pinned: string;
  readonly #rules: HostKeyRules;

  constructor(pinned: string, rules: HostKeyRules) {
    const { passedOver = [] } = rules;
    this.algorithms = ALGORITHMS.filter((name) => !passedOver.includes(kindFor(name)));
    this.#pinned = pinned;
    this.#rules = rules;
  }

  check(key: Buffer): TargetError | undefined {
    if (fingerprintOf(key) === this.#pinned.replaceAll('=', '')) return undefined;
    const kind = kindOf(key);
    if (this.algorithms.some((name) => kindFor(name) !== kind)) this.refusedKind = kind;
    return distrust(
      `cannot trust ${this.#rules.label}: its key is ${describe(key)}, and hostKey says ${this.#pinned}; ` +
        'stop here unless you know that the key was changed, and then correct hostKey',
    );
  }
}

/** Of the keys that an algorithm signs with. */
function kindFor(name: ServerHostKeyAlgorithm): string {
  return name.startsWith('rsa-') ? 'ssh-rsa' : name;
}

function complaint(verdict: HostKeyVerdict, key: Buffer, rules: HostKeyRules): TargetError | undefined {
  switch (verdict.kind) {
    case 'trusted':
      return undefined;
    case 'unknown':
      return distrust(`cannot trust ${rules.label}: its key ${describe(key)} is not known; ${howToTrust(key, rules)}`);
    case 'changed':
      return distrust(`cannot trust ${rules.label}: its key has changed. ${howToReplace(verdict.known, key, rules)}`);
    case 'revoked':
      return distrust(
        `cannot trust ${rules.label}: its key ${describe(key)} is revoked in ${placeOf(verdict.by)}; ` +
          'do not connect to it with this key in use',
      );
    case 'certificate-only':
      return distrust(
        `cannot trust ${rules.label}: ${placeOf(verdict.by)} trusts it by certificate, which pushstatic cannot check, ` +
          `and its key ${describe(key)} is not known; ${howToTrust(key, rules)}`,
      );
  }
  return undefined;
}

function howToTrust(key: Buffer, rules: HostKeyRules): string {
  const port = rules.port === 22 ? '' : `-p ${rules.port} `;
  const file = rules.files[0] ?? '~/.ssh/known_hosts';
  const makeFolder = existsSync(dirname(file)) ? '' : `mkdir -p -m 700 ${dirname(file)} && `;
  return (
    `compare that fingerprint with the server's own, and then run: ${makeFolder}ssh-keyscan ${port}${rules.host} >> ` +
    `${file} (or set hostKey: '${fingerprintOf(key)}' for this target)`
  );
}

function howToReplace(known: readonly KnownHost[], key: Buffer, rules: HostKeyRules): string {
  const expected = known.map((line) => `${describe(line.key)} (${placeOf(line)})`).join(' or ');
  const files = [...new Set(known.map((line) => line.file))];
  const removals = files.map((file) => `ssh-keygen -R '${nameInKnownHosts(rules)}' -f ${file}`);
  return (
    `Expected ${expected}, found ${describe(key)}. Somebody may be listening in. ` +
    `If you know that the change is right, run: ${removals.join(' && ')}`
  );
}

/** Such as `ssh-ed25519 SHA256:…`. */
function describe(key: Buffer): string {
  return `${kindOf(key)} ${fingerprintOf(key)}`;
}

/** A key begins with its own type, after four bytes of length. */
function kindOf(key: Buffer): string {
  return key.length < 4 ? '' : key.subarray(4, 4 + key.readUInt32BE(0)).toString('latin1');
}

function placeOf(line: KnownHost): string {
  return `${line.file}:${line.line}`;
}

function distrust(message: string): TargetError {
  return new TargetError('host-key', message);
}
