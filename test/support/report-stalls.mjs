/**
 * Loaded into a measured process: writes to STALLS_FILE how long its main thread was busy in one go, each time that was long, in
 * milliseconds of processor time: while it waits for a processor that others have, or the machine stands still, it holds up nobody by
 * what it does. With each, how many milliseconds of time after the start of the process it began.
 */
import { openSync, readSync, writeFileSync } from 'node:fs';
import { isMainThread } from 'node:worker_threads';

const LONG_MS = 10;

if (isMainThread) {
  const account = openSync('/proc/thread-self/schedstat', 'r'); // nanoseconds on a processor, and other numbers
  const buffer = Buffer.alloc(64);
  const busyMs = () => Number.parseInt(buffer.latin1Slice(0, readSync(account, buffer, 0, buffer.length, 0)), 10) / 1e6;
  const stalls = [];
  let before = busyMs();
  let atMs = performance.now();
  const look = () => {
    const now = busyMs();
    if (now - before >= LONG_MS) stalls.push({ atMs, busyMs: now - before });
    before = now;
    atMs = performance.now();
  };
  setInterval(look, 1).unref();
  // What the start takes is no stall of a service.
  process.on('SIGUSR2', () => {
    stalls.length = 0;
    before = busyMs();
  });
  process.on('exit', () => {
    look();
    writeFileSync(process.env.STALLS_FILE, JSON.stringify(stalls));
  });
}
