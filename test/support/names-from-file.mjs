/**
 * Loaded into a program under test: every name stands for the addresses in the file that NAMES_FILE names, one a line, at that
 * moment.
 */
import dns from 'node:dns';
import { readFileSync } from 'node:fs';
import { isIP } from 'node:net';

dns.lookup = (_name, options, done) => {
  const lines = readFileSync(process.env.NAMES_FILE, 'utf8').trim().split('\n');
  const all = lines.map((address) => ({ address, family: isIP(address) }));
  if (options.all) process.nextTick(done, null, all);
  else process.nextTick(done, null, all[0].address, all[0].family);
};
