/**
 * A running daemon of the built program, asked over its control socket: `await startDaemon(project)`. It is ended when the
 * test is over.
 */
import { existsSync, readdirSync } from 'node:fs';
import { readdir } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { isDeepStrictEqual } from 'node:util';
import { expect, onTestFinished } from 'vitest';
import { type Client, connectDaemon } from '../../src/control/client.js';
import { socketPathsFor } from '../../src/control/socket-path.js';
import { isMark } from '../../src/core/lease.js';
import type { CycleReport, DaemonStatus, TargetStatus } from '../../src/daemon/status.js';
import type { Ended, Running } from './program.js';
import { type Access, makeProject, on, type Project, published, type Settings } from './project.js';
import { type Tree, temporaryFolder } from './tree.js';

const DEADLINE_MS = 30_000;
const PAUSE_MS = 10;

export interface TestDaemon extends Running {
  readonly client: Client;
  /** Waits until its status is like that. Fails at the deadline, or if it ends before. */
  readonly until: (isSo: (status: DaemonStatus) => boolean, ms?: number) => Promise<DaemonStatus>;
  /** Waits until nothing is left to be done. */
  readonly inSync: (ms?: number) => Promise<DaemonStatus>;
  /** Asks it to end, and waits for that. */
  readonly stop: () => Promise<Ended>;
}

/** Resolves when the daemon can be asked. It may not have looked at anything yet. */
export async function startDaemon(
  project: Project,
  { command = 'daemon', words = [] }: { command?: 'daemon' | 'watch'; words?: readonly string[] } = {},
): Promise<TestDaemon> {
  const running = project.program.start(command, ...words);
  let end: Ended | undefined;
  void running.ended.then((ended) => (end = ended));
  onTestFinished(async () => {
    running.kill('SIGKILL');
    await running.ended;
  });
  const mustRun = (): void => {
    if (end !== undefined) throw new Error(`it ended with ${end.status}: ${end.stderr}`);
  };
  const client = await eventually(
    'it listens',
    () => {
      mustRun();
      return connectDaemon(...socketPaths(project));
    },
    DEADLINE_MS,
  );
  const until: TestDaemon['until'] = (isSo, ms = DEADLINE_MS) => {
    let last: unknown;
    return eventually(
      () => `${isSo.toString()}; the last status was ${JSON.stringify(last)}; it wrote ${running.output.stderr}`,
      async () => {
        mustRun();
        const status = await client.status();
        last = { ...status, cycles: status.cycles.slice(0, 3).map((cycle) => ({ ...cycle, changes: [] })) };
        return isSo(status) ? status : undefined;
      },
      ms,
    );
  };
  return {
    ...running,
    client,
    until,
    inSync: (ms) => until(isInSync, ms),
    stop: async () => {
      await client.stop();
      return running.ended;
    },
  };
}

export function isInSync({ local, targets }: DaemonStatus): boolean {
  return local.state === 'ready' && local.unsettled === 0 && targets.every(({ state }) => state === 'in-sync');
}

export function targetOf({ targets }: DaemonStatus, name = 'web'): TargetStatus {
  const target = targets.find((each) => each.name === name);
  if (target === undefined) throw new Error(`there is no target ${name}`);
  return target;
}

/** The newest cycle. */
export function lastCycle({ cycles: [last] }: DaemonStatus): CycleReport {
  if (last === undefined) throw new Error('there was no cycle');
  return last;
}

/** Waits until `look` finds something, and gives that. `what` says it in words. */
export async function eventually<T>(
  what: string | (() => string),
  look: () => T | undefined | false | Promise<T | undefined | false>,
  ms = DEADLINE_MS,
): Promise<T> {
  const over = new AbortController();
  const looking = async (): Promise<T | undefined> => {
    while (!over.signal.aborted) {
      const found = await look();
      if (found !== undefined && found !== false) return found;
      await pause(PAUSE_MS);
    }
    return undefined;
  };
  // A look that never ends is as good as one that finds nothing.
  const found = await Promise.race([looking(), pause(ms, undefined, { signal: over.signal })]).finally(() =>
    over.abort(),
  );
  if (found === undefined) throw new Error(`not within ${ms} ms: ${typeof what === 'string' ? what : what()}`);
  return found;
}

export const SITE: Tree = {
  'assets/css/app.css': 'body { color: red }',
  'assets/img/logo.png': 'logo',
  'assets/index.html': '<p>page</p>',
  'assets/js/app.js': 'console.log(1)',
  'vendor/dist/lib.js': 'library',
};
/** What comes of `SITE`. */
export const PUBLISHED: Tree = {
  'css/app.css': 'body { color: red }',
  'img/logo.png': 'logo',
  'index.html': '<p>page</p>',
  'js/app.js': 'console.log(1)',
  'vendor/lib.js': 'library',
};
export const QUICK = { settle: '50ms', maxWait: '1s', sweep: '5s' };

export interface Scene extends Project {
  /** Where the published tree of `web` lies. */
  readonly target: string;
}

/** A project with one target, `web`, on `server`. */
export async function makeScene(
  server: Access,
  { tree = SITE, target: rest = {}, ...settings }: { tree?: Tree; target?: object } & Partial<Settings> = {},
): Promise<Scene> {
  const target = join(await temporaryFolder(), 'static');
  const targets = { web: on(server, target, rest) };
  const project = await makeProject({ targets, watch: QUICK, daemon: { http: false }, ...settings }, tree);
  return { ...project, target };
}

/** Waits until `target` holds this tree. */
export async function serves(target: string, tree: Tree, ms?: number): Promise<void> {
  let seen: Tree = {};
  await eventually(
    () => `${target} holds ${JSON.stringify(tree)}, and not ${JSON.stringify(seen)}`,
    async () => {
      seen = await published(target).catch(() => seen); // a file may go while it is read
      return isDeepStrictEqual(seen, tree);
    },
    ms,
  );
}

/** Nothing is half done: nothing is staged, and another run finds nothing to do. */
export async function expectSettled({ target, sync }: Scene): Promise<void> {
  expect(staged(target)).toEqual([]);
  const due = await sync('--standalone', '--dry-run');
  expect(due.targets.map(({ changes }) => changes)).toEqual([[]]);
  const { status, targets } = await sync('--standalone');
  expect(status).toBe(0);
  expect(targets).toMatchObject([{ uploaded: 0, removed: 0, problems: [] }]);
}

/** What lies in the staging area. */
export function staged(target: string): string[] {
  const folder = join(target, '.pushstatic', 'stage');
  return existsSync(folder) ? readdirSync(folder).filter((name) => !isMark(name)) : [];
}

/** What lies in the state folder of the project. */
export async function stateFolder({ state }: Project): Promise<string> {
  const [name = ''] = (await readdir(join(state, 'pushstatic'))).filter((each) => !each.endsWith('.sock'));
  return join(state, 'pushstatic', name);
}

/** Where the daemon of the project listens. */
export function socketPaths({ folder, state }: Project): readonly string[] {
  const file = join(folder, 'pushstatic.yaml');
  return socketPathsFor({ file, daemon: { socket: 'auto' } }, { HOME: dirname(state), XDG_STATE_HOME: state });
}
