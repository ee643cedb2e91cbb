import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { isWithin } from '../../src/core/relpath.js';
import { Settling } from '../../src/core/settle.js';
import { TouchedSet } from '../../src/core/touched-set.js';

const ROOT = '/site/static';
const TIMES = { settleMs: 100, maxWaitMs: 2000 };

function settling(): Settling {
  return new Settling([ROOT], TIMES);
}

function covers(places: readonly string[], place: string): boolean {
  return places.some((each) => isWithin(place, each));
}

function listOf(places: TouchedSet): string[] {
  return [...places].map(([place]) => place);
}

describe('a batch', () => {
  it('is due when nothing was heard for the settle time, and tells when its first change was noticed', () => {
    const site = settling();
    expect(site.dueAt()).toBeUndefined();
    site.note([`${ROOT}/a.css`], 1000);
    site.note([`${ROOT}/b.css`], 1050);
    expect(site.dueAt()).toBe(1150);
    expect(site.take()).toEqual({ places: [`${ROOT}/a.css`, `${ROOT}/b.css`], since: 1000 });
    expect(site.dueAt()).toBeUndefined();
    expect(site.take()).toBeUndefined();
  });

  it('that never comes to rest is due after the longest wait, and the next one holds what was touched since', () => {
    const site = settling();
    for (let now = 0; now <= 1950; now += 50) site.note([`${ROOT}/f${now}`], now);
    expect(site.dueAt()).toBe(2000);
    const cut = site.take();
    expect(cut?.since).toBe(0);
    expect(cut?.places).toHaveLength(40);

    site.note([`${ROOT}/late`], 2020);
    expect(site.dueAt()).toBe(2120);
    expect(site.take()).toEqual({ places: [`${ROOT}/late`], since: 2020 });
  });

  it('is seen before it is due, as far as it is quiet already', () => {
    const site = settling();
    site.note([`${ROOT}/a`], 0);
    site.note([`${ROOT}/b`], 30);
    expect(site.quietFor(20, 30)).toEqual([`${ROOT}/a`]);
    expect(site.quietFor(20, 50)).toEqual([`${ROOT}/a`, `${ROOT}/b`]);
    expect(site.size).toBe(2);
  });
});

describe('places', () => {
  it('below one that is noted are covered by it, whichever came first', () => {
    const places = new TouchedSet([ROOT]);
    places.add(`${ROOT}/css/deep/a.css`, 1);
    places.add(`${ROOT}/css`, 2);
    places.add(`${ROOT}/css/b.css`, 3);
    places.add(`${ROOT}/css.map`, 4);
    expect([...places]).toEqual([
      [`${ROOT}/css`, 3],
      [`${ROOT}/css.map`, 4],
    ]);
  });

  it('of which more than 64 lie in one folder become that folder', () => {
    const places = new TouchedSet([ROOT]);
    for (let at = 0; at < 64; at++) places.add(`${ROOT}/css/${at}.css`, at);
    expect(places.size).toBe(64);
    places.add(`${ROOT}/css/64.css`, 64);
    expect([...places]).toEqual([[`${ROOT}/css`, 64]]);
  });

  it('never become more than the watched folder, however many folders are watched', () => {
    const apps = Array.from({ length: 100 }, (_, at) => `/apps/${at}`);
    const places = new TouchedSet(apps);
    for (const app of apps) places.add(app, 0);
    expect(listOf(places)).toEqual(apps);
  });

  it('outside of the watched folders stay what they are', () => {
    const places = new TouchedSet([ROOT]);
    const files = Array.from({ length: 70 }, (_, at) => `/etc/${at}.yaml`);
    for (const file of files) places.add(file, 0);
    expect(listOf(places)).toEqual(files);
  });

  it('are few even if a million different ones are noted (F67)', () => {
    const places = new TouchedSet([ROOT]);
    let most = 0;
    for (let at = 0; at < 1_000_000; at++) {
      places.add(`${ROOT}/${at % 7}/${at % 50_021}/${at % 3}/${at}.js`, at);
      most = Math.max(most, places.size);
    }
    expect(most).toBeLessThanOrEqual(8193);
    expect(listOf(places).every((place) => isWithin(place, ROOT))).toBe(true);
  });
});

// Few names in few levels, so that places lie in each other, and folders get many of them.
const place = fc
  .array(fc.integer({ min: 0, max: 99 }), { minLength: 0, maxLength: 3 })
  .map((names) => [ROOT, ...names].join('/'));
const note = fc.record({ pauseMs: fc.nat({ max: 150 }), places: fc.array(place, { minLength: 1, maxLength: 80 }) });

describe('whatever is noted, and whenever', () => {
  it('is covered by the next batch, and none of it waits longer than the longest wait', () => {
    fc.assert(
      fc.property(fc.array(note, { maxLength: 60 }), fc.integer({ min: 1, max: 100 }), (notes, settleMs) => {
        const site = new Settling([ROOT], { settleMs, maxWaitMs: 400 });
        const waiting = new Map<string, number>();
        const takeUntil = (until: number): void => {
          for (let due = site.dueAt(); due !== undefined && due <= until; due = site.dueAt()) {
            const places = site.take()?.places ?? [];
            expect(
              places.filter((each) =>
                covers(
                  places.filter((other) => other !== each),
                  each,
                ),
              ),
            ).toEqual([]);
            for (const [each, since] of waiting) {
              expect(due - since).toBeLessThanOrEqual(400);
              expect(covers(places, each)).toBe(true);
            }
            waiting.clear();
          }
        };
        let now = 0;
        for (const { pauseMs, places } of notes) {
          now += pauseMs;
          takeUntil(now);
          site.note(places, now);
          for (const each of places) if (!waiting.has(each)) waiting.set(each, now);
        }
        takeUntil(Infinity);
        expect([...waiting.keys()]).toEqual([]);
        expect(site.size).toBe(0);
      }),
    );
  });

  it('stays covered when places fold, and takes no more room than it counts', () => {
    fc.assert(
      fc.property(fc.array(place, { maxLength: 400 }), (noted) => {
        const places = new TouchedSet([ROOT]);
        for (const [time, each] of noted.entries()) places.add(each, time);
        const left = listOf(places);
        expect(places.size).toBe(left.length);
        expect(noted.filter((each) => !covers(left, each))).toEqual([]);
        places.clear();
        expect([...places]).toEqual([]);
        expect(places.size).toBe(0);
      }),
    );
  });
});
