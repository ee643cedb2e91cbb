import { createHash } from 'node:crypto';
import { expect, test } from 'vitest';
import { ContentPacker } from '../src/collect/thread/contents.js';
import { EntrySender } from '../src/collect/thread/entry-sender.js';
import type { Entry } from '../src/core/entry.js';
import { parentOf, type RelPath } from '../src/core/relpath.js';

const KIB = 1024;

test('the files of one folder come together, and their contents before them', () => {
  const { batches, told } = send(files({ folders: 12, inFolder: 90, size: 3 * KIB }));
  expect(batches.length).toBeGreaterThan(2);
  const foldersOf = batches.map((batch) => new Set(batch.map(({ path }) => parentOf(path))));
  expect(foldersOf.map(({ size }) => size).reduce((sum, size) => sum + size)).toBe(12);
  expect(told).toEqual(batches.flat().map(({ digest }) => digest));
});

test('a long folder is not waited for', () => {
  const { batches } = send(files({ folders: 1, inFolder: 1000, size: 3 * KIB }));
  expect(batches.flat()).toHaveLength(1000);
  expect(Math.max(...batches.map(({ length }) => length))).toBeLessThan(400);
});

test('of very many files, those that come first are of use at once, and the others are not', () => {
  const { uses } = send(files({ folders: 1000, inFolder: 70, size: 10 }), 70_000);
  expect(uses[0]).toBe('now');
  expect(uses.at(-1)).toBe('later');
  expect(uses.lastIndexOf('now')).toBeLessThan(uses.indexOf('later'));
});

test('those that are known from before are hardly of use', () => {
  const { uses } = send(files({ folders: 1000, inFolder: 70, size: 10 }), 70_000, 70_000);
  expect(new Set(uses)).toEqual(new Set(['now', 'hardly']));
});

function files({ folders, inFolder, size }: { folders: number; inFolder: number; size: number }): Entry[] {
  return Array.from({ length: folders * inFolder }, (_, i) => {
    const path = `app${Math.floor(i / inFolder)}/file${i}.png` as RelPath;
    return { path, size, digest: createHash('sha256').update(path).digest('hex'), mtime: 0, mode: 0o644 };
  });
}

/** `told`: the digests of the contents that had come by the time of the batch that they belong to. */
function send(entries: readonly Entry[], expected = entries.length, known = 0) {
  const batches: (readonly Entry[])[] = [];
  const uses: string[] = [];
  const told: string[] = [];
  const contents = new Set<string>();
  const packer = new ContentPacker(({ digests }) => digests.forEach((digest) => contents.add(digest)));
  const sender = new EntrySender(packer, (batch, use) => {
    batches.push(batch);
    uses.push(use);
    told.push(...batch.flatMap(({ digest }) => (contents.has(digest) ? [digest] : [])));
  });
  sender.know(known);
  sender.expect(expected);
  for (const entry of entries) {
    packer.keep(entry.digest, Buffer.alloc(entry.size));
    sender.add(entry);
  }
  sender.flush();
  return { batches, uses, told };
}
