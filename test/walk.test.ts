import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { chmod, utimes, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { describe, expect, onTestFinished, test } from 'vitest';
import { type Walked, walk } from '../src/collect/walk.js';
import { ignoreRules } from '../src/core/fnmatch.js';
import { SourceError } from '../src/errors.js';
import { Pacer } from '../src/fs/pace.js';
import { path as pathOf } from './support/entries.js';
import { clockTick, fifo, plant, plantRaw, symlink, temporaryFolder, withoutRoot } from './support/tree.js';

async function walked(root: string, ...ignored: string[]): Promise<Walked> {
  return walk(root, { step: 'scan', ignore: ignoreRules(ignored) });
}

function paths({ files }: Walked): string[] {
  return files.map(({ path }) => path).toSorted();
}

function problems({ problems: all }: Walked): string[] {
  return all.map(({ path, code }) => `${code} ${path}`).toSorted();
}

describe('walk', () => {
  test('finds files at every depth and leaves out folders', async () => {
    const root = await temporaryFolder();
    await plant(root, { a: '', 'css/b.css': '', 'css/deep/er/c.css': '', 'empty/': '' });
    const found = await walked(root);
    expect(paths(found)).toEqual(['a', 'css/b.css', 'css/deep/er/c.css']);
    expect(found.problems).toEqual([]);
  });

  test('tells where a file lies, its size, its whole seconds rounded down, and its permission bits', async () => {
    const root = await temporaryFolder();
    await plant(root, { 'css/a.css': '12345' });
    const file = join(root, 'css/a.css');
    await chmod(file, 0o640);
    await utimes(file, 1_700_000_000, 1_700_000_000.9);
    const { files } = await walked(root);
    expect(files).toMatchObject([
      { path: 'css/a.css', file, size: 5, mtime: 1_700_000_000, mode: 0o640, isLink: false },
    ]);
  });

  test('sorts by path, folders among files where their names and a slash stand', async () => {
    const root = await temporaryFolder();
    await plant(root, {
      'a/z': '',
      'a/b/y': '',
      'a/b-': '',
      'a-': '',
      'a.': '',
      a0: '',
      'a!/x': '',
      '🎈': '',
      '\uff5e': '',
    });
    const order = (await walked(root)).files.map(({ path }) => path);
    expect(order).toEqual(['a!/x', 'a-', 'a.', 'a/b-', 'a/b/y', 'a/z', 'a0', '🎈', '\uff5e']);
  });

  test('puts a prefix in front of all paths, that patterns do not see', async () => {
    const root = await temporaryFolder();
    await plant(root, { 'a/b': '', 'a/c': '', broken: symlink('gone'), '.pushstatic/x': '' });
    const ignore = ignoreRules(['pre', 'a/c', 'pre/a/b']);
    const found = await walk(root, { step: 'collect', prefix: pathOf('pre/fix'), source: 3, ignore });
    expect(found.files).toMatchObject([{ path: 'pre/fix/a/b', source: 3, file: join(root, 'a/b') }]);
    expect(problems(found)).toEqual(['BROKEN_LINK pre/fix/broken']);
  });

  test('finds a file that lies 600 folders deep', async () => {
    const root = await temporaryFolder();
    const deep = Array.from({ length: 600 }, (_, i) => `d${i % 10}`).join('/');
    await plant(root, { [`${deep}/file`]: '' });
    expect(paths(await walked(root))).toEqual([`${deep}/file`]);
  });

  test('reports what lies too deep for the system to name, and finds the rest', async () => {
    const root = await temporaryFolder();
    const name = 'n'.repeat(255);
    const descend = 'for (const name of Array(16).fill("n".repeat(255))) fs.mkdirSync(name), process.chdir(name)';
    execFileSync(process.execPath, ['-e', descend], { cwd: root });
    onTestFinished(() => void execFileSync('rm', ['-rf', join(root, name)]));
    await plant(root, { [`${name}/ok`]: '' });
    const found = await walked(root);
    expect(paths(found)).toEqual([`${name}/ok`]);
    expect(found.problems).toHaveLength(1);
    expect(found.problems[0]?.path).toBe(Array(16).fill(name).join('/'));
    expect(found.problems[0]).toMatchObject({ code: 'UNREADABLE', message: 'it cannot be read: name too long' });
  });

  test.each([
    ['spaces', ' a  b '],
    ['a percent sign', 'a%23b'],
    ['a question mark', 'a?b'],
    ['a hash', 'a#b'],
    ['a newline', 'a\nb'],
    ['quotes', `a"b'c`],
    ['an emoji', '🎈.png'],
    ['right-to-left text', '\u202eשלום.css'],
    ['a composed letter', 'caf\u00e9'],
    ['a decomposed letter', 'cafe\u0301'],
    ['a leading dash', '-rf'],
    ['a trailing dot', 'a.'],
    ['a trailing space', 'a '],
    ['255 bytes', 'ä'.repeat(127) + 'x'],
    ['a control character', 'a\u0007b'],
    ['the replacement character itself', 'a\ufffdb'],
    ['nothing but dots', '...'],
  ])('finds a file and a folder whose name has %s', async (_, name) => {
    const root = await temporaryFolder();
    await plant(root, { [name]: 'x', [`folder/${name}/file`]: 'y' });
    const found = await walked(root);
    expect(paths(found)).toEqual([name, `folder/${name}/file`].toSorted());
    expect(found.problems).toEqual([]);
  });

  test('keeps the composed and the decomposed spelling of a name apart', async () => {
    const root = await temporaryFolder();
    await plant(root, { 'caf\u00e9': '', 'cafe\u0301': '' });
    expect(paths(await walked(root))).toEqual(['cafe\u0301', 'caf\u00e9']);
  });

  test('reports names that are not valid UTF-8 with their bytes made visible, and finds their neighbours', async () => {
    const root = await temporaryFolder();
    await plantRaw(join(root, 'css'), Buffer.from([0x61, 0xff, 0x5c, 0x0a]), '');
    await plantRaw(join(root, 'css'), Buffer.from([0xed, 0xa0, 0x80]), ''); // a lone surrogate
    await plant(root, { 'css/ok\ufffd.css': '', 'css/b.css': '' });
    const found = await walked(root);
    expect(paths(found)).toEqual(['css/b.css', 'css/ok\ufffd.css']);
    expect(problems(found)).toEqual(['BAD_NAME css/\\xed\\xa0\\x80', 'BAD_NAME css/a\\xff\\x5c\\x0a']);
  });

  test('reports a folder whose name is not valid UTF-8 once, and not what is in it', async () => {
    const root = await temporaryFolder();
    await plantRaw(root, Buffer.from([0x64, 0xe9, 0x2f]));
    await plantRaw(root, Buffer.from([0x64, 0xe9, 0x2f, 0x61]));
    const found = await walked(root);
    expect(found.files).toEqual([]);
    expect(problems(found)).toEqual(['BAD_NAME d\\xe9']);
  });

  test('reports a name with a backslash, of a file and of a folder', async () => {
    const root = await temporaryFolder();
    await plant(root, { 'a\\b.txt': '', 'c\\d/file': '', ok: '' });
    const found = await walked(root);
    expect(paths(found)).toEqual(['ok']);
    expect(problems(found)).toEqual(['BAD_NAME a\\b.txt', 'BAD_NAME c\\d']);
    expect(found.problems[0]?.message).toMatch(/^the name contains a backslash.*; rename it$/);
  });

  test('leaves out its own temporary files everywhere, its own folder at the top only, and tells of the former', async () => {
    const root = await temporaryFolder();
    await plant(root, {
      '.pushstatic/index': '',
      'a/.pushstatic/x': '',
      'a/.pushstatic-0123.tmp': '',
      'a/.pushstatic-x': '',
    });
    const found = await walked(root);
    expect(paths(found)).toEqual(['a/.pushstatic-x', 'a/.pushstatic/x']);
    expect(found.temporaries).toEqual([join(root, 'a/.pushstatic-0123.tmp')]);
  });

  test('refuses a root that is missing or no folder', async () => {
    const root = await temporaryFolder();
    await plant(root, { file: '' });
    await expect(walked(join(root, 'gone'))).rejects.toThrow(
      new SourceError(`cannot read ${root}/gone: no such file or directory`),
    );
    await expect(walked(join(root, 'file'))).rejects.toThrow(
      new SourceError(`cannot read ${root}/file: not a directory`),
    );
  });

  test('stops with the reason of its signal', async () => {
    const root = await temporaryFolder();
    await plant(root, { a: '', b: '' });
    const stopping = new AbortController();
    const walking = walk(root, { step: 'scan', pacer: new Pacer({ signal: stopping.signal, sliceMs: 0 }) });
    stopping.abort(new SourceError('stopped'));
    await expect(walking).rejects.toThrow('stopped');
  });
});

describe('walk and links', () => {
  test('follows links to files and folders, relative, absolute, and out of the root', async () => {
    const outside = await temporaryFolder();
    await plant(outside, { 'lib/x.js': '123', 'y.js': '' });
    const root = await temporaryFolder();
    await plant(root, {
      'a.js': '',
      'b.js': symlink('a.js'),
      'c.js': symlink(join(outside, 'y.js')),
      lib: symlink(join(outside, 'lib')),
      'deep/lib': symlink('../lib'),
    });
    const found = await walked(root);
    expect(paths(found)).toEqual(['a.js', 'b.js', 'c.js', 'deep/lib/x.js', 'lib/x.js']);
    expect(
      found.files
        .filter(({ isLink }) => isLink)
        .map(({ path }) => path)
        .toSorted(),
    ).toEqual(['b.js', 'c.js']);
    expect(found.files.find(({ path }) => path === 'lib/x.js')?.size).toBe(3);
  });

  test('reports a broken link', async () => {
    const root = await temporaryFolder();
    await plant(root, { 'css/a.css': symlink('gone'), 'css/b.css': symlink('a.css/x'), ok: '' });
    const found = await walked(root);
    expect(paths(found)).toEqual(['ok']);
    expect(problems(found)).toEqual(['BROKEN_LINK css/a.css', 'BROKEN_LINK css/b.css']);
  });

  test('reports links that lead back to themselves or to a folder they lie in, once each', async () => {
    const root = await temporaryFolder();
    await plant(root, {
      'a/file': '',
      'a/b/up': symlink('..'),
      'a/self': symlink('.'),
      'a/top': symlink(root),
      'a/narcissus': symlink('narcissus'),
    });
    const found = await walked(root);
    expect(paths(found)).toEqual(['a/file']);
    expect(problems(found)).toEqual([
      'LINK_LOOP a/b/up',
      'LINK_LOOP a/narcissus',
      'LINK_LOOP a/self',
      'LINK_LOOP a/top',
    ]);
  });

  test('ends at two folders that hold links to each other', async () => {
    const root = await temporaryFolder();
    await plant(root, { 'a/file': '', 'a/b': symlink('../b'), 'b/file': '', 'b/a': symlink('../a') });
    const found = await walked(root);
    expect(paths(found)).toEqual(['a/b/file', 'a/file', 'b/a/file', 'b/file']);
    expect(problems(found)).toEqual(['LINK_LOOP a/b/a', 'LINK_LOOP b/a/b']);
  });

  test('walks a folder twice that is linked beside itself', async () => {
    const root = await temporaryFolder();
    await plant(root, { 'a/file': '', again: symlink('a') });
    expect(paths(await walked(root))).toEqual(['a/file', 'again/file']);
  });
});

describe('walk and what is no file', () => {
  test('reports FIFOs, sockets and devices, and links to them, without opening any', async () => {
    const root = await temporaryFolder();
    await plant(root, { 'a/fifo': fifo(), 'a/to-fifo': symlink('fifo'), 'a/null': symlink('/dev/null'), ok: '' });
    const server = createServer().listen(join(root, 'a/socket'));
    onTestFinished(() => void server.close());
    await once(server, 'listening');
    const found = await walked(root);
    expect(paths(found)).toEqual(['ok']);
    expect(problems(found)).toEqual([
      'NOT_A_FILE a/fifo',
      'NOT_A_FILE a/null',
      'NOT_A_FILE a/socket',
      'NOT_A_FILE a/to-fifo',
    ]);
  });

  test('reports a folder that it may not read by its path, and finds what lies beside it', async () => {
    const root = await temporaryFolder();
    await plant(root, { 'css/secret/a.css': '', 'css/b.css': '' });
    await chmod(join(root, 'css/secret'), 0o000);
    const found = await withoutRoot(root, () => walked(root));
    expect(paths(found)).toEqual(['css/b.css']);
    expect(found.problems).toEqual([
      { path: 'css/secret', step: 'scan', code: 'UNREADABLE', message: 'it cannot be read: permission denied' },
    ]);
  });

  test('reports the files of a folder that lets itself be listed only', async () => {
    const root = await temporaryFolder();
    await plant(root, { 'css/a.css': '' });
    await chmod(join(root, 'css'), 0o444);
    const found = await withoutRoot(root, () => walked(root));
    expect(problems(found)).toEqual(['UNREADABLE css/a.css']);
  });
});

describe('walk and ignore patterns', () => {
  test("leaves out Django's defaults at any depth, and folders with all they hold", async () => {
    const root = await temporaryFolder();
    await plant(root, {
      'a.css': '',
      'a.css~': '',
      '.hidden': '',
      'x/.git/config': '',
      'x/CVS/Root': '',
      'x/cvs': '',
      'x/y.css~': '',
    });
    expect(paths(await walked(root, 'CVS', '.*', '*~'))).toEqual(['a.css', 'x/cvs']);
  });

  test('leaves out a file by its whole path, and no folder by one', async () => {
    const root = await temporaryFolder();
    await plant(root, { 'a/b/c.css': '', 'a/d.css': '', 'x/a/d.css': '' });
    expect(paths(await walked(root, 'a/b', 'a/d.css'))).toEqual(['a/b/c.css', 'x/a/d.css']);
    expect(paths(await walked(root, 'a/*'))).toEqual(['x/a/d.css']);
  });

  test('reports nothing that is left out', async () => {
    const root = await temporaryFolder();
    await plant(root, { '.broken': symlink('gone'), 'a/fifo': fifo(), '.up': symlink('.'), '.a\\b': '' });
    await plantRaw(root, Buffer.from([0x2e, 0xff]));
    const found = await walked(root, '.*', 'a/fifo');
    expect([...found.files, ...found.problems]).toEqual([]);
  });

  test('follows a link to a folder that a pattern would leave out as a file', async () => {
    const root = await temporaryFolder();
    await plant(root, { 'a/real/x': '', 'a/link': symlink('real') });
    expect(paths(await walked(root, 'a/link'))).toEqual(['a/link/x', 'a/real/x']);
  });
});

describe('stamps', () => {
  test('stay while nothing happens, and when a file is read', async () => {
    const root = await temporaryFolder();
    await plant(root, { a: '1' });
    expect(await stampIn(root)).toBe(await stampIn(root));
  });

  test('change with an edit of the same size whose time is put back, and with the file behind a link', async () => {
    const root = await temporaryFolder();
    const outside = await temporaryFolder();
    await plant(outside, { one: '1', two: '2' });
    await utimes(join(outside, 'one'), 1000, 1000);
    await utimes(join(outside, 'two'), 1000, 1000);
    await plant(root, { a: symlink(join(outside, 'one')) });
    const first = await stampIn(root);
    await clockTick(outside);
    await writeFile(join(outside, 'one'), '9');
    await utimes(join(outside, 'one'), 1000, 1000);
    const edited = await stampIn(root);
    await plant(root, { a: symlink(join(outside, 'two')) });
    const other = await stampIn(root);
    expect(new Set([first, edited, other]).size).toBe(3);
  });
});

describe('the pace', () => {
  test('may give way at each of 50,000 files in one folder, and again and again while they are sorted', async () => {
    const root = await temporaryFolder();
    for (let i = 0; i < 50_000; i++) writeFileSync(join(root, `file-${(i * 7919) % 50_000}`), '');
    let breaths = 0;
    class CountingPacer extends Pacer {
      override async breathe(): Promise<void> {
        breaths++;
        await super.breathe();
      }
    }
    const { files } = await walk(root, { step: 'scan', pacer: new CountingPacer({ sliceMs: 0 }) }); // always due
    expect(files).toHaveLength(50_000);
    expect(files[2]?.path).toBe('file-10');
    expect(breaths).toBeGreaterThan(50_000 + 100);
  });
});

async function stampIn(root: string): Promise<string | undefined> {
  return (await walked(root)).files[0]?.stamp;
}
