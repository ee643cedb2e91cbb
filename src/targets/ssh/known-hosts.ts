/**
 * The known_hosts files of OpenSSH (sshd(8), "SSH_KNOWN_HOSTS FILE FORMAT"): which keys a host is known by, and what
 * that says about the key it shows. The decisions are pure; only `readKnownHosts` looks at the disk.
 * A file is never written: whom to trust is the user's word.
 */
import { createHash, createHmac, timingSafeEqual } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { ConfigError } from '../../errors.js';
import { whyUnreadable } from '../../system-error.js';

const DEFAULT_PORT = 22;

/** One line. `file` and `line`, counted from 1, are for messages. */
export interface KnownHost {
  readonly marker: 'cert-authority' | 'revoked' | undefined;
  readonly hosts: HostPatterns;
  /** As the line says it, such as `ssh-ed25519`. */
  readonly keyType: string;
  /** The public key in SSH's wire format. */
  readonly key: Buffer;
  readonly file: string;
  readonly line: number;
}

/** Names in the clear with wildcards, or one name that was hashed so that the file does not give it away. */
type HostPatterns =
  | { readonly kind: 'names'; readonly patterns: readonly string[] }
  | { readonly kind: 'hashed'; readonly salt: Buffer; readonly hash: Buffer };

/** A host as it is looked up: without brackets, before any port is put to it. */
export interface HostName {
  readonly host: string;
  readonly port: number;
}

export type HostKeyVerdict =
  | { readonly kind: 'trusted' }
  | { readonly kind: 'unknown' }
  /** The host is known, by these lines, and by none with this key. */
  | { readonly kind: 'changed'; readonly known: readonly KnownHost[] }
  | { readonly kind: 'revoked'; readonly by: KnownHost }
  /** The host is known only through an authority that signs host keys, which cannot be checked here. */
  | { readonly kind: 'certificate-only'; readonly by: KnownHost };

/** The lines of one file. Lines that say nothing, or are not well formed, are left out, as OpenSSH does. */
export function parseKnownHosts(text: string, file = ''): KnownHost[] {
  return text.split('\n').flatMap((content, index) => parseLine(content, file, index + 1) ?? []);
}

/** The lines of all files that exist, in their order. Throws a ConfigError for one that cannot be read. */
export async function readKnownHosts(files: readonly string[]): Promise<KnownHost[]> {
  const all = await Promise.all(files.map(async (file) => parseKnownHosts(await contentOf(file), file)));
  return all.flat();
}

/** What `lines` say about `key`, in SSH's wire format. A revocation in any line counts more than trust in another. */
export function checkHostKey(lines: readonly KnownHost[], host: HostName & { readonly key: Buffer }): HostKeyVerdict {
  const about = linesAbout(lines, host);
  const revoked = about.find((line) => line.marker === 'revoked' && line.key.equals(host.key));
  if (revoked !== undefined) return { kind: 'revoked', by: revoked };
  const plain = about.filter((line) => line.marker === undefined);
  if (plain.some((line) => line.key.equals(host.key))) return { kind: 'trusted' };
  if (plain.length > 0) return { kind: 'changed', known: plain };
  if (host.port !== DEFAULT_PORT && isTrustedWithoutPort(lines, host)) return { kind: 'trusted' };
  const authority = about.find((line) => line.marker === 'cert-authority');
  return authority === undefined ? { kind: 'unknown' } : { kind: 'certificate-only', by: authority };
}

/**
 * The types of the keys a host is known by, each once. A connection asks for these first: a server that has a key of
 * another type, too, would otherwise show that one and look as if it had changed.
 */
export function keyTypesFor(lines: readonly KnownHost[], host: string, port: number): string[] {
  const about = linesAbout(lines, { host, port });
  const withoutPort = about.length > 0 ? about : linesAbout(lines, { host, port: DEFAULT_PORT });
  return [...new Set(withoutPort.filter((line) => line.marker === undefined).map((line) => line.keyType))];
}

/** The fingerprint of a public key in SSH's wire format, as OpenSSH prints it: 'SHA256:' and base64 without padding. */
export function fingerprintOf(key: Buffer): string {
  return `SHA256:${createHash('sha256').update(key).digest('base64').replaceAll('=', '')}`;
}

/** How a host is written in known_hosts: `[host]:port`, or the host alone for port 22. Always in lower case. */
export function nameInKnownHosts({ host, port }: HostName): string {
  const lower = host.toLowerCase();
  return port === DEFAULT_PORT ? lower : `[${lower}]:${port}`;
}

async function contentOf(file: string): Promise<string> {
  try {
    return await readFile(file, 'utf8');
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return '';
    throw new ConfigError(`cannot read the known hosts in ${file}: ${whyUnreadable(error)}`, { cause: error });
  }
}

function parseLine(content: string, file: string, line: number): KnownHost | undefined {
  const words = content.split(/\s+/).filter((word) => word !== '');
  const marker = markerOf(words[0]);
  const [names, keyType, base64] = marker === undefined ? words : words.slice(1);
  if (names === undefined || keyType === undefined || base64 === undefined) return undefined;
  if (names.startsWith('#') || names.startsWith('@')) return undefined; // a comment, or a marker from the future
  const hosts = parseHosts(names);
  const key = Buffer.from(base64, 'base64');
  if (hosts === undefined || !isKeyOfType(key, keyType)) return undefined;
  return { marker, hosts, keyType, key, file, line };
}

function markerOf(word: string | undefined): KnownHost['marker'] {
  if (word === '@cert-authority') return 'cert-authority';
  return word === '@revoked' ? 'revoked' : undefined;
}

function parseHosts(names: string): HostPatterns | undefined {
  if (!names.startsWith('|')) return { kind: 'names', patterns: names.toLowerCase().split(',') };
  const [, version, salt, hash] = names.split('|');
  if (version !== '1' || salt === undefined || hash === undefined) return undefined;
  return { kind: 'hashed', salt: Buffer.from(salt, 'base64'), hash: Buffer.from(hash, 'base64') };
}

/** A key begins with its own type, as a string of SSH: a length in four bytes, then the text. */
function isKeyOfType(key: Buffer, type: string): boolean {
  return key.length > 4 && key.subarray(4, 4 + key.readUInt32BE(0)).toString('latin1') === type;
}

function linesAbout(lines: readonly KnownHost[], host: HostName): KnownHost[] {
  const name = nameInKnownHosts(host);
  return lines.filter((line) => isAbout(line.hosts, name));
}

/** OpenSSH believes a line without a port for every port of the host, though only to trust, never to distrust. */
function isTrustedWithoutPort(lines: readonly KnownHost[], host: HostName & { readonly key: Buffer }): boolean {
  return checkHostKey(lines, { ...host, port: DEFAULT_PORT }).kind === 'trusted';
}

function isAbout(hosts: HostPatterns, name: string): boolean {
  if (hosts.kind === 'hashed') {
    const hash = createHmac('sha1', hosts.salt).update(name).digest();
    return hash.length === hosts.hash.length && timingSafeEqual(hash, hosts.hash);
  }
  const matching = hosts.patterns.filter((pattern) => matches(pattern.replace(/^!/, ''), name));
  return matching.length > 0 && matching.every((pattern) => !pattern.startsWith('!'));
}

/** `*` stands for any characters and `?` for one. Walks both once and goes back only to the last `*`: never slow. */
function matches(pattern: string, name: string): boolean {
  let at = 0;
  let star = -1;
  let resumeAt = 0;
  let place = 0;
  while (at < name.length) {
    if (pattern[place] === '*') {
      star = place++;
      resumeAt = at;
    } else if (pattern[place] === '?' || pattern[place] === name[at]) {
      place++;
      at++;
    } else if (star >= 0) {
      place = star + 1;
      at = ++resumeAt;
    } else {
      return false;
    }
  }
  while (pattern[place] === '*') place++;
  return place === pattern.length;
}
