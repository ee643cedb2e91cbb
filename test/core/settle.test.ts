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
    expect(site.take(1150)).toEqual({ places: [`${ROOT}/a.css`, `${ROOT}/b.css`], quiet: true, since: 1000 });
    expect(site.dueAt()).toBeUndefined();
    expect(site.take(1150)).toBeUndefined();
  });

  it('that never comes to rest is cut at the longest wait, and comes again with the first one that does', () => {
    const site = settling();
    for (let now = 0; now <= 1950; now += 50) site.note([`${ROOT}/f${now}`], now);
    expect(site.dueAt()).toBe(2000);
    const cut = site.take(2000);
    expect(cut).toMatchObject({ quiet: false, since: 0 });
    expect(cut?.places).toHaveLength(40);

    site.note([`${ROOT}/late`], 2020);
    expect(site.dueAt()).toBe(2120);
    const rest = site.take(2120);
    expect(rest).toMatchObject({ quiet: true, since: 2020 });
    expect(rest?.places).toEqual([...(cut?.places ?? []), `${ROOT}/late`]);
  });

  it('that was cut comes again even if nothing more is heard', () => {
    const site = settling();
    site.note([`${ROOT}/a`], 0);
    expect(site.take(10)?.quiet).toBe(false);
    expect(site.dueAt()).toBe(100);
    expect(site.take(100)).toEqual({ places: [`${ROOT}/a`], quiet: true, since: 0 });
  });

  it('that is cut holds what is new since the last one, and no more', () => {
    const site = settling();
    site.note([`${ROOT}/a`], 0);
    site.take(10);
    site.note([`${ROOT}/b`], 20);
    expect(site.take(30)).toEqual({ places: [`${ROOT}/b`], quiet: false, since: 20 });
  });

  it('counts as come to rest after a minute, so that one restless file does not hold back all others for good', () => {
    const site = settling();
    site.note([`${ROOT}/gone.css`], 0);
    const quiet: boolean[] = [];
    for (let now = 0; now <= 62_000; now += 50) {
      site.note([`${ROOT}/log`], now);
      if (now >= (site.dueAt() ?? Infinity)) quiet.push(site.take(now)?.quiet ?? false);
    }
    expect(quiet.indexOf(true)).toBe(29);
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
  it('is covered by one quiet batch, and none of it waits longer than the longest wait', () => {
    fc.assert(
      fc.property(fc.array(note, { maxLength: 60 }), fc.integer({ min: 1, max: 100 }), (notes, settleMs) => {
        const site = new Settling([ROOT], { settleMs, maxWaitMs: 400 });
        const waiting = new Map<string, number>();
        const unheld = new Set<string>();
        const takeUntil = (until: number): void => {
          for (let due = site.dueAt(); due !== undefined && due <= until; due = site.dueAt()) {
            const batch = site.take(due);
            const places = batch?.places ?? [];
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
            if (batch?.quiet !== true) continue;
            for (const each of unheld) expect(covers(places, each)).toBe(true);
            unheld.clear();
          }
        };
        let now = 0;
        for (const { pauseMs, places } of notes) {
          now += pauseMs;
          takeUntil(now);
          site.note(places, now);
          for (const each of places) {
            unheld.add(each);
            if (!waiting.has(each)) waiting.set(each, now);
          }
        }
        takeUntil(Infinity);
        expect([...unheld, ...waiting.keys()]).toEqual([]);
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
