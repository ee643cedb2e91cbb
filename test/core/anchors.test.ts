import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ANCHORED_BYTES, anchored } from '../../src/core/delta/anchors.js';
import { noise } from '../support/noise.js';

describe('anchors', () => {
  it('are about one place in 32, each with the bytes that it stands for', () => {
    const bytes = noise(1024 * 1024, 1);
    const { places, hashes } = anchored(bytes);
    expect(bytes.length / places.length).toBeGreaterThan(30);
    expect(bytes.length / places.length).toBeLessThan(34);
    expect(hashes).toHaveLength(places.length);
    expect(places.at(-1)).toBeLessThanOrEqual(bytes.length - ANCHORED_BYTES);
    expect(new Set(hashes).size / hashes.length).toBeGreaterThan(0.99);
  });

  it('are the same ones in the same bytes, whatever stands around them', () => {
    const some = fc.uint8Array({ maxLength: 100 });
    fc.assert(
      fc.property(some, fc.nat(), some, (before, seed, after) => {
        const bytes = noise(2000, seed);
        const whole = anchored(Buffer.concat([before, bytes, after]));
        const within = whole.places.flatMap((place, i) => {
          const at = place - before.length;
          return at < 0 || at > bytes.length - ANCHORED_BYTES ? [] : [[at, whole.hashes[i]]];
        });
        const alone = anchored(bytes);
        expect(within).toEqual(alone.places.map((place, i) => [place, alone.hashes[i]]));
      }),
    );
  });

  it.each([2, 33, 5000])('are one at most in a run of %i equal bytes', (length) => {
    const runs = Array.from({ length: 256 }, (_, byte) => anchored(new Uint8Array(length).fill(byte)).places);
    expect(Math.max(...runs.map((places) => places.length))).toBe(length < ANCHORED_BYTES ? 0 : 1);
  });

  it('are none in less than one stands for', () => {
    expect(anchored(new Uint8Array(ANCHORED_BYTES - 1)).places).toEqual([]);
    expect(anchored(new Uint8Array(0)).places).toEqual([]);
  });
});
