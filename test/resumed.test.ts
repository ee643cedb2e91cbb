/** A large upload that broke off goes on where it was, on a real OpenSSH server, once what lies there is proven to be its beginning. */
import { createHash } from 'node:crypto';
import { mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { makeFilledRoot } from './support/filled-root.js';
import { noise } from './support/noise.js';
import { type OpenSshServer, startOpenSsh } from './support/openssh-server.js';
import { differences, on } from './support/project.js';

const MIB = 1024 * 1024;
const LARGE = noise(6 * MIB, 1);
const NAME = `${createHash('sha256').update(LARGE).digest('hex')}.0`;

let server: OpenSshServer;
let withoutCopies: OpenSshServer;

beforeAll(async () => {
  [server, withoutCopies] = await Promise.all([
    startOpenSsh(),
    startOpenSsh({ extra: ['Subsystem sftp internal-sftp -P copy-data'] }),
  ]);
});

afterAll(() => Promise.all([server.stop(), withoutCopies.stop()]));

describe('what a run that broke off left of a large file', () => {
  it.each([
    ['is its beginning', LARGE.subarray(0, 4 * MIB + 123), 2 * MIB - 123],
    ['has its length and other bytes in the middle', spoilt(LARGE.subarray(0, 4 * MIB), 3 * MIB), 6 * MIB],
    ['is another file', noise(5 * MIB, 2), 6 * MIB],
    ['is little', LARGE.subarray(0, 1000), 6 * MIB],
    ['is more than it', Buffer.concat([LARGE, LARGE.subarray(0, 10)]), 6 * MIB],
    ['is all of it, without its time', LARGE, 6 * MIB],
  ])('%s: no more is sent than has to be, and what is published is whole', async (_, left, sent) => {
    const { put, sync, target, root } = await makeFilledRoot(server);
    await sync();
    leaveBehind(target, left);
    put({ 'video.bin': LARGE });
    const { status, targets } = await sync();
    expect([status, targets[0]?.uploaded, targets[0]?.problems]).toEqual([0, 1, []]);
    expect(differences(root, target)).toBe('');
    // A beginning that turns out to be none was sent its rest in vain.
    expect(targets[0]?.sentBytes).toBeGreaterThanOrEqual(sent);
    expect(targets[0]?.sentBytes).toBeLessThanOrEqual(sent === 6 * MIB ? 2 * sent : sent);
    expect(readdirSync(join(target, '.pushstatic/stage')).filter((name) => !name.startsWith('at-'))).toEqual([]);
  });

  it('is of no use to a server that copies nothing', async () => {
    const scene = await makeFilledRoot(server);
    await scene.configure({ targets: { web: on(withoutCopies, scene.target) } });
    await scene.sync();
    leaveBehind(scene.target, LARGE.subarray(0, 4 * MIB));
    scene.put({ 'video.bin': LARGE });
    expect(await scene.sync()).toMatchObject({ status: 0, targets: [{ uploaded: 1, sentBytes: LARGE.length }] });
    expect(differences(scene.root, scene.target)).toBe('');
  });
});

function leaveBehind(target: string, content: Uint8Array): void {
  const folder = join(target, '.pushstatic/stage/left-gone.0');
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, NAME), content);
}

function spoilt(content: Uint8Array, at: number): Buffer {
  const other = Buffer.from(content);
  other[at] = (other[at] ?? 0) ^ 1;
  return other;
}
