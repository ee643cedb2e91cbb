/**
 * Numbers as a person reads them.
 */
const UNITS = ['B', 'kB', 'MB', 'GB', 'TB'] as const;

/** 1234567 -> '1.2 MB'. */
export function bytes(value: number): string {
  let [scaled, unit] = [value, 0];
  while (scaled >= 999.5 && unit < UNITS.length - 1) [scaled, unit] = [scaled / 1000, unit + 1];
  const digits = unit === 0 || scaled >= 99.95 ? 0 : 1;
  return `${scaled.toFixed(digits)} ${UNITS[unit]}`;
}

/** 1234567 -> '1,234,567'. */
export function count(value: number): string {
  return String(value).replace(/\B(?=(?:\d{3})+$)/g, ',');
}

/** 1 -> '1 file', 2 -> '2 files'. */
export function files(value: number): string {
  return `${count(value)} ${value === 1 ? 'file' : 'files'}`;
}

/** 12 -> '12 ms', 2345 -> '2.3 s', 125000 -> '2 min 5 s'. */
export function duration(ms: number): string {
  if (ms < 999.5) return `${Math.round(ms)} ms`;
  if (ms < 59_950) return `${(ms / 1000).toFixed(1)} s`;
  const seconds = Math.round(ms / 1000);
  return `${Math.floor(seconds / 60)} min ${seconds % 60} s`;
}
