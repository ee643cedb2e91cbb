import { createRequire } from 'node:module';
import ssh2 from 'ssh2';
import { describe, expect, it } from 'vitest';
import { loadSsh2, PIECES } from '../src/targets/ssh/load-ssh2.js';

describe('the SSH library', () => {
  it.each(PIECES)('has the piece %s', (piece) => {
    const inLibrary = createRequire(createRequire(import.meta.url).resolve('ssh2'));
    expect(inLibrary(piece)).toBeDefined();
  });

  it('is the same however it is loaded', async () => {
    expect((await loadSsh2()).Client).toBe(ssh2.Client);
  });
});
