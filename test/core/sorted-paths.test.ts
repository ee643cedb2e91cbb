import fc from 'fast-check';
import { expect, it } from 'vitest';
import { isWithin } from '../../src/core/relpath.js';
import { countAt, namesIn, sortedPaths } from '../../src/core/sorted-paths.js';

const name = fc.constantFrom('a', 'a-b', 'a.css', 'a0', 'b', 'é', '😀');
const path = fc.array(name, { minLength: 1, maxLength: 4 }).map((names) => names.join('/'));

it('knows the names in a folder, and how many paths lie there', () => {
  fc.assert(
    fc.property(fc.array(path), fc.oneof(path, fc.constant('')), (all, place) => {
      expect(sortedPaths(all)).toEqual([...new Set(all)].sort());
      const paths = sortedPaths(all.filter((each) => !all.some((other) => other !== each && isWithin(each, other))));
      const above = place === '' ? '' : `${place}/`;
      const below = paths.filter((each) => each.startsWith(above));
      expect([...namesIn(paths, place)].sort()).toEqual(
        [...new Set(below.map((each) => each.slice(above.length).split('/')[0]))].sort(),
      );
      if (place !== '') expect(countAt(paths, place)).toBe(paths.filter((each) => isWithin(each, place)).length);
    }),
  );
});
