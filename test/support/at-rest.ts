/** atRest: until what was planted is older than the tick of a clock, so that a run takes it for read once and for all. */
import { readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { setImmediate } from 'node:timers/promises';
import { isRacy } from '../../src/collect/stamp.js';

/** Until nothing in `folder` could change any more and look the same. */
export async function atRest(folder: string): Promise<void> {
  for (const { parentPath, name } of readdirSync(folder, { recursive: true, withFileTypes: true }))
    while (isRacy(statSync(join(parentPath, name)), Date.now())) await setImmediate();
}
