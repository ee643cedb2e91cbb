/**
 * Two machines that push to one target at the same time, each another version of the site: what is there in the end is one of the
 * two, never a mixture, and the index knows it.
 */
import { mkdirSync } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { CONTROL } from '../src/core/relpath.js';
import { LockedError } from '../src/errors.js';
import { IndexStore } from '../src/push/index/store.js';
import { verify } from '../src/push/verify.js';
import { openSftp } from '../src/targets/sftp/sftp.js';
import { connectSsh } from '../src/targets/ssh/ssh.js';
import type { Target } from '../src/targets/target.js';
import { chanceOf } from './support/chance.js';
import { type Bench, makeBench, publicTree, type Site } from './support/cycle.js';
import { type OpenSshServer, startOpenSsh } from './support/openssh-server.js';
import { makeProject, on, published } from './support/project.js';
import { raceForTarget, siteOf } from './support/races.js';
import { startSftpServer } from './support/sftp-server.js';
import { temporaryFolder } from './support/tree.js';

const CYCLES = 20;
const RACES = 8; // `npm run soak` has ten times a hundred

let server: OpenSshServer;
beforeAll(async () => {
  server = await startOpenSsh();
});
afterAll(() => server.stop());

async function connectorTo(root: string): Promise<() => Promise<Target>> {
  await mkdir(root, { recursive: true });
  const { host, port, user, identityFile, knownHosts } = server;
  return async () => {
    const connection = await connectSsh({ host, port, user, identityFile, knownHosts, sshConfig: false }, { env: {} });
    return openSftp(connection, { url: `sftp://${host}${root}`, root, control: join(root, CONTROL) });
  };
}

describe('two machines that push at once', () => {
  it.each(['at once', 'one by one'] as const)(
    `leave one of two versions after ${CYCLES} cycles each, %s`,
    async (pace) => {
      const connect = await connectorTo(join(await temporaryFolder(), 'served'));
      const machines = { a: await makeBench(), b: await makeBench() };
      const push = async (who: 'a' | 'b', cycle: number): Promise<void> => {
        try {
          await machines[who].publish(await connect(), siteOf(who, cycle), { pace });
        } catch (error) {
          // The other one wrote since this one looked.
          if (!(error instanceof LockedError && error.retryable)) throw error;
          await push(who, cycle);
        }
      };
      for (let cycle = 0; cycle < CYCLES; cycle++) await Promise.all([push('a', cycle), push('b', cycle)]);
      await expectOneOf(await connect(), machines.a, [siteOf('a', CYCLES - 1), siteOf('b', CYCLES - 1)]);
    },
  );
});

it(`two programs that are started at once leave one of two versions each of ${RACES} times, and the index is right`, async () => {
  const { faults } = await raceForTarget(await temporaryFolder(), server, RACES, chanceOf(1));
  expect(faults).toEqual([]);
});

it('a run whose target is made by another one, when it was just about to, goes on', async () => {
  let served = '';
  const remote = await startSftpServer({
    fault: ({ kind, count }) => {
      if (kind === 'MKDIR' && count === 1) mkdirSync(served);
      return undefined;
    },
  });
  onTestFinished(() => remote.stop());
  served = join(remote.folder, 'served');
  const { sync } = await makeProject({ targets: { web: on(remote, 'served') } }, { 'assets/a.css': 'a' });
  expect(await sync()).toMatchObject({ status: 0, targets: [{ uploaded: 1 }] });
  expect(await published(served)).toEqual({ 'a.css': 'a' });
});

async function expectOneOf(target: Target, { state, options }: Bench, sites: readonly Site[]): Promise<void> {
  onTestFinished(() => target.close());
  const there = await publicTree(target);
  expect(sites.map((site) => site['index.html'])).toContain(there['index.html']);
  expect(there).toEqual(sites.find((site) => site['index.html'] === there['index.html']));
  const loaded = await new IndexStore(target, { ...options(), cache: state }).load();
  if (loaded.kind !== 'index') throw new TypeError(`the index is ${loaded.kind}`);
  expect(await verify(target, loaded.index, { depth: 'content', folderMode: 0o755 })).toEqual([]);
}
