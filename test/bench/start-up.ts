/** What the program takes before it does anything: `pushstatic --version` beside `node -e 0`, interleaved. */
import { execFileSync } from 'node:child_process';
import { median } from './trend.js';

const CLI = new URL('../../dist/cli/main.js', import.meta.url).pathname;
const RUNS = 41;
const BOUND_MS = 40;

export function measureStartUp(environment: NodeJS.ProcessEnv): void {
  const commands = [
    [CLI, '--version'],
    ['-e', '0'],
  ] as const;
  const times = commands.map((): number[] => []);
  for (let run = 0; run < RUNS; run++) {
    for (const [i, words] of commands.entries()) {
      const started = performance.now();
      execFileSync(process.execPath, words, { env: environment, stdio: 'ignore' });
      times[i]?.push(performance.now() - started);
    }
  }
  const [ours = 0, bare = 0] = times.map(median);
  console.log(
    `pushstatic --version: ${ours.toFixed(0)} ms, node -e 0: ${bare.toFixed(0)} ms; ` +
      `${(ours - bare).toFixed(0)} ms more (bound: ${BOUND_MS})`,
  );
}
