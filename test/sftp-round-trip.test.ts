/** How far away a server is: arithmetic, on times that are given. */
import { describe, expect, it } from 'vitest';
import { RoundTrip } from '../src/targets/sftp/round-trip.js';

describe('the round trip', () => {
  it('is not known before a reply has come', () => {
    const roundTrip = new RoundTrip();
    roundTrip.asked(1);
    roundTrip.sent(100);
    expect(roundTrip.ms).toBe(0);
  });

  it('is the least that was measured: a busy loop hears late of what has come', () => {
    expect(measured([0, 14], [20, 20.5], [30, 37])).toBeCloseTo(0.5);
    expect(measured([0, 50], [60, 114])).toBe(50);
  });

  it('begins when what was asked leaves, and not when more of it does', () => {
    const roundTrip = new RoundTrip();
    roundTrip.asked(7);
    for (const now of [10, 12]) roundTrip.sent(now);
    roundTrip.answered(7, () => 15);
    expect(roundTrip.ms).toBe(5);
  });

  it('is not measured by a request that waited behind others', () => {
    const roundTrip = new RoundTrip();
    roundTrip.asked(1);
    roundTrip.sent(0);
    roundTrip.answered(1, () => 10);
    roundTrip.sent(20);
    roundTrip.answered(2, () => 21);
    expect(roundTrip.ms).toBe(10);
  });

  it('is not measured by an answer to what never left', () => {
    const roundTrip = new RoundTrip();
    roundTrip.asked(1);
    roundTrip.answered(1, () => 3);
    roundTrip.sent(5);
    roundTrip.answered(1, () => 6);
    expect(roundTrip.ms).toBe(0);
  });
});

/** After requests one after another, each with when it was sent and answered. */
function measured(...times: readonly (readonly [sent: number, answered: number])[]): number {
  const roundTrip = new RoundTrip();
  for (const [request, [sent, answered]] of times.entries()) {
    roundTrip.asked(request);
    roundTrip.sent(sent);
    roundTrip.answered(request, () => answered);
  }
  return roundTrip.ms;
}
