/**
 * Whether the server is the one the user meant. Nothing is sent to it before this is known, and nothing here ever says
 * yes for the user: a key is trusted because they wrote it down, as a fingerprint or in a known_hosts file.
 */
import type { ServerHostKeyAlgorithm } from 'ssh2';
import { TargetError } from '../errors.js';
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
}

/** Throws a ConfigError if a file is there and cannot be read. */
export async function hostKeyPolicy(rules: HostKeyRules): Promise<HostKeyPolicy> {
  const { pinned } = rules;
  if (pinned !== undefined) return { algorithms: [...ALGORITHMS], check: (key) => checkPinned(key, pinned, rules) };
  const lines = await readKnownHosts(rules.files);
  const known = keyTypesFor(lines, rules.host, rules.port);
  const isKnown = (name: ServerHostKeyAlgorithm) => known.includes(name.startsWith('rsa-') ? 'ssh-rsa' : name);
  return {
    algorithms: [...ALGORITHMS.filter((name) => isKnown(name)), ...ALGORITHMS.filter((name) => !isKnown(name))],
    check: (key) => complaint(checkHostKey(lines, { ...rules, key }), key, rules),
  };
}

function checkPinned(key: Buffer, pinned: string, rules: HostKeyRules): TargetError | undefined {
  if (fingerprintOf(key) === pinned.replaceAll('=', '')) return undefined;
  return distrust(
    `cannot trust ${rules.label}: its key is ${describe(key)}, and hostKey says ${pinned}; ` +
      'stop here unless you know that the key was changed, and then correct hostKey',
  );
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
  return (
    `compare that fingerprint with the server's own, and then run: ssh-keyscan ${port}${rules.host} >> ` +
    `${rules.files[0] ?? '~/.ssh/known_hosts'} (or set hostKey: '${fingerprintOf(key)}' in pushstatic.yaml)`
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

/** Such as `ssh-ed25519 SHA256:…`. A key begins with its own type, after four bytes of length. */
function describe(key: Buffer): string {
  const type = key.length < 4 ? '' : key.subarray(4, 4 + key.readUInt32BE(0)).toString('latin1');
  return `${type} ${fingerprintOf(key)}`;
}

function placeOf(line: KnownHost): string {
  return `${line.file}:${line.line}`;
}

function distrust(message: string): TargetError {
  return new TargetError('host-key', message);
}
