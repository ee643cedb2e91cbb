import { expect, it } from 'vitest';
import { diffing, tallying } from '../../src/core/diff.js';
import type { Entry } from '../../src/core/entry.js';
import { EntryTable } from '../../src/core/entry-table.js';
import { guardExposure } from '../../src/core/exposure.js';
import { encodingSegment, encodingSnapshot, FIRST_CHECKSUM } from '../../src/core/index-codec.js';
import { originsIn } from '../../src/core/origins.js';
import { makePlan, planning } from '../../src/core/plan.js';
import type { RelPath } from '../../src/core/relpath.js';
import { selecting } from '../../src/core/select.js';
import { afterPush, emptyIndex } from '../../src/core/target-index.js';
import { atOnce, type Work } from '../../src/core/work.js';
import { entry } from '../support/entries.js';

const MANY = 4096;
const MOST_IN_A_GO = 512; // elements: some tenths of a millisecond

const entries = Array.from({ length: MANY }, (_, at) => entry(`file-${String(at).padStart(5, '0')}.png`, `${at}`));
const table = EntryTable.of(entries);
const snapshot = { entries: table, problems: [] };
const [empty, full] = [emptyIndex('test'), { ...emptyIndex('test'), entries: table }];
const changes = atOnce(diffing(empty, snapshot));
const truths: ReadonlyMap<RelPath, Entry> = new Map(entries.map((each) => [each.path, each]));
const everything = { accepts: () => true, fileMode: 0o600 };
const plan = makePlan(changes, 'delete');

it.each<[string, () => Work<unknown>]>([
  ['selecting', () => selecting(snapshot, everything)],
  ['diffing, all new', () => diffing(empty, snapshot)],
  ['diffing, all gone', () => diffing(full, { entries: EntryTable.EMPTY, problems: [] })],
  ['diffing, nothing new', () => diffing(full, snapshot)],
  ['counting changes', () => tallying(changes)],
  ['planning', () => planning(changes, 'delete')],
  ['guarding', () => guardExposure(plan, () => false)],
  ['packing', () => EntryTable.EMPTY.with(truths).packing()],
  ['changing', () => table.changing(truths)],
  ['counting what is left', () => table.countingWithout(truths.keys())],
  ['looking for contents', () => originsIn(table, entries)],
  ['encoding a segment', () => encodingSegment({ kind: 'begin', paths: truths }, FIRST_CHECKSUM)],
  ['encoding a snapshot', () => encodingSnapshot(EntryTable.EMPTY.with(truths))],
  ['what a push leads to', () => afterPush(empty, truths, truths)],
])('%s stops every few hundred elements', (_, work) => {
  expect(stopsOf(work())).toBeGreaterThanOrEqual(MANY / MOST_IN_A_GO);
});

function stopsOf(work: Work<unknown>): number {
  for (let stops = 0; ; stops++) if (work.next().done === true) return stops;
}
