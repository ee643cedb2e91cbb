/** `push.bandwidth`: what is sent is held to so many bytes a second, however it is divided into files. */
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { throttleTo } from '../src/push/stage/throttle.js';
import { noise } from './support/noise.js';
import { type OpenSshServer, startOpenSsh } from './support/openssh-server.js';
import { differences, inFolder, makeProject, on } from './support/project.js';
import { temporaryFolder } from './support/tree.js';

const KB = 1024;
const LIMIT = { bandwidth: '512K' };

let server: OpenSshServer;

beforeAll(async () => {
  server = await startOpenSsh();
});

afterAll(() => server.stop());

describe('a limit of 512 KB a second', () => {
  it.each([
    ['one file to a server', 'sftp', { 'assets/a.bin': noise(1024 * KB) }],
    ['one file to a folder', 'file', { 'assets/a.bin': noise(1024 * KB) }],
    [
      'many files to a server',
      'sftp',
      Object.fromEntries(Array.from({ length: 32 }, (_, i) => [`assets/${i}`, noise(32 * KB, i)])),
    ],
  ] as const)('lets 1 MB pass in two seconds: %s', async (_, kind, tree) => {
    const folder = join(await temporaryFolder(), 'static');
    const web = kind === 'sftp' ? on(server, folder) : inFolder(folder);
    const { sync, root } = await makeProject({ targets: { web }, push: LIMIT }, tree);
    const { status, targets } = await sync();
    expect([status, targets[0]?.sentBytes]).toEqual([0, 1024 * KB]);
    expect(differences(root, folder)).toBe('');
    // The first tenth of a second is a gift, and so is the last piece.
    expect(targets[0]?.durationMs).toBeGreaterThan(1500);
  });
});

it('without a limit, content is handed on as it is', () => {
  const content = Buffer.from('content');
  expect(throttleTo(undefined).pace(content)).toBe(content);
});
