import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    root: new URL('..', import.meta.url).pathname,
    include: ['test/**/*.test.ts'],
    // For what hangs: the slowest takes 50 s on two busy cores.
    testTimeout: 180_000,
    hookTimeout: 180_000,
    // Two real servers and a compiler share two cores with the tests.
    maxWorkers: 2,
    reporters: ['default', new URL('./list-skips.ts', import.meta.url).pathname],
  },
});
