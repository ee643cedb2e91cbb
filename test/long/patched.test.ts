/** New versions of larger files: what the former one holds is not sent, on a real OpenSSH server without a shell. */
import {
  copyFileSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  truncateSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { setImmediate } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { problemsOf } from '../../src/core/outcome.js';
import { MemoryTarget } from '../../src/targets/memory.js';
import { openSftp } from '../../src/targets/sftp/sftp.js';
import { connectSsh } from '../../src/targets/ssh/ssh.js';
import type { Piece } from '../../src/targets/target.js';
import { startRelay } from '../bench/relay.js';
import { Crash, crashAt } from '../support/crashing-target.js';
import { controlFiles, makeBench, publicTree, type Site } from '../support/cycle.js';
import { path } from '../support/entries.js';
import { FILLED_AT, type FilledRoot, makeFilledRoot, writeDated } from '../support/filled-root.js';
import { makeGate } from '../support/hooked-target.js';
import { noise } from '../support/noise.js';
import { type OpenSshServer, startOpenSsh } from '../support/openssh-server.js';
import { differences, inFolder, on } from '../support/project.js';
import { temporaryFolder } from '../support/tree.js';

const MIB = 1024 * 1024;
const SIZE = 500_000;
const OLD = noise(SIZE, 1);
const NEW = edited(OLD, 'an edit');
/** An edit, and a block or two. */
const FEW_BYTES = 2000;

let server: OpenSshServer;
let withoutCopies: OpenSshServer;

beforeAll(async () => {
  [server, withoutCopies] = await Promise.all([
    startOpenSsh(),
    startOpenSsh({ extra: ['Subsystem sftp internal-sftp -P copy-data'] }),
  ]);
});

afterAll(() => Promise.all([server.stop(), withoutCopies.stop()]));

/** `app.js` is published as it was at first. */
async function makeScene(place = server): Promise<FilledRoot> {
  const scene = await makeFilledRoot(place);
  scene.put({ 'app.js': OLD });
  expect(await scene.sync()).toMatchObject({ status: 0, targets: [{ uploaded: 2, patched: 0 }] });
  return scene;
}

describe('a new version', () => {
  it('is made of the former one and what is new', async () => {
    const { put, sync, target, root } = await makeScene();
    let [content, time] = [OLD, FILLED_AT];
    for (const inserted of ['one', 'a longer edit', '']) {
      content = edited(content, inserted);
      put({ 'app.js': content }, ++time);
      const { status, targets } = await sync();
      expect([status, targets[0]]).toMatchObject([
        0,
        { uploaded: 0, patched: 1, linked: 0, contentBytes: content.length },
      ]);
      expect(targets[0]?.sentBytes).toBeLessThan(FEW_BYTES);
      expect(differences(root, target)).toBe('');
      const { mtimeMs, mode } = statSync(join(target, 'app.js'));
      expect([mtimeMs / 1000, mode & 0o777]).toEqual([time, 0o644]);
    }
  });

  it('under another hash is made of the one under the hash before', async () => {
    const { put, sync, target, root } = await makeScene();
    const other = noise(SIZE, 2);
    put({ 'js/app.aaaaaaaaaaaa.js': other, 'js/app.dddddddddddd.js': noise(SIZE / 2, 3) });
    await sync();
    rmSync(join(root, 'js/app.aaaaaaaaaaaa.js'));
    put({ 'js/app.bbbbbbbbbbbb.js': edited(other, 'new') });
    const { status, targets } = await sync();
    expect([status, targets[0]]).toMatchObject([0, { uploaded: 0, patched: 1, removed: 1 }]);
    expect(targets[0]?.sentBytes).toBeLessThan(FEW_BYTES);
    expect(differences(root, target)).toBe('');
  });

  it('in another folder is made of the one of that name', async () => {
    const { put, sync, target, root } = await makeScene();
    const other = noise(SIZE, 2);
    put({ 'lib-1.0/dist/lib.js': other, 'another/lib.js': noise(SIZE / 3, 3) });
    await sync();
    rmSync(join(root, 'lib-1.0'), { recursive: true });
    put({ 'lib-1.1/dist/lib.js': edited(other, 'new') });
    const { status, targets } = await sync();
    expect([status, targets[0]]).toMatchObject([0, { uploaded: 0, patched: 1, removed: 1 }]);
    expect(targets[0]?.sentBytes).toBeLessThan(FEW_BYTES);
    expect(differences(root, target)).toBe('');
  });

  it('that has nothing of the former one is sent, and so is what is small', async () => {
    const { put, sync, target, root } = await makeScene();
    put({ 'app.js': noise(SIZE, 9), 'index.html': 'another page' });
    expect(await sync()).toMatchObject({ status: 0, targets: [{ uploaded: 2, patched: 0, sentBytes: SIZE + 12 }] });
    expect(differences(root, target)).toBe('');
  });

  it('goes whole to a server that copies nothing', async () => {
    const { put, sync, target, root } = await makeScene(withoutCopies);
    put({ 'app.js': NEW });
    expect(await sync()).toMatchObject({ status: 0, targets: [{ uploaded: 1, patched: 0, sentBytes: NEW.length }] });
    expect(differences(root, target)).toBe('');
  });

  it('goes whole from a machine that remembers nothing, and the next one does not', async () => {
    const { put, sync, forgetState, target, root } = await makeScene();
    await forgetState();
    put({ 'app.js': NEW });
    expect(await sync()).toMatchObject({ status: 0, targets: [{ uploaded: 1, patched: 0 }] });
    put({ 'app.js': edited(NEW, 'again') });
    expect(await sync()).toMatchObject({ status: 0, targets: [{ uploaded: 0, patched: 1 }] });
    expect(differences(root, target)).toBe('');
  });
});

describe('a former version that somebody changed on the server', () => {
  const SPOILED: readonly (readonly [string, (file: string) => void])[] = [
    ['is shorter', (file) => truncateSync(file, SIZE - 1)],
    ['has another time', (file) => utimesSync(file, FILLED_AT + 9, FILLED_AT + 9)],
    ['is something else', (file) => writeDated(file, noise(SIZE, 7), FILLED_AT + 9)],
    ['is gone', (file) => rmSync(file)],
    ['is a link to its like', (file) => replaceByLink(file)],
  ];

  it.each(SPOILED)('and %s is not made anything of', async (_, spoil) => {
    const { put, sync, target, root } = await makeScene();
    spoil(join(target, 'app.js'));
    put({ 'app.js': NEW });
    expect(await sync()).toMatchObject({ status: 0, targets: [{ uploaded: 1, patched: 0, sentBytes: NEW.length }] });
    expect(differences(root, target)).toBe('');
  });
});

describe('signatures', () => {
  it('are there for what is there and larger than a few pages, and for nothing else', async () => {
    const { put, sync, root, state } = await makeScene();
    const names = (): string[] => signaturesIn(state).map((file) => file.slice(file.lastIndexOf('/') + 1));
    expect(names()).toHaveLength(1);
    put({ 'app.js': NEW, 'b.js': NEW, 'c.js': noise(9000, 1), 'd.png': noise(9000, 2) });
    await sync();
    expect(names()).toHaveLength(2);
    for (const name of ['app.js', 'c.js']) rmSync(join(root, name));
    await sync();
    expect(names()).toHaveLength(1);
    rmSync(join(root, 'b.js'));
    put({ 'd.txt': 'so that not all goes' });
    await sync('--force');
    expect(names()).toEqual([]);
  });

  it.each<[string, (file: string, other: string) => void]>([
    ['is damaged', (file) => writeFileSync(file, readFileSync(file).fill(1, 100, 101))],
    ['is cut off', (file) => truncateSync(file, 40)],
    ['is that of another file', (file, other) => copyFileSync(other, file)],
    ['is gone', (file) => rmSync(file)],
  ])('of which one %s do no harm', async (_, spoil) => {
    const { put, sync, target, root, state } = await makeScene();
    const [file = ''] = signaturesIn(state);
    put({ 'b.js': noise(SIZE, 4) });
    await sync();
    const other = signaturesIn(state).find((each) => each !== file) ?? '';
    spoil(file, other);
    put({ 'app.js': NEW });
    expect(await sync()).toMatchObject({ status: 0, targets: [{ uploaded: 1, patched: 0, sentBytes: NEW.length }] });
    expect(differences(root, target)).toBe('');
  });

  it('are made for no target that could not use them', async () => {
    const target = join(await temporaryFolder(), 'static');
    const scene = await makeFilledRoot(server);
    await scene.configure({ targets: { web: inFolder(target), far: on(withoutCopies, `${target}-far`) } });
    scene.put({ 'app.js': OLD });
    expect(await scene.sync()).toMatchObject({ status: 0 });
    expect(signaturesIn(scene.state)).toEqual([]);
  });

  it('that cannot be written are missing, and all else is as ever', async () => {
    const scene = await makeFilledRoot(server);
    scene.put({ 'app.js': OLD });
    expect(await scene.sync('-n')).toMatchObject({ status: 0 });
    await scene.sync();
    const folder = join(signaturesIn(scene.state)[0] ?? '', '..');
    rmSync(folder, { recursive: true });
    writeFileSync(folder, 'in the way');
    scene.put({ 'app.js': NEW });
    const { status, stderr } = await scene.sync();
    expect([status, stderr]).toEqual([0, expect.stringContaining('what changes there is sent whole')]);
    expect(differences(scene.root, scene.target)).toBe('');
  });
});

describe('a crash while a new version is made', () => {
  const before: Site = { 'app.css': text(1), 'app.js': text(2), 'index.html': 'old' };
  const after: Site = { 'app.css': `${text(1)}more`, 'app.js': `first ${text(2)}`, 'index.html': 'new' };

  it.each(['before', 'after'] as const)(
    '%s any change leaves whole files, and the next run finishes',
    async (moment) => {
      const bench = await makeBench();
      const counted = crashAt(new MemoryTarget(), Number.POSITIVE_INFINITY, 'before');
      await bench.publish(counted, before);
      const already = counted.changes();
      expect(await bench.publish(counted, after)).toMatchObject({ patched: 2 });
      const total = counted.changes() - already;
      expect(total).toBeGreaterThan(8);
      for (let at = 1; at <= total; at++) {
        const target = new MemoryTarget();
        await bench.forgetState();
        await bench.publish(target, before);
        await expect(bench.publish(crashAt(target, at, moment), after)).rejects.toBeInstanceOf(Crash);
        for (const [name, content] of Object.entries(await publicTree(target)))
          expect([before[name], after[name]]).toContain(content);
        if (at % 3 === 0) await bench.forgetState();
        const { outcomes } = await bench.publish(target, after);
        expect(problemsOf(outcomes)).toEqual([]);
        expect(await publicTree(target)).toEqual(after);
        await bench.publish(target, { ...after, 'index.html': 'newer' });
        expect(await controlFiles(target)).toEqual(['head', 'journal', 'snapshot']);
      }
    },
  );

  it('of which the source changes meanwhile publishes nothing of it (F43)', async () => {
    const bench = await makeBench();
    const target = new MemoryTarget();
    await bench.publish(target, before);
    const torn = { fileOf: () => '/dev/null' };
    const { outcomes } = await bench.publish(target, after, torn);
    expect(problemsOf(outcomes).map(({ path: at, code }) => [at, code])).toContainEqual(['app.css', 'CHANGED']);
    expect(await publicTree(target)).toEqual(before);
    expect(await bench.publish(target, after)).toMatchObject({ patched: 2 });
    expect(await publicTree(target)).toEqual(after);
  });
});

it('patches together keep no more new content on its way than the window allows, while the server is silent', async () => {
  const relay = await startRelay(server.port, 0);
  onTestFinished(() => relay.stop());
  const root = await temporaryFolder();
  const { host, user, identityFile, fingerprint } = server;
  const place = { host, port: relay.port, user, identityFile, hostKey: fingerprint, sshConfig: false } as const;
  const target = openSftp(await connectSsh(place, { env: {} }), {
    url: 'sftp://test',
    root,
    control: join(root, '.pushstatic'),
  });
  await target.makeFolder(path('.pushstatic'), 0o700);
  const former = { size: SIZE, mtime: FILLED_AT, mode: 0o644 };
  await target.write(path('app.js'), () => OLD, former);
  const [count, piece, silent] = [8, noise(64 * 1024, 9), makeGate()];
  let [begun, taken] = [0, 0];
  async function* recipe(): AsyncGenerator<Piece> {
    if (++begun === count) {
      relay.setDelay(60_000);
      silent.open();
    }
    await silent.opened;
    for (let at = 0; at < 48; at++) {
      taken += piece.length;
      yield piece;
    }
  }
  const patching = Array.from({ length: count }, (_, i) =>
    target.patch({ path: path('app.js'), meta: former }, path(`.pushstatic/${i}`), recipe, {
      ...former,
      size: 48 * piece.length,
    }),
  );
  const ended = Promise.allSettled(patching);
  await silent.opened;
  for (let turn = 0; turn < 500; turn++) await setImmediate();
  expect(taken).toBeGreaterThan(MIB / 2);
  expect(taken).toBeLessThanOrEqual(2 * MIB + count * piece.length); // of 24; each may have one that waits
  await relay.stop();
  await ended;
});

function signaturesIn(state: string): string[] {
  const names = readdirSync(state, { recursive: true, encoding: 'utf8' });
  return names.filter((name) => /signatures\/[^/]+$/.test(name)).map((name) => join(state, name));
}

function replaceByLink(file: string): void {
  const other = join(file, '..', '..', 'elsewhere');
  writeDated(other, noise(SIZE, 7), FILLED_AT);
  rmSync(file);
  symlinkSync(other, file);
}

function edited(file: Buffer, inserted: string): Buffer {
  const middle = file.length >> 1;
  return Buffer.concat([file.subarray(0, middle), Buffer.from(inserted), file.subarray(middle + 10)]);
}

function text(seed: number): string {
  return noise(20_000, seed).toString('hex');
}
