import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { covers } from '../../src/core/places.js';
import { type FollowedLink, type Root, touchedPlaces } from '../../src/core/touched.js';
import { anyPath, path } from '../support/entries.js';

const ROOTS: readonly Root[] = [
  { path: '/site/assets', prefix: '' },
  { path: '/site/vendor', prefix: 'lib/vendor' },
  { path: '/site/static', prefix: '' },
];

function touched(places: readonly string[], links: readonly FollowedLink[] = []) {
  return touchedPlaces(ROOTS, links, places);
}

function link(at: string, leadsTo: string): FollowedLink {
  return { path: path(at), leadsTo };
}

describe('the published paths of a place that was touched', () => {
  test.each([
    ['lie where they do in a source', ['/site/assets/css/a.css'], ['css/a.css']],
    ['lie below the prefix of the source', ['/site/vendor/x.js'], ['lib/vendor/x.js']],
    ['are the same for STATIC_ROOT', ['/site/static/css/a.css'], ['css/a.css']],
    ['are none outside of every root', ['/site/assetsx/a', '/elsewhere/a', '/site/vendor.old'], []],
    ['are told once', ['/site/assets/css', '/site/static/css/a.css'], ['css']],
    ['are sorted', ['/site/assets/b', '/site/assets/a'], ['a', 'b']],
  ])('%s', (_, places, expected) => {
    expect(touched(places)).toEqual(expected);
  });

  test.each([
    ['a root itself', '/site/assets'],
    ['the folder that holds one', '/site'],
    ['the root of the disk', ''],
  ])('are all of them for %s', (_, place) => {
    expect(touched([place])).toBe('all');
  });

  test.each([
    ['the folder that it lies in', '/site/assets/css/a\ufffd.css', ['css']],
    ['the folder above, if that cannot be published either', '/site/assets/a/b\ufffd/c', ['a']],
    ['the prefix, if it lies at the top of a source', '/site/vendor/\ufffd', ['lib/vendor']],
  ])('are, for a name that cannot be published, %s', (_, place, expected) => {
    expect(touched([place])).toEqual(expected);
  });

  test('are all of them for such a name at the top of a source without a prefix', () => {
    expect(touched(['/site/assets/\ufffd'])).toBe('all');
  });
});

describe('a place that a link leads to', () => {
  test('is touched where the link stands', () => {
    const links = [link('latest', '/srv/v2')];
    expect(touched(['/srv/v2/css/a.css'], links)).toEqual(['latest/css/a.css']);
    expect(touched(['/srv/v2'], links)).toEqual(['latest']);
    expect(touched(['/srv/v1/a'], links)).toEqual([]);
  });

  test('is touched there as a whole when something above it was', () => {
    expect(touched(['/srv'], [link('latest', '/srv/v2')])).toEqual(['latest']);
  });

  test('is touched below the prefix of the source that the link is in', () => {
    expect(touched(['/srv/v2/a'], [link('lib/vendor/new', '/srv/v2')])).toEqual(['lib/vendor/new/a']);
  });

  test('is touched on both ends when both are published', () => {
    expect(touched(['/site/assets/v2/a'], [link('latest', '/site/assets/v2')])).toEqual(['latest/a', 'v2/a']);
  });

  test('is followed through links that lead to links', () => {
    const links = [link('b', '/srv/a'), link('c', '/site/assets/b'), link('d', '/site/assets/c/deep')];
    expect(touched(['/srv/a/deep/x'], links)).toEqual(['b/deep/x', 'c/deep/x', 'd/x']);
  });

  test('ends, if it leads back to itself', () => {
    const links = [link('a/loop', '/site/assets/a'), link('x', '/site/assets/y'), link('y', '/site/assets/x')];
    expect(covers(touched(['/site/assets/a/f'], links) as never, 'a/f')).toBe(true);
    expect(touched(['/site/assets/y/f'], links)).toEqual(['x/f', 'y/f']);
  });
});

test('whatever was touched in a source is covered, and nothing beside it', () => {
  fc.assert(
    fc.property(fc.array(fc.tuple(fc.constantFrom(...ROOTS), anyPath), { minLength: 1, maxLength: 6 }), (edits) => {
      const places = touched(edits.map(([root, at]) => `${root.path}/${at}`));
      const expected = edits.map(([{ prefix }, at]) => (prefix === '' ? at : `${prefix}/${at}`));
      expect(expected.every((each) => places !== 'all' && covers(places, each))).toBe(true);
      expect(places === 'all' ? [] : places.filter((place) => !expected.includes(place))).toEqual([]);
    }),
  );
});

test('a hundred thousand places at once are no work to speak of', () => {
  const places = Array.from({ length: 100_000 }, (_, i) => `/site/assets/${i % 1000}/${i}.css`);
  const started = performance.now();
  expect(touched(places)).toHaveLength(100_000);
  expect(performance.now() - started).toBeLessThan(5000);
});
