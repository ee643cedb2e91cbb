import { mkdtemp, readFile, realpath, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { toJsonSchema } from '@valibot/to-json-schema';
import type * as v from 'valibot';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { stringify } from 'yaml';
import { describeConfig } from '../src/config/describe.js';
import { loadConfig } from '../src/config/load.js';
import { type Config, FileShape } from '../src/config/schema.js';

const EXAMPLE = new URL('../config/pushstatic.example.yaml', import.meta.url);
const SCHEMA = new URL('../config/pushstatic.schema.json', import.meta.url);
const DRAFT = 'http://json-schema.org/draft-07/schema#';

let folder: string;

beforeEach(async () => {
  folder = await realpath(await mkdtemp(join(tmpdir(), 'pushstatic-schema-')));
});

afterEach(async () => {
  await rm(folder, { recursive: true, force: true });
});

async function load(text: string): Promise<Config> {
  await writeFile(join(folder, 'pushstatic.yaml'), text);
  return loadConfig({ cwd: folder, env: { HOME: folder } });
}

describe('the example file', () => {
  test('loads', async () => {
    const config = await load(await readFile(EXAMPLE, 'utf8'));
    expect(config.targets.map(({ name }) => name)).toEqual(['static1', 'mirror']);
  });

  test('names every key there is', async () => {
    const text = await readFile(EXAMPLE, 'utf8');
    const missing = keysOf(jsonSchemaOf(FileShape)).filter((key) => !new RegExp(`\\b${key}:`).test(text));
    expect(missing).toEqual([]);
  });
});

/** Every property name at any depth of a JSON Schema. */
function keysOf(schema: unknown): string[] {
  if (typeof schema !== 'object' || schema === null) return [];
  return Object.entries(schema).flatMap(([key, value]: [string, unknown]) =>
    key === 'properties' && typeof value === 'object' && value !== null
      ? [...Object.keys(value), ...Object.values(value).flatMap(keysOf)]
      : keysOf(value),
  );
}

describe('the JSON Schema', () => {
  test('that is shipped is the one the program checks by', async () => {
    const schema = { $schema: DRAFT, title: 'pushstatic.yaml', ...jsonSchemaOf(FileShape) };
    await expect(`${JSON.stringify(schema, undefined, 2)}\n`).toMatchFileSnapshot(SCHEMA.pathname);
  });
});

/** What is checked by code alone is left out; a guard is what it guards; a mapping has no other keys. */
function jsonSchemaOf(shape: v.GenericSchema): object {
  const schema = toJsonSchema(shape, {
    typeMode: 'input',
    errorMode: 'ignore',
    overrideSchema: ({ valibotSchema, jsonSchema }) => {
      if (valibotSchema.type === 'object_with_rest') return { ...jsonSchema, additionalProperties: false };
      return isLazy(valibotSchema) ? jsonSchemaOf(valibotSchema.getter(undefined)) : undefined;
    },
  });
  // Every guard has a definition as well, and nothing refers to it.
  return Object.fromEntries(Object.entries(schema).filter(([key]) => !['$schema', '$defs'].includes(key)));
}

function isLazy(schema: { readonly type: string }): schema is v.LazySchema<v.GenericSchema> {
  return schema.type === 'lazy';
}

describe('the effective configuration', () => {
  test.each([
    ['the defaults', 'source: { dirs: [a] }\nstatic: { root: out }'],
    [
      'everything set',
      `site: s\nsource: { dirs: [a, { path: b, prefix: p }], ignore: [] }\n` +
        `static: { root: out, storage: manifest, permissions: { file: null, dir: '2755' }, manifest: { root: ., missing: { 'a/*': warn } } }\n` +
        `targets: { x: { url: 'sftp://u@h:22/~/s', passwordEnv: PW, sshConfig: false, delete: { max: 12.5% } }, y: { url: 'file:///srv/y', mode: { dir: '700' } } }\n` +
        `push: { concurrency: 3, bandwidth: 1500K, compress: on }\nwatch: { settle: 1s500ms }\ndaemon: { http: false, socket: s, shutdownTimeout: 1m30s, tokenFile: t }\nhooks: { after: "a | b", timeout: 5m }`,
    ],
  ])('is, for %s, a file that says the same', async (_, text) => {
    const config = await load(text);
    expect(await load(stringify(describeConfig(config)))).toEqual(config);
  });

  test('of the example is the same configuration too', async () => {
    const config = await load(await readFile(EXAMPLE, 'utf8'));
    expect(await load(stringify(describeConfig(config)))).toEqual(config);
  });

  test('is written in the notations of the file', async () => {
    const config = await load(`source: { dirs: [/a] }\nstatic: { root: /out }\ntargets: { x: { url: 'sftp://h/s' } }`);
    expect(describeConfig(config)).toMatchObject({
      source: { dirs: ['/a'] },
      static: { permissions: { file: '0644', dir: null } },
      targets: { x: { url: 'sftp://h/s', delete: { enabled: true, max: '50%' }, mode: { file: '0644', dir: '0755' } } },
      push: { concurrency: 'auto', bandwidth: 'unlimited', compress: 'auto' },
      watch: { settle: '100ms', maxWait: '2s', sweep: '1m' },
      daemon: { shutdownTimeout: '10s' },
      hooks: { timeout: '1m' },
    });
  });
});
