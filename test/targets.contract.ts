/** The contract of a Target, as `src/targets/target.ts` words it. Every target runs it. */
import { afterEach, describe, expect, it } from 'vitest';
import { CONTROL, type RelPath } from '../src/core/relpath.js';
import { TargetError } from '../src/errors.js';
import type { FileMeta, Piece, RemoteFile, Target } from '../src/targets/target.js';
import { path } from './support/entries.js';

const MTIME = 1_600_000_000;
/** Of a file that holds `content`. */
const META: FileMeta = { size: 7, mtime: MTIME, mode: 0o644 };

/** `open` gives a target on a root of its own that is empty. */
export function runContract(kind: string, open: () => Promise<Target>): void {
  describe(`the contract of a target, kept by ${kind}`, () => {
    const opened: Target[] = [];
    const fresh = async (): Promise<Target> => {
      const target = await open();
      opened.push(target);
      await target.makeFolder(CONTROL, 0o700);
      return target;
    };
    afterEach(async () => {
      for (const target of opened.splice(0)) await target.close();
    });

    it('gives back what was written, with its size, time and mode', async () => {
      const target = await fresh();
      await put(target, '.pushstatic/a', 'content', { mode: 0o640 });
      expect(await text(target, '.pushstatic/a')).toBe('content');
      expect(await target.stat(path('.pushstatic/a'))).toEqual({
        path: '.pushstatic/a',
        kind: 'file',
        size: 7,
        mtime: MTIME,
        mode: 0o640,
      });
    });

    it('knows the mode of its root', async () => {
      const target = await fresh();
      expect([await target.rootMode(), await target.rootMode()]).toEqual([0o755, 0o755]);
    });

    it('writes an empty file', async () => {
      const target = await fresh();
      await put(target, '.pushstatic/empty', '');
      expect(await target.stat(path('.pushstatic/empty'))).toMatchObject({ size: 0, mtime: MTIME });
      expect(await text(target, '.pushstatic/empty')).toBe('');
    });

    it('writes a body that comes in pieces, whatever becomes of a piece afterwards', async () => {
      const target = await fresh();
      const buffer = Buffer.alloc(300_000);
      const size = 5 * buffer.length + 1;
      const body = async function* (): AsyncIterable<Uint8Array> {
        for (let i = 0; i < 5; i++) yield buffer.fill(48 + i);
        yield buffer.fill(57).subarray(0, 1);
      };
      await target.write(path('.pushstatic/long'), body, { size, mtime: MTIME, mode: 0o644 });
      const expected = [0, 1, 2, 3, 4].map((i) => String(i).repeat(buffer.length)).join('');
      expect((await text(target, '.pushstatic/long')) === `${expected}9`).toBe(true);
    });

    it('writes a body of one piece that is longer than a request', async () => {
      const target = await fresh();
      const content = Buffer.alloc(256 * 1024, 'abcdefg');
      const sent = await target.write(path('.pushstatic/b'), () => content, {
        size: content.length,
        mtime: MTIME,
        mode: 0o644,
      });
      expect(sent).toBe(content.length);
      expect((await text(target, '.pushstatic/b')) === content.toString()).toBe(true);
    });

    it('overwrites a longer file with a shorter one', async () => {
      const target = await fresh();
      await put(target, '.pushstatic/a', 'long content');
      await put(target, '.pushstatic/a', 'short');
      expect(await text(target, '.pushstatic/a')).toBe('short');
    });

    it.each([5, 9])('refuses a body of another length than announced (%i bytes instead of 7)', async (length) => {
      const target = await fresh();
      const writing = target.write(path('.pushstatic/a'), () => Buffer.alloc(length), {
        size: 7,
        mtime: MTIME,
        mode: 0o644,
      });
      await expect(writing).rejects.toMatchObject({ name: 'TargetError', kind: 'failed' });
    });

    it('hands on what the body throws, at once or half-way', async () => {
      const target = await fresh();
      const trouble = new RangeError('body');
      const meta = { size: 7, mtime: MTIME, mode: 0o644 };
      const atOnce = (): Uint8Array => {
        throw trouble;
      };
      const halfWay = async function* (): AsyncIterable<Uint8Array> {
        yield Buffer.alloc(3);
        throw trouble;
      };
      await expect(target.write(path('.pushstatic/a'), atOnce, meta)).rejects.toBe(trouble);
      await expect(target.write(path('.pushstatic/a'), halfWay, meta)).rejects.toBe(trouble);
      await put(target, '.pushstatic/a', 'still working');
    });

    it('writes many files at once', async () => {
      const target = await fresh();
      const names = Array.from({ length: 300 }, (_, i) => `.pushstatic/${i}`);
      await Promise.all(names.map((each) => put(target, each, each)));
      expect(await Promise.all(names.map((each) => text(target, each)))).toEqual(names);
    });

    it('gives a file a second name, which is the same file, or does not', async () => {
      const target = await fresh();
      await publish(target, 'a', 'content');
      const isMade = await target.link({ path: path('a'), meta: META }, path('.pushstatic/b'));
      expect(isMade).toBe(target.capabilities.hardlink);
      expect(await target.stat(path('.pushstatic/b'))).toEqual(isMade ? fileOf('.pushstatic/b') : undefined);
      if (!isMade) return;
      await target.rename(path('.pushstatic/b'), path('b'));
      await publish(target, 'a', 'another');
      expect([await text(target, 'a'), await text(target, 'b')]).toEqual(['another', 'content']);
    });

    it('gives a file of its own a second name', async () => {
      const target = await fresh();
      await put(target, '.pushstatic/a', 'content');
      const isMade = await target.link({ path: path('.pushstatic/a'), meta: META }, path('.pushstatic/b'), 'own');
      expect(isMade).toBe(target.capabilities.hardlink);
      expect(await target.stat(path('.pushstatic/b'))).toEqual(isMade ? fileOf('.pushstatic/b') : undefined);
      const missing = { path: path('.pushstatic/no'), meta: META };
      expect(await target.link(missing, path('.pushstatic/c'), 'own')).toBe(false);
    });

    it('makes a file of another one, whole or in pieces, or does not', async () => {
      const target = await fresh();
      await publish(target, 'a', 'content');
      const basis = { path: path('a'), meta: META };
      const meta = { size: 7, mtime: MTIME + 1, mode: 0o640 };
      const isCopied = await target.patch(basis, path('.pushstatic/b'), () => [{ offset: 0, length: 7 }], meta);
      const pieces = async function* (): AsyncIterable<Piece> {
        yield { offset: 4, length: 3 };
        yield Buffer.from('and');
        yield { offset: 0, length: 4 };
      };
      const isPatched = await target.patch(basis, path('.pushstatic/c'), pieces, { ...meta, size: 10 });
      expect([isCopied, isPatched]).toEqual(Array.from({ length: 2 }, () => target.capabilities.serverCopy));
      expect(await target.stat(path('.pushstatic/b'))).toEqual(
        isCopied ? { ...fileOf('.pushstatic/b'), ...meta } : undefined,
      );
      expect((await list(target, CONTROL)).map((each) => each.path).sort()).toEqual(
        isCopied ? ['.pushstatic/b', '.pushstatic/c'] : [],
      );
      if (!isCopied) return;
      expect([await text(target, '.pushstatic/b'), await text(target, '.pushstatic/c')]).toEqual([
        'content',
        'entandcont',
      ]);
    });

    it.each<[string, FileMeta]>([
      ['longer', { ...META, size: 8 }],
      ['shorter', { ...META, size: 6 }],
      ['of another time', { ...META, mtime: MTIME - 1 }],
    ])('makes nothing of a file that is not %s, as it should be', async (_, meta) => {
      const target = await fresh();
      await publish(target, 'a', 'content');
      const basis = { path: path('a'), meta };
      expect(await target.link(basis, path('.pushstatic/b'))).toBe(false);
      const whole = (): Piece[] => [{ offset: 0, length: meta.size }];
      expect(await target.patch(basis, path('.pushstatic/b'), whole, meta)).toBe(false);
      expect(await target.stat(path('.pushstatic/b'))).toBeUndefined();
      expect(await text(target, 'a')).toBe('content');
    });

    it('makes nothing of what is no file, and a link only of a file with the mode it should have', async () => {
      const target = await fresh();
      await target.makeFolder(path('folder'), 0o755);
      await publish(target, 'a', 'content');
      for (const basis of [
        { path: path('folder'), meta: META },
        { path: path('no'), meta: META },
      ]) {
        expect(await target.link(basis, path('.pushstatic/b'))).toBe(false);
        expect(await target.patch(basis, path('.pushstatic/b'), () => [{ offset: 0, length: 7 }], META)).toBe(false);
      }
      expect(await target.link({ path: path('a'), meta: { ...META, mode: 0o640 } }, path('.pushstatic/b'))).toBe(false);
      expect(await list(target, CONTROL)).toEqual([]);
    });

    it('hands on what a recipe throws, and leaves nothing of it', async () => {
      const target = await fresh();
      await publish(target, 'a', 'content');
      const trouble = new RangeError('recipe');
      const halfWay = async function* (): AsyncIterable<Piece> {
        yield { offset: 0, length: 3 };
        throw trouble;
      };
      const patching = target.patch({ path: path('a'), meta: META }, path('.pushstatic/b'), halfWay, META);
      if (target.capabilities.serverCopy) await expect(patching).rejects.toBe(trouble);
      else expect(await patching).toBe(false);
      expect(await list(target, CONTROL)).toEqual([]);
    });

    it('makes many files of one', async () => {
      const target = await fresh();
      await publish(target, 'a', 'content');
      const basis = { path: path('a'), meta: META };
      const names = Array.from({ length: 300 }, (_, i) => path(`.pushstatic/${i}`));
      const made = await Promise.all(
        names.map((to, i) =>
          i % 2 === 0
            ? target.link(basis, to)
            : target.patch(basis, to, () => [{ offset: 0, length: 7 }], { ...META, mode: 0o600 }),
        ),
      );
      const { hardlink, serverCopy } = target.capabilities;
      expect(made).toEqual(names.map((_, i) => (i % 2 === 0 ? hardlink : serverCopy)));
      const there = names.filter((_, i) => made[i]);
      expect(await Promise.all(there.map((each) => text(target, each)))).toEqual(there.map(() => 'content'));
    });

    it('makes no folder that nobody asked for', async () => {
      const target = await fresh();
      await put(target, '.pushstatic/a', 'x');
      await expect(put(target, '.pushstatic/no/a', 'x')).rejects.toMatchObject({ kind: 'not-found' });
      await expect(target.rename(path('.pushstatic/a'), path('no/a'))).rejects.toMatchObject({ kind: 'not-found' });
      await expect(target.makeFolder(path('no/deeper'), 0o755)).rejects.toMatchObject({ kind: 'not-found' });
    });

    it('publishes by rename, over a file that is there', async () => {
      const target = await fresh();
      for (const content of ['old', 'new']) {
        await put(target, '.pushstatic/a', content);
        await target.rename(path('.pushstatic/a'), path('a'));
      }
      expect(await text(target, 'a')).toBe('new');
      expect(await target.stat(path('.pushstatic/a'))).toBeUndefined();
    });

    it('never renames over a folder', async () => {
      const target = await fresh();
      await target.makeFolder(path('a'), 0o755);
      await put(target, '.pushstatic/a', 'x');
      await expect(target.rename(path('.pushstatic/a'), path('a'))).rejects.toMatchObject({ kind: 'not-a-file' });
      expect(await text(target, '.pushstatic/a')).toBe('x');
      expect(await target.stat(path('a'))).toMatchObject({ kind: 'folder' });
    });

    it('moves a folder with all that is in it', async () => {
      const target = await fresh();
      await target.makeFolder(path('.pushstatic/one'), 0o755);
      await target.makeFolder(path('.pushstatic/one/deep'), 0o750);
      await target.makeFolder(path('.pushstatic/two'), 0o755);
      for (const each of ['one/a', 'one/deep/b', 'two/c']) await put(target, `.pushstatic/${each}`, each);
      await target.makeFolder(path('a'), 0o755);
      await target.moveFolder(path('.pushstatic/one'), path('a/first'));
      await target.moveFolder(path('.pushstatic/two'), path('a/first/second'));
      const there = ['a/first/a', 'a/first/deep/b', 'a/first/second/c'];
      expect(await Promise.all(there.map((each) => text(target, each)))).toEqual(['one/a', 'one/deep/b', 'two/c']);
      expect(await target.stat(path('a/first/deep'))).toMatchObject({ kind: 'folder', mode: 0o750 });
      expect(await target.stat(path('a/first/deep/b'))).toMatchObject({ kind: 'file', mtime: MTIME });
      expect(await target.stat(path('.pushstatic/one'))).toBeUndefined();
    });

    it('never moves a folder over a file, or over one that holds something', async () => {
      const target = await fresh();
      await target.makeFolder(path('.pushstatic/new'), 0o755);
      await put(target, '.pushstatic/new/a', 'new');
      await put(target, '.pushstatic/b', 'old');
      await target.rename(path('.pushstatic/b'), path('file'));
      await target.makeFolder(path('folder'), 0o755);
      await put(target, '.pushstatic/b', 'old');
      await target.rename(path('.pushstatic/b'), path('folder/b'));
      for (const taken of ['file', 'folder', 'no/folder']) {
        const moving = target.moveFolder(path('.pushstatic/new'), path(taken));
        await expect(moving).rejects.toMatchObject({ name: 'TargetError' });
      }
      await expect(target.moveFolder(path('.pushstatic/no'), path('free'))).rejects.toMatchObject({
        kind: 'not-found',
      });
      expect([await text(target, 'file'), await text(target, 'folder/b')]).toEqual(['old', 'old']);
      expect(await text(target, '.pushstatic/new/a')).toBe('new');
    });

    it('says that a file to be renamed or read is missing', async () => {
      const target = await fresh();
      await expect(target.rename(path('.pushstatic/no'), path('a'))).rejects.toMatchObject({ kind: 'not-found' });
      await expect(text(target, 'no')).rejects.toMatchObject({ kind: 'not-found' });
      expect(await target.stat(path('no'))).toBeUndefined();
      await put(target, '.pushstatic/file', 'x');
      expect(await target.stat(path('.pushstatic/file/below'))).toBeUndefined();
    });

    it('appends at an offset, over what a broken append left, as often as it is asked', async () => {
      const target = await fresh();
      const file = path('.pushstatic/journal');
      await target.append(file, 0, Buffer.from('one'));
      await target.append(file, 3, Buffer.from('torn'));
      await target.append(file, 3, Buffer.from('two'));
      await target.append(file, 3, Buffer.from('two'));
      expect(await text(target, '.pushstatic/journal')).toBe('onetwon');
      expect(await target.stat(file)).toMatchObject({ mode: 0o600 });
    });

    it('appends more than a request can carry', async () => {
      const target = await fresh();
      const bytes = Buffer.alloc(700_000, '0123456789');
      await target.append(path('.pushstatic/journal'), 0, bytes);
      expect((await text(target, '.pushstatic/journal')) === bytes.toString()).toBe(true);
    });

    it('makes a folder with exactly its mode, and leaves one that is there as it is', async () => {
      const target = await fresh();
      await target.makeFolder(path('a'), 0o777);
      expect(await target.stat(path('a'))).toMatchObject({ kind: 'folder', mode: 0o777 });
      await target.makeFolder(path('a'), 0o700);
      expect(await target.stat(path('a'))).toMatchObject({ mode: 0o777 });
    });

    it('makes no folder where a file is', async () => {
      const target = await fresh();
      await publish(target, 'a', 'x');
      await expect(target.makeFolder(path('a'), 0o755)).rejects.toMatchObject({ kind: 'not-a-directory' });
      expect(await text(target, 'a')).toBe('x');
    });

    it('changes the mode of a file, and nothing else of it', async () => {
      const target = await fresh();
      await publish(target, 'a', 'x');
      await target.chmod(path('a'), 0o600);
      expect(await target.stat(path('a'))).toMatchObject({ mode: 0o600, mtime: MTIME, size: 1 });
    });

    it('removes a file, and does not mind that it is gone', async () => {
      const target = await fresh();
      await publish(target, 'a', 'x');
      await target.remove(path('a'));
      await target.remove(path('a'));
      expect(await target.stat(path('a'))).toBeUndefined();
    });

    it('takes what is below a file for gone', async () => {
      const target = await fresh();
      await publish(target, 'a', 'x');
      await target.remove(path('a/b'));
      await target.remove(path('a/b/c'));
      expect(await target.removeFolder(path('a/b'))).toBe(true);
      expect(await text(target, 'a')).toBe('x');
    });

    it('removes a folder only if it is empty, and says which', async () => {
      const target = await fresh();
      await target.makeFolder(path('a'), 0o755);
      await publish(target, 'a/b', 'x');
      expect(await target.removeFolder(path('a'))).toBe(false);
      await target.remove(path('a/b'));
      expect(await target.removeFolder(path('a'))).toBe(true);
      expect(await target.removeFolder(path('a'))).toBe(true);
    });

    it('removes no file in place of a folder', async () => {
      const target = await fresh();
      await publish(target, 'a', 'x');
      await target.removeFolder(path('a')).catch((error: unknown) => expect(error).toBeInstanceOf(TargetError));
      expect(await text(target, 'a')).toBe('x');
    });

    it('lists everything at any depth, folders before what they hold, and nothing of its own', async () => {
      const target = await fresh();
      for (const folder of ['a', 'a/b', 'c']) await target.makeFolder(path(folder), 0o755);
      for (const file of ['a/b/x', 'a/y', 'z']) await publish(target, file, file);
      const paths = (await list(target, undefined)).map((each) => `${each.kind} ${each.path}`);
      expect([...paths].sort()).toEqual(['file a/b/x', 'file a/y', 'file z', 'folder a', 'folder a/b', 'folder c']);
      expect(paths.indexOf('folder a/b')).toBeLessThan(paths.indexOf('file a/b/x'));
      expect((await list(target, path('a'))).map((each) => each.path).sort()).toEqual(['a/b', 'a/b/x', 'a/y']);
    });

    it('makes a folder, and lists what lies beside it then and nothing deeper', async () => {
      const target = await fresh();
      for (const folder of ['.pushstatic/stage', '.pushstatic/stage/a', '.pushstatic/stage/a/b'])
        await target.makeFolder(path(folder), 0o700);
      await put(target, '.pushstatic/stage/x', 'x');
      const names = async (folder: string) =>
        (await target.makeFolderAmong(path(folder), 0o700)).map((each) => `${each.kind} ${each.path}`).sort();
      const all = ['folder .pushstatic/stage/a', 'folder .pushstatic/stage/c', 'file .pushstatic/stage/x'].sort();
      expect(await names('.pushstatic/stage/c')).toEqual(all);
      expect(await names('.pushstatic/stage/c')).toEqual(all);
      await expect(target.makeFolderAmong(path('.pushstatic/no/c'), 0o700)).rejects.toMatchObject({
        kind: 'not-found',
      });
    });

    it('lists its own things when it is asked for them, and a missing folder as nothing', async () => {
      const target = await fresh();
      await put(target, '.pushstatic/a', 'x');
      expect((await list(target, CONTROL)).map((each) => each.path)).toEqual(['.pushstatic/a']);
      expect(await list(target, path('.pushstatic/no'))).toEqual([]);
    });

    it.each([
      'with space',
      'per%23cent',
      'q?#',
      'new\nline',
      '"quotes\'',
      '😀',
      'مرحبا',
      'e\u0301',
      '\u00e9',
      '-dash',
      '.dot',
      'trailing. ',
      'x'.repeat(255),
    ])('takes the name %j as it is', async (name) => {
      const target = await fresh();
      await publish(target, name, name);
      expect(await text(target, name)).toBe(name);
      expect((await list(target, undefined)).map((each) => each.path)).toEqual([name]);
    });

    it('keeps apart names that differ only by case or by composition', async () => {
      const target = await fresh();
      const names = ['Logo.png', 'logo.png', 'e\u0301', '\u00e9'];
      for (const name of names) await publish(target, name, name);
      expect(await Promise.all(names.map((name) => text(target, name)))).toEqual(names);
    });

    it('goes sixty folders deep', async () => {
      const target = await fresh();
      const folders = Array.from({ length: 60 }, (_, i) => path(Array.from({ length: i + 1 }, () => 'd').join('/')));
      for (const folder of folders) await target.makeFolder(folder, 0o755);
      await publish(target, `${folders.at(-1)}/x`, 'deep');
      expect(await text(target, `${folders.at(-1)}/x`)).toBe('deep');
      expect(await list(target, undefined)).toHaveLength(61);
    });
  });
}

function fileOf(name: string): RemoteFile {
  return { path: path(name), kind: 'file', ...META };
}

async function put(target: Target, name: string, content: string, rest: { mode?: number } = {}): Promise<void> {
  const bytes = Buffer.from(content);
  await target.write(path(name), () => bytes, { size: bytes.length, mtime: MTIME, mode: rest.mode ?? 0o644 });
}

async function publish(target: Target, name: string, content: string): Promise<void> {
  await put(target, '.pushstatic/staged', content);
  await target.rename(path('.pushstatic/staged'), path(name));
}

async function text(target: Target, name: string): Promise<string> {
  const pieces: Buffer[] = [];
  for await (const piece of target.read(path(name))) pieces.push(Buffer.from(piece));
  return Buffer.concat(pieces).toString();
}

async function list(target: Target, folder: RelPath | undefined): Promise<RemoteFile[]> {
  const found: RemoteFile[] = [];
  for await (const each of target.list(folder)) found.push(each);
  return found;
}
