import { expect, it } from 'vitest';
import { whyDenied } from '../../src/core/refusal.js';

const CLOSED = { kind: 'folder', path: '/srv/static', owner: 1000, mode: 0o555 } as const;

it.each([
  [
    CLOSED,
    33,
    'the folder /srv/static belongs to user 1000 and has mode 0555; give it to user 33, who runs this, or change its mode',
  ],
  [CLOSED, 1000, 'the folder /srv/static belongs to user 1000 and has mode 0555; change its mode'],
  [
    CLOSED,
    undefined,
    'the folder /srv/static belongs to user 1000 and has mode 0555; give it to the account of this target, or change its mode',
  ],
])('says whose it is, and what may help the one who was refused', (closed, account, sentence) => {
  expect(whyDenied(closed, account)).toBe(`permission denied: ${sentence}`);
});
