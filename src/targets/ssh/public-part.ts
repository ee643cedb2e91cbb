/**
 * publicPartOf: the public key that a file stands for, so that the agent can be asked for it: its own, what a private key shows
 * of itself though it is encrypted (OpenSSH's PROTOCOL.key), or that of the file beside it.
 */
import { readFile } from 'node:fs/promises';
import ssh2 from 'ssh2';

const ARMOUR = /-----BEGIN OPENSSH PRIVATE KEY-----([^-]*)-----END/;
const MAGIC = Buffer.from('openssh-key-v1\0');
const BEFORE_KEY = 3; // cipher, key derivation and its options

/** In SSH's wire format; undefined if none can be read, for any reason: it is only a hint as to which key is meant. */
export async function publicPartOf(path: string): Promise<Buffer | undefined> {
  const own = await readFile(path).catch(() => undefined);
  return keyIn(own) ?? shownBy(own) ?? keyIn(await readFile(`${path}.pub`).catch(() => undefined));
}

function keyIn(bytes: Buffer | undefined): Buffer | undefined {
  const parsed = bytes === undefined ? undefined : ssh2.utils.parseKey(bytes);
  return parsed === undefined || parsed instanceof Error ? undefined : parsed.getPublicSSH();
}

function shownBy(bytes: Buffer | undefined): Buffer | undefined {
  const blob = Buffer.from(ARMOUR.exec(bytes?.toString('latin1') ?? '')?.[1] ?? '', 'base64');
  if (!blob.subarray(0, MAGIC.length).equals(MAGIC)) return undefined;
  let at = MAGIC.length;
  const next = (): Buffer | undefined => {
    const begin = at + 4;
    if (begin > blob.length) return undefined;
    at = begin + blob.readUInt32BE(at);
    return at > blob.length ? undefined : blob.subarray(begin, at);
  };
  for (let field = 0; field < BEFORE_KEY; field++) if (next() === undefined) return undefined;
  at += 4; // how many keys: one
  return next();
}
