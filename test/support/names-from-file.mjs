/** Loaded into a program under test: every name stands for the address in the file that NAMES_FILE names, at that moment. */
import dns from 'node:dns';
import { readFileSync } from 'node:fs';

dns.lookup = (_name, options, done) => {
  const address = readFileSync(process.env.NAMES_FILE, 'utf8');
  if (options.all) process.nextTick(done, null, [{ address, family: 4 }]);
  else process.nextTick(done, null, address, 4);
};
