/** What is remembered of collecting by place: a line each time, which belongs to one memory. */
import { existsSync, statSync, truncateSync } from 'node:fs';
import { appendFile, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { extendMemory, memorySeal, NO_ADDITION, recall, remember } from '../src/collect/memory.js';
import { type Memory, NO_MEMORY } from '../src/core/collected-codec.js';
import { comparePaths } from '../src/core/relpath.js';
import { StateFolder } from '../src/fs/state.js';
import { anyPath, digest, path } from './support/entries.js';
import { temporaryFolder } from './support/tree.js';

const [A, B, C] = ['a', 'b', 'c'].map((content) => digest(content)) as [string, string, string];
const NOTHING = NO_ADDITION;
const FIRST: Memory = {
  sources: new Map([['assets\0/srv/assets', 2]]),
  files: new Map([
    [path('css/a.css'), A],
    [path('css/b.css'), B],
  ]),
  made: new Set([path('css/b.css')]),
  folders: new Set([path('css')]),
};
const SECOND: Memory = { ...FIRST, files: new Map([[path('other.css'), C]]), made: new Set() };

async function newState(memory: Memory = FIRST): Promise<{ state: StateFolder; additions: string }> {
  const state = new StateFolder(join(await temporaryFolder(), 'state'));
  await remember(state, memory, NO_MEMORY);
  return { state, additions: join(state.path, 'collected-since') };
}

function files(memory: Memory): Record<string, string> {
  return Object.fromEntries(memory.files);
}

describe('what was collected by place', () => {
  test('adds to the memory, one after another', async () => {
    const { state } = await newState();
    await extendMemory(state, { ...NOTHING, put: [['js/a.js', C]], foldersMade: ['js'] });
    await extendMemory(state, { ...NOTHING, removed: ['css/a.css', 'css/b.css'], foldersGone: ['css'] });
    await extendMemory(state, { ...NOTHING, put: [['js/a.js', A]] });
    const memory = await recall(state);
    expect(files(memory)).toEqual({ 'js/a.js': A });
    expect([...memory.folders]).toEqual(['js']);
    expect(memory.sources).toEqual(FIRST.sources);
  });

  test('is in order, whatever came when', async () => {
    const { state } = await newState();
    await extendMemory(state, { ...NOTHING, put: [['a.css', C]] });
    await extendMemory(state, { ...NOTHING, put: [['css/aa.css', C]] });
    expect([...(await recall(state)).files.keys()]).toEqual(['a.css', 'css/a.css', 'css/aa.css', 'css/b.css']);
  });

  test('costs what changed, and nothing where nothing did', async () => {
    const { state, additions } = await newState();
    await extendMemory(state, NOTHING);
    expect(await state.has('collected-since')).toBe(false);
    await extendMemory(state, { ...NOTHING, removed: ['css/a.css'] });
    expect((await readFile(additions)).length).toBeLessThan(250);
  });

  test('tells by how many files a source has grown or shrunk', async () => {
    const { state } = await newState();
    await extendMemory(state, { ...NOTHING, counted: [['assets\0/srv/assets', 3]] });
    await extendMemory(state, { ...NOTHING, counted: [['assets\0/srv/assets', -1]] });
    expect((await recall(state)).sources).toEqual(new Map([['assets\0/srv/assets', 4]]));
  });

  test('is written anew with all the rest before it grows without end', async () => {
    const { state, additions } = await newState();
    const put = Array.from({ length: 2000 }, (_, i) => [`many/${i}.js`, A] as const);
    let most = 0;
    for (let round = 0; round < 20; round++) {
      await extendMemory(state, { ...NOTHING, put, removed: ['css/a.css'] });
      most = Math.max(most, existsSync(additions) ? statSync(additions).size : 0);
    }
    expect(most).toBeLessThan(1.5 * 1024 * 1024);
    const memory = await recall(state);
    expect(memory).toMatchObject({ sources: FIRST.sources, made: FIRST.made, folders: FIRST.folders });
    expect(memory.files.size).toBe(2001);
  });

  test('that is larger than any that was written counts for nothing', async () => {
    const { state, additions } = await newState();
    await writeFile(additions, '');
    truncateSync(additions, 2 ** 29);
    expect(await recall(state)).toEqual(FIRST);
  });

  test('counts for nothing without a memory to add to', async () => {
    const { state } = await newState();
    await state.remove('collected');
    await extendMemory(state, { ...NOTHING, put: [['a', A]] });
    expect(await state.has('collected-since')).toBe(false);
    expect(await recall(state)).toEqual(NO_MEMORY);
  });
});

describe('a line that was torn', () => {
  test('counts for nothing, wherever it was torn, and never throws', async () => {
    const { state, additions } = await newState();
    await extendMemory(state, { ...NOTHING, put: [['x', C]] });
    const first = await readFile(additions, 'utf8');
    await extendMemory(state, { ...NOTHING, removed: ['x'] });
    const both = await readFile(additions, 'utf8');
    for (let length = first.length; length < both.length - 1; length++) {
      await writeFile(additions, both.slice(0, length));
      expect(files(await recall(state))).toMatchObject({ x: C });
    }
    await writeFile(additions, both);
    expect(files(await recall(state))).not.toMatchObject({ x: C });
  });

  test.each([['null'], ['1'], ['"text"'], ['{}'], ['[]'], ['\0\0\0'], ['']])(
    'and is %j now counts for nothing, and never throws',
    async (line) => {
      const { state, additions } = await newState();
      await writeFile(additions, `${line}\n`);
      expect(files(await recall(state))).toEqual(files(FIRST));
      await writeFile(additions, '');
      await extendMemory(state, { ...NOTHING, put: [['x', C]] });
      await appendFile(additions, `${line}\n`);
      expect(files(await recall(state))).toMatchObject({ x: C });
    },
  );

  test('takes nothing with it of what comes after', async () => {
    const { state, additions } = await newState();
    await extendMemory(state, { ...NOTHING, put: [['x', C]] });
    await appendFile(additions, '{"after":"');
    await extendMemory(state, { ...NOTHING, put: [['y', C]] });
    expect(files(await recall(state))).toEqual({ ...files(FIRST), x: C, y: C });
  });
});

describe('another memory', () => {
  test('takes the place of all that was added', async () => {
    const { state } = await newState();
    await extendMemory(state, { ...NOTHING, put: [['x', C]] });
    await remember(state, SECOND, await recall(state));
    expect(await state.has('collected-since')).toBe(false);
    expect(files(await recall(state))).toEqual(files(SECOND));
  });

  test('is not mistaken for the one that lines belong to, though a crash left them there', async () => {
    const { state, additions } = await newState();
    await extendMemory(state, { ...NOTHING, put: [['x', C]] });
    const lines = await readFile(additions);
    await remember(state, SECOND, FIRST);
    await writeFile(additions, lines);
    expect(files(await recall(state))).toEqual(files(SECOND));
    await extendMemory(state, { ...NOTHING, put: [['y', C]] });
    expect(files(await recall(state))).toEqual({ ...files(SECOND), y: C });
  });

  test('that is the same is written nevertheless, so that the lines go', async () => {
    const { state } = await newState();
    await extendMemory(state, { ...NOTHING, put: [['x', C]] });
    const memory = await recall(state);
    await remember(state, memory, memory);
    expect(await state.has('collected-since')).toBe(false);
    expect(await recall(state)).toEqual(memory);
  });
});

describe('the seal', () => {
  test('is the same as long as nothing was written, and another one after anything was', async () => {
    const { state } = await newState();
    const seals = [await memorySeal(state)];
    expect(await memorySeal(state)).toBe(seals[0]);
    await extendMemory(state, { ...NOTHING, put: [['x', C]] });
    seals.push(await memorySeal(state));
    await extendMemory(state, { ...NOTHING, removed: ['x'] });
    seals.push(await memorySeal(state));
    await remember(state, SECOND, FIRST);
    seals.push(await memorySeal(state));
    await state.remove('collected');
    seals.push(await memorySeal(state));
    expect(new Set(seals).size).toBe(5);
  });
});

test('lines give what the same changes of a map give', async () => {
  const aPut = fc.tuple(anyPath, fc.constantFrom(A, B, C), fc.boolean());
  const anAddition = fc.record({
    put: fc.uniqueArray(aPut, { maxLength: 4, selector: ([each]) => each }),
    removed: fc.array(anyPath, { maxLength: 3 }),
    foldersMade: fc.array(anyPath, { maxLength: 2 }),
    foldersGone: fc.array(anyPath, { maxLength: 2 }),
    isAnew: fc.boolean(),
  });
  await fc.assert(
    fc.asyncProperty(fc.array(anAddition, { maxLength: 5 }), async (additions) => {
      const { state } = await newState();
      const { files: first, made, folders } = FIRST;
      const expected = {
        files: new Map<string, string>(first),
        made: new Set<string>(made),
        folders: new Set<string>(folders),
      };
      for (const { put, ...rest } of additions) {
        const addition = {
          ...NOTHING,
          ...rest,
          put: put.map(([each, content]) => [each, content] as const),
          made: put.flatMap(([each, , isMade]) => (isMade ? [each] : [])),
        };
        await extendMemory(state, addition);
        for (const each of addition.removed) expected.files.delete(each);
        for (const [each, content] of addition.put) expected.files.set(each, content);
        for (const each of addition.removed) expected.made.delete(each);
        for (const [each, , isMade] of put) {
          if (isMade) expected.made.add(each);
          else expected.made.delete(each);
        }
        for (const each of addition.foldersMade) expected.folders.add(each);
        for (const each of addition.foldersGone) expected.folders.delete(each);
      }
      const memory = await recall(state);
      expect([...memory.files]).toEqual([...expected.files].sort(([a], [b]) => comparePaths(a, b)));
      expect(memory.made).toEqual(expected.made);
      expect(new Set(memory.folders)).toEqual(expected.folders);
    }),
    { numRuns: 50 },
  );
});
