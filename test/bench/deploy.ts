/**
 * A deploy of a Django project with ManifestStaticFilesStorage: `pushstatic sync` beside `collectstatic && rsync -a --delete`, over
 * the same assets to the same server, interleaved.
 */
import { execFileSync } from 'node:child_process';
import { appendFile } from 'node:fs/promises';
import { join } from 'node:path';
import { change, type Place, plantSite, timeDjango } from './hashed-names.js';
import { type Means, rsync, time } from './sides.js';
import { median } from './trend.js';

const CLI = new URL('../../dist/cli/main.js', import.meta.url).pathname;
const FILES = [10_000, 30_000];
const FIRST_RUNS = 3;

/** Milliseconds of a deploy by either side. */
interface Sides {
  readonly ours: () => Promise<number>;
  readonly theirs: () => Promise<number>;
  /** What was deployed so far is forgotten. */
  readonly forget: () => void;
}

export async function measureDeploys(means: Means, runs: number): Promise<void> {
  console.log(
    'a deploy of a site with hashed names beside collectstatic && rsync -a; medians of whole commands in milliseconds',
  );
  console.log('files   deploy              pushstatic     others     ratio');
  for (const files of FILES) {
    const folder = join(means.folder, `deploy-${files}`);
    const place = { folder, assets: join(folder, 'assets'), environment: means.environment };
    await plantSite(place, files);
    const sides = await sidesOf(place, means);
    await show(files, 'first', FIRST_RUNS, sides, async () => sides.forget());
    await show(files, 'nothing new', runs, sides, async () => undefined);
    await show(files, 'one leaf changed', runs, sides, async (run) => void (await change(place, run)));
    execFileSync('rm', ['-rf', folder]);
  }
}

async function sidesOf(place: Place, { server, withShell, environment }: Means): Promise<Sides> {
  const { folder } = place;
  const destination = join(folder, 'by-pushstatic');
  await appendFile(
    join(folder, 'pushstatic.yaml'),
    `site: bench
targets:
  server:
    url: sftp://${server.user}@127.0.0.1:${server.port}${destination}
    identityFile: ${server.identityFile}
    hostKey: '${server.fingerprint}'
    sshConfig: false
`,
  );
  const state = join(folder, 'state');
  const command = [process.execPath, CLI, '-q', '-c', join(folder, 'pushstatic.yaml'), 'sync'];
  const sync = {
    name: 'pushstatic' as const,
    destination,
    command,
    environment: { ...environment, XDG_STATE_HOME: state },
    traces: [destination, state, join(folder, 'ours')],
  };
  const means = { ...place, tree: join(folder, 'theirs'), server: withShell };
  const send = rsync(means, withShell.port, 'by-rsync');
  return {
    ours: () => time(sync),
    theirs: async () => (await timeDjango(place)) + (await time(send)),
    forget: () => execFileSync('rm', ['-rf', ...sync.traces, ...send.traces, means.tree]),
  };
}

async function show(
  files: number,
  deploy: string,
  runs: number,
  { ours, theirs }: Sides,
  before: (run: number) => Promise<void>,
): Promise<void> {
  const times = { ours: [] as number[], theirs: [] as number[] };
  for (let run = 0; run < runs; run++) {
    await before(run);
    times.ours.push(await ours());
    times.theirs.push(await theirs());
  }
  const [left, right] = [median(times.ours), median(times.theirs)];
  const columns = [left.toFixed(0).padStart(10), right.toFixed(0).padStart(9), (left / right).toFixed(2).padStart(8)];
  console.log(`${String(files).padEnd(6)}  ${deploy.padEnd(18)}  ${columns.join('  ')}`);
}
