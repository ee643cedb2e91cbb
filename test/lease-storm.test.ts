/** Two or three machines that push to one target at once. */
import { it } from 'vitest';
import { expectOneVersion } from './support/storm.js';

const ROUNDS = 60;
const WEATHER = { machines: 2, cycles: 3, stills: { chance: 0.02, turns: 200 } };

it.each(Array.from({ length: ROUNDS }, (_, seed) => seed + 1))('of many machines comes one version (%i)', (seed) =>
  expectOneVersion(seed, WEATHER),
);
