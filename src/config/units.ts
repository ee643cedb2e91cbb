/**
 * The small notations of the configuration file: durations, sizes, limits and permission bits.
 *
 * Pure, and in pairs: what `format…` prints, `parse…` reads back as the same value. A parser answers undefined for
 * text that is not in its notation; it never guesses.
 */
import type { Limit } from '../core/guard.js';

const MAX_DURATION_MS = 2 ** 31 - 1; // a longer Node timer fires at once

const DURATION_UNITS = [
  ['d', 86_400_000],
  ['h', 3_600_000],
  ['m', 60_000],
  ['s', 1000],
  ['ms', 1],
] as const;

const SIZE_UNITS = [
  ['T', 1024 ** 4],
  ['G', 1024 ** 3],
  ['M', 1024 ** 2],
  ['K', 1024],
] as const;

/** `100ms`, `2s`, `1h30m`: whole numbers with d, h, m, s or ms, largest unit first. Milliseconds, at most 24 days. */
export function parseDuration(text: string): number | undefined {
  const parts = /^(?:(\d+)d)?(?:(\d+)h)?(?:(\d+)m(?!s))?(?:(\d+)s)?(?:(\d+)ms)?$/.exec(text);
  if (parts === null || text === '') return undefined;
  let ms = 0;
  for (const [index, [, factor]] of DURATION_UNITS.entries()) ms += Number(parts[index + 1] ?? 0) * factor;
  return ms <= MAX_DURATION_MS ? ms : undefined;
}

export function formatDuration(ms: number): string {
  let text = '';
  let rest = ms;
  for (const [unit, factor] of DURATION_UNITS) {
    if (rest >= factor) text += `${Math.floor(rest / factor)}${unit}`;
    rest %= factor;
  }
  return text === '' ? '0s' : text;
}

/** `500`, `64K`, `10M`: a whole number with K, M, G or T, each 1,024 of the one before. Bytes. */
export function parseSize(text: string): number | undefined {
  const parts = /^(\d+)([KMGT]?)$/.exec(text.toUpperCase());
  if (parts === null) return undefined;
  const bytes = Number(parts[1]) * (SIZE_UNITS.find(([unit]) => unit === parts[2])?.[1] ?? 1);
  return Number.isSafeInteger(bytes) ? bytes : undefined;
}

export function formatSize(bytes: number): string {
  const found = SIZE_UNITS.find(([, factor]) => bytes > 0 && bytes % factor === 0);
  return found === undefined ? `${bytes}` : `${bytes / found[1]}${found[0]}`;
}

/** `100` is a count, `50%` or `0.5%` a share. */
export function parseLimit(text: string): Limit | undefined {
  const parts = /^(\d+(?:\.\d+)?)(%?)$/.exec(text);
  if (parts === null) return undefined;
  const value = Number(parts[1]);
  if (parts[2] === '%') return value <= 100 ? { kind: 'share', share: value / 100 } : undefined;
  return Number.isSafeInteger(value) ? { kind: 'count', count: value } : undefined;
}

/** Permission bits as octal digits, `0644` or `2755`. */
export function parseMode(text: string): number | undefined {
  return /^[0-7]{3,4}$/.test(text) ? Number.parseInt(text, 8) : undefined;
}

export function formatMode(mode: number): string {
  return mode.toString(8).padStart(4, '0');
}
