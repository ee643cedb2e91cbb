/** Who may import whom, read from the files themselves: the layers of "Where things are" in README.md. */
import { readdirSync, readFileSync } from 'node:fs';
import { join, posix } from 'node:path';
import { describe, expect, test } from 'vitest';

const SRC = new URL('../src', import.meta.url).pathname;

interface Import {
  /** A path below src, or a module from elsewhere: `node:crypto`, `ssh2`. */
  readonly module: string;
  /** 'type' leaves no trace in the program; 'later' is `import()` or the file of a thread. */
  readonly kind: 'value' | 'type' | 'later';
}

interface Edge {
  /** A path below src. */
  readonly from: string;
  readonly to: Import;
}

const files = readdirSync(SRC, { recursive: true, encoding: 'utf8' })
  .filter((path) => path.endsWith('.ts'))
  .toSorted()
  .map((path) => {
    const text = readFileSync(join(SRC, path), 'utf8');
    return { path, text, code: withoutComments(text) };
  });
const edges = files.flatMap(({ path, code }) => importsOf(code, path).map((to): Edge => ({ from: path, to })));

/**
 * From a file or folder of src, to what it may import of src. The first row that fits a file counts. `type:` allows
 * `import type` alone. `node:` modules are free, but for core.
 */
const LAYERS: readonly (readonly [from: string, to: readonly string[]])[] = [
  ['errors.ts', []],
  ['system-error.ts', ['errors.ts']],
  ['heap.ts', []],
  ['core/', ['core/', 'errors.ts']],
  ['fs/', ['fs/', 'errors.ts', 'system-error.ts']],
  [
    'collect/thread/thread.ts',
    ['collect/', 'django/run-collectstatic.ts', 'core/', 'fs/', 'errors.ts', 'system-error.ts', 'heap.ts'],
  ],
  ['collect/thread/in-thread.ts', ['collect/', 'core/', 'fs/', 'errors.ts', 'system-error.ts', 'heap.ts']],
  ['collect/thread/protocol.ts', ['type:collect/', 'type:django/', 'type:core/', 'type:errors.ts']],
  ['collect/', ['collect/', 'core/', 'fs/', 'errors.ts', 'system-error.ts']],
  ['targets/target.ts', ['type:core/relpath.ts', 'type:errors.ts']],
  ['targets/open.ts', ['targets/', 'config/address.ts', 'type:config/schema.ts', 'type:config/secrets.ts']],
  ['targets/memory.ts', ['core/', 'errors.ts', 'type:targets/target.ts']],
  ['targets/local-trouble.ts', ['core/refusal.ts', 'errors.ts', 'system-error.ts']],
  ['targets/closed-folder.ts', ['type:core/relpath.ts', 'errors.ts', 'type:targets/target.ts']],
  [
    'targets/local.ts',
    [
      'core/',
      'fs/write-all.ts',
      'errors.ts',
      'system-error.ts',
      'targets/closed-folder.ts',
      'targets/local-trouble.ts',
      'type:targets/target.ts',
    ],
  ],
  [
    'targets/sftp/sftp.ts',
    ['core/', 'errors.ts', 'system-error.ts', 'targets/closed-folder.ts', 'type:targets/target.ts', 'targets/sftp/'],
  ],
  ['targets/sftp/explain.ts', ['targets/sftp/', 'core/refusal.ts', 'errors.ts']],
  ['targets/sftp/repeats.ts', ['targets/sftp/', 'core/', 'errors.ts', 'type:targets/target.ts']],
  [
    'targets/sftp/patch.ts',
    ['targets/sftp/', 'core/all-of.ts', 'type:core/byte-budget.ts', 'errors.ts', 'type:targets/target.ts'],
  ],
  ['targets/sftp/channel.ts', ['targets/sftp/', 'fs/loop-turn.ts', 'errors.ts']],
  ['targets/sftp/', ['targets/sftp/', 'core/all-of.ts', 'errors.ts', 'type:targets/target.ts']],
  [
    'targets/ssh/',
    ['targets/ssh/', 'targets/sftp/channel.ts', 'type:targets/sftp/connection.ts', 'errors.ts', 'system-error.ts'],
  ],
  ['push/', ['push/', 'core/', 'fs/', 'errors.ts', 'system-error.ts', 'heap.ts', 'type:targets/target.ts']],
  ['decide.ts', ['core/', 'push/', 'fs/pace.ts', 'type:targets/target.ts']],
  [
    'sync.ts',
    ['decide.ts', 'core/', 'push/', 'fs/pace.ts', 'type:fs/state.ts', 'type:targets/target.ts', 'type:errors.ts'],
  ],
  ['config/', ['config/', 'core/', 'errors.ts', 'system-error.ts']],
  [
    'django/',
    ['django/', 'type:config/schema.ts', 'config/django-version.ts', 'core/', 'fs/', 'errors.ts', 'system-error.ts'],
  ],
  ['demo/', ['demo/', 'errors.ts', 'system-error.ts', 'targets/ssh/known-hosts.ts']],
  ['index.ts', ['sync.ts', 'core/', 'errors.ts', 'fs/state.ts', 'type:targets/target.ts']],
  [
    'cycle/',
    [
      'cycle/',
      'sync.ts',
      'core/',
      'config/',
      'targets/open.ts',
      'errors.ts',
      'system-error.ts',
      'type:fs/',
      'type:collect/',
    ],
  ],
  ['watch/', ['watch/', 'core/', 'fs/kind-of.ts', 'errors.ts', 'system-error.ts']],
  [
    'daemon/',
    [
      'daemon/',
      'cycle/',
      'watch/',
      'sync.ts',
      'core/',
      'push/',
      'collect/',
      'config/',
      'fs/',
      'errors.ts',
      'system-error.ts',
    ],
  ],
  ['control/', ['control/', 'type:daemon/', 'type:cycle/report.ts', 'core/', 'fs/', 'errors.ts', 'system-error.ts']],
  [
    'cli/',
    [
      'cli/',
      'control/',
      'daemon/',
      'cycle/',
      'sync.ts',
      'core/',
      'push/',
      'collect/',
      'config/',
      'django/',
      'demo/',
      'fs/',
      'targets/open.ts',
      'errors.ts',
      'system-error.ts',
    ],
  ],
];

/** From a package to the files that may import it: what else changes when the package does. */
const PACKAGES: Readonly<Record<string, readonly string[]>> = {
  '@clack/prompts': ['cli/commands/init.ts'],
  commander: ['cli/program.ts', 'cli/run.ts'],
  'p-retry': ['push/retry.ts'],
  picomatch: ['cycle/jobs.ts'],
  '@parcel/watcher': ['watch/parcel.ts'],
  chokidar: ['watch/chokidar.ts'],
  'prom-client': ['control/'],
  pino: ['cli/'],
  'ssh-config': ['targets/ssh/config.ts', 'config/init.ts'],
  ssh2: ['targets/ssh/', 'demo/'],
  valibot: ['config/', 'django/answer.ts'],
  yaml: ['config/document.ts', 'cli/commands/config.ts'],
};

describe('the layers', () => {
  test('no file imports what its layer may not', () => {
    expect(edges.filter(({ from, to }) => isOurs(to) && !mayImport(from, to)).map(arrow)).toEqual([]);
  });

  test('no file imports a package that is the business of another one', () => {
    const packages = edges.filter(({ to }) => !isOurs(to) && !to.module.startsWith('node:'));
    expect(packages.length).toBeGreaterThan(10);
    const isAtHome = ({ from, to }: Edge) => PACKAGES[to.module]?.some((place) => from.startsWith(place)) ?? false;
    expect(packages.filter((edge) => !isAtHome(edge)).map(arrow)).toEqual([]);
  });

  test('no target knows another one', () => {
    const siblings = ['targets/memory.ts', 'targets/local.ts', 'targets/sftp/sftp.ts'];
    const known = edges.filter(({ from, to }) => siblings.includes(from) && siblings.includes(to.module));
    expect(known.map(arrow)).toEqual([]);
  });

  test('nobody imports the command line but the command line', () => {
    const known = edges.filter(({ from, to }) => !from.startsWith('cli/') && to.module.startsWith('cli/'));
    expect(known.map(arrow)).toEqual([]);
  });

  test('no command looks into another one', () => {
    const folder = 'cli/commands/';
    const known = edges.filter(({ from, to }) => from.startsWith(folder) && to.module.startsWith(folder));
    expect(known.map(arrow)).toEqual([]);
  });

  test('there are no circles, not even of types or of what is loaded later', () => {
    expect(circlesOf(edges)).toEqual([]);
  });

  test('every file that is imported is there', () => {
    const paths = new Set(files.map(({ path }) => path));
    expect(edges.filter(({ to }) => isOurs(to) && !paths.has(to.module)).map(arrow)).toEqual([]);
  });
});

describe('core', () => {
  const core = files.filter(({ path }) => path.startsWith('core/'));

  test('imports nothing of Node but crypto', () => {
    const elsewhere = edges.filter(({ from, to }) => from.startsWith('core/') && !isOurs(to));
    expect(elsewhere.length).toBeGreaterThan(0);
    expect(elsewhere.filter(({ to }) => to.module !== 'node:crypto').map(arrow)).toEqual([]);
  });

  // A Date made of a given time is a way to write it down; one made of nothing is the clock.
  test.each([
    ['the clock', /\bnew Date\(\)|\bDate\.now\b|\bDate\b(?!\()|\bperformance\b|\bset(?:Timeout|Interval|Immediate)\b/],
    ['chance', /\bMath\.random\b|\brandom(?:Bytes|UUID|Int)\b/],
    ['the process or the environment', /(?<!-)\b(?:process|globalThis)\./],
    ['the terminal', /\bconsole\./],
  ])('never looks at %s', (_, pattern) => {
    expect(core.length).toBeGreaterThan(10);
    expect(core.filter(({ code }) => pattern.test(code)).map(({ path }) => path)).toEqual([]);
  });
});

describe('every file', () => {
  test('opens with a comment that says what it is for', () => {
    const silent = files.filter(({ text }) => !/^(?:#!.*\n)?\/\*\*\s+(?:\* )?\S/.test(text));
    expect(silent.map(({ path }) => path)).toEqual([]);
  });

  test('throws only what errors.ts has', () => {
    const plain = files.filter(({ code }) => /\bthrow new (?:Error|TypeError|RangeError)\(/.test(code));
    expect(plain.map(({ path }) => path)).toEqual([]);
  });

  test('exports by name', () => {
    expect(files.filter(({ code }) => /^export default\b/m.test(code)).map(({ path }) => path)).toEqual([]);
  });

  test('leaves the console alone', () => {
    expect(files.filter(({ code }) => /\bconsole\./.test(code)).map(({ path }) => path)).toEqual([]);
  });
});

describe('the scanner of this test', () => {
  test('tells imports of values, of types and for later apart, also over several lines', () => {
    const code = `import { a } from './a.js';
import type { B } from '../b.js';
import {
  c,
  type D,
} from 'c';
export * from './e.js';
export type { F } from './f.js';
import './g.js';
const h = await import('./h.js');
new Worker(new URL('./i.js', import.meta.url));
`;
    expect(importsOf(code, 'push/x.ts')).toEqual([
      { module: 'push/a.ts', kind: 'value' },
      { module: 'b.ts', kind: 'type' },
      { module: 'c', kind: 'value' },
      { module: 'push/e.ts', kind: 'value' },
      { module: 'push/f.ts', kind: 'type' },
      { module: 'push/g.ts', kind: 'value' },
      { module: 'push/h.ts', kind: 'later' },
      { module: 'push/i.ts', kind: 'later' },
    ]);
  });

  test('takes comments for no code, and addresses in strings for no comments', () => {
    expect(withoutComments("/** import 'a' */\nconst url = 'sftp://host'; // console.log\n")).toBe(
      "\nconst url = 'sftp://host'; \n",
    );
  });

  test('finds a circle', () => {
    const edge = (from: string, module: string): Edge => ({ from, to: { module, kind: 'type' } });
    expect(circlesOf([edge('a.ts', 'b.ts'), edge('b.ts', 'c.ts'), edge('c.ts', 'b.ts')])).toEqual([
      'b.ts > c.ts > b.ts',
    ]);
  });
});

function isOurs({ module }: Import): boolean {
  return module.endsWith('.ts');
}

function arrow({ from, to }: Edge): string {
  return `${from} > ${to.module}`;
}

/** `import type` may go where `import` may. */
function mayImport(path: string, { module, kind }: Import): boolean {
  const allowed = LAYERS.find(([from]) => path.startsWith(from))?.[1] ?? [];
  return allowed.some((place) => {
    const isForTypes = place.startsWith('type:');
    return (!isForTypes || kind === 'type') && module.startsWith(isForTypes ? place.slice('type:'.length) : place);
  });
}

/** Each circle once, as its way round, from where it was met first. */
function circlesOf(graph: readonly Edge[]): string[] {
  const next = new Map<string, Set<string>>();
  for (const { from, to } of graph) next.set(from, (next.get(from) ?? new Set()).add(to.module));
  const finished = new Set<string>();
  const circles: string[] = [];
  const visit = (path: string, way: readonly string[]): void => {
    const met = way.indexOf(path);
    if (met >= 0) circles.push([...way.slice(met), path].join(' > '));
    if (met >= 0 || finished.has(path)) return;
    for (const to of next.get(path) ?? []) visit(to, [...way, path]);
    finished.add(path);
  };
  for (const path of next.keys()) visit(path, []);
  return circles;
}

/** In the order of the text, first those of statements, then what is loaded later. */
function importsOf(code: string, path: string): Import[] {
  const place = (module: string): string =>
    module.startsWith('.') ? posix.join(posix.dirname(path), module).replace(/\.js$/, '.ts') : module;
  const statements = code.matchAll(/^(?:import|export)\s+(type\s+)?(?:[^'";=]*?\sfrom\s+)?'([^']+)'/gm);
  const later = code.matchAll(/(?:\bimport\(|\bnew Worker\(new URL\()\s*'([^']+)'/g);
  return [
    ...[...statements].map(
      ([, type, module = '']): Import => ({ module: place(module), kind: type ? 'type' : 'value' }),
    ),
    ...[...later].map(([, module = '']): Import => ({ module: place(module), kind: 'later' })),
  ];
}

/** `//` begins a comment at the beginning of a line or after a space; addresses have neither in front of it. */
function withoutComments(text: string): string {
  return text.replace(/\/\*[\s\S]*?\*\//g, '').replace(/(^|\s)\/\/.*$/gm, '$1');
}
