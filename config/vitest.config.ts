import { existsSync, statfsSync } from 'node:fs';
import { defineConfig } from 'vitest/config';

const MEMORY = '/dev/shm';
const ENOUGH_BYTES = 4 * 1024 ** 3;

// A RAM disk where there is one: what makes many small files takes several times as long on a plain disk. Whoever names a
// folder gets that.
if (isRoomy(MEMORY)) process.env['TMPDIR'] ??= MEMORY;

function isRoomy(folder: string): boolean {
  if (!existsSync(folder)) return false;
  const { bavail, bsize } = statfsSync(folder);
  return bavail * bsize >= ENOUGH_BYTES;
}

export default defineConfig({
  test: {
    root: new URL('..', import.meta.url).pathname,
    include: ['test/**/*.test.ts'],
    setupFiles: ['test/support/seed.ts'],
    // For what hangs: the slowest takes 50 s on two busy cores.
    testTimeout: 180_000,
    hookTimeout: 180_000,
    // A machine that others use stands still for a second now and then.
    expect: { poll: { timeout: 30_000 } },
    // Two real servers and a compiler share two cores with the tests.
    maxWorkers: 2,
    reporters: ['default', new URL('./list-skips.ts', import.meta.url).pathname],
  },
});
