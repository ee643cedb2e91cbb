/**
 * The Dockerfile without Docker: what it copies is copied, and what it runs is run, in a folder that stands for the root
 * of the image. Only apt-get is left out. So this is also the test of the package that npm would publish.
 */
import { execFile } from 'node:child_process';
import { cpSync, existsSync, statSync } from 'node:fs';
import { cp, mkdir, mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';

const execute = promisify(execFile);
const REPOSITORY = new URL('../..', import.meta.url).pathname;
const INSTALL_MS = 300_000; // downloads, and compiles the native part of ssh2

interface Instruction {
  readonly word: string;
  readonly rest: string;
}

let image: string;
let empty: string;
let stages: readonly (readonly Instruction[])[];

beforeAll(async () => {
  image = await mkdtemp(join(tmpdir(), 'pushstatic-image-'));
  empty = join(image, 'empty');
  await mkdir(empty);
  stages = stagesOf(await readFile(join(REPOSITORY, 'Dockerfile'), 'utf8'));
  await replay(stages[0] ?? []);
  await replay(of(stages[1], 'RUN'));
}, INSTALL_MS);

afterAll(() => rm(image, { recursive: true, force: true }));

describe('the build stage', () => {
  test('copies nothing that .dockerignore keeps out', async () => {
    const letIn = (await readFile(join(REPOSITORY, '.dockerignore'), 'utf8'))
      .split('\n')
      .filter((line) => line.startsWith('!'))
      .map((line) => line.slice(1));
    const copied = of(stages[0], 'COPY').flatMap(({ rest }) => rest.split(' ').slice(0, -1));
    expect(copied.toSorted()).toEqual(letIn.toSorted());
  });

  test('packs the program, its configuration files and its papers, and nothing else', async () => {
    const packed = await filesIn(join(image, 'opt/pushstatic/lib/node_modules/pushstatic'));
    const besides = packed.filter(
      (path) => !path.startsWith('node_modules/') && !/^dist\/.*\.(?:c?js|d\.ts)$/.test(path),
    );
    expect(besides).toEqual([
      'CHANGELOG.md',
      'LICENSE',
      'README.md',
      'config/pushstatic-sync.service',
      'config/pushstatic-sync.timer',
      'config/pushstatic.example.yaml',
      'config/pushstatic.schema.json',
      'config/pushstatic.service',
      'dist/LICENSES',
      'dist/cli/collectstatic.py',
      'dist/cli/page/login.html',
      'dist/cli/page/page.css',
      'dist/cli/page/page.html',
      'dist/cli/probe.py',
      'package.json',
    ]);
  });

  test('packs the licence of each package that it took in, and lets npm install only the others', async () => {
    const installed = join(image, 'opt/pushstatic/lib/node_modules/pushstatic');
    const licences = await readFile(join(installed, 'dist/LICENSES'), 'utf8');
    const { dependencies } = JSON.parse(await readFile(join(installed, 'package.json'), 'utf8')) as {
      dependencies: object;
    };
    expect(Object.keys(dependencies)).toEqual(['pino', 'ssh2']);
    for (const taken of ['commander', 'valibot', 'yaml', 'picomatch', 'p-retry', 'ssh-config', '@clack/prompts']) {
      expect(licences).toMatch(new RegExp(`^${taken} \\d.*\\((?:MIT|ISC)\\)$`, 'm'));
    }
  });

  test('packs the types of each source file', async () => {
    const packed = await filesIn(join(image, 'opt/pushstatic/lib/node_modules/pushstatic/dist'));
    const sources = await filesIn(join(REPOSITORY, 'src'));
    const types = packed.filter((path) => path.endsWith('.d.ts')).map((path) => path.replace(/\.d\.ts$/, '.ts'));
    expect(types).toEqual(sources.filter((path) => path.endsWith('.ts')));
  });

  test('installs no development dependency', () => {
    const modules = join(image, 'opt/pushstatic/lib/node_modules/pushstatic/node_modules');
    expect(existsSync(join(modules, 'ssh2'))).toBe(true);
    expect(['typescript', 'vitest', 'leaflet'].filter((name) => existsSync(join(modules, name)))).toEqual([]);
  });

  test('installs the watcher of the system, which is optional, with its native part', async () => {
    const from = JSON.stringify(join(image, 'opt/pushstatic/lib/node_modules/pushstatic/package.json'));
    const load = `console.log(typeof require('node:module').createRequire(${from})('@parcel/watcher').subscribe)`;
    expect((await execute(process.execPath, ['-e', load])).stdout).toBe('function\n');
  });
});

describe('the installed program, in an empty folder', () => {
  test('says its version', async () => {
    const { version } = JSON.parse(await readFile(join(REPOSITORY, 'package.json'), 'utf8')) as { version: string };
    expect((await pushstatic('--version')).stdout).toBe(`${version}\n`);
  });

  test('finds the schema that it came with', async () => {
    const schema = await readFile(join(REPOSITORY, 'config/pushstatic.schema.json'), 'utf8');
    expect((await pushstatic('config', '--schema')).stdout).toBe(schema);
  });

  test('does its job with a configuration that init wrote', async () => {
    const site = join(image, 'project');
    await cp(join(REPOSITORY, 'config'), join(site, 'static'), { recursive: true });
    await pushstatic.in(site, 'init', '--yes');
    expect(JSON.parse((await pushstatic.in(site, '--json', 'collect')).stdout)).toMatchObject({ ok: true });
    expect(await readdir(join(site, 'var/static'))).toEqual(await readdir(join(site, 'static')));
  });
});

describe('the runtime stage', () => {
  const last = (word: string): string | undefined => of(stages.at(-1), word).at(-1)?.rest;

  test('runs as a user of its own, and a command after the image name takes the place of daemon', () => {
    expect(last('USER')).toBe('node');
    expect(last('ENTRYPOINT')).toBe('["pushstatic"]');
    expect(last('CMD')).toBe('["daemon"]');
    expect(last('STOPSIGNAL')).toBe('SIGTERM');
  });

  test('has the folder on its PATH into which the build stage installed', () => {
    const installed = of(stages[0], 'RUN').find(({ rest }) => rest.startsWith('npm install'));
    expect(installed?.rest).toContain('--prefix /opt/pushstatic ');
    expect(of(stages[1], 'COPY').map(({ rest }) => rest)).toEqual(['--from=build /opt/pushstatic /opt/pushstatic']);
    expect(last('ENV')).toContain('PATH=/opt/pushstatic/bin:$PATH');
  });

  test('writes its state, its socket and STATIC_ROOT where volumes are, so that the rest may be read only', () => {
    expect(last('VOLUME')).toBe('/state /static /run/pushstatic');
    expect(last('ENV')).toMatch(/ XDG_STATE_HOME=\/state XDG_RUNTIME_DIR=\/run\/pushstatic$/);
  });

  test('lets anybody write there, since --user may name anybody', () => {
    for (const volume of last('VOLUME')?.split(' ') ?? []) {
      expect((statSync(join(image, volume)).mode & 0o7777).toString(8)).toBe('1777');
    }
  });

  test('asks the service itself whether it is well', () => {
    expect(last('HEALTHCHECK')).toMatch(/ CMD \["pushstatic", "healthcheck"\]$/);
  });

  test('shows the port of the status page', async () => {
    const site = join(image, 'defaults');
    await mkdir(site);
    await pushstatic.in(site, 'init', '--yes');
    const { daemon } = JSON.parse((await pushstatic.in(site, '--json', 'config')).stdout) as {
      daemon: { http: string };
    };
    expect(daemon.http.split(':').at(-1)).toBe(last('EXPOSE'));
  });

  test('stands on the base on which the native parts were built', () => {
    const bases = stages.map((stage) => of(stage, 'FROM')[0]?.rest.split(' ')[0]);
    expect(bases).toEqual(['node:24-bookworm-slim', 'node:24-bookworm-slim']);
  });
});

const pushstatic = Object.assign((...words: string[]) => pushstatic.in(empty, ...words), {
  in: (cwd: string, ...words: string[]) => {
    const env = { ...process.env, HOME: empty, XDG_STATE_HOME: join(image, 'state') };
    return execute(join(image, 'opt/pushstatic/bin/pushstatic'), words, { cwd, env });
  },
});

/** Carries out the instructions of a stage, with `image` for the root of its file system. */
async function replay(stage: readonly Instruction[]): Promise<void> {
  let folder = image;
  for (const { word, rest } of stage) {
    if (word === 'WORKDIR') {
      folder = join(image, rest);
      await mkdir(folder, { recursive: true });
    } else if (word === 'COPY') copy(rest.split(' '), folder);
    else if (word === 'RUN' && !rest.startsWith('apt-get ')) await run(rest, folder);
  }
}

function copy(words: readonly string[], folder: string): void {
  for (const source of words.slice(0, -1))
    cpSync(join(REPOSITORY, source), join(folder, basename(source)), { recursive: true });
}

async function run(line: string, cwd: string): Promise<void> {
  const env = { ...process.env, npm_config_prefer_offline: 'true', npm_config_update_notifier: 'false' };
  await execute('sh', ['-c', line.replace(/(?<= )\/(?=\w)/g, `${image}/`)], { cwd, env });
}

/** The instructions after each FROM, that included; continued lines are joined, comments left out. */
function stagesOf(dockerfile: string): Instruction[][] {
  const found: Instruction[][] = [];
  const lines = dockerfile
    .split('\n')
    .filter((line) => !line.startsWith('#'))
    .join('\n')
    .replace(/\s*\\\n\s*/g, ' ')
    .split('\n');
  for (const line of lines.filter((each) => each !== '')) {
    const space = line.indexOf(' ');
    const instruction = { word: line.slice(0, space), rest: line.slice(space + 1) };
    if (instruction.word === 'FROM') found.push([]);
    found.at(-1)?.push(instruction);
  }
  return found;
}

function of(stage: readonly Instruction[] | undefined, word: string): Instruction[] {
  return (stage ?? []).filter((instruction) => instruction.word === word);
}

async function filesIn(folder: string): Promise<string[]> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  return entries
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name).slice(folder.length + 1))
    .toSorted();
}
