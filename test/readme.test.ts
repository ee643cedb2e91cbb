/** README and the program say the same: commands, flags, keys, statuses, files, examples. */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Command } from 'commander';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { makeProgram } from '../src/cli/program.js';
import { loadUnasked } from '../src/config/load.js';
import { EntryTable } from '../src/core/entry-table.js';
import { encodeSegment, encodeSnapshot, FIRST_CHECKSUM } from '../src/core/index-codec.js';
import { parseRelPath } from '../src/core/relpath.js';
import { EXIT, TARGET_ERROR_KINDS } from '../src/errors.js';

const REPOSITORY = new URL('..', import.meta.url).pathname;
const README = read('README.md');

describe('the command line', () => {
  const program = makeProgram({} as Parameters<typeof makeProgram>[0]);
  const rows = tableUnder('| command | does | flags of its own |');

  test('has the commands of the table, with their arguments', () => {
    expect(rows.map(([command]) => plain(command)).toSorted()).toEqual(program.commands.map(usageOf).toSorted());
  });

  test.each(program.commands.map((command) => ({ name: command.name(), command })))(
    '$name has the flags of its row',
    ({ name, command }) => {
      const row = rows.find(([cell]) => plain(cell).split(' ')[0] === name);
      expect(flagsIn(row?.[2]).toSorted()).toEqual(command.options.map(({ flags }) => flags).toSorted());
    },
  );

  test('has the common flags of the table', () => {
    const listed = tableUnder('| flag of every command | does |').map(([flag]) => plain(flag));
    expect(listed.toSorted()).toEqual([...program.options.map(({ flags }) => flags), '-h, --help'].toSorted());
  });

  test.each(commandsIn(README))('knows what is typed in README: %s', (line) => {
    const [name, ...words] = line.split(' ').slice(1);
    const command = program.commands.find((each) => each.name() === name);
    expect(command?.name()).toBe(name);
    const known = command?.options.flatMap(({ short, long }) => [short, long]);
    for (const word of words.filter((each) => each.startsWith('-'))) expect(known).toContain(word);
  });

  test.each(README.match(/(?<=`)npm run [\w-]+(?=`)/g) ?? [])('is surrounded by the script of %s', (line) => {
    const { scripts } = JSON.parse(read('package.json')) as { scripts: Record<string, string> };
    expect(Object.keys(scripts)).toContain(line.split(' ')[2]);
  });
});

test('the exit statuses are those of the program', () => {
  const listed = tableUnder('| exit status | meaning |').map(([status]) => Number(status));
  expect(listed).toEqual(Object.values(EXIT));
});

test('the codes of problems are those of the program', () => {
  const listed = tableUnder('| code of a problem | meaning |').flatMap(([codes = '']) => codes.match(/[A-Z_]+/g) ?? []);
  const union = /ProblemCode =([^;]*?);\n/.exec(read('src/errors.ts'))?.[1] ?? '';
  expect(listed.toSorted()).toEqual((union.match(/(?<=')[A-Z_]+(?=')/g) ?? []).toSorted());
});

test('the codes of errors are those of the program', () => {
  const listed = tableUnder('| code of an error | meaning |').flatMap(([codes = '']) => codes.match(/[A-Z_]+/g) ?? []);
  const errors = read('src/errors.ts');
  const ofClasses = [...errors.matchAll(/override readonly code = '([A-Z_]+)'/g)].map(([, code]) => code);
  const control = /ControlErrorCode =([^;]*?);/.exec(errors)?.[1]?.match(/(?<=')[A-Z_]+(?=')/g) ?? [];
  const targets = TARGET_ERROR_KINDS.map((kind) => kind.toUpperCase().replaceAll('-', '_'));
  const others = ['USAGE', 'PAUSED', 'INTERRUPTED', 'UNEXPECTED'];
  expect(new Set(listed)).toEqual(new Set([...ofClasses, ...control, ...targets, ...others]));
});

test('the keys of the configuration are those of its schema', () => {
  const listed = tableUnder('| key | default | meaning |').map(([key]) => plain(key));
  expect(listed.toSorted()).toEqual(
    [...new Set(keysOf(JSON.parse(read('config/pushstatic.schema.json')) as Schema))].toSorted(),
  );
});

test('the defaults of the configuration are those of its schema', () => {
  const defaults = defaultsOf(JSON.parse(read('config/pushstatic.schema.json')) as Schema);
  const listed = tableUnder('| key | default | meaning |').map(([key, value]) => [plain(key), value] as const);
  const written = listed.filter(
    ([key]) => defaults.has(key) && key !== 'source.dirs' && key !== 'source.dirs[].prefix',
  );
  expect(written.length).toBeGreaterThan(20);
  for (const [key, value] of written) expect([key, inYaml(plain(value))]).toEqual([key, defaults.get(key)]);
});

test.each([...new Set(README.match(/(?<=`)(?:src|test|config)\/[\w./-]*(?=`)/g))])('%s is there', (path) => {
  expect(existsSync(join(REPOSITORY, path))).toBe(true);
});

test('every folder and every lone file of src has its place on the map', () => {
  const map = tableUnder('| place | what | may import, besides itself and errors |').map(([place]) => plain(place));
  const places = readdirSync(join(REPOSITORY, 'src'), { withFileTypes: true });
  const wanted = places.map((place) => `src/${place.name}${place.isDirectory() ? '/' : ''}`);
  expect(wanted.filter((place) => !map.includes(place))).toEqual([]);
});

test('every link within README leads to a heading', () => {
  const headings = (README.match(/(?<=^#+ ).*/gm) ?? []).map((text) => `#${text.toLowerCase().replaceAll(' ', '-')}`);
  const links = README.match(/(?<=\]\()#[^)]*/g) ?? [];
  expect(links.length).toBeGreaterThan(5);
  for (const link of links) expect(headings).toContain(link);
});

describe('an example of a configuration', () => {
  let folder: string;
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'pushstatic-readme-'));
  });
  afterAll(() => rm(folder, { recursive: true }));

  test.each(blocksOf('yaml'))('is one that loads', async (text) => {
    await writeFile(join(folder, 'pushstatic.yaml'), text);
    const config = await loadUnasked({ cwd: folder, env: { HOME: folder } });
    expect(config.targets.length).toBeGreaterThan(0);
  });
});

test('the documents of --json are JSON', () => {
  const documents = blocksOf('json').map((text) => JSON.parse(text) as object);
  expect(documents.map((document) => Object.keys(document))).toEqual([['ok', 'collect', 'targets']]);
});

test('the bytes of the example are those of the format', () => {
  const [, snapshot = '', journal = ''] = /^snapshot\n([^]*?)^journal\n([^]*?)^```/m.exec(README) ?? [];
  const path = parseRelPath('css/app.css');
  if (path === undefined) expect.unreachable();
  const mtime = Date.UTC(2026, 0, 1) / 1000;
  const digest = '2708d73bf31c36cdfa1aa466551ed101017280fa546caba4473cfef6e92a93b5'; // of body{} and a newline
  const announced = new Map([[path, { path, size: 7, mtime, mode: 0o644, digest }]]);
  expect(bytesIn(snapshot)).toEqual(encodeSnapshot(EntryTable.EMPTY));
  expect(bytesIn(journal)).toEqual(encodeSegment({ kind: 'begin', paths: announced }, FIRST_CHECKSUM).bytes);
});

function read(path: string): string {
  return readFileSync(join(REPOSITORY, path), 'utf8');
}

/** The cells of the rows below this head. */
function tableUnder(head: string): string[][] {
  const lines = README.split('\n');
  const start = lines.indexOf(head);
  if (start < 0) expect.fail(`README has no table ${head}`);
  const end = lines.indexOf('', start);
  return lines.slice(start + 2, end).map((line) =>
    line
      .split('|')
      .slice(1, -1)
      .map((cell) => cell.trim()),
  );
}

function plain(cell = ''): string {
  return cell.replaceAll('`', '');
}

function usageOf(command: Command): string {
  const words = command.registeredArguments.map((argument) => {
    const name = `${argument.name()}${argument.variadic ? '...' : ''}`;
    return argument.required ? `<${name}>` : `[${name}]`;
  });
  return [command.name(), ...words].join(' ');
}

function flagsIn(cell = ''): string[] {
  return cell.match(/(?<=`)-[^`]*(?=`)/g) ?? [];
}

function blocksOf(language: string): string[] {
  return [...README.matchAll(new RegExp(`^\`\`\`${language}\\n([^]*?)^\`\`\``, 'gm'))].map(([, text = '']) => text);
}

/** What README tells people to type: lines of shell blocks and quoted commands. */
function commandsIn(readme: string): string[] {
  const typed = blocksOf('sh').flatMap((block) => block.match(/^pushstatic [^#\n]*/gm) ?? []);
  const quoted = readme.match(/(?<=`)pushstatic [a-z][^`…]*(?=`)/g) ?? [];
  return [...new Set([...typed, ...quoted].map((line) => line.trim()))];
}

interface Schema {
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly additionalProperties?: Schema | boolean;
  readonly items?: Schema;
  readonly anyOf?: readonly Schema[];
  readonly default?: unknown;
}

/** Every key that holds a value; a mapping that is nothing but a mapping is only the way to its keys. */
function keysOf(schema: Schema, path = ''): string[] {
  return leavesOf(schema, path).map(([key]) => key);
}

function defaultsOf(schema: Schema): Map<string, unknown> {
  return new Map(leavesOf(schema, '').flatMap(([key, leaf]) => ('default' in leaf ? [[key, leaf.default]] : [])));
}

function leavesOf(schema: Schema, path: string): [string, Schema][] {
  const forms = (schema.anyOf ?? [schema]).filter((form) => !('type' in form && form.type === 'null'));
  const deeper = forms.flatMap((form): [string, Schema][] => [
    ...Object.entries(form.properties ?? {}).flatMap(([key, inner]) =>
      leavesOf(inner, path === '' ? key : `${path}.${key}`),
    ),
    ...(typeof form.additionalProperties === 'object' ? leavesOf(form.additionalProperties, `${path}.NAME`) : []),
    ...(form.items === undefined ? [] : leavesOf(form.items, `${path}[]`).filter(([key]) => !key.endsWith('[]'))),
  ]);
  const isOnlyTheWay = forms.every((form) => form.properties ?? form.additionalProperties);
  return isOnlyTheWay ? deeper : [[path, schema], ...deeper];
}

/** A default as it stands in the table. */
function inYaml(cell: string): unknown {
  if (cell.startsWith('[')) return JSON.parse(cell.replaceAll("'", '"').replace('[CVS', '["CVS"')) as unknown;
  if (/^'.*'$/.test(cell)) return cell.slice(1, -1);
  if (/^(?:true|false|null|\d+)$/.test(cell)) return JSON.parse(cell) as unknown;
  return cell;
}

/** The hexadecimal digits in front of the remarks. */
function bytesIn(dump: string): Buffer {
  const lines = dump.split('\n').map((line) => /^(?:[0-9a-f]{2}(?: |$))+/.exec(line)?.[0] ?? '');
  return Buffer.from(lines.join('').replaceAll(' ', ''), 'hex');
}
