/**
 * Two programs on two machines, so to speak, that push to one target at the same moment, each another version of the site, again
 * and again.
 */
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { isDeepStrictEqual } from 'node:util';
import type { Chance } from './chance.js';
import type { Site } from './cycle.js';
import type { OpenSshServer } from './openssh-server.js';
import type { Ended } from './program.js';
import { makeProjectIn, on, type Project, published } from './project.js';
import { plant, type Tree } from './tree.js';

const SETTINGS = { site: 'race', static: { root: 'var/static', storage: 'none' }, source: { dirs: [] } };
const WRITERS = ['a', 'b'] as const;
const LOCKED = 4;
const MOST_BEHIND_MS = 150; // a push takes a few hundred

export interface Raced {
  /** How often a run gave way to the other one. */
  readonly gaveWay: number;
  /** Whatever was wrong, in words. */
  readonly faults: readonly string[];
}

export async function raceForTarget(
  folder: string,
  server: OpenSshServer,
  cycles: number,
  chance: Chance,
): Promise<Raced> {
  const target = join(folder, 'served');
  const targets = { web: on(server, target, { delete: { max: '100%' } }) };
  const projects = await Promise.all(WRITERS.map((who) => makeProjectIn(join(folder, who), { ...SETTINGS, targets })));
  const faults: string[] = [];
  let gaveWay = 0;
  let before: Tree = {};
  for (let cycle = 1; cycle <= cycles; cycle++) {
    const trees = WRITERS.map((who) => siteOf(who, cycle));
    for (const [at, { root }] of projects.entries()) await replace(root, trees[at] ?? {});
    const runs = await Promise.all(projects.map((project) => pushSoon(project, chance.below(MOST_BEHIND_MS))));
    const statuses = runs.map(({ status }) => status);
    for (const { status, stderr } of runs)
      if (status !== 0 && status !== LOCKED) faults.push(`cycle ${cycle} ended with ${status}: ${stderr}`);
    gaveWay += statuses.filter((status) => status === LOCKED).length;
    const possible = [...trees.filter((_, at) => statuses[at] === 0), ...(statuses.includes(0) ? [] : [before])];
    const there = await published(target);
    if (!possible.some((tree) => isDeepStrictEqual(tree, there)))
      faults.push(`cycle ${cycle}, statuses ${statuses.join(' and ')}: a mixture, ${JSON.stringify(there)}`);
    before = there;
    const { status, stdout } = await chance.pick(projects).program.run('verify', '--content');
    if (status !== 0) faults.push(`cycle ${cycle}: the index is not right: ${stdout}`);
    if (chance.happens(0.1)) await chance.pick(projects).forgetState();
  }
  return { gaveWay, faults };
}

/** Files that are the same for all, leaves of its own, and names that both use for content of their own. */
export function siteOf(who: string, cycle: number): Site {
  const several = <T>(make: (number: number) => T): T[] => Array.from({ length: 5 }, (_, number) => make(number));
  return Object.fromEntries([
    ...several((i) => [`img/${who}-${cycle}-${i}.png`, `${who} ${cycle} ${i}`]),
    ...several((i) => [`common/${i}.png`, `common ${i}`]),
    ...several((i) => [`css/${i}.css`, `/* ${who} ${cycle} */`]),
    ['index.html', `${who} ${cycle}`],
  ]) as Site;
}

async function replace(folder: string, tree: Tree): Promise<void> {
  await rm(folder, { recursive: true, force: true });
  await plant(folder, tree);
}

async function pushSoon({ program }: Project, afterMs: number): Promise<Ended> {
  await pause(afterMs);
  return program.run('sync', '--force');
}
