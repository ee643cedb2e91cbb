import { execFileSync } from 'node:child_process';
import { mkdir, mkdtemp, realpath, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { loadConfig } from '../src/config/load.js';
import type { Config } from '../src/config/schema.js';
import { ConfigError } from '../src/errors.js';

let folder: string;

beforeEach(async () => {
  folder = await realpath(await mkdtemp(join(tmpdir(), 'pushstatic-config-')));
});

afterEach(async () => {
  await rm(folder, { recursive: true, force: true });
});

async function load(text: string | Uint8Array): Promise<Config> {
  await writeFile(join(folder, 'pushstatic.yaml'), text);
  return loadConfig({ cwd: folder, env: { HOME: '/home/ann' } });
}

/** The message of the ConfigError, with the temporary folder written as HERE. */
async function complaint(promise: Promise<unknown>): Promise<string> {
  const error = await promise.then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  expect(error).toBeInstanceOf(ConfigError);
  return error instanceof ConfigError ? error.message.replaceAll(folder, 'HERE') : '';
}

const SOURCE = 'source: { dirs: [assets] }\n';
const SOUND = `${SOURCE}static: { root: out }\n`;

// In the text of a test, this stands before the place that the message is to name.
const MARK = '▸';

function unmarked(text: string): string {
  return text.replace(MARK, '');
}

/** Line and column of the mark, as a message gives them. */
function placeOf(text: string): string {
  const before = text.slice(0, text.indexOf(MARK)).split('\n');
  return `${before.length}:${(before.at(-1) ?? '').length + 1}`;
}

/** A sound file whose only target, on line 4, is `text`. */
function target(text: string): string {
  return `${SOUND}targets:\n  web: ${text}\n`;
}

describe('a sound file', () => {
  test('gets every default', async () => {
    expect(await load(`${SOUND}targets: { web: { url: 'sftp://example.com/srv/static' } }`)).toEqual({
      file: join(folder, 'pushstatic.yaml'),
      folder,
      site: `${folder.split('/').at(-1)}:out`,
      source: { dirs: [{ path: join(folder, 'assets'), prefix: '' }], ignore: ['CVS', '.*', '*~'] },
      static: {
        root: join(folder, 'out'),
        url: '/static/',
        storage: 'plain',
        django: '6.1',
        permissions: { file: 0o644, dir: null },
        manifest: {
          name: 'staticfiles.json',
          jsModules: false,
          keepIntermediateFiles: false,
          maxPasses: 5,
          missing: [],
          stale: 'remove',
        },
      },
      targets: [
        {
          name: 'web',
          url: 'sftp://example.com/srv/static',
          address: { kind: 'sftp', host: 'example.com', path: '/srv/static' },
          sshConfig: undefined,
          include: ['**'],
          exclude: [],
          allow: [],
          allowNonAtomic: false,
          delete: { enabled: true, max: { kind: 'share', share: 0.5 } },
          mode: { file: 0o644, dir: 0o755 },
          control: '.pushstatic',
          compress: 'auto',
        },
      ],
      push: { concurrency: 'auto', bandwidth: undefined, compress: 'auto' },
      watch: { settleMs: 100, maxWaitMs: 2000, sweepMs: 60_000, backend: 'auto' },
      daemon: { socket: 'auto', http: '127.0.0.1:8873', shutdownTimeoutMs: 10_000 },
      hooks: { timeoutMs: 60_000 },
      log: { level: 'info', format: 'auto' },
    });
  });

  test('takes relative paths from its own folder and ~ as the home folder', async () => {
    const config = await load(
      `source: { dirs: [../shared, ~/assets, /abs] }\nstatic: { root: ./a/../out }\n` +
        `targets: { web: { url: 'sftp://h/s', identityFile: ~/.ssh/id, knownHosts: hosts, sshConfig: false } }`,
    );
    expect(config.source.dirs.map((dir) => dir.path)).toEqual([join(folder, '../shared'), '/home/ann/assets', '/abs']);
    expect(config.static.root).toBe(join(folder, 'out'));
    expect(config.targets[0]).toMatchObject({
      identityFile: '/home/ann/.ssh/id',
      knownHosts: join(folder, 'hosts'),
      sshConfig: false,
    });
  });

  test.each([
    ['no targets', SOUND],
    ['an empty targets section', `${SOUND}targets:\n  # none yet\n`],
    ['no source where another tool fills STATIC_ROOT', 'static: { root: out, storage: none }'],
    ['a byte order mark', `\ufeff${SOUND}`],
    [
      'an anchor that is used again',
      `${SOUND}targets: { a: { url: 'sftp://a/s', exclude: &x [b] }, c: { url: 'sftp://c/s', exclude: *x } }`,
    ],
    [
      'targets on one server at different ports',
      `${SOUND}targets: { a: { url: 'sftp://h/s' }, b: { url: 'sftp://h:2222/s' } }`,
    ],
    ['one folder under two prefixes', 'source: { dirs: [a, { path: a, prefix: p }] }\nstatic: { root: out }'],
    ['a root whose name begins with the name of a source', 'source: { dirs: [static] }\nstatic: { root: static-out }'],
    ['JSON', '{"source": {"dirs": ["assets"]}, "static": {"root": "out"}}'],
  ])('may have %s', async (_, text) => {
    await expect(load(text)).resolves.toHaveProperty('file', join(folder, 'pushstatic.yaml'));
  });

  test('keeps what it says', async () => {
    const config = await load(
      `site: shop\nsource:\n  dirs: [{ path: dist, prefix: vendor/x }, { path: later, optional: true }]\n` +
        `static: { root: out, storage: manifest, django: '5.2', permissions: { file: null, dir: '2755' }, manifest: { root: ., missing: { 'a/*.css': warn, '*': fail }, stale: keep } }\n` +
        `targets: { web: { url: 'file:///srv/x', delete: { max: 0 }, mode: { file: '640' }, control: ../ctl } }\n` +
        `push: { concurrency: 8, bandwidth: 2M, compress: off }\nwatch: { maxWait: 1m30s }\ndaemon: { socket: run/s, http: false, shutdownTimeout: 0s }\nhooks: { after: 'echo done', timeout: 1m }\nlog: { level: debug }`,
    );
    expect(config).toMatchObject({
      site: 'shop',
      source: {
        dirs: [
          { path: join(folder, 'dist'), prefix: 'vendor/x' },
          { path: join(folder, 'later'), prefix: '', isOptional: true },
        ],
      },
      static: {
        storage: 'manifest',
        django: '5.2',
        permissions: { file: null, dir: 0o2755 },
        manifest: {
          root: folder,
          missing: [
            { pattern: 'a/*.css', then: 'warn' },
            { pattern: '*', then: 'fail' },
          ],
          stale: 'keep',
        },
      },
      targets: [
        {
          delete: { enabled: true, max: { kind: 'count', count: 0 } },
          mode: { file: 0o640, dir: 0o755 },
          control: '../ctl',
          compress: 'off',
        },
      ],
      push: { concurrency: 8, bandwidth: 2 * 1024 * 1024, compress: 'off' },
      watch: { maxWaitMs: 90_000 },
      daemon: { socket: join(folder, 'run/s'), http: false, shutdownTimeoutMs: 0 },
      hooks: { after: 'echo done', timeoutMs: 60_000 },
      log: { level: 'debug' },
    });
  });
});

describe('STATIC_URL', () => {
  test.each([
    ['static/', '/static/'],
    ['/static', '/static'],
    ['/', '/'],
    ['https://cdn.example.com/s/', 'https://cdn.example.com/s/'],
    ['//cdn.example.com/s/', '//cdn.example.com/s/'],
  ])('is read as Django reads it: %s is %s', async (written, url) => {
    expect(await load(`${SOURCE}static: { root: out, url: ${written} }`)).toMatchObject({ static: { url } });
  });
});

describe('a reference to a file that is missing', () => {
  test.each([
    ['fail', []],
    ['warn', [{ pattern: '*', then: 'warn' }]],
  ] as const)('is for %s by one rule or none', async (missing, rules) => {
    const config = await load(`${SOURCE}static: { root: out, manifest: { missing: ${missing} } }`);
    expect(config.static.manifest.missing).toEqual(rules);
  });
});

describe('finding the file', () => {
  test('goes up from the working folder', async () => {
    await load(SOUND);
    const below = join(folder, 'a/b');
    await mkdir(below, { recursive: true });
    const config = await loadConfig({ cwd: below, env: {} });
    expect(config.folder).toBe(folder);
  });

  test('takes the one that is named, relative to the working folder', async () => {
    await writeFile(join(folder, 'other.yml'), SOUND);
    const config = await loadConfig({ file: 'other.yml', cwd: folder, env: {} });
    expect(config.file).toBe(join(folder, 'other.yml'));
  });

  test('names a file above the working folder by its whole path', async () => {
    await writeFile(join(folder, 'pushstatic.yaml'), 'site: 1\nstatic: { root: out }');
    const below = join(folder, 'below');
    await mkdir(below);
    expect(await complaint(loadConfig({ cwd: below, env: {} }))).toBe(
      'HERE/pushstatic.yaml:1:7: site: expected a name for this project, found the number 1',
    );
  });

  test('says where it looked when there is none', async () => {
    expect(await complaint(loadConfig({ cwd: folder, env: {} }))).toBe(
      'cannot find pushstatic.yaml in HERE or any folder above it; "pushstatic init" writes one, and -c names another file',
    );
  });

  test('says so when the named one is not there', async () => {
    expect(await complaint(loadConfig({ file: 'x.yaml', cwd: folder, env: {} }))).toBe(
      'cannot read HERE/x.yaml: there is no such file; "pushstatic init -c x.yaml" writes it',
    );
  });

  test('says how a new one is written in the place of an empty one, wherever that is', async () => {
    await mkdir(join(folder, 'below'));
    await writeFile(join(folder, 'pushstatic.yaml'), '');
    expect(await complaint(loadConfig({ cwd: join(folder, 'below'), env: {} }))).toBe(
      'cannot use HERE/pushstatic.yaml: it is empty; "pushstatic init --force -c HERE/pushstatic.yaml" writes a new one',
    );
    await writeFile(join(folder, 'x.yaml'), '');
    expect(await complaint(loadConfig({ file: 'x.yaml', cwd: folder, env: {} }))).toBe(
      'cannot use HERE/x.yaml: it is empty; "pushstatic init --force -c x.yaml" writes a new one',
    );
  });

  test('refuses a FIFO without waiting for a writer', async () => {
    execFileSync('/usr/bin/env', ['mkfifo', join(folder, 'fifo')]);
    expect(await complaint(loadConfig({ file: 'fifo', cwd: folder, env: {} }))).toBe(
      'cannot read HERE/fifo: it is not a file',
    );
  });

  test('refuses a folder of that name', async () => {
    await mkdir(join(folder, 'pushstatic.yaml'));
    expect(await complaint(loadConfig({ cwd: folder, env: {} }))).toBe(
      'cannot read HERE/pushstatic.yaml: it is not a file',
    );
  });
});

describe('text that is no YAML document', () => {
  test.each([
    ['', 'cannot use HERE/pushstatic.yaml: it is empty; "pushstatic init --force" writes a new one'],
    ['# nothing\n', 'cannot use HERE/pushstatic.yaml: it is empty; "pushstatic init --force" writes a new one'],
    [Uint8Array.of(0x73, 0x3a, 0x20, 0xff), 'cannot read HERE/pushstatic.yaml: it is not UTF-8; save it as UTF-8 text'],
    [Buffer.alloc(1024 * 1024 + 1, '#'), 'cannot read HERE/pushstatic.yaml: it is larger than 1 MiB'],
    ['- a\n- b\n', 'pushstatic.yaml:1:1: expected a mapping, found a list'],
    ['just text', 'pushstatic.yaml:1:1: expected a mapping, found a string "just text"'],
    ['site: a\nsite: b\n', 'pushstatic.yaml:2:1: site: this key stands twice in one mapping'],
    ['static:\n\troot: x\n', 'pushstatic.yaml:2:1: a tab stands in the indentation; YAML wants spaces'],
    [`${SOUND}---\n${SOUND}`, 'pushstatic.yaml:3:1: a second YAML document begins here; expected one'],
    ['? [a]\n: 1\n', 'pushstatic.yaml:1:3: expected text as a key'],
    ['site: !secret x\n', 'pushstatic.yaml:1:7: Unresolved tag: !secret'],
    ['site: *x\n', 'pushstatic.yaml:1:7: no anchor stands before this alias'],
    [`${SOUND}__proto__: { site: x }\n`, 'pushstatic.yaml:3:1: unknown key'],
    [`${SOUND}targets: { constructor: { url: 'sftp://h/s' } }\n`, 'pushstatic.yaml:3:12: unknown key'],
    [
      `a: &a [x]\nb: &b [*a, *a, *a, *a, *a, *a]\nc: &c [*b, *b, *b, *b, *b, *b]\nd: [*c, *c, *c, *c, *c, *c]\n`,
      'pushstatic.yaml:1:1: Excessive alias count indicates a resource exhaustion attack',
    ],
  ])('is refused: %j', async (text, expected) => {
    expect(await complaint(load(text))).toBe(expected);
  });
});

const LEVELS = 'trace, debug, info, warn, error or silent';
const DJANGOS = "'4.2', '5.0', '5.1', '5.2', '6.0' or '6.1'";
const TOP = 'site, source, static, targets, push, watch, daemon, hooks or log';

describe('the shape of the file', () => {
  test.each([
    // unknown keys
    [`${SOUND}▸tagets: {}`, 'tagets: unknown key; did you mean "targets"?'],
    [`${SOUND}▸zebra: {}`, `zebra: unknown key; expected ${TOP}`],
    [`${SOUND}▸toString: {}`, `toString: unknown key; expected ${TOP}`],
    [`${SOUND}▸"<<": {}`, `"<<": unknown key; expected ${TOP}`],
    [`${SOURCE}static:\n  root: out\n  ▸strage: plain\n`, 'static.strage: unknown key; did you mean "storage"?'],
    [
      'source:\n  dirs:\n    - assets\n    - path: b\n      ▸prefx: c\nstatic: { root: out }',
      'source.dirs[1].prefx: unknown key; did you mean "prefix"?',
    ],
    [target('{ url: sftp://h/s, delete: { ▸mx: 1 } }'), 'targets.web.delete.mx: unknown key; did you mean "max"?'],
    [
      target('{ url: sftp://h/s, ▸port: 22 }'),
      'targets.web.port: unknown key; it stands in url, as sftp://user@host:port/path',
    ],
    // secrets
    [
      target('{ url: sftp://h/s, ▸password: hunter2 }'),
      'targets.web.password: unknown key; secrets never stand in the file: use passwordEnv',
    ],
    [
      target('{ url: sftp://h/s, ▸passphrase: hunter2 }'),
      'targets.web.passphrase: unknown key; secrets never stand in the file: use passphraseEnv',
    ],
    [`${SOUND}daemon: { ▸token: hunter2 }`, 'daemon.token: unknown key; secrets never stand in the file: use tokenEnv'],
    [
      `${SOUND}daemon: { tokenEnv: ▸hunter-2 }`,
      'daemon.tokenEnv: expected the name of an environment variable, found a string',
    ],
    [`${SOUND}▸Password: hunter2`, 'Password: unknown key; secrets never stand in the file: use passwordEnv'],
    [
      target('{ url: sftp://h/s, passwordEnv: ▸hunter-2 }'),
      'targets.web.passwordEnv: expected the name of an environment variable, found a string',
    ],
    // missing keys
    [`▸${SOURCE}`, 'static: missing; expected a mapping with root'],
    [`${SOURCE}▸static:\n  url: /s/\n`, 'static.root: missing; expected a path'],
    [`${SOURCE}▸static:\n`, 'static: expected a mapping with root, found nothing'],
    [`${SOURCE}static:\n  ▸root:\n`, 'static.root: expected a path, found nothing'],
    [
      `${SOUND}targets:\n  ▸web: { exclude: [] }`,
      'targets.web.url: missing; expected a URL like sftp://user@host/path or file:///path',
    ],
    ['source: { dirs: [a, ▸{ prefix: p }] }\nstatic: { root: out }', 'source.dirs[1].path: missing; expected a path'],
    // the wrong kind
    ['source: { dirs: ▸"x" }\nstatic: { root: out }', 'source.dirs: expected a list of folders, found a string "x"'],
    [
      'source: { dirs: [a, ▸5] }\nstatic: { root: out }',
      'source.dirs[1]: expected a path or a mapping with path, found the number 5',
    ],
    [
      'source: { dirs: [a, ▸[b]] }\nstatic: { root: out }',
      'source.dirs[1]: expected a path or a mapping with path, found a list',
    ],
    ['source: ▸[a]\nstatic: { root: out }', 'source: expected a mapping, found a list'],
    [`${SOURCE}static: { root: ▸[out] }`, 'static.root: expected a path, found a list'],
    [`${SOURCE}static: { root: ▸"" }`, 'static.root: expected a path, found ""'],
    [`${SOURCE}static: { root: ▸"a\\0b" }`, 'static.root: expected a path, found "a\\u0000b"'],
    [`${SOUND}targets: ▸[sftp://h/s]`, 'targets: expected a mapping of names to targets, found a list'],
    [
      `${SOUND}targets: { ▸"a b": { url: sftp://h/s } }`,
      'targets."a b": expected a name of letters, digits, dots, dashes and underscores, found "a b"',
    ],
    [`${SOUND}targets:\n  ▸web:\n`, 'targets.web: expected a mapping, found nothing'],
    [target('▸sftp://h/s'), 'targets.web: expected a mapping, found a string "sftp://h/s"'],
    [target('▸sftp://me:hunter2@h/s'), 'targets.web: expected a mapping, found a string "sftp://me:…@h/s"'],
    [
      target('{ url: sftp://h/s, include: ▸[] }'),
      'targets.web.include: expected at least one pattern, found an empty list',
    ],
    ...['/priv/**', 'priv/', './priv/**', '../priv'].map((pattern) => [
      target(`{ url: sftp://h/s, exclude: [▸"${pattern}"] }`),
      `targets.web.exclude[0]: expected a pattern like img/** or **/*.map, of paths below STATIC_ROOT, with no / in front or at the end, found "${pattern}"`,
    ]),
    ...['!priv/**', '!a'].map((pattern) => [
      target(`{ url: sftp://h/s, include: ["**", ▸"${pattern}"] }`),
      `targets.web.include[1]: expected a pattern without ! in front: what is not meant stands under exclude, found "${pattern}"`,
    ]),
    [
      target('{ url: sftp://h/s, mode: { dir: ▸"0644" } }'),
      `targets.web.mode.dir: expected an octal string like '0755' (in quotes) that lets the owner read, write and enter, found "0644"`,
    ],
    [
      target('{ url: sftp://h/s, mode: { file: ▸"0044" } }'),
      `targets.web.mode.file: expected an octal string like '0644' (in quotes) that lets the owner read, found "0044"`,
    ],
    ...['$HOME/.ssh/key', '${HOME}/.ssh/key'].map((path) => [
      target(`{ url: sftp://h/s, identityFile: ▸"${path}" }`),
      'targets.web.identityFile: variables are not replaced here; write the path itself, or put ./ before a name that begins with $',
    ]),
    [
      target('{ url: sftp://h/s, include: ["**", ▸7] }'),
      'targets.web.include[1]: expected a pattern, found the number 7',
    ],
    [target('{ url: sftp://h/s, sshConfig: ▸true }'), 'targets.web.sshConfig: expected a path or false, found true'],
    [
      target('{ url: sftp://h/s, hostKey: ▸ab:cd }'),
      `targets.web.hostKey: expected a fingerprint like 'SHA256:…', as ssh-keygen -l prints it, found "ab:cd"`,
    ],
    // words
    [
      `${SOURCE}static:\n  root: out\n  storage: ▸plian\n`,
      'static.storage: expected plain, manifest, django or none, found "plian"; did you mean "plain"?',
    ],
    [`${SOUND}log: { level: ▸loud }`, `log.level: expected ${LEVELS}, found "loud"`],
    [`${SOUND}watch: { backend: ▸1 }`, 'watch.backend: expected auto, native, chokidar or poll, found the number 1'],
    // notations
    [
      target('{ url: sftp://h/s, mode: { file: ▸0644 } }'),
      "targets.web.mode.file: expected an octal string like '0644' (in quotes) that lets the owner read, found the number 644",
    ],
    [
      target("{ url: sftp://h/s, mode: { dir: ▸'0798' } }"),
      `targets.web.mode.dir: expected an octal string like '0755' (in quotes) that lets the owner read, write and enter, found "0798"`,
    ],
    [
      `${SOURCE}static: { root: out, permissions: { dir: ▸755 } }`,
      "static.permissions.dir: expected an octal string like '0755' (in quotes), found the number 755",
    ],
    [
      `${SOURCE}static: { root: out, django: ▸5.2 }`,
      `static.django: expected a version of Django in quotes: ${DJANGOS}, found the number 5.2`,
    ],
    [
      `${SOURCE}static: { root: out, django: ▸'3.2' }`,
      `static.django: expected a version of Django in quotes: ${DJANGOS}, found "3.2"; did you mean "4.2"?`,
    ],
    [
      `${SOURCE}static: { root: out, url: ▸'my files/' }`,
      'static.url: expected a URL like /static/ or https://static.example.com/, found "my files/"',
    ],
    [
      `${SOURCE}static: { root: out, manifest: { missing: { 'a/*': ▸wrn } } }`,
      'static.manifest.missing."a/*": expected fail or warn, found "wrn"; did you mean "warn"?',
    ],
    [
      `${SOURCE}static: { root: out, manifest: { missing: ▸[a] } }`,
      'static.manifest.missing: expected fail, warn or a mapping of patterns to one of them, found a list',
    ],
    [
      `${SOUND}watch: { settle: ▸100 }`,
      'watch.settle: expected a duration like 100ms, 2s or 1h30m, found the number 100',
    ],
    [`${SOUND}watch: { settle: ▸fast }`, 'watch.settle: expected a duration like 100ms, 2s or 1h30m, found "fast"'],
    [`${SOUND}watch: { sweep: ▸25d }`, 'watch.sweep: expected a duration like 100ms, 2s or 1h30m, found "25d"'],
    [
      target('{ url: sftp://h/s, delete: { max: ▸101% } }'),
      `targets.web.delete.max: expected a count like 100 or a share like '50%', found "101%"`,
    ],
    [
      target('{ url: sftp://h/s, delete: { max: ▸-1 } }'),
      "targets.web.delete.max: expected a count like 100 or a share like '50%', found the number -1",
    ],
    [
      `${SOUND}push: { bandwidth: ▸0 }`,
      'push.bandwidth: expected unlimited or bytes per second like 500K or 10M, found the number 0',
    ],
    [
      `${SOUND}push: { bandwidth: ▸lots }`,
      'push.bandwidth: expected unlimited or bytes per second like 500K or 10M, found "lots"',
    ],
    [`${SOUND}push: { compress: ▸yes }`, 'push.compress: expected auto, on or off, found "yes"'],
    [`${SOUND}push: { compress: ▸true }`, 'push.compress: expected auto, on or off, found true'],
    [
      `${SOUND}push: { concurrency: ▸0 }`,
      'push.concurrency: expected auto or a whole number from 1 to 1000, found the number 0',
    ],
    [
      `${SOUND}push: { concurrency: ▸many }`,
      'push.concurrency: expected auto or a whole number from 1 to 1000, found "many"',
    ],
    [
      `${SOUND}daemon: { http: ▸127.0.0.1:99999 }`,
      'daemon.http: expected an address like 127.0.0.1:8873 or false, found "127.0.0.1:99999"',
    ],
    [`${SOUND}daemon: { http: ▸true }`, 'daemon.http: expected an address like 127.0.0.1:8873 or false, found true'],
    [
      `${SOUND}daemon: { shutdownTimeout: ▸10 }`,
      'daemon.shutdownTimeout: expected a duration like 100ms, 2s or 1h30m, found the number 10',
    ],
    [`${SOUND}hooks: { after: ▸[ls] }`, 'hooks.after: expected a shell command, found a list'],
    [`${SOUND}hooks: { after: ▸"" }`, 'hooks.after: expected a shell command, found ""'],
    [`${SOUND}hooks: { ▸before: ls }`, 'hooks.before: unknown key; expected after or timeout'],
  ])('is checked: %j', async (marked, expected) => {
    expect(await complaint(load(unmarked(marked)))).toBe(`pushstatic.yaml:${placeOf(marked)}: ${expected}`);
  });

  test('reports all faults together, in the order of the file', async () => {
    const text =
      'static:\n  storage: plian\n  rot: out\ntargets:\n  a:\n    url: 5\n    extra: 1\n  b:\n    mode: { file: 1, dir: 2 }\n';
    expect((await complaint(load(text))).split('\n').map((line) => line.split(' ', 2).join(''))).toEqual([
      'pushstatic.yaml:1:1:static.root:',
      'pushstatic.yaml:2:12:static.storage:',
      'pushstatic.yaml:3:3:static.rot:',
      'pushstatic.yaml:6:10:targets.a.url:',
      'pushstatic.yaml:7:5:targets.a.extra:',
      'pushstatic.yaml:8:3:targets.b.url:',
      'pushstatic.yaml:9:19:targets.b.mode.file:',
      'pushstatic.yaml:9:27:targets.b.mode.dir:',
    ]);
  });

  test('reports ten faults and counts the rest', async () => {
    const keys = Array.from({ length: 13 }, (_, index) => `zz${index}: 1\n`).join('');
    const lines = (await complaint(load(SOUND + keys))).split('\n');
    expect(lines).toHaveLength(11);
    expect(lines.at(-1)).toBe('pushstatic.yaml: and 3 more');
  });

  test('shortens what it quotes', async () => {
    expect(await complaint(load(`${SOUND}log: { level: ${'x'.repeat(5000)} }`))).toBe(
      `pushstatic.yaml:3:15: log.level: expected ${LEVELS}, found "${'x'.repeat(60)}…"`,
    );
  });

  test('finds a fault behind an alias at the anchor', async () => {
    const text = `${SOUND}targets:\n  a: { url: 'sftp://a/s', delete: &d { max: x } }\n  b: { url: 'sftp://b/s', delete: *d }\n`;
    expect(await complaint(load(text))).toBe(
      [
        `pushstatic.yaml:4:45: targets.a.delete.max: expected a count like 100 or a share like '50%', found "x"`,
        `pushstatic.yaml:4:45: targets.b.delete.max: expected a count like 100 or a share like '50%', found "x"`,
      ].join('\n'),
    );
  });
});

describe('keys seen together', () => {
  test.each([
    ['▸static: { root: out }', 'source.dirs: missing; static.storage: plain needs at least one folder to collect from'],
    [
      'source:\n  dirs: ▸[]\nstatic: { root: out, storage: manifest }',
      'source.dirs: missing; static.storage: manifest needs at least one folder to collect from',
    ],
    [
      'source:\n  dirs:\n    - a\n    - ▸./b/../a\nstatic: { root: out }',
      'source.dirs[1]: the same folder and prefix as source.dirs[0]; remove one',
    ],
    [
      'source: { dirs: [{ path: a, prefix: ▸v/ }] }\nstatic: { root: out }',
      'source.dirs[0].prefix: a prefix does not end with a slash; Django puts one itself',
    ],
    [
      'source: { dirs: [{ path: a, prefix: ▸../v }] }\nstatic: { root: out }',
      'source.dirs[0].prefix: expected a plain relative path like vendor/fonts: the path is not a plain relative path',
    ],
    [
      'source: { dirs: [▸~bob/a] }\nstatic: { root: out }',
      'source.dirs[0]: only ~ and ~/ stand for a home folder; put ./ before a name that begins with ~',
    ],
    [
      `${SOURCE}static: { root: out, storage: ▸django }`,
      "static.storage: it runs the project's own collectstatic, and needs source.django to know how",
    ],
    [`${SOUND}▸watch: { settle: 3s }`, 'watch.maxWait: it is shorter than watch.settle, so nothing could ever settle'],
    [`${SOUND}watch: { sweep: ▸10ms }`, 'watch.sweep: a sweep reads every folder; expected at least 1s between two'],
    [
      `${SOUND}hooks: { timeout: ▸0s }`,
      'hooks.timeout: a command needs longer than that to start; expected at least 1s',
    ],
    [
      target('{ url: sftp://h/s, passwordEnv: A, passwordFile: ▸b }'),
      'targets.web.passwordFile: it cannot stand beside passwordEnv; remove one of the two',
    ],
    [
      `${SOUND}daemon: { tokenEnv: A, tokenFile: ▸b }`,
      'daemon.tokenFile: it cannot stand beside tokenEnv; remove one of the two',
    ],
    [
      target(`{ url: sftp://h/s, hostKey: ▸'SHA256:${'A'.repeat(43)}', knownHosts: k }`),
      'targets.web.hostKey: it cannot stand beside knownHosts; remove one of the two',
    ],
    [
      `${SOUND}targets:\n  a: { url: sftp://me@h/srv/s }\n  b: { url: ▸'sftp://me@H:22//srv/%73/' }`,
      'targets.b.url: the same place as targets.a.url; two targets cannot share one',
    ],
    [
      `${SOUND}targets:\n  a: { url: sftp://h/a, control: /ctl }\n  b: { url: sftp://h/b, control: ▸../ctl }`,
      'targets.b.control: the same place as targets.a.control; two targets cannot share one',
    ],
    [
      `${SOUND}targets:\n  a: { url: sftp://h/a }\n  b: { url: sftp://h/b, control: ▸../a/.pushstatic }`,
      'targets.b.control: the same place as targets.a.url; two targets cannot share one',
    ],
    [
      target('{ url: ▸sftp://u:pw@h/s }'),
      'targets.web.url: a password stands in the URL; secrets never stand in the file: use passwordEnv',
    ],
    [
      target('{ url: sftp://h/s, control: ▸private }'),
      'targets.web.control: it lies in the published tree; expected .pushstatic or a path beside the target like ../.pushstatic-s',
    ],
  ])('are refused: %j', async (marked, expected) => {
    expect(await complaint(load(unmarked(marked)))).toBe(`pushstatic.yaml:${placeOf(marked)}: ${expected}`);
  });
});

describe('folders that lie in one another', () => {
  test.each([
    [
      'source: { dirs: [a] }\nstatic: { root: ▸a }',
      'static.root: it is the same folder as source.dirs[0] (HERE/a); the two must lie apart',
    ],
    [
      'source: { dirs: [b, a] }\nstatic: { root: ▸a/out }',
      'static.root: it lies inside source.dirs[1] (HERE/a); the two must lie apart',
    ],
    [
      'source: { dirs: [out/a] }\nstatic: { root: ▸out }',
      'static.root: it holds source.dirs[0] (HERE/out/a); the two must lie apart',
    ],
    [
      "source: { dirs: [a] }\nstatic: { root: out, storage: manifest, django: '5.2', manifest: { root: ▸a/m } }",
      'static.manifest.root: it lies in source.dirs[0] (HERE/a), and the manifest would be collected from there; name another folder',
    ],
    [
      "source: { dirs: [a] }\nstatic: { root: out, storage: manifest, django: '5.2', manifest: { root: ▸out/m } }",
      'static.manifest.root: it lies in static.root (HERE/out), and the manifest would be published from there a run late; name a folder outside of it',
    ],
    [
      'source: { dirs: [a], ignore: [CVS] }\nstatic: { root: ▸a/.out/s }',
      'static.root: it lies inside source.dirs[0] (HERE/a); the two must lie apart',
    ],
    [
      'source: { dirs: [/srv/a] }\nstatic: { root: ▸. }',
      'static.root: it holds this configuration file, which would be published; give it a folder of its own',
    ],
    [
      'source: { dirs: [a, ▸.] }\nstatic: { root: /srv/out }',
      'source.dirs[1]: it holds this configuration file, which would be published; move the file, or name it under source.ignore',
    ],
    [
      'static: { root: ▸/, storage: none }',
      'static.root: the root of the file system cannot be STATIC_ROOT; name a folder of its own',
    ],
    [
      `${SOUND}targets: { a: { url: ▸file://HERE/out } }`,
      'targets.a.url: it is the same folder as static.root (HERE/out); the two must lie apart',
    ],
    [
      `${SOUND}targets: { a: { url: ▸file://HERE/out/x } }`,
      'targets.a.url: it lies inside static.root (HERE/out); the two must lie apart',
    ],
    [
      `${SOUND}targets: { a: { url: ▸file://HERE/assets/x } }`,
      'targets.a.url: it lies inside source.dirs[0] (HERE/assets); the two must lie apart',
    ],
    [
      `${SOUND}targets: { a: { url: file://HERE/p, control: ▸../assets/c } }`,
      'targets.a.control: it lies inside source.dirs[0] (HERE/assets); the two must lie apart',
    ],
    [
      `${SOUND}targets: { a: { url: file://HERE/p }, b: { url: ▸file://localhost/HERE/p/ } }`,
      'targets.b.url: it is the same folder as targets.a.url (HERE/p); two targets cannot share one',
    ],
  ])('are refused: %j', async (marked, expected) => {
    const text = marked.replaceAll('HERE', folder);
    expect(await complaint(load(unmarked(text)))).toBe(`pushstatic.yaml:${placeOf(text)}: ${expected}`);
  });

  test('are none where ignore patterns leave STATIC_ROOT out of the source', async () => {
    const config = await load('source: { dirs: [a] }\nstatic: { root: a/.out/s }');
    expect(config.static.root).toBe(join(folder, 'a/.out/s'));
  });

  test('are recognised through links, also where the rest of the path is not there yet', async () => {
    await mkdir(join(folder, 'assets'));
    await symlink('assets', join(folder, 'link'));
    expect(await complaint(load(`${SOURCE}static: { root: link/not/yet }`))).toBe(
      'pushstatic.yaml:2:17: static.root: it lies inside source.dirs[0] (HERE/assets); the two must lie apart',
    );
  });
});
