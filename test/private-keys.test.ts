/** A private key is not published, whatever its name, its length, and what an earlier run was allowed to do. */
import { expect, test } from 'vitest';
import { problemsOf } from '../src/core/outcome.js';
import { MemoryTarget } from '../src/targets/memory.js';
import { crashAt } from './support/crashing-target.js';
import { makeBench, publicTree } from './support/cycle.js';

const KEY = '-----BEGIN PRIVATE KEY-----\nMIIE\n-----END PRIVATE KEY-----\n';
const LONG = KEY + 'x'.repeat(300_000); // read in pieces
const STEPS = 25;

test.each([
  ['short', KEY],
  ['long', LONG],
])('a %s one', async (_, key) => {
  const [bench, target] = [await makeBench(), new MemoryTarget()];
  const { outcomes } = await bench.publish(target, { 'x.txt': 'x', 'k.txt': key });
  expect(problemsOf(outcomes)).toMatchObject([{ path: 'k.txt', code: 'SECRET' }]);
  expect(await publicTree(target)).toEqual({ 'x.txt': 'x' });
});

test.each([
  ['short', KEY],
  ['long', LONG],
])('a %s one that an interrupted run had brought over when it was allowed', async (_, key) => {
  let left = 0;
  for (let step = 1; step < STEPS; step++) {
    const [bench, target] = [await makeBench(), new MemoryTarget()];
    await bench.publish(target, { 'x.txt': 'x' });
    const crashing = crashAt(target, step, 'after');
    const site = { 'x.txt': 'x', 'k.txt': key };
    await bench.publish(crashing, site, { allows: () => true }).catch(() => undefined);
    if ('k.txt' in (await publicTree(target))) break;
    left++;
    const { outcomes } = await bench.publish(target, site);
    expect(problemsOf(outcomes)).toMatchObject([{ path: 'k.txt', code: 'SECRET' }]);
    expect(await publicTree(target)).toEqual({ 'x.txt': 'x' });
  }
  expect(left).toBeGreaterThan(3);
});
