import { describe, expect, it } from 'vitest';
import type { SftpChannel } from '../src/targets/sftp/channel.js';
import { LANE_BYTES, SftpLanes } from '../src/targets/sftp/lanes.js';

it('spreads content over the channels, to the one with the least on its way', async () => {
  const { lanes, channels } = make(3);
  const taken = [await lanes.take(500), await lanes.take(100), await lanes.take(100), await lanes.take(100)];
  expect(taken.map((lane) => lane.channel)).toEqual([channels[0], channels[1], channels[2], channels[1]]);
});

it('lets wait what fits nowhere, in the order of the calls, until some is answered', async () => {
  const { lanes } = make(2);
  const [one, two] = [await lanes.take(LANE_BYTES), await lanes.take(LANE_BYTES)];
  const order: string[] = [];
  const late = lanes.take(LANE_BYTES).then(() => order.push('late'));
  const later = lanes.take(1).then(() => order.push('later'));
  lanes.give(one, LANE_BYTES);
  await late;
  expect(order).toEqual(['late']);
  lanes.give(two, LANE_BYTES);
  await later;
  expect(order).toEqual(['late', 'later']);
});

it('takes content of any size on an empty channel', async () => {
  const { lanes } = make(1);
  const lane = await lanes.take(100 * LANE_BYTES);
  lanes.give(lane, 100 * LANE_BYTES);
  expect((await lanes.take(1)).taken).toBe(1);
});

it('serves those who wait as soon as there is a further channel', async () => {
  const { lanes } = make(1);
  await lanes.take(LANE_BYTES);
  const waiting = lanes.take(10);
  const further = channel();
  lanes.add(further);
  expect((await waiting).channel).toBe(further);
});

it('gives nothing to a channel that has ended', async () => {
  const { lanes, channels } = make(2);
  Object.assign(channels[1] ?? {}, { isOver: true });
  Object.assign(channels[0] ?? {}, { unansweredRequests: 5 });
  await lanes.take(10);
  expect([(await lanes.take(10)).channel, lanes.idlest()]).toEqual([channels[0], channels[0]]);
  expect(lanes.idlest()).toBe(channels[0]);
});

it('lets no more be on its way on all of them than the window allows, but for one file alone', async () => {
  const window = windowOf(100);
  const lanes = new SftpLanes(channel(), 'plain', { plain: window, compressed: window });
  lanes.add(channel(), 'plain');
  const large = await lanes.take(500, 'text');
  const order: string[] = [];
  const next = lanes.take(60).then((lane) => (order.push('next'), lane));
  const last = lanes.take(60).then(() => order.push('last'));
  lanes.give(large, 500);
  await next;
  expect(order).toEqual(['next']);
  window.bytes = 120;
  lanes.give(await lanes.take(0, 'packed'), 0);
  await last;
  expect(order).toEqual(['next', 'last']);
});

describe('divided between a plain line and a compressed one', () => {
  it('each content takes its own, also what waits already', async () => {
    const [plain, compressed] = [channel(), channel()];
    const lanes = new SftpLanes(plain);
    const full = await lanes.take(LANE_BYTES);
    const waiting = [lanes.take(10, 'text'), lanes.take(10, 'packed'), lanes.take(20, 'text')];
    lanes.add(compressed, 'compressed');
    lanes.divide({ text: 'compressed', packed: 'plain' });
    expect((await waiting[0])?.channel).toBe(compressed);
    lanes.give(full, LANE_BYTES);
    const [, packed, text] = await Promise.all(waiting);
    expect([packed?.channel, text?.channel]).toEqual([plain, compressed]);
  });

  it('each has a window of its own', async () => {
    const [plain, compressed] = [channel(), channel()];
    const lanes = new SftpLanes(plain, 'plain', { plain: windowOf(100), compressed: windowOf(400) });
    lanes.add(compressed, 'compressed');
    lanes.divide({ text: 'compressed', packed: 'plain' });
    expect([lanes.windowFor('packed'), lanes.windowFor('text')]).toEqual([100, 400]);
    await lanes.take(100, 'packed');
    const taken = [lanes.take(300, 'text'), lanes.take(100, 'text')];
    expect((await Promise.all(taken)).map((lane) => lane.channel)).toEqual([compressed, compressed]);
    Object.assign(compressed, { isOver: true });
    expect(lanes.windowFor('text')).toBe(100);
  });

  it('all take what is left when one has ended', async () => {
    const [plain, compressed] = [channel(), channel()];
    const lanes = new SftpLanes(plain);
    lanes.add(compressed, 'compressed');
    lanes.divide({ text: 'compressed', packed: 'plain' });
    Object.assign(compressed, { isOver: true });
    expect((await lanes.take(10, 'text')).channel).toBe(plain);
  });
});

function make(count: number): { lanes: SftpLanes; channels: SftpChannel[] } {
  const first = channel();
  const others = Array.from({ length: count - 1 }, channel);
  const lanes = new SftpLanes(first);
  for (const each of others) lanes.add(each);
  return { lanes, channels: [first, ...others] };
}

function windowOf(bytes: number) {
  return { bytes, begin: () => undefined };
}

/** The lanes only tell channels apart. */
function channel(): SftpChannel {
  return { unansweredRequests: 0, isOver: false } as SftpChannel;
}
