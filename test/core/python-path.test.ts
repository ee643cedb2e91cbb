import { execFileSync } from 'node:child_process';
import { expect, it } from 'vitest';
import { strip } from '../../src/core/python-path.js';

const BLANKS_OF_PYTHON = 'import json; print(json.dumps([chr(n) for n in range(0x10000) if chr(n).isspace()]))';

it('takes from both ends what Python takes, and nothing from the middle', () => {
  const blanks = JSON.parse(execFileSync('python3', ['-c', BLANKS_OF_PYTHON], { encoding: 'utf8' })) as string[];
  const all = Array.from({ length: 0x10000 }, (_, unit) => String.fromCharCode(unit));
  expect(all.filter((each) => strip(each) === '')).toEqual(blanks);
  const run = blanks.join('');
  expect(['', run, `${run}a${run}b${run}`, 'a'].map(strip)).toEqual(['', '', `a${run}b`, 'a']);
});
