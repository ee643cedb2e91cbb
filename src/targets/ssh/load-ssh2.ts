/**
 * loadSsh2: the SSH library, loaded piece by piece. As a whole it holds up the thread for 30 to 70 ms, and with it all that waits for
 * its turn there.
 */
import { createRequire } from 'node:module';
import { setImmediate } from 'node:timers/promises';

/** As the library asks for them, those first that others begin with: each takes 4 to 15 ms. */
export const PIECES = [
  'asn1',
  'bcrypt-pbkdf',
  './protocol/constants.js',
  './protocol/keyParser.js',
  './protocol/kex.js',
  './protocol/Protocol.js',
  './protocol/SFTP.js',
  './agent.js',
  './client.js',
] as const;

export async function loadSsh2(): Promise<typeof import('ssh2')> {
  const inLibrary = createRequire(createRequire(import.meta.url).resolve('ssh2'));
  for (const piece of PIECES) {
    try {
      inLibrary(piece);
    } catch {
      // of another version: then it comes with the whole, which tells if something is wrong with it
    }
    await setImmediate();
  }
  return (await import('ssh2')).default;
}
