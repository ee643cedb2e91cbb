/** The face of the program: its words, its streams, its documents and its exit statuses. */
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync, readFileSync } from 'node:fs';
import { cp, mkdir, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished, vi } from 'vitest';
import { freePort } from './support/openssh-server.js';
import { type Ended, type Program, programIn } from './support/program.js';
import { inFolder, makeProject, type Project, published } from './support/project.js';
import { symlink as linkTo, plant, readTree, type Tree, temporaryFolder } from './support/tree.js';

const SITE: Tree = { 'assets/css/app.css': 'body {}', 'assets/logo.png': 'logo', 'vendor/dist/lib.js': 'library' };
const PROBLEMS = { problems: [] };
const COMMANDS =
  'init collect sync diff verify unlock watch daemon trigger pause resume reload stop healthcheck status explain config completion demo'.split(
    ' ',
  );

/** A project with one target, `web`, in a folder of this machine. */
async function makeSite(tree: Tree = SITE, target: object = {}): Promise<Project & { readonly target: string }> {
  const place = join(await temporaryFolder(), 'served');
  return { ...(await makeProject({ targets: { web: inFolder(place, target) } }, tree)), target: place };
}

async function programAnywhere(): Promise<Program> {
  const folder = await temporaryFolder();
  return programIn(folder, { HOME: folder, XDG_STATE_HOME: join(folder, '.state') });
}

/** Runs it with all that it says on stdout going to a disk without space. */
function intoFull(program: Program, ...words: readonly string[]): Promise<Ended> {
  return program.throughShell([...words.slice(0, 1), '>/dev/full', ...words.slice(1)].join(' ')).ended;
}

function linesOf(text: string): string[] {
  return text.split('\n').filter(Boolean);
}

describe('help', () => {
  it('tells what the program is for and names every command, with status 0', async () => {
    const { status, stdout, stderr } = await (await programAnywhere()).run('--help');
    expect([status, stderr]).toEqual([0, '']);
    const named = [...stdout.matchAll(/^ {2}(\w+)(?: \[| <| {2})/gm)].map(([, name]) => name);
    expect(named).toEqual([...COMMANDS, 'help']);
  });

  it.each(COMMANDS)('of %s shows its options and the global ones', async (command) => {
    const { status, stdout } = await (await programAnywhere()).run(command, '--help');
    expect(status).toBe(0);
    expect(stdout).toContain(`Usage: pushstatic ${command}`);
    expect(stdout).toContain('--json');
  });

  it('is a command, too, also for one of them, and says of what is none that it is none', async () => {
    const program = await programAnywhere();
    for (const [words, flags] of [
      [['help'], ['--help']],
      [
        ['help', 'sync'],
        ['sync', '--help'],
      ],
    ] as const) {
      const { status, stdout, stderr } = await program.run(...flags);
      expect(await program.run(...words)).toMatchObject({ status, stdout, stderr });
    }
    expect(await program.run('help', 'nope')).toMatchObject({
      status: 2,
      stdout: '',
      stderr: expect.stringContaining("unknown command 'nope'") as string,
    });
    expect((await program.run('--json', 'help', 'nope')).json()).toMatchObject({ ok: false, error: { code: 'USAGE' } });
  });

  it('has a version, that of the package', async () => {
    const { version } = JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8')) as {
      version: string;
    };
    expect(await (await programAnywhere()).run('--version')).toMatchObject({ status: 0, stdout: `${version}\n` });
  });
});

describe('wrong usage', () => {
  it.each([
    ['an unknown command', ['snyc'], "unknown command 'snyc'\n(Did you mean sync?)"],
    ['an unknown option', ['sync', '--dryrun'], "unknown option '--dryrun'\n(Did you mean --dry-run?)"],
    ['a missing argument', ['explain'], "missing required argument 'path'"],
    ['an argument too many', ['collect', 'more'], "too many arguments for 'collect'"],
    ['no command at all', [], 'Usage: pushstatic'],
  ])('such as %s has the status 2 and a hint on stderr', async (_, words, hint) => {
    const { status, stdout, stderr } = await (await programAnywhere()).run(...words);
    expect([status, stdout]).toEqual([2, '']);
    expect(stderr).toContain(hint);
  });

  it.each([
    ['an unknown option', ['--json', 'sync', '--dryrun'], "unknown option '--dryrun' (Did you mean --dry-run?)"],
    ['an unknown command', ['--json', 'bogus'], "unknown command 'bogus'"],
    ['a missing argument', ['unlock', '--json'], "missing required argument 'target'"],
    [
      'options that exclude each other',
      ['collect', '--check', '-n', '--json'],
      "option '--check' cannot be used with option '-n, --dry-run'",
    ],
    ['no command at all', ['--json'], 'there is no command; --help shows what is possible'],
  ])('such as %s is with --json also the document', async (_, words, message) => {
    const { status, stderr, json } = await (await programAnywhere()).run(...words);
    expect([status, json()]).toEqual([2, { ok: false, error: { code: 'USAGE', message } }]);
    expect(stderr).toMatch(/^(?:error: |Usage: pushstatic)/);
  });

  it('of an argument that only looks like --json prints no document', async () => {
    expect(await (await programAnywhere()).run('collect', '--', '--json')).toMatchObject({ status: 2, stdout: '' });
  });

  it.each([
    ['sync', 'wbe', 'there is no target "wbe"; did you mean "web"?'],
    ['verify', 'wbe', 'there is no target "wbe"; did you mean "web"?'],
    ['explain', '../secret', 'cannot explain "../secret": expected a path below STATIC_ROOT, like css/app.css'],
  ])('of %s with %s says what would be right', async (command, word, sentence) => {
    const { program } = await makeSite();
    expectFailure(await program.run(command, word), 2, sentence);
  });

  it('where there is no configuration says where it was looked for', async () => {
    const program = await programAnywhere();
    for (const command of ['sync', 'collect', 'diff', 'verify', 'status', 'config']) {
      expectFailure(await program.run(command), 2, '"pushstatic init" writes one, and -c names another file');
    }
  });
});

describe('short flags in one word', () => {
  it.each([
    ['sync', '-nv', ['sync', '-n', '-v']],
    ['sync', '-vn', ['sync', '-n', '-v']],
    ['sync', '-nq', ['sync', '-n', '-q']],
    ['collect', '-nq', ['collect', '-n', '-q']],
    ['sync', '-ncpushstatic.yaml', ['sync', '-n', '-c', 'pushstatic.yaml']],
  ])('as in %s %s are what they are apart', async (command, cluster, apart) => {
    const { program, folder } = await makeSite();
    const [together, separate] = [await program.run(command, cluster), await program.run(...apart)];
    const withoutTimes = ({ status, stdout, stderr }: Ended): unknown => [
      status,
      stdout.replaceAll(/\([\d.]+ \w+\)/g, ''),
      stderr,
    ];
    expect(together.status).toBe(0);
    expect(withoutTimes(together)).toEqual(withoutTimes(separate));
    expect(readdirSync(folder)).not.toContain('var'); // both were dry runs
  });

  it('may have the one for help among them', async () => {
    const { status, stdout } = await (await programAnywhere()).run('sync', '-nvh');
    expect([status, stdout]).toEqual([0, expect.stringContaining('Usage: pushstatic sync')]);
  });

  it('may end with the one that takes a value, and mean as much as -vv', async () => {
    const { program, folder } = await makeSite();
    await rm(join(folder, 'assets'), { recursive: true });
    const { status, stderr } = await program.run('sync', '-nvvc', 'pushstatic.yaml');
    expect([status, stderr]).toEqual([1, expect.stringMatching(/^ {4}at /m)]);
  });

  it.each([
    [['sync', '-nx'], "error: unknown option '-x'"],
    [['sync', '-c', '-nv'], 'cannot read'], // a file of that name
    [['collect', '--', '-nv'], "error: too many arguments for 'collect'"],
  ])('are looked for nowhere else: %j', async (words, sentence) => {
    const { program } = await makeSite();
    expect(await program.run(...words)).toMatchObject({
      status: 2,
      stderr: expect.stringContaining(sentence) as string,
    });
  });
});

describe('the built program', () => {
  it('is of parts that all can be loaded', async () => {
    const folder = new URL('../dist/cli/', import.meta.url);
    const parts = readdirSync(folder).filter((name) => /\.c?js$/.test(name) && name !== 'main.js');
    expect(parts.length).toBeGreaterThan(10);
    const load = `for (const part of ${JSON.stringify(parts)}) await import(new URL(part, '${folder.href}'))`;
    const child = spawn(process.execPath, ['--input-type=module', '--eval', load], { stdio: 'inherit' });
    expect(await once(child, 'close')).toEqual([0, null]);
  });

  it('shows the whole job in a demo, and says where its files lie', async () => {
    const folder = await temporaryFolder();
    const { status, json } = await programIn(folder, { HOME: folder, TMPDIR: folder }).run('demo', '--json');
    expect(status).toBe(0);
    const demo = json() as {
      readonly folder: string;
      readonly steps: readonly { readonly targets: readonly object[] }[];
    };
    expect(demo.folder.startsWith(folder)).toBe(true);
    expect(demo.steps.length).toBeGreaterThan(3);
    expect(demo.steps.at(0)?.targets).toMatchObject([{ ok: true, generation: 1, removed: 0 }]);
    expect(demo.steps.at(-1)?.targets).toMatchObject([{ ok: true, uploaded: 0, removed: 0 }]);
  });
});

it('the demo says nothing where it is told to be quiet', async () => {
  const { program, folder } = await makeSite();
  const quiet = program.with({ TMPDIR: folder });
  expect(await quiet.run('demo', 'assets', '-q')).toMatchObject({ status: 0, stdout: '', stderr: '' });
});

describe('the demo of an installed package, which has no assets of its own', () => {
  it('says so, and leaves nothing behind', async () => {
    const folder = await temporaryFolder();
    const installed = join(folder, 'package');
    await cp(new URL('../dist', import.meta.url), join(installed, 'dist'), { recursive: true });
    await cp(new URL('../package.json', import.meta.url), join(installed, 'package.json'));
    await mkdir(join(installed, 'node_modules'));
    const modules = new URL('../node_modules/', import.meta.url).pathname;
    for (const name of ['ssh2', 'pino']) await symlink(join(modules, name), join(installed, 'node_modules', name));
    const temporary = join(folder, 'tmp');
    await mkdir(temporary);
    const main = join(installed, 'dist/cli/main.js');
    const { status, stderr } = spawnSync(process.execPath, [main, 'demo'], {
      env: { PATH: process.env['PATH'], HOME: folder, TMPDIR: temporary },
      encoding: 'utf8',
    });
    expect([status, stderr]).toEqual([2, expect.stringContaining('publish a folder of your own instead') as string]);
    // Newer Nodes keep compiled code beside it.
    expect(readdirSync(temporary).filter((name) => name !== 'node-compile-cache')).toEqual([]);
  });
});

describe('an error', () => {
  it('is one sentence without a stack, which -vv shows', async () => {
    const { program, folder } = await makeSite();
    await rm(join(folder, 'assets'), { recursive: true });
    const sentence = `cannot collect from ${folder}/assets: no such folder; mount it, or remove it from source.dirs`;
    for (const words of [['sync'], ['sync', '-q'], ['collect'], ['diff']]) {
      expectFailure(await program.run(...words), 1, sentence);
    }
    const { stderr } = await program.run('sync', '-vv');
    expect(stderr).toContain(`pushstatic: ${sentence}\n`);
    expect(stderr).toMatch(/^ {4}at /m);
  });

  it('of one target is one line without a stack, which -vv shows', async () => {
    const { program, target } = await makeSite();
    await writeFile(target, 'in the way');
    const plain = await program.run('sync', '-q');
    expect(plain.status).toBe(1);
    expect(linesOf(plain.stderr)).toEqual([`problem: web: failed: cannot use ${target}: it is not a folder`]);
    expect((await program.run('sync', '-vv')).stderr).toMatch(/^ {4}at /m);
  });

  it('is the document of --json', async () => {
    const { program, folder } = await makeSite();
    await rm(join(folder, 'assets'), { recursive: true });
    const { status, json } = await program.run('sync', '--json');
    expect(status).toBe(1);
    expect(json()).toEqual({
      ok: false,
      error: { code: 'SOURCE', message: expect.stringContaining('no such folder') as string },
    });
  });

  it('in the configuration names each place that is wrong', async () => {
    const { program, folder } = await makeSite();
    await writeFile(join(folder, 'pushstatic.yaml'), 'statc: {}\nstatic:\n  root: 5\n');
    const { status, stdout, stderr } = await program.run('sync');
    expect([status, stdout]).toEqual([2, '']);
    expect(linesOf(stderr)).toEqual([
      'pushstatic: pushstatic.yaml:1:1: statc: unknown key; did you mean "static"?',
      expect.stringMatching(/^pushstatic\.yaml:3:\d+: static\.root: expected .*, found the number 5$/),
    ]);
  });
});

it.each([
  ['the configuration keeps the name of the link by which its folder was entered', 'link'],
  ['a PWD that names another folder is ignored', 'elsewhere'],
])('%s', async (_, how) => {
  const { program, folder } = await makeSite();
  const link = `${folder}-current`;
  await symlink(folder, link);
  onTestFinished(() => rm(link));
  const { stdout } = await program.with({ PWD: how === 'link' ? link : '/' }).run('config', '--check', '--json');
  expect(JSON.parse(stdout)).toEqual({ ok: true, file: join(how === 'link' ? link : folder, 'pushstatic.yaml') });
});

describe('a folder that is gone', () => {
  it('is no place to start in, but for what is named from the root of the file system', async () => {
    const { program, folder, target } = await makeSite();
    const file = join(folder, 'pushstatic.yaml');
    expect(await program.nowhere('-c', file, 'sync').ended).toMatchObject({
      status: 0,
      stderr: expect.not.stringContaining('gone'),
    });
    expect(await published(target)).toMatchObject({ 'logo.png': 'logo' });
    expect(await program.nowhere('-c', file, 'status').ended).toMatchObject({ status: 0 });
    for (const words of [
      ['sync'],
      ['-c', 'pushstatic.yaml', 'collect'],
      ['stop'],
      ['init', '--yes'],
      ['demo', 'assets'],
    ])
      expectFailure(
        await program.nowhere(...words).ended,
        2,
        'the folder that this was started in is gone; change into',
      );
  });

  it('is no place for a demo, nor is a file', async () => {
    const { program, folder } = await makeSite();
    const file = join(folder, 'pushstatic.yaml');
    const ended = await program.with({ TMPDIR: file }).run('demo', 'assets');
    expectFailure(ended, 2, `cannot make a folder in ${file}: not a directory; set TMPDIR to another one`);
  });
});

it('a home with a long name has no room for a daemon, and for all else', async () => {
  const { program, folder } = await makeSite();
  const state = join(folder, 'x'.repeat(120));
  const far = program.with({ XDG_STATE_HOME: state, XDG_RUNTIME_DIR: '' });
  expect(await far.run('sync')).toMatchObject({ status: 0, stderr: expect.not.stringContaining('socket') });
  expect(await far.run('status')).toMatchObject({ status: 0 });
  expectFailure(await far.run('trigger'), 1, 'no daemon runs for');
  expect(await far.run('daemon')).toMatchObject({
    status: 2,
    stderr: expect.stringContaining('set daemon.socket to a shorter one'),
  });
});

describe('the streams', () => {
  it('carry results on stdout and progress on stderr', async () => {
    const { program } = await makeSite();
    const { status, stdout, stderr } = await program.run('sync');
    expect(status).toBe(0);
    expect(linesOf(stdout)).toEqual([
      expect.stringMatching(/^collected 3 files: 3 copied, 0 removed \(.+\)$/),
      expect.stringMatching(/^web: 3 uploaded, 0 removed, 0 unchanged; 18 B sent; generation 1 \(.+\)$/),
    ]);
    expect(linesOf(stderr)).toEqual(['web: 3 files to change, 18 B in all']);
  });

  it('say nothing with -q but what went wrong', async () => {
    const { program, target } = await makeSite(SITE, { delete: { max: 0 } });
    expect(await program.run('-q', 'sync')).toMatchObject({ status: 0, stdout: '', stderr: '' });
    await rm(join(target, 'logo.png'));
    expect(await program.run('verify', '-q')).toMatchObject({
      status: 3,
      stdout: '',
      stderr: 'problem: web: 3 files checked, 0 changed, 1 missing, 0 foreign\n',
    });
    const { stdout, stderr, status } = await program.run('sync', '-q', '-c', join(target, 'nowhere.yaml'));
    expect([status, stdout, linesOf(stderr)]).toEqual([
      2,
      '',
      [expect.stringMatching(/^pushstatic: cannot read .*nowhere\.yaml: there is no such file/)],
    ]);
  });

  it('say with -q of a target that could not be asked why, and elsewhere only in the result', async () => {
    const { program, target } = await makeSite();
    const sentence = `cannot use ${target}: it is not a folder`;
    await writeFile(target, 'in the way');
    const quiet = { status: 1, stdout: '', stderr: `problem: web: ${sentence}\n` };
    expect(await program.run('status', '-q')).toMatchObject(quiet);
    expect(await program.run('verify', '-q')).toMatchObject(quiet);
    const { status, stdout, stderr } = await program.run('status');
    expect([status, stdout, stderr]).toEqual([1, expect.stringContaining(`web: ${sentence}\n`), '']);
  });

  it('say with -q of a target without an index that it has none', async () => {
    const { program, target } = await makeSite();
    const { status, stdout, stderr } = await program.run('verify', '-q');
    expect([status, stdout, linesOf(stderr)]).toEqual([
      3,
      '',
      [expect.stringContaining(`file://${target} has no index yet; "pushstatic sync" makes one`)],
    ]);
    expect(await program.run('status', '-q')).toMatchObject({ status: 0, stderr: '' });
  });

  it('have colours only where they are asked for', async () => {
    const { program, target } = await makeSite();
    await writeFile(target, 'in the way');
    const colours = async (env: Record<string, string>, ...words: string[]): Promise<boolean> =>
      (await program.with(env).run('sync', ...words)).stderr.includes('\u001b[');
    expect(await colours({})).toBe(false);
    expect(await colours({ FORCE_COLOR: '1' })).toBe(true);
    expect(await colours({ FORCE_COLOR: '1' }, '--no-color')).toBe(false);
    expect(await colours({ NO_COLOR: '1' })).toBe(false);
  });

  it('may be closed by a reader who has seen enough, and the work is done all the same', async () => {
    const names = Array.from({ length: 2000 }, (_, i) => [`assets/${i}.txt`, `${i}`] as const);
    const { folder, state, target } = await makeSite(Object.fromEntries(names));
    const main = new URL('../dist/cli/main.js', import.meta.url).pathname;
    const env = { PATH: process.env['PATH'], HOME: folder, XDG_STATE_HOME: state };
    const child = spawn(process.execPath, [main, 'sync', '-v'], {
      cwd: folder,
      env,
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    child.stdout.destroy();
    child.stderr.destroy();
    expect(await once(child, 'exit')).toEqual([0, null]);
    expect(Object.keys(await published(target))).toHaveLength(2000);
  });

  it('may be full: a result that is lost is told once, with the status 1, and the work is done all the same', async () => {
    const { program, target, folder } = await makeSite();
    const lost = 'problem: cannot write the result: ENOSPC: no space left on device, write';
    const { status, stderr } = await intoFull(program, 'sync', '--json');
    expect([status, linesOf(stderr)]).toEqual([1, [lost]]);
    expect(Object.keys(await published(target))).toHaveLength(3);
    expect(linesOf((await intoFull(program, 'config')).stderr)).toEqual([lost]);
    expect(linesOf((await intoFull(program, '--help')).stderr)).toEqual([lost]);
    await writeFile(join(folder, 'assets/new.css'), '');
    expect(await intoFull(program, 'sync', '2>&1')).toMatchObject({ status: 1, stderr: '' });
    expect(Object.keys(await published(target))).toHaveLength(4);
  });

  it.each([
    ['daemon', '2>/dev/full', 0],
    ['daemon --json', '>/dev/full', 0],
    ['watch', '>/dev/full', 143],
  ])('of %s may be full (%s), which ends it no sooner', async (command, redirection, status) => {
    const { program, folder, target, configure } = await makeSite();
    await configure({ daemon: { http: false } });
    const running = program.throughShell(`${command} ${redirection}`);
    const served = (count: number): Promise<void> =>
      vi.waitFor(async () => expect(Object.keys(await published(target))).toHaveLength(count), { timeout: 20_000 });
    await served(3);
    await writeFile(join(folder, 'assets/new.css'), '');
    await served(4);
    running.kill('SIGTERM');
    const ended = await running.ended;
    expect([ended.status, ended.stderr]).toEqual([status, expect.not.stringMatching(/^ {4}at /m)]);
    expect(linesOf(ended.stderr).filter((line) => line.includes('ENOSPC')).length).toBeLessThan(2);
  });

  it('say once that nothing can be remembered, and the work is done all the same (F68)', async () => {
    const { program, state, target } = await makeSite();
    await rm(state, { recursive: true });
    await writeFile(state, 'in the way');
    const { status, stderr } = await program.run('sync');
    const warnings = linesOf(stderr)
      .filter((line) => line.startsWith('warning: '))
      .toSorted();
    expect(warnings).toEqual([
      expect.stringMatching(
        /^warning: cannot write to the state folder .*: not a directory; the next run will take longer, and may leave what vanishes from the sources$/,
      ),
      expect.stringMatching(
        /^warning: web: cannot write to .*: not a directory; the next run reads the index from the target$/,
      ),
    ]);
    expect([status, Object.keys(await published(target)).length]).toEqual([0, 3]);
  });

  it('are JSON lines on stderr where log.format asks for it, to the last word', async () => {
    const { program, configure, folder, target } = await makeSite();
    const dead = { url: `sftp://nobody@127.0.0.1:${await freePort()}/static`, sshConfig: false };
    await configure({ log: { format: 'json', level: 'debug' }, targets: { web: inFolder(target), dead } });
    const { status, stdout, stderr } = await program.run('sync');
    expect(status).toBe(1);
    expect(stdout).toMatch(/^web: 3 uploaded/m);
    const records = linesOf(stderr).map((line) => JSON.parse(line) as { name: string; level: number; msg: string });
    expect(new Set(records.map(({ name }) => name))).toEqual(new Set(['pushstatic']));
    expect(records.some(({ level, msg }) => level === 50 && msg.startsWith('dead: failed: '))).toBe(true);
    await rm(join(folder, 'assets'), { recursive: true });
    const failed = await program.run('sync');
    expect(failed.status).toBe(1);
    const last = linesOf(failed.stderr).map((line) => JSON.parse(line) as object);
    expect(last.at(-1)).toMatchObject({ level: 60, code: 'SOURCE' });
  });
});

describe('the last run, as status tells it', () => {
  const interrupted = 'interrupted; nothing half done is visible, and the next run goes on from here';

  it.each([
    ['SIGINT', 130],
    ['SIGTERM', 143],
  ] as const)('is the one that %s interrupted', async (signal, status) => {
    const { program, configure, folder, sync } = await makeSite();
    await sync();
    const before = await lastRun(program);
    expect(before).toMatchObject({ ok: true, error: null, succeededAt: before?.at });
    await configure({ push: { bandwidth: '1K' } });
    await writeFile(join(folder, 'assets/large.bin'), Buffer.alloc(1_000_000, 'x'));
    const running = program.start('sync', '-v');
    await vi.waitFor(() => expect(running.output.stderr).toContain('web: sending'), { timeout: 20_000 });
    running.kill(signal);
    expect((await running.ended).status).toBe(status);
    const any = expect.any(String) as string;
    expect(await lastRun(program)).toEqual({ at: any, ok: false, error: interrupted, succeededAt: before?.at });
    expect((await program.run('status')).stdout).toContain(
      `: failed: ${interrupted}\n  the last one that went well: ${before?.at}\n`,
    );
  });

  it('is one that could not collect, too', async () => {
    const { program, folder, sync } = await makeSite();
    await sync();
    await rm(join(folder, 'assets'), { recursive: true });
    expect((await program.run('sync')).status).toBe(1);
    expect(await lastRun(program)).toMatchObject({
      ok: false,
      error: expect.stringContaining('no such folder') as string,
    });
  });

  it('did not go well where a file could not be collected', async () => {
    const { program, folder, sync } = await makeSite();
    await sync();
    const before = await lastRun(program);
    await symlink('nowhere', join(folder, 'assets/dangling.css'));
    expect((await program.run('sync')).status).toBe(1);
    expect(await lastRun(program)).toMatchObject({
      ok: false,
      error: expect.stringContaining('dangling.css: it is a link to something that does not exist') as string,
      succeededAt: before?.at,
    });
  });

  it('is not a dry run', async () => {
    const { program, folder, sync } = await makeSite();
    await sync();
    await rm(join(folder, 'assets'), { recursive: true });
    expect((await program.run('diff')).status).toBe(1);
    expect(await lastRun(program)).toMatchObject({ ok: true });
  });

  it('may be one of a daemon', async () => {
    const { program, sync } = await makeSite();
    await sync();
    const before = await lastRun(program);
    const running = program.start('daemon');
    await vi.waitFor(async () => expect((await lastRun(program))?.at).not.toBe(before?.at), { timeout: 20_000 });
    expect(await lastRun(program)).toMatchObject({ ok: true });
    expect((await program.run('stop')).status).toBe(0);
    expect((await running.ended).status).toBe(0);
  });

  async function lastRun(program: Program): Promise<{ readonly at: string } | null | undefined> {
    const { targets } = (await program.run('status', '--json')).json() as { targets: { lastRun: { at: string } }[] };
    return targets[0]?.lastRun;
  }
});

describe('--json', () => {
  it('of collect tells what was copied', async () => {
    const { program } = await makeSite();
    const collect = { files: 3, copied: 3, removed: 0, hashed: 0, durationMs: anyNumber(), ...PROBLEMS };
    expect(documentOf(await program.run('collect', '--json'))).toEqual({ ok: true, collect });
  });

  it('of sync has a report for each target, as interface.md promises it', async () => {
    const { program } = await makeSite();
    expect(documentOf(await program.run('sync', '--json'))).toEqual({
      ok: true,
      collect: { files: 3, copied: 3, removed: 0, hashed: 0, durationMs: anyNumber(), ...PROBLEMS },
      targets: [
        {
          name: 'web',
          ok: true,
          generation: 1,
          uploaded: 3,
          patched: 0,
          linked: 0,
          removed: 0,
          modes: 0,
          unchanged: 0,
          contentBytes: 18,
          sentBytes: 18,
          durationMs: anyNumber(),
          ...PROBLEMS,
        },
      ],
    });
  });

  it('of diff lists the changes', async () => {
    const { program } = await makeSite();
    const document = documentOf(await program.run('--json', 'diff')) as { targets: { changes: unknown }[] };
    expect(document.targets[0]?.changes).toEqual([
      { kind: 'added', path: 'css/app.css', size: 7 },
      { kind: 'added', path: 'logo.png', size: 4 },
      { kind: 'added', path: 'vendor/lib.js', size: 7 },
    ]);
  });

  it('of verify lists what differs', async () => {
    const { program, target, sync } = await makeSite();
    await sync();
    await rm(join(target, 'logo.png'));
    const { status, json } = await program.run('verify', '--json');
    expect(status).toBe(3);
    expect(json()).toEqual({
      ok: false,
      compared: ['names', 'sizes', 'times', 'modes'],
      targets: [
        {
          name: 'web',
          ok: false,
          checked: 3,
          changed: [],
          missing: [{ path: 'logo.png', message: 'it is missing' }],
          unsettled: [],
          foreign: [],
          unreadable: [],
        },
      ],
    });
  });

  it('of status tells what the target holds, and how the last run ended', async () => {
    const { program, target, sync } = await makeSite();
    const url = `file://${target}`;
    expect(documentOf(await program.run('status', '--json'))).toMatchObject({
      ok: false,
      targets: [{ name: 'web', url, state: 'empty', generation: 0, lastRun: null }],
    });
    await sync();
    expect(documentOf(await program.run('status', '--json'))).toEqual({
      ok: true,
      daemon: null,
      targets: [
        {
          name: 'web',
          url,
          state: 'settled',
          generation: 1,
          files: 3,
          bytes: 18,
          pending: 0,
          committedAt: anyTime(),
          lastRun: { at: anyTime(), ok: true, error: null, succeededAt: anyTime() },
        },
      ],
    });
  });

  it('of explain tells the source, what it shadows, and where it is published', async () => {
    const { program, folder, target, sync } = await makeSite({ ...SITE, 'assets/vendor/lib.js': 'our own' });
    await sync();
    const document = documentOf(await program.run('explain', '/static/vendor/lib.js', '--json'));
    expect(document).toEqual({
      path: 'vendor/lib.js',
      source: 'sources',
      winner: join(folder, 'assets/vendor/lib.js'),
      problem: null,
      shadowed: [join(folder, 'vendor/dist/lib.js')],
      ignoredBy: null,
      hashedName: null,
      hashedNameOf: null,
      hashedNameProblem: null,
      referrers: [],
      references: [],
      published: [
        {
          name: 'web',
          url: `file://${target}/vendor/lib.js`,
          state: 'published',
          size: 7,
          digest: expect.stringMatching(/^[0-9a-f]{64}$/) as string,
          mtime: anyTime(),
        },
      ],
    });
  });

  it('of config is the effective configuration, without a secret', async () => {
    const { program, configure, target } = await makeSite();
    const url = 'sftp://deploy@example.com/srv/static';
    await configure({ targets: { web: inFolder(target), far: { url, passwordEnv: 'FAR_PASSWORD' } } });
    const { stdout } = await program.with({ FAR_PASSWORD: 'tell nobody' }).run('config', '--json');
    expect(stdout).not.toContain('tell nobody');
    expect(JSON.parse(stdout)).toMatchObject({ targets: { far: { url, passwordEnv: 'FAR_PASSWORD' } } });
  });

  it('of init names the file', async () => {
    const program = await programAnywhere();
    expect(documentOf(await program.run('init', '--yes', '--json'))).toEqual({
      ok: true,
      file: expect.stringMatching(/\/pushstatic\.yaml$/) as string,
    });
  });

  function documentOf({ status, stdout, stderr, json }: Ended): unknown {
    expect([status, stderr]).toEqual([0, '']);
    expect(linesOf(stdout)).toHaveLength(1);
    return json();
  }

  function anyNumber(): number {
    return expect.any(Number) as number;
  }

  function anyTime(): string {
    return expect.stringMatching(/^\d{4}-\d\d-\d\dT[\d:.]+Z$/) as string;
  }
});

it('status tells of each target what it can, where the secret of one is missing', async () => {
  const { program, configure } = await makeSite();
  const web = inFolder(join(await temporaryFolder(), 'static'));
  await configure({ targets: { web } });
  expect(await program.run('sync')).toMatchObject({ status: 0 });
  await configure({ targets: { web, far: { url: 'sftp://deploy@example.com/srv/static', passwordEnv: 'NOT_SET' } } });
  const { status, json } = await program.run('status', '--json');
  expect(status).toBe(1);
  expect(json()).toMatchObject({
    targets: [
      { name: 'web', state: 'settled' },
      { name: 'far', state: 'unreachable', error: { code: 'CONFIG', message: expect.stringContaining('NOT_SET') } },
    ],
  });
});

describe('config', () => {
  it('has a schema, which is JSON', async () => {
    const { status, json } = await (await programAnywhere()).run('config', '--schema');
    expect(status).toBe(0);
    expect(json()).toMatchObject({ title: 'pushstatic.yaml', type: 'object' });
  });

  it('--check says of a right file that it is, and looks for the secrets and keys it names', async () => {
    const { program, configure, folder } = await makeSite();
    expect(await program.run('config', '--check')).toMatchObject({
      status: 0,
      stdout: `${folder}/pushstatic.yaml is right\n`,
    });
    await configure({ targets: { web: { url: 'sftp://deploy@example.com/srv/static', passwordEnv: 'NOT_SET' } } });
    const sentence = 'the environment variable NOT_SET is not set; set it, or remove targets.web.passwordEnv';
    expectFailure(await program.run('config', '--check'), 2, sentence);
    await configure({ targets: { web: { url: 'sftp://deploy@example.com/srv/static', identityFile: 'nowhere' } } });
    const noKey = `the file ${folder}/nowhere of targets.web.identityFile cannot be read: there is no such file`;
    expectFailure(await program.run('config', '--check'), 2, noKey);
    await configure({ targets: { web: { url: 'sftp://deploy@example.com/srv/static', identityFile: 'assets' } } });
    expectFailure(await program.run('config', '--check'), 2, 'assets of targets.web.identityFile is a folder');
    await configure({ targets: { web: { url: 'sftp://deploy@example.com/srv/static', sshConfig: 'nowhere' } } });
    const noConfig = `the file ${folder}/nowhere of targets.web.sshConfig cannot be read: there is no such file`;
    expectFailure(await program.run('config', '--check'), 2, noConfig);
  });

  const open = '0.0.0.0:8873';
  it.each([
    [
      { http: open },
      'cannot show the status page at 0.0.0.0:8873: others can reach it, so it needs a token; set daemon.tokenEnv or ' +
        'daemon.tokenFile, or daemon.http to 127.0.0.1',
    ],
    [{ tokenEnv: 'NOT_SET' }, 'the environment variable NOT_SET is not set; set it, or remove daemon.tokenEnv'],
    [{ http: open, tokenFile: 'nowhere' }, 'nowhere of daemon.tokenFile cannot be read: there is no such file'],
    [{ http: open, tokenFile: 'short' }, 'the token of daemon.tokenFile has less than 16 characters'],
  ])('--check refuses what the daemon refuses, in the same words: %j', async (daemon, sentence) => {
    const { program, configure } = await makeSite({ ...SITE, short: 'too short\n' });
    await configure({ daemon, log: { format: 'pretty' } });
    const checked = await program.run('config', '--check');
    expectFailure(checked, 2, sentence);
    expect((await program.run('daemon')).stderr).toContain(checked.stderr.replace('pushstatic: ', '').trimEnd());
  });

  it.each([{ http: open, tokenEnv: 'TOKEN' }, { http: '127.0.0.1:0' }, { http: false }])(
    '--check takes what the daemon takes: %j',
    async (daemon) => {
      const { program, configure } = await makeSite();
      await configure({ daemon });
      const checked = await program.with({ TOKEN: 'of sixteen characters' }).run('config', '--check');
      expect(checked).toMatchObject({ status: 0, stderr: '' });
    },
  );
});

describe('init', () => {
  it('--yes writes a file that config --check accepts, and never over one that is there without --force', async () => {
    const folder = await temporaryFolder();
    const program = programIn(folder, { HOME: folder, XDG_STATE_HOME: join(folder, '.state') });
    await plant(folder, { 'static/app.css': 'body {}' });
    expect(await program.run('init', '--yes')).toMatchObject({ status: 0, stderr: '' });
    const file = join(folder, 'pushstatic.yaml');
    const written = await readFile(file, 'utf8');
    expect(await program.run('config', '--check')).toMatchObject({ status: 0 });
    expect(await program.run('collect')).toMatchObject({ status: 0 });
    expectFailure(await program.run('init', '--yes'), 2, 'is there already, and was left as it is');
    expect(await readFile(file, 'utf8')).toBe(written);
    expect(await program.run('init', '--yes', '--force')).toMatchObject({ status: 0 });
    expect(await readFile(file, 'utf8')).not.toBe(written); // the site gets another name
  });

  it('writes through a link, and over nothing that is no file', async () => {
    const folder = await temporaryFolder();
    const program = programIn(folder, { HOME: folder, XDG_STATE_HOME: join(folder, '.state') });
    await plant(folder, {
      'shared/site.yaml': '# mine',
      'pushstatic.yaml': linkTo('shared/site.yaml'),
      'loose.yaml': linkTo('gone'),
    });
    for (const words of [[], ['-c', 'loose.yaml']])
      expectFailure(await program.run('init', '--yes', ...words), 2, 'is there already, and was left as it is');
    expect(await program.run('init', '--yes', '--force')).toMatchObject({ status: 0 });
    expect(await readFile(join(folder, 'shared/site.yaml'), 'utf8')).toContain('targets:');
    expect(await readTree(folder)).toMatchObject({ 'pushstatic.yaml': linkTo('shared/site.yaml') });
    expectFailure(
      await program.run('init', '--yes', '--force', '-c', '/dev/zero'),
      2,
      'cannot write /dev/zero: it is no file',
    );
  });

  it('gives the next command as it can be typed', async () => {
    const folder = await temporaryFolder();
    const program = programIn(folder, { HOME: folder, XDG_STATE_HOME: join(folder, '.state') });
    await plant(folder, { "it's here/x": '' });
    const { stdout } = await program.run('init', '--yes', '-c', "it's here/site.yaml");
    expect(stdout).toContain(`sync --dry-run -c 'it'\\''s here/site.yaml'\n`);
    expectFailure(
      await program.run('init', '--yes', '-c', 'no/site.yaml'),
      2,
      `look into ${folder}/no: no such file or`,
    );
  });

  it('says why the file cannot be written', async () => {
    const folder = await temporaryFolder();
    const program = programIn(folder, { HOME: folder, XDG_STATE_HOME: join(folder, '.state') });
    await plant(folder, { 'taken/by': 'a folder' });
    expectFailure(await program.run('init', '--yes', '--force', '-c', 'taken'), 2, `cannot write ${folder}/taken: `);
  });

  it('says that it cannot ask where there is no terminal', async () => {
    const program = await programAnywhere();
    expectFailure(await program.run('init'), 2, 'to take the defaults: pushstatic init --yes');
  });
});

/** One sentence on stderr, nothing on stdout. */
function expectFailure({ status, stdout, stderr }: Ended, expected: number, sentence: string): void {
  expect({ status, stdout, stderr }).toEqual({
    status: expected,
    stdout: '',
    stderr: expect.stringContaining(sentence) as string,
  });
  expect(stderr).toMatch(/^pushstatic: [^\n]*\n$/);
}
