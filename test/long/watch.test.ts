import { execFile, spawnSync } from 'node:child_process';
import { pbkdf2 } from 'node:crypto';
import {
  existsSync,
  mkdirSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  unlinkSync,
  writeFileSync,
} from 'node:fs';
import { link, mkdtemp, rename, rm, symlink, unlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { promisify } from 'node:util';
import { describe, expect, onTestFinished, test } from 'vitest';
import { isWithin } from '../../src/core/relpath.js';
import { SourceError } from '../../src/errors.js';
import { Backlog } from '../../src/watch/backlog.js';
import { chokidarBackend } from '../../src/watch/chokidar.js';
import { chooseEngines } from '../../src/watch/choose.js';
import { watchByInotify } from '../../src/watch/inotify.js';
import { countIn, limitText } from '../../src/watch/limits.js';
import { look } from '../../src/watch/look.js';
import { parseMounts, silentFileSystem } from '../../src/watch/mount.js';
import { openWatcher } from '../../src/watch/open.js';
import { parcelBackend } from '../../src/watch/parcel.js';
import type { WatchEvent } from '../../src/watch/watcher.js';
import { listen, WATCH_THREAD } from '../support/ear.js';
import { plant, temporaryFolder } from '../support/tree.js';

const MEMORY = existsSync('/dev/shm') ? '/dev/shm' : tmpdir();
const run = promisify(execFile);
const derive = promisify(pbkdf2);
/** A user namespace has limits of its own, which do not touch those of other programs. */
const mayHaveOwnLimits = spawnSync('unshare', ['-Ur', 'true']).status === 0;
const BACKENDS = ['native', 'chokidar', 'poll'] as const;

/** A folder on a RAM disk where there is one: bursts are hardest where writing is fastest. */
async function fastFolder(): Promise<string> {
  const folder = await mkdtemp(join(MEMORY, 'pushstatic-watch-'));
  onTestFinished(() => rm(folder, { recursive: true, force: true }));
  return folder;
}

/** Writes `count` files into folders of 300, at once; answers their places. */
function burst(root: string, count: number, text: string): string[] {
  return Array.from({ length: count }, (_, at) => {
    const folder = join(root, `d${Math.floor(at / 300)}`);
    if (at % 300 === 0) mkdirSync(folder, { recursive: true });
    const place = join(folder, `${at}.js`);
    writeFileSync(place, text);
    return place;
  });
}

/** Whatever is asked of the file system, from whichever thread, waits for its turn behind long calculations. */
function keepSystemBusy(): { readonly end: () => Promise<unknown> } {
  const stopped = new AbortController();
  const calculate = async (): Promise<void> => {
    while (!stopped.signal.aborted) await derive('word', 'salt', 20_000, 32, 'sha256');
  };
  const all = Promise.all(Array.from({ length: 8 }, calculate));
  return {
    end: () => {
      stopped.abort();
      return all;
    },
  };
}

describe.each(BACKENDS)('the %s backend tells of', (backend) => {
  test('a file that is made, edited, renamed and removed', async () => {
    const root = await temporaryFolder();
    await plant(root, { 'css/old.css': 'a' });
    const ear = await listen([root], backend);
    expect(ear.watcher.backend).toBe(backend);
    expect(ear.watcher.reason).toContain(`watch.backend is ${backend}`);

    await writeFile(join(root, 'css/new.css'), 'b');
    await ear.heardOf(join(root, 'css/new.css'));
    ear.clear();
    await writeFile(join(root, 'css/old.css'), 'changed');
    await ear.heardOf(join(root, 'css/old.css'));
    ear.clear();
    await rename(join(root, 'css/old.css'), join(root, 'css/other.css'));
    await ear.heardOf(join(root, 'css/old.css'), join(root, 'css/other.css'));
    ear.clear();
    await unlink(join(root, 'css/new.css'));
    await ear.heardOf(join(root, 'css/new.css'));
  });

  test('the ways in which editors save (F51)', async () => {
    const root = await temporaryFolder();
    await plant(root, { 'a.css': 'a', 'b.css': 'b', 'c.css': 'c' });
    const ear = await listen([root], backend);
    // a: temporary file and rename. b: backup by rename, then a new file. c: backup by hard link, and a new name over it.
    await writeFile(join(root, '.a.css.swp'), 'swap');
    await writeFile(join(root, 'a.css.tmp~'), 'saved');
    await rename(join(root, 'a.css.tmp~'), join(root, 'a.css'));
    await rename(join(root, 'b.css'), join(root, 'b.css~'));
    await writeFile(join(root, 'b.css'), 'saved');
    await link(join(root, 'c.css'), join(root, 'c.css~'));
    await writeFile(join(root, '4913'), 'saved');
    await rename(join(root, '4913'), join(root, 'c.css'));
    await ear.heardOf(...['a.css', 'b.css', 'b.css~', 'c.css', 'c.css~'].map((name) => join(root, name)));

    ear.clear();
    for (const name of ['a.css', 'b.css', 'c.css']) await writeFile(join(root, name), 'saved again, in place');
    await ear.heardOf(...['a.css', 'b.css', 'c.css'].map((name) => join(root, name)));
  });

  test('what changes as soon as it is open, where the system answers late', async () => {
    const root = await temporaryFolder();
    const atWork = keepSystemBusy();
    const ear = await listen([root], backend);
    mkdirSync(join(root, 'css'));
    await atWork.end();
    await ear.heardOf(join(root, 'css'));
  });

  test('a nested tree that is made and filled at once, and of what happens in it later (F49)', async () => {
    const root = await temporaryFolder();
    const ear = await listen([root], backend);
    const folder = join(root, 'vendor/lib/deep');
    mkdirSync(folder, { recursive: true });
    writeFileSync(join(folder, 'a.js'), 'a');
    await ear.heardOf(join(folder, 'a.js'));
    await ear.hearsIn(folder);
  });

  test('a folder that is renamed away and back, and of what happens in it under each name (F49)', async () => {
    const root = await temporaryFolder();
    await plant(root, { 'vendor/lib/a.js': 'a' });
    const ear = await listen([root], backend);
    for (const [from, to] of [['vendor', 'moved'] as const, ['moved', 'vendor'] as const]) {
      ear.clear();
      await rename(join(root, from), join(root, to));
      await ear.heardOf(join(root, from, 'lib/a.js'), join(root, to, 'lib/a.js'));
      await ear.hearsIn(join(root, to, 'lib'));
    }
  });

  test('a folder that a file takes the place of, and the other way round', async () => {
    const root = await temporaryFolder();
    await plant(root, { 'icons/a.svg': 'a' });
    const ear = await listen([root], backend);
    await rm(join(root, 'icons'), { recursive: true });
    await writeFile(join(root, 'icons'), 'a file now');
    await ear.heardOf(join(root, 'icons'));
    ear.clear();
    await rm(join(root, 'icons'));
    await plant(root, { 'icons/b.svg': 'b' });
    await ear.heardOf(join(root, 'icons/b.svg'));
    await ear.hearsIn(join(root, 'icons'));
  });

  test('a watched folder that goes, comes back and is filled (F47)', async () => {
    const root = join(await temporaryFolder(), 'static');
    await plant(root, { 'a.css': 'a' });
    const ear = await listen([root], backend);
    await rm(root, { recursive: true });
    await ear.heardOf(join(root, 'a.css'));
    ear.clear();
    await plant(root, { 'css/b.css': 'b' });
    await ear.heardOf(join(root, 'css/b.css'));
    await ear.hearsIn(join(root, 'css'));
  });

  test('a watched folder that another one takes the place of', async () => {
    const parent = await temporaryFolder();
    const root = join(parent, 'static');
    await plant(parent, { 'static/a.css': 'a', 'next/a.css': 'b' });
    const ear = await listen([root], backend);
    renameSync(root, join(parent, 'last'));
    renameSync(join(parent, 'next'), root);
    await ear.heardOf(join(root, 'a.css'));
    await ear.hearsIn(root);
  });

  test('a watched folder that was missing', async () => {
    const root = join(await temporaryFolder(), 'later/static');
    const ear = await listen([root], backend);
    await plant(root, { 'a.css': 'a' });
    await ear.heardOf(join(root, 'a.css'));
    await ear.hearsIn(root);
  });

  test('a watched folder whose own folder a file takes the place of for a while', async () => {
    const parent = join(await temporaryFolder(), 'site');
    const root = join(parent, 'static');
    await plant(root, { 'a.css': 'a' });
    const ear = await listen([root], backend);
    await rm(parent, { recursive: true });
    await writeFile(parent, 'a file now');
    await ear.heardOf(join(root, 'a.css'));
    ear.clear();
    await rm(parent);
    await plant(root, { 'a.css': 'a' });
    await ear.heardOf(join(root, 'a.css'));
    await ear.hearsIn(root);
  });

  test('what lies behind a link, as seen through it (F53)', async () => {
    const root = await temporaryFolder();
    const elsewhere = await temporaryFolder();
    await plant(elsewhere, { 'lib/a.js': 'a' });
    await symlink(elsewhere, join(root, 'vendor'));
    await symlink('.', join(root, 'circle'));
    const ear = await listen([root], backend);
    await writeFile(join(elsewhere, 'lib/a.js'), 'changed');
    await ear.heardOf(join(root, 'vendor/lib/a.js'));
  });

  test('ten thousand changes at once, as a checkout makes them (F46)', async () => {
    const root = await fastFolder();
    const before = burst(root, 10_000, 'before');
    const ear = await listen([root], backend);
    const removed = before.filter((_, at) => at % 5 === 0);
    const edited = before.filter((_, at) => at % 5 === 1);
    for (const place of removed) unlinkSync(place);
    for (const place of edited) writeFileSync(place, 'after a while');
    const added = burst(join(root, 'new'), 2000, 'new');
    await ear.heardOf(...removed, ...edited, ...added);
  });

  test('everything in a churn of files and folders', async () => {
    const root = await temporaryFolder();
    await plant(root, { 'd0/f0': 'a', 'd1/d0/f1': 'b' });
    const ear = await listen([root], backend);
    const { touched, folders } = churn(root, 2000);
    // One who looks from time to time cannot know what came and went in between, or that a folder is another one.
    await ear.heardOf(...(backend === 'poll' ? touched.filter(isFile) : touched));
    // chokidar may stay deaf in a folder after so much of it, and says so where it is described.
    if (backend !== 'chokidar') await Promise.all(folders.map((folder) => ear.hearsIn(folder)));
  });

  test('a file that is watched by itself, however it is replaced', async () => {
    const root = await temporaryFolder();
    const file = join(await temporaryFolder(), 'pushstatic.yaml');
    const ear = await listen([root], backend, [file]);
    await writeFile(file, 'a');
    await ear.heardOf(file);
    ear.clear();
    await writeFile(`${file}.tmp`, 'b');
    await rename(`${file}.tmp`, file);
    await ear.heardOf(file);
    ear.clear();
    await rm(file);
    await ear.heardOf(file);
  });
});

describe.each(['native', 'chokidar'] as const)(
  'a main thread that is busy for two seconds, with the %s backend',
  (backend) => {
    test('misses nothing of a burst of 60,000 files, and nothing of 20,000 edits', async () => {
      const root = await fastFolder();
      const ear = await listen([root], backend);
      const made = burst(root, 60_000, 'a');
      busyFor(2000);
      await ear.heardOf(...made);
      await ear.hearsIn(root);
      ear.clear();
      const edited = made.slice(0, 20_000);
      for (const place of edited) writeFileSync(place, 'changed');
      busyFor(2000);
      await ear.heardOf(...edited);
    });
  },
);

describe('the inotify backend', () => {
  test('tells of a link that leads to a file, of one that leads nowhere yet, and of links that change', async () => {
    const root = await temporaryFolder();
    const elsewhere = await temporaryFolder();
    await plant(elsewhere, { 'a.js': 'a', 'v1/lib.js': '1', 'v2/lib.js': '2' });
    await symlink(join(elsewhere, 'a.js'), join(root, 'a.js'));
    await symlink(join(elsewhere, 'later'), join(root, 'later'));
    await symlink(join(elsewhere, 'v1'), join(root, 'lib'));
    const ear = await listen([root], 'native');
    await writeFile(join(elsewhere, 'a.js'), 'changed');
    await ear.heardOf(join(root, 'a.js'));
    await plant(elsewhere, { 'later/b.js': 'b' });
    await ear.heardOf(join(root, 'later/b.js'));

    symlinkSync(join(elsewhere, 'v2'), join(root, 'lib.new'));
    renameSync(join(root, 'lib.new'), join(root, 'lib'));
    await ear.heardOf(join(root, 'lib'));
    await ear.hearsIn(join(root, 'lib'));
  });

  test('hears in one turn as much as the system had to drop something of, so that the loss is noticed (F48)', async () => {
    const root = await fastFolder();
    let most = 0;
    let inTurn = 0;
    const heard = (events: number): void => {
      if (inTurn === 0) setImmediate(() => (inTurn = 0));
      most = Math.max(most, (inTurn += events));
    };
    const ignore = (): void => {};
    const report = { heard, touched: ignore, stale: ignore, lost: ignore, limited: ignore };
    const queue = (): number => Number(readFileSync('/proc/sys/fs/inotify/max_queued_events', 'utf8'));
    await expect.poll(queue).toBeGreaterThanOrEqual(8192); // another test makes it small for a moment
    const subscription = await watchByInotify(root, report);
    for (let at = 0; at < 20_000; at++) writeFileSync(join(root, `${at}`), ''); // while nobody fetches what is queued
    await expect.poll(() => most).toBeGreaterThanOrEqual(8192);
    await subscription.close();
  });
});

test('the chokidar backend gets ready, and asks to be set up again, where files take the place of folders that it reads', async () => {
  const stale: true[] = [];
  const ignore = (): void => {};
  const report = { heard: ignore, touched: ignore, stale: () => void stale.push(true), lost: ignore, limited: ignore };
  // Until one is met at the very moment when it is read.
  while (stale.length === 0) {
    const root = await fastFolder();
    const folders = Array.from({ length: 100 }, (_, at) => join(root, `d${at}`));
    for (const folder of folders) mkdirSync(join(folder, 'e'), { recursive: true });
    const opening = chokidarBackend('events')(root, report);
    for (const folder of folders.toReversed()) {
      await nextTurn();
      rmSync(folder, { recursive: true });
      writeFileSync(folder, 'now a file');
    }
    await (await opening).close();
  }
});

test('the parcel backend, which other systems use, tells of files and of its folder', async () => {
  const root = join(await temporaryFolder(), 'static');
  await plant(root, { 'a.css': 'a' });
  const touched: string[] = [];
  let gone = 0;
  const subscribe = await parcelBackend();
  const subscription = await subscribe(root, {
    touched: (place) => void touched.push(place),
    heard: () => {},
    stale: () => void gone++,
    lost: (reason) => expect.unreachable(reason),
    limited: (code) => expect.unreachable(code),
  });
  await writeFile(join(root, 'a.css'), 'changed');
  await expect.poll(() => touched).toContain(join(root, 'a.css'));
  await rm(root, { recursive: true });
  await expect.poll(() => gone).toBeGreaterThan(0);
  await subscription.close();
});

describe('a watcher', () => {
  test('that is closed before it is open never opens', async () => {
    const root = await temporaryFolder();
    const over = new AbortController();
    const opening = openWatcher([root], {
      backend: 'auto',
      onEvent: () => {},
      signal: over.signal,
      thread: WATCH_THREAD,
    });
    over.abort();
    await expect(opening).rejects.toThrow('the watcher was closed');
  });

  test('that is closed leaves nothing running', async () => {
    const root = await temporaryFolder();
    const running = (): string[] => process.getActiveResourcesInfo().filter((each) => /Worker|MessagePort/.test(each));
    const before = running();
    const ear = await listen([root], 'auto');
    await ear.watcher.close();
    await ear.watcher.close();
    expect(running()).toEqual(before);

    const other = await listen([root], 'auto');
    await other.hearsIn(root);
    expect(ear.touched).toEqual([]);
  });

  test('whose thread dies starts another one, and says what may have been missed', async () => {
    const { root, onEvent, events } = await folderAndEvents();
    const thread = threadOf("parentPort.postMessage({ kind: 'ready' }); setTimeout(() => process.exit(), 20)");
    const watcher = await openWatcher([root], { backend: 'native', onEvent, thread });
    const reason = 'the thread that watches ended: it ended by itself';
    await expect.poll(() => events, { timeout: 20_000 }).toContainEqual({ kind: 'lost', folder: root, reason });
    await watcher.close();
  });

  test('goes over to the next backend where one does not work, and ends where none does', async () => {
    const { root, onEvent } = await folderAndEvents();
    const failing = threadOf(
      "if (workerData.engine === 'inotify') throw new Error('no such call'); parentPort.postMessage({ kind: 'ready' })",
    );
    const watcher = await openWatcher([root], { backend: 'native', onEvent, thread: failing });
    expect([watcher.backend, watcher.reason]).toEqual(['poll', 'poll: no such call']);
    await watcher.close();

    const never = openWatcher([root], {
      backend: 'native',
      onEvent,
      thread: threadOf("throw new Error('no such call')"),
    });
    await expect(never).rejects.toThrow(new SourceError('cannot watch for changes: no such call'));
  });

  test('that polls, and may open no more files for a while, begins anew and says what may have been missed', async () => {
    const { root, onEvent, events } = await folderAndEvents();
    const thread = threadOf(
      "parentPort.postMessage({ kind: 'ready' }); setTimeout(() => parentPort.postMessage({ kind: 'limited', code: 'EMFILE' }), 20)",
    );
    const watcher = await openWatcher([root], { backend: 'poll', onEvent, thread });
    await expect.poll(() => events, { timeout: 20_000 }).toContainEqual(expect.objectContaining({ kind: 'lost' }));
    await watcher.close();
  });

  test('says so where no thread can be started at all', async () => {
    const { root, onEvent } = await folderAndEvents();
    const never = openWatcher([root], { backend: 'native', onEvent, thread: new URL('http://127.0.0.1/') });
    await expect(never).rejects.toThrow(/^cannot watch for changes: /);
    await expect(never).rejects.toBeInstanceOf(SourceError);
  });

  test('tells a single change at once', async () => {
    const root = await temporaryFolder();
    await plant(root, { 'a.css': 'a' });
    const ear = await listen([root], 'auto');
    const start = performance.now();
    writeFileSync(join(root, 'a.css'), 'changed');
    await expect.poll(() => ear.touched[0], { interval: 1 }).toBe(join(root, 'a.css'));
    expect(performance.now() - start).toBeLessThan(1000);
  });
});

describe('the choice of a backend', () => {
  const local = (): undefined => undefined;
  const remote = (folder: string): string | undefined => (folder.startsWith('/net') ? 'nfs4' : undefined);

  test('is the native one where changes are told of', () => {
    expect(chooseEngines(['/a', '/b'], 'auto', 'linux', local)).toEqual([
      { engine: 'inotify', folders: ['/a', '/b'], reason: 'inotify tells of every folder' },
    ]);
    expect(chooseEngines(['/a'], 'auto', 'darwin', local)[0]?.engine).toBe('parcel');
  });

  test('is to look again and again where others change files on a network (F50)', () => {
    expect(chooseEngines(['/net/a', '/b', '/c'], 'auto', 'linux', remote)).toEqual([
      { engine: 'inotify', folders: ['/b', '/c'], reason: 'inotify tells of every folder' },
      {
        engine: 'poll',
        folders: ['/net/a'],
        reason: '/net/a lies on nfs4, where changes made elsewhere are not told of',
      },
    ]);
  });

  test('is what the configuration says', () => {
    expect(chooseEngines(['/net/a'], 'chokidar', 'linux', remote)).toEqual([
      { engine: 'chokidar', folders: ['/net/a'], reason: 'watch.backend is chokidar' },
    ]);
  });

  test('is made for a folder inside another one together with that', () => {
    expect(chooseEngines(['/a/b', '/a', '/ab', '/a'], 'auto', 'linux', local)[0]?.folders).toEqual(['/a', '/ab']);
  });

  test('follows the mount that lies on top at the place', () => {
    const mounts = parseMounts(
      [
        '27 1 254:0 / / rw,relatime shared:1 - ext4 /dev/vda rw',
        '41 27 0:41 / /srv rw - nfs4 files:/srv rw',
        '42 41 0:42 / /srv/own\\040disk rw - ext4 /dev/vdb rw',
        '43 27 0:43 / /mnt rw - ext4 /dev/vdc rw',
        '44 27 0:44 / /mnt rw - fuse.sshfs host: rw',
      ].join('\n'),
    );
    expect(silentFileSystem('/home/me', mounts)).toBeUndefined();
    expect(silentFileSystem('/srv/static', mounts)).toBe('nfs4');
    expect(silentFileSystem('/srvice', mounts)).toBeUndefined();
    expect(silentFileSystem('/srv/own disk/static', mounts)).toBeUndefined();
    expect(silentFileSystem('/mnt/a', mounts)).toBe('fuse.sshfs');
  });
});

describe('a limit of the system (F48)', () => {
  test('is named with the number that is needed and the line that allows it', () => {
    const need = { folders: 9000, files: 100_000 };
    const watches = { name: 'fs.inotify.max_user_watches', allowed: 8192 };
    expect(limitText('ENOSPC', 'inotify', need, watches)).toBe(
      'watching needs 9000 inotify watches, and the limit of 8192 for this user is used up; allow more with "sudo sysctl fs.inotify.max_user_watches=32768"',
    );
    expect(limitText('ENOSPC', 'chokidar', need, watches)).toContain('watching needs 109000 inotify watches');
    const instances = { name: 'fs.inotify.max_user_instances', allowed: 128 };
    expect(limitText('EMFILE', 'inotify', need, instances)).toContain(
      '"sudo sysctl fs.inotify.max_user_instances=512"',
    );
  });

  test('makes the watcher look again and again instead, and say so', async ({ skip }) => {
    if (!mayHaveOwnLimits) skip('a process with limits of its own can only be made where user namespaces are allowed');
    const root = await temporaryFolder();
    await plant(root, Object.fromEntries(Array.from({ length: 30 }, (_, at) => [`app${at}/a.css`, 'a'])));
    const script = new URL('../support/watch-once.ts', import.meta.url).pathname;
    const { stdout } = await run('unshare', [
      '-Ur',
      'sh',
      '-c',
      'echo 8 > /proc/sys/user/max_inotify_watches && exec "$0" --import tsx "$1" "$2" app29/a.css',
      process.execPath,
      script,
      root,
    ]);
    const limit =
      'watching needs 31 inotify watches, and the limit of 8 for this user is used up; allow more with "sudo sysctl user.max_inotify_watches=64"';
    expect(JSON.parse(stdout)).toEqual({
      backend: 'poll',
      reason: `poll: ${limit}`,
      warnings: [`${limit}; until then, changes are looked for instead`],
    });
  });

  test('counts what is there', async () => {
    const root = await temporaryFolder();
    await plant(root, { 'a.css': 'a', 'b/c/d.css': 'd', 'e/': '' });
    expect(countIn([root, join(root, 'missing')])).toEqual({ folders: 5, files: 2 });
  });
});

test('a backlog is full once in a turn, and empty in the next', async () => {
  let full = 0;
  const backlog = new Backlog(10, () => void full++);
  for (let at = 0; at < 25; at++) backlog.add(1);
  expect(full).toBe(1);
  await new Promise(setImmediate);
  for (let at = 0; at < 9; at++) backlog.add(1);
  expect(full).toBe(1);
  backlog.add(1);
  expect(full).toBe(2);
});

async function folderAndEvents() {
  const events: WatchEvent[] = [];
  return { root: await temporaryFolder(), events, onEvent: (event: WatchEvent) => void events.push(event) };
}

/** A thread that runs `code` and ends when it is told to. */
function threadOf(code: string): URL {
  const text = `import { parentPort, workerData } from 'node:worker_threads';
    parentPort.on('message', (request) => request === 'close' && parentPort.close());
    ${code}`;
  return new URL(`data:text/javascript,${encodeURIComponent(text)}`);
}

/**
 * Makes, edits, renames, removes and replaces files and folders of few names below `root`, the same way each time. Answers
 * the places that differ from before, and the folders that are there in the end.
 */
function churn(root: string, operations: number): { touched: string[]; folders: string[] } {
  let seed = 1;
  const below = (limit: number): number => {
    seed = (seed * 48_271) % 2_147_483_647;
    return seed % limit;
  };
  const touched = new Set<string>();
  const folders = new Set([root, join(root, 'd0'), join(root, 'd1'), join(root, 'd1/d0')]);
  const folder = (): string => [...folders][below(folders.size)] ?? root;
  const forget = (place: string): void => {
    for (const each of folders) if (isWithin(each, place)) folders.delete(each);
  };
  const steps = [
    () => writeFileSync(fresh(join(folder(), `f${below(5)}`)), `${below(1e9)}`),
    () => rmSync(fresh(join(folder(), `f${below(5)}`)), { recursive: true, force: true }),
    () => {
      const place = fresh(join(folder(), `d${below(3)}`));
      mkdirSync(place, { recursive: true });
      folders.add(place);
    },
    () => {
      const place = join(folder(), `${'df'.charAt(below(2))}${below(3)}`);
      rmSync(fresh(place), { recursive: true, force: true });
      forget(place);
      writeFileSync(place, 'a file now');
    },
    () => {
      const from = folder();
      const to = join(folder(), `d${below(3)}`);
      if (from === root || isWithin(to, from) || existsSync(to)) return;
      renameSync(fresh(from), fresh(to));
      const moved = [...folders].filter((each) => isWithin(each, from));
      forget(from);
      for (const each of moved) folders.add(to + each.slice(from.length));
    },
  ];
  const fresh = (place: string): string => {
    touched.add(place);
    if (isFile(place)) unlinkSync(place);
    return place;
  };
  for (let at = 0; at < operations; at++) {
    const step = steps[below(steps.length)];
    if (folders.size < 40 || step !== steps[2]) step?.();
  }
  return { touched: [...touched], folders: [...folders] };
}

function isFile(place: string): boolean {
  return look(place)?.isFile() ?? false;
}

function busyFor(ms: number): void {
  for (const start = performance.now(); performance.now() - start < ms; );
}
