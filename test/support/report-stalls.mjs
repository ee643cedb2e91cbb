/** For `node --import`: writes the longest stall of the main thread's event loop, in milliseconds, when the process ends. */
import { writeFileSync } from 'node:fs';
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { isMainThread } from 'node:worker_threads';

const RESOLUTION_MS = 5;

if (isMainThread && process.env.STALLS_FILE !== undefined) {
  const delay = monitorEventLoopDelay({ resolution: RESOLUTION_MS });
  delay.enable();
  // What the start takes is no stall of a service.
  process.once('SIGUSR2', () => delay.reset());
  process.on('exit', () => writeFileSync(process.env.STALLS_FILE, `${Math.round(delay.max / 1e6)}`));
}
