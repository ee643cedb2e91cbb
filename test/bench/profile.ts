/** Where the time of a first push goes: of each thread, what it was in when it was asked, twice in a millisecond. */
import { mkdir, readdir, readFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { forget, type Means, pushstatic, time } from './sides.js';
import { plantMany } from './trees.js';

const FILES = 10_000;
const INTERVAL_US = 500;
const MOST_LINES = 20;

/** The format of `--cpu-prof`. Times in microseconds. */
interface Profile {
  readonly nodes: readonly { readonly id: number; readonly callFrame: { functionName: string; url: string } }[];
  readonly samples: readonly number[];
  readonly timeDeltas: readonly number[];
}

export async function profileFirstPush(means: Means): Promise<void> {
  const folder = join(means.folder, 'profile');
  const [tree, profiles] = [join(folder, 'tree'), join(folder, 'profiles')];
  await plantMany(tree, FILES);
  await mkdir(profiles);
  const side = await pushstatic({ ...means, folder, tree }, means.server.port, 'pushstatic');
  await time(side);
  forget(side);
  const [node = '', ...rest] = side.command;
  const flags = ['--cpu-prof', '--cpu-prof-dir', profiles, '--cpu-prof-interval', String(INTERVAL_US)];
  const ms = await time({ ...side, command: [node, ...flags, ...rest] });
  console.log(`first push of ${FILES} files: ${ms.toFixed(0)} ms, watched`);
  for (const [i, name] of (await readdir(profiles)).sort().entries()) {
    console.log(i === 0 ? 'the thread that sends' : 'a thread that reads and hashes');
    show(JSON.parse(await readFile(join(profiles, name), 'utf8')) as Profile);
  }
}

function show({ nodes, samples, timeDeltas }: Profile): void {
  const names = new Map(nodes.map(({ id, callFrame }) => [id, nameOf(callFrame)]));
  const spent = new Map<string, number>();
  for (const [i, sample] of samples.entries()) {
    const name = names.get(sample) ?? '';
    spent.set(name, (spent.get(name) ?? 0) + (timeDeltas[i] ?? 0));
  }
  for (const [name, us] of [...spent].sort((a, b) => b[1] - a[1]).slice(0, MOST_LINES))
    console.log(`${(us / 1000).toFixed(0).padStart(8)} ms  ${name}`);
}

function nameOf({ functionName, url }: { functionName: string; url: string }): string {
  return `${functionName || '(a function without a name)'}${url === '' ? '' : ` in ${basename(url)}`}`;
}
