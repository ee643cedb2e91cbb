/** Why passes did not settle. */
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { describeUnsettled } from '../../src/core/manifest/trouble.js';

const CIRCLE = /in a circle: (.*); break it$/;
const CHAIN = /a chain of references is too long for 5 passes/;

function described(references: ReadonlyMap<string, readonly string[]>): string {
  return describeUnsettled([...references.keys()], references, 5);
}

/** `count` files of which each refers to the next, and the last to `back`. */
function chain(count: number, back: readonly string[]): Map<string, readonly string[]> {
  return new Map(Array.from({ length: count }, (_, i) => [`${i}`, i + 1 < count ? [`${i + 1}`] : back]));
}

it('is told of a chain that is longer than calls may be nested', () => {
  expect(described(chain(100_000, []))).toMatch(CHAIN);
  expect(described(chain(100_000, ['99998']))).toContain('in a circle: 99998 -> 99999 -> 99998; break it');
});

it('is a way along references that ends where it began, wherever there is one', () => {
  const name = fc.constantFrom('a', 'b', 'c', 'd', 'e', 'f');
  const graphs = fc
    .dictionary(name, fc.uniqueArray(name, { maxLength: 3 }))
    .map((each) => new Map(Object.entries(each)));
  fc.assert(
    fc.property(graphs, (references) => {
      const circle = CIRCLE.exec(described(references))?.[1]?.split(' -> ');
      expect(circle !== undefined).toBe([...references.keys()].some((path) => reaches(references, path, path)));
      for (const [i, to] of circle?.entries() ?? [])
        if (i > 0) expect(references.get(circle?.[i - 1] ?? '')).toContain(to);
      if (circle !== undefined) expect(circle.at(-1)).toBe(circle[0]);
    }),
  );
});

function reaches(references: ReadonlyMap<string, readonly string[]>, from: string, to: string): boolean {
  const seen = new Set<string>();
  const waiting = [...(references.get(from) ?? [])];
  for (let next = waiting.pop(); next !== undefined; next = waiting.pop()) {
    if (next === to) return true;
    if (seen.has(next)) continue;
    seen.add(next);
    waiting.push(...(references.get(next) ?? []));
  }
  return false;
}
