/** rateOf: bytes a second; undefined after so short a time that what came in an instant would be gigabytes a second. */
const LEAST_MS = 500;

export function rateOf(bytes: number, ms: number): number | undefined {
  return ms < LEAST_MS ? undefined : (bytes / ms) * 1000;
}
