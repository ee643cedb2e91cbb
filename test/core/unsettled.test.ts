import { describe, expect, it } from 'vitest';
import { isLongQuiet, type Past, type Sight, unsettledFor } from '../../src/core/unsettled.js';

const NOW = 1_700_000_000_123;
const OLD = NOW - 3_600_000;

/** A file that was written in place 100 ms ago. */
function seen(other: Partial<Sight> = {}): Sight {
  const writtenMs = NOW - 100;
  return { size: 10, mtimeMs: writtenMs, ctimeMs: writtenMs, birthtimeMs: OLD, ino: 7, ...other };
}

describe('a file that is probably being written (F44)', () => {
  it.each<[what: string, Sight, Past]>([
    ['was emptied', seen({ size: 0 }), { size: 20 }],
    ['is new and empty', seen({ size: 0, birthtimeMs: NOW - 100 }), { size: 0 }],
    ['is smaller, in place, than it was', seen(), { size: 20 }],
    ['was written in place, and nobody knows how large it was', seen(), { size: Number.POSITIVE_INFINITY }],
    ['is smaller, and its birth is not known', seen({ birthtimeMs: 0 }), { size: 20 }],
    ['has grown since it was suspicious', seen({ size: 30 }), { size: 20, suspect: seen() }],
    ['was emptied, and is opened anew each time', seen({ size: 0 }), { size: 20, isOpen: () => false }],
    ['is smaller, and somebody has it open', seen(), { size: 20, isOpen: () => true }],
    ['is smaller, and nobody knows whether it is open', seen(), { size: 20, isOpen: () => undefined }],
    ['is new, and somebody has it open', seen({ birthtimeMs: NOW - 100 }), { size: 0, isOpen: () => true }],
    ['has grown, and somebody has it open', seen(), { size: 5, isOpen: () => true }],
    [
      'was written a second ago, and somebody has it open',
      seen({ mtimeMs: NOW - 1000 }),
      { size: 10, isOpen: () => true },
    ],
    [
      'is empty, and somebody has had it open for a second',
      seen({ size: 0, mtimeMs: NOW - 1000 }),
      { size: 0, isOpen: () => true },
    ],
    ['was written a little in the future', seen({ size: 0, mtimeMs: NOW + 1000 }), { size: 20 }],
  ])('%s: it is left alone', (_, sight, past) => {
    expect(unsettledFor(sight, past, NOW)).toBeGreaterThan(0);
  });

  it.each<[what: string, Sight, Past]>([
    ['is as large as it was', seen(), { size: 10 }],
    ['has grown', seen(), { size: 5 }],
    ['is smaller, and nobody has it open', seen(), { size: 20, isOpen: () => false }],
    ['was suspicious, and nobody has it open', seen({ size: 30 }), { size: 20, suspect: seen(), isOpen: () => false }],
    ['is new', seen({ birthtimeMs: NOW - 100 }), { size: 0 }],
    ['is a smaller one that was renamed over it', seen({ birthtimeMs: NOW - 101 }), { size: 20 }],
    ['is another one than the one that was suspicious', seen({ size: 30 }), { size: 20, suspect: seen({ ino: 8 }) }],
    ['has the inode of one that was', seen({ size: 30 }), { size: 20, suspect: seen({ birthtimeMs: OLD - 1 }) }],
    ['has been open for long', seen({ mtimeMs: OLD }), { size: 20, isOpen: () => true }],
    ['is new, and nobody knows whether it is open', seen({ birthtimeMs: NOW }), { size: 0, isOpen: () => undefined }],
    [
      'was written two seconds ago, and somebody has it open still',
      seen({ mtimeMs: NOW - 2050 }),
      { size: 10, isOpen: () => true },
    ],
    [
      'was emptied a second ago, and nobody knows whether it is open',
      seen({ size: 0, mtimeMs: NOW - 1000 }),
      { size: 20 },
    ],
    ['is empty and has been for long', seen({ size: 0, mtimeMs: OLD }), { size: 20 }],
    ['is smaller and has been for long', seen({ mtimeMs: OLD }), { size: 20 }],
    ['is empty and dated years ahead', seen({ size: 0, mtimeMs: NOW + 1e11 }), { size: 20 }],
  ])('%s: it is taken', (_, sight, past) => {
    expect(unsettledFor(sight, past, NOW)).toBe(0);
  });

  it('is taken when it was quiet for half a second and a tick of the clock', () => {
    expect(unsettledFor(seen({ size: 0 }), { size: 20 }, NOW)).toBe(450);
    expect(unsettledFor(seen({ size: 0 }), { size: 20 }, NOW + 449)).toBe(1);
    expect(unsettledFor(seen({ size: 0 }), { size: 20 }, NOW + 450)).toBe(0);
  });

  it('is looked at now and then while somebody has it open, and taken after two seconds', () => {
    const open = (quietMs: number) => unsettledFor(seen(), { size: 10, isOpen: () => true }, NOW - 50 + quietMs);
    expect([0, 499, 500, 1500, 1700, 1999, 2000].map(open)).toEqual([500, 1, 500, 500, 300, 1, 0]);
  });

  it('is left alone for longer where the clock of the file system is coarse', () => {
    const at = Math.floor(NOW / 1000) * 1000;
    const coarse = seen({ size: 0, mtimeMs: at, ctimeMs: at });
    expect(unsettledFor(coarse, { size: 20 }, at + 2400)).toBe(100);
    expect(unsettledFor(coarse, { size: 20 }, at + 2500)).toBe(0);
  });
});

it('a file is long quiet, by whole seconds, only where no clock could tell otherwise', () => {
  const mtime = Math.floor(NOW / 1000);
  expect(isLongQuiet(mtime, NOW)).toBe(false);
  expect(isLongQuiet(mtime, mtime * 1000 + 5000)).toBe(false);
  expect(isLongQuiet(mtime, mtime * 1000 + 5001)).toBe(true);
});
