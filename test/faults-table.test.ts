/** The table of faults names tests that are there, and leaves out no fault without a word. */
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';

const FAULTS = 72;

interface Row {
  readonly number: number;
  readonly tests: readonly { readonly file: string; readonly title: string }[];
  readonly untested: string;
}

const rows = readFileSync(new URL('faults.md', import.meta.url), 'utf8')
  .split('\n')
  .flatMap((line) => rowOf(line) ?? []);

it('has each fault once, in order', () => {
  expect(rows.map(({ number }) => number)).toEqual(Array.from({ length: FAULTS }, (_, i) => i + 1));
});

describe.each(rows)('F$number', ({ tests, untested }) => {
  it('has a test, or says why not', () => {
    expect(tests.length > 0 || untested !== '').toBe(true);
  });

  it.each(tests)('is tested in $file: $title', ({ file, title }) => {
    const source = readFileSync(new URL(file, import.meta.url), 'utf8').replaceAll("\\'", "'");
    expect(["'", '`', '"'].some((quote) => source.includes(`${quote}${title}`))).toBe(true);
  });
});

function rowOf(line: string): Row | undefined {
  const [, number, , tests = '', untested = ''] = line.split(/(?<!\\)\|/).map((cell) => cell.trim());
  const digits = /^F(\d+)$/.exec(number ?? '')?.[1];
  if (digits === undefined) return undefined;
  const named = tests.split('<br>').flatMap((each) => {
    const [, file, title] = /^`([^`]+)` (.+)$/.exec(each) ?? [];
    return file === undefined || title === undefined ? [] : [{ file, title: title.replaceAll('\\|', '|') }];
  });
  return { number: Number(digits), tests: named, untested };
}
