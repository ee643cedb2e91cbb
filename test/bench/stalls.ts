/** How long the event loop of a first push is held up: by what else it has to do, its heartbeat, signals and keepalives wait. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { forget, type Means, pushstatic, time } from './sides.js';
import { plantMany } from './trees.js';

const FILES = 100_000;
const BOUND_MS = 20;
const SHOWN = 12;
const REPORT = new URL('../support/report-stalls.mjs', import.meta.url).href;

export async function measureStalls(means: Means, runs: number): Promise<void> {
  const folder = join(means.folder, 'stalls');
  const tree = join(folder, 'tree');
  await plantMany(tree, FILES);
  const side = await pushstatic({ ...means, folder, tree }, means.server.port, 'pushstatic');
  const file = join(folder, 'stalls.json');
  const [node = '', ...rest] = side.command;
  console.log(
    `first push of ${FILES} files: the longest times in ms, of processor time, that its loop was busy in one go`,
  );
  for (let run = 0; run < runs; run++) {
    forget(side);
    const ms = await time({ ...side, command: [node, '--import', REPORT, ...rest] }, { STALLS_FILE: file });
    const stalls = (JSON.parse(await readFile(file, 'utf8')) as number[]).sort((a, b) => b - a);
    const longest = stalls.slice(0, SHOWN).map((each) => each.toFixed(0));
    const many = stalls.filter((each) => each > BOUND_MS).length;
    console.log(`${ms.toFixed(0).padStart(7)} ms: ${longest.join(' ')}; ${many} of more than ${BOUND_MS} ms`);
  }
}
