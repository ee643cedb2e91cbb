/** Loaded into a measured process: at a SIGUSR2 it writes the size of its heap, in bytes, where HEAP_FILE says. */
import { writeFileSync } from 'node:fs';

process.on('SIGUSR2', () => {
  globalThis.gc();
  writeFileSync(process.env.HEAP_FILE, String(process.memoryUsage().heapUsed));
});
