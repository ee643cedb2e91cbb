/**
 * More machines, for longer, on lines that stand still more often: what is taken for dead wakes up when others have come and gone
 * (of 700 such rounds eight ended with a wrong index before a run looked whether it still had its lease), and journals come to an end.
 */
import { it } from 'vitest';
import { expectOneVersion } from '../support/storm.js';

const ROUNDS = 100;
const WEATHER = { machines: 3, cycles: 6, stills: { chance: 0.08, turns: 800 }, leastJournalBytes: 300 };

it.each(Array.from({ length: ROUNDS }, (_, seed) => seed + 1))('of many machines comes one version (%i)', (seed) =>
  expectOneVersion(seed, WEATHER),
);
