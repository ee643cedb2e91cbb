/** The random part of what is enumerated in every-step.test.ts, on a real server; `npm run soak` does 200 of them. */
import { afterAll, beforeAll, expect, it } from 'vitest';
import { chanceOf } from './support/chance.js';
import { killAtRandom } from './support/kills.js';
import { type OpenSshServer, startOpenSsh } from './support/openssh-server.js';
import { temporaryFolder } from './support/tree.js';

const KILLS = 12;

let server: OpenSshServer;

beforeAll(async () => {
  server = await startOpenSsh();
});

afterAll(() => server.stop());

it(`${KILLS} kills of the program and of the server's sessions at random moments tear nothing, and leave nothing (F8, F66)`, async () => {
  const { looks, faults } = await killAtRandom(await temporaryFolder(), server, KILLS, chanceOf(1));
  expect(faults).toEqual([]);
  expect(looks).toBeGreaterThan(1000);
});
