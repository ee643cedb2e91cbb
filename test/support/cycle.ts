/** One cycle over real files, without a command line: for tests of what a cycle leaves behind, whatever happens to it. */
import { createHash } from 'node:crypto';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { onTestFinished } from 'vitest';
import { sign } from '../../src/collect/sign.js';
import { Arrivals } from '../../src/collect/thread/arrivals.js';
import type { Entry } from '../../src/core/entry.js';
import type { RelPath } from '../../src/core/relpath.js';
import type { Snapshot } from '../../src/core/snapshot.js';
import { Pacer } from '../../src/fs/pace.js';
import { StateFolder } from '../../src/fs/state.js';
import type { LeaseTerms } from '../../src/push/lease/holders.js';
import { type Cycled, type CycleOptions, syncTarget, type TargetJob } from '../../src/sync.js';
import type { Target } from '../../src/targets/target.js';
import { path } from './entries.js';
import { plant } from './tree.js';

/** What to publish: names and their text. */
export type Site = Readonly<Record<string, string>>;

export interface Pace {
  /** Not `at once`: the entries come before the snapshot is whole, as from a thread that is still reading. */
  readonly pace: 'at once' | 'one by one' | 'in one batch';
}

export interface Bench {
  /** Plants `site` and publishes it. */
  readonly publish: (target: Target, site: Site, rest?: Partial<TargetJob & CycleOptions & Pace>) => Promise<Cycled>;
  /** Plants `site` where the next cycles find it, and gives its snapshot. */
  readonly plant: (site: Site) => Promise<Snapshot>;
  /** What `publish` works with. */
  readonly job: (target: Target, rest?: Partial<TargetJob>) => TargetJob;
  readonly options: () => CycleOptions;
  readonly state: StateFolder;
  readonly forgetState: () => Promise<void>;
  /** Where the files of the last site lie. */
  readonly root: () => string;
}

/** For one to whom all others are dead. */
export const OUT_AT_ONCE: LeaseTerms = { ttl: -60_000, patience: 0 };

let runs = 0;

export async function makeBench(): Promise<Bench> {
  const folder = await mkdtemp(join(tmpdir(), 'pushstatic-cycle-'));
  onTestFinished(() => rm(folder, { recursive: true }));
  const state = new StateFolder(join(folder, 'state'));
  let root = '';
  const plantSite = async (site: Site): Promise<string> => {
    root = join(folder, `site-${++runs}`);
    await plant(root, site);
    return root;
  };
  const job: Bench['job'] = (target, rest = {}) => ({
    name: 'target',
    terms: '',
    url: target.url,
    open: async () => target,
    accepts: () => true,
    allows: () => false,
    allowNonAtomic: false,
    fileMode: 0o644,
    folderMode: 0o755,
    deletion: 'delete',
    limit: undefined,
    cache: state,
    ...rest,
  });
  const options = (): CycleOptions => ({
    site: 'site',
    fileOf: (at) => join(root, at),
    act: 'push',
    sign: (files, place) => sign(files, place, {}),
    concurrency: 'auto',
    bandwidth: undefined,
    run: `run${++runs}`,
    now: () => 1_700_000_000_000 + runs,
  });
  return {
    state,
    job,
    options,
    forgetState: () => rm(state.path, { recursive: true, force: true }),
    root: () => root,
    plant: async (site) => snapshotOf(await plantSite(site), Object.keys(site), new Arrivals(), 'at once'),
    async publish(target, site, { pace = 'at once', ...rest } = {}) {
      await plantSite(site);
      const arrivals = new Arrivals();
      const snapshot = snapshotOf(root, Object.keys(site), arrivals, pace);
      snapshot.catch(() => undefined);
      const { index, ...result } = await syncTarget(job(target, rest), () => snapshot, {
        ...options(),
        arrivals: pace === 'at once' ? undefined : arrivals,
        ...rest,
      });
      if (index === undefined) throw new TypeError('it was not loaded');
      return { ...result, index };
    },
  };
}

/** Whether what is written there is to be published under another name. */
export function isStaged(place: string): boolean {
  return place.includes('/stage/') && !place.endsWith('/head');
}

/** The public files of a target and their text. */
export async function publicTree(target: Target): Promise<Record<string, string>> {
  const found: [string, string][] = [];
  for await (const each of target.list(undefined)) {
    if (each.kind === 'file') found.push([each.path, await textOf(target, each.path)]);
  }
  return Object.fromEntries(found.sort(([a], [b]) => (a < b ? -1 : 1)));
}

/** What lies in the control area: names without what differs from run to run. */
export async function controlFiles(target: Target): Promise<string[]> {
  const found: string[] = [];
  for await (const each of target.list(path('.pushstatic'))) {
    if (each.kind === 'file') found.push(each.path.replace('.pushstatic/', '').replace(/-\d+-run\d+\.\d+$/, ''));
  }
  return found.sort();
}

async function snapshotOf(
  root: string,
  names: readonly string[],
  arrivals: Arrivals,
  pace: Pace['pace'],
): Promise<Snapshot> {
  const entries: Entry[] = [];
  for (const name of names) {
    const entry = await entryOf(root, path(name));
    entries.push(entry);
    if (pace !== 'in one batch') arrivals.add([entry]);
  }
  if (pace === 'in one batch') arrivals.add(entries);
  arrivals.end();
  return { entries: await arrivals.table(new Pacer()), problems: [] };
}

/** The time follows from the content, so that the same content has the same one in every run. */
async function entryOf(root: string, at: RelPath): Promise<Entry> {
  const content = await readFile(join(root, at));
  const hash = createHash('sha256').update(content);
  const mtime = 1_600_000_000 + hash.copy().digest().readUInt16BE();
  return { path: at, size: content.length, digest: hash.digest('hex'), mtime, mode: 0o644 };
}

async function textOf(target: Target, at: RelPath): Promise<string> {
  const pieces: Buffer[] = [];
  for await (const piece of target.read(at)) pieces.push(Buffer.from(piece));
  return Buffer.concat(pieces).toString();
}
