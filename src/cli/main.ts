#!/usr/bin/env node
/**
 * The program: runs the command line and leaves with its exit status. The only place that ends the process.
 */
import module from 'node:module';
import { setFlagsFromString } from 'node:v8';

// Node 22 and later keep compiled code between runs. Earlier ones compile all of it each time, beside the work: a tenth of
// the processor time of a run of seconds goes into what is inlined.
const { enableCompileCache } = module as { enableCompileCache?: () => void };
if (enableCompileCache === undefined) setFlagsFromString('--no-turbo-inlining');
else enableCompileCache();

// Thousands of small packets: from a large pool they cost no allocation of their own outside the heap.
Buffer.poolSize = 1024 * 1024;

const { run } = await import('./run.js');
process.exitCode = await run(process.argv.slice(2), process);
