/**
 * Hashed names: pushstatic beside the real collectstatic of Django 5.2 with ManifestStaticFilesStorage, over the same files,
 * interleaved. A tenth of the files are style sheets, each of which refers to some others.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { appendFile, mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { loadConfig } from '../../src/config/load.js';
import { LocalHalf } from '../../src/daemon/local-half.js';
import { StateFolder } from '../../src/fs/state.js';
import { djangoEnvironment } from '../support/django.js';
import { content } from './trees.js';
import { median } from './trend.js';

const CLI = new URL('../../dist/cli/main.js', import.meta.url).pathname;
const THREAD = new URL('../../dist/cli/thread.cjs', import.meta.url);
const LEAST_COLLECT = new URL('./least-collect.mjs', import.meta.url).pathname;
const REPORT_MEMORY = new URL('./report-memory.mjs', import.meta.url).href;
const DJANGO = '5.2';
const IN_FOLDER = 100;
const STYLE_EVERY = 10;
const REFERENCES = 30; // of a style sheet; those of an icon set or a theme have more
const IMPORT_EVERY = 100; // one of them also imports the next one
const SETTLE_MS = 100; // the default, after which a change is taken up
const READY_MS = 3000; // for the daemon's thread to load what it keeps in mind

/** At each number of files: how many times as fast a first run, one after a change, and the daemon are to be. */
const BOUNDS = [
  { files: 10_000, first: 5, changed: 20, daemon: 200 },
  { files: 30_000, first: 5, changed: 50, daemon: 200 },
] as const;

export interface Place {
  readonly folder: string;
  readonly assets: string;
  readonly environment: NodeJS.ProcessEnv;
}

export async function measureHashedNames(folder: string, environment: NodeJS.ProcessEnv, runs: number): Promise<void> {
  console.log(
    `collectstatic of Django ${DJANGO} with ManifestStaticFilesStorage, ${STYLE_EVERY} % style sheets with ${REFERENCES} ` +
      `references each; medians of whole commands in milliseconds, of ${runs} runs, of 3 for the first`,
  );
  console.log('files   job                   pushstatic  collectstatic   times   bound');
  for (const bounds of BOUNDS) {
    const place = { folder: join(folder, `hashed-${bounds.files}`), assets: '', environment };
    await measure({ ...place, assets: join(place.folder, 'assets') }, bounds, runs);
    await rm(place.folder, { recursive: true });
  }
}

async function measure(place: Place, bounds: (typeof BOUNDS)[number], runs: number): Promise<void> {
  await plantSite(place, bounds.files);
  const show = (job: string, ours: readonly number[], theirs: readonly number[], bound: number | string): void => {
    const [a, b] = [median(ours), median(theirs)];
    const columns = [a < 100 ? a.toFixed(1) : a.toFixed(0), b.toFixed(0), (b / a).toFixed(1)];
    const [left = '', middle = '', right = ''] = columns;
    console.log(
      `${String(bounds.files).padEnd(6)}  ${job.padEnd(20)}  ${left.padStart(10)}  ${middle.padStart(13)}  ${right.padStart(6)}   ${bound}`,
    );
    console.log(
      `        pushstatic: ${ours.map((ms) => ms.toFixed(0)).join(' ')}; collectstatic: ${theirs.map((ms) => ms.toFixed(0)).join(' ')}`,
    );
  };
  const first = { ours: [] as number[], theirs: [] as number[] };
  for (let run = 0; run < 3; run++) {
    await forget(place);
    first.ours.push(await timeOurs(place));
    first.theirs.push(await timeDjango(place));
  }
  show('first run', first.ours, first.theirs, bounds.first);
  const least = await timesOfLeast(place, runs);
  show('the least, bare Node', least.first, first.theirs, bounds.first);
  const peak = await peakMemory(place);

  const changed = { ours: [] as number[], theirs: [] as number[] };
  for (let run = 0; run < runs; run++) {
    await change(place, run);
    changed.ours.push(await timeOurs(place));
    changed.theirs.push(await timeDjango(place));
  }
  show('one leaf changed', changed.ours, changed.theirs, bounds.changed);
  show('the least, bare Node', least.look, changed.theirs, bounds.changed);
  show('the same, daemon', await timeDaemon(place), changed.theirs, bounds.daemon);

  const jobs = {
    'one file more': (path: string) => writeFile(path, 'new'),
    'one file less': (path: string) => rm(path),
  };
  for (const [job, act] of Object.entries(jobs)) {
    const [ours, theirs]: [number[], number[]] = [[], []];
    for (let run = 0; run < runs; run++) {
      await act(join(place.assets, 'app0', `new${run}.png`));
      ours.push(await timeOurs(place));
      theirs.push(await timeDjango(place));
    }
    show(job, ours, theirs, 'none');
  }
  console.log(`        peak memory of a first run: ${peak.toFixed(0)} MB`);
}

export async function plantSite({ folder, assets }: Place, files: number): Promise<void> {
  for (let number = 0; number < files; number++) {
    const path = join(assets, pathOf(number));
    if (number % IN_FOLDER === 0) await mkdir(join(path, '..'), { recursive: true });
    await writeFile(path, isStyle(number) ? style(number, files) : content(number));
  }
  await writeFile(
    join(folder, 'pushstatic.yaml'),
    `source: { dirs: [assets] }\nstatic: { root: ours, storage: manifest, django: '${DJANGO}' }\n`,
  );
  await writeFile(
    join(folder, 'bench_settings.py'),
    `SECRET_KEY = 'x'
INSTALLED_APPS = ['django.contrib.staticfiles']
DATABASES = {}
STATIC_URL = '/static/'
MEDIA_URL = '/media/'
STATIC_ROOT = ${JSON.stringify(join(folder, 'theirs'))}
STATICFILES_DIRS = [${JSON.stringify(assets)}]
STORAGES = {'staticfiles': {'BACKEND': 'django.contrib.staticfiles.storage.ManifestStaticFilesStorage'}}
`,
  );
}

function style(number: number, files: number): string {
  const rules = Array.from({ length: REFERENCES }, (_, at) => {
    const to = (number + 1 + at * 37) % files;
    return `.c${at} { background: url("../${pathOf(isStyle(to) ? to + 1 : to)}") no-repeat; margin: 0 auto; color: #222 }`;
  });
  const next = number + STYLE_EVERY;
  const imports = number % IMPORT_EVERY === 0 && next < files ? [`@import "../${pathOf(next)}";`] : [];
  return [...imports, ...rules].join('\n');
}

function isStyle(number: number): boolean {
  return number % STYLE_EVERY === 0;
}

function pathOf(number: number): string {
  return `app${Math.floor(number / IN_FOLDER)}/file${number % IN_FOLDER}.${isStyle(number) ? 'css' : 'png'}`;
}

export async function change({ assets }: Place, run: number): Promise<string> {
  const path = join(assets, pathOf(1 + STYLE_EVERY * run));
  await appendFile(path, `changed ${run}`);
  return path;
}

async function forget({ folder, environment }: Place): Promise<void> {
  for (const trace of [join(folder, 'ours'), join(folder, 'theirs'), environment['XDG_STATE_HOME'] ?? '']) {
    await rm(trace, { recursive: true, force: true });
  }
}

function timeOurs({ folder, environment }: Place, words: readonly string[] = []): Promise<number> {
  return time(
    process.execPath,
    [...words, CLI, '-q', '-c', join(folder, 'pushstatic.yaml'), 'collect'],
    folder,
    environment,
  );
}

export function timeDjango({ folder }: Place): Promise<number> {
  const settings = { DJANGO_SETTINGS_MODULE: 'bench_settings' };
  const words = ['-m', 'django', 'collectstatic', '--noinput', '-v', '0'];
  return time('python3', words, folder, { ...djangoEnvironment(DJANGO), ...settings });
}

/** Of what is the least of a first run and of one after a change. */
async function timesOfLeast(
  { folder, assets, environment }: Place,
  runs: number,
): Promise<{ first: number[]; look: number[] }> {
  const root = join(folder, 'least');
  const times: { first: number[]; look: number[] } = { first: [], look: [] };
  for (let run = 0; run < runs; run++) {
    await rm(root, { recursive: true, force: true });
    for (const job of ['first', 'look'] as const)
      times[job].push(await time(process.execPath, [LEAST_COLLECT, job, assets, root], folder, environment));
  }
  await rm(root, { recursive: true });
  return times;
}

async function time(command: string, words: readonly string[], cwd: string, env: NodeJS.ProcessEnv): Promise<number> {
  const started = performance.now();
  const child = spawn(command, words, { cwd, env, stdio: ['ignore', 'ignore', 'inherit'] });
  const [status] = (await once(child, 'exit')) as [number | null];
  if (status !== 0) throw new TypeError(`${command} ${words.join(' ')} ended with ${status}`);
  return performance.now() - started;
}

async function peakMemory(place: Place): Promise<number> {
  const file = join(place.folder, 'memory');
  const before = { ...place.environment };
  await rm(join(place.folder, 'ours'), { recursive: true, force: true });
  await rm(before['XDG_STATE_HOME'] ?? '', { recursive: true, force: true });
  await timeOurs({ ...place, environment: { ...before, MEMORY_FILE: file } }, ['--import', REPORT_MEMORY]);
  return (Number(await readFile(file, 'utf8')) * 1024) / 1e6;
}

/** What a change takes from when it has settled to when STATIC_ROOT is right, in the process that lasts. */
async function timeDaemon(place: Place): Promise<number[]> {
  const config = await loadConfig({ cwd: place.folder, env: process.env });
  const signal = new AbortController().signal;
  const half = new LocalHalf(config, new StateFolder(join(place.folder, 'state')), {
    version: 'bench',
    signal,
    thread: THREAD,
  });
  const times: number[] = [];
  try {
    await half.begin();
    await setTimeout(READY_MS);
    for (let run = 0; run < 20; run++) {
      const path = await change(place, 100 + run);
      await setTimeout(SETTLE_MS);
      const started = performance.now();
      await half.collect([path]);
      times.push(performance.now() - started);
    }
  } finally {
    await half.end();
  }
  return times;
}
