#!/usr/bin/env node
/**
 * The program: runs the command line and leaves with its exit status. The only place that ends the process.
 */
import module from 'node:module';
import v8 from 'node:v8';

// Node 22 and later keep compiled code between runs; earlier ones have no such function.
(module as { enableCompileCache?: () => void }).enableCompileCache?.();

// A big push leaves much garbage that lived a little too long. Left alone, the heap doubles before it is looked at.
v8.setFlagsFromString('--heap-growing-percent=30');

// Thousands of small packets: from a large pool they cost no allocation of their own outside the heap.
Buffer.poolSize = 1024 * 1024;

const { run } = await import('./run.js');
process.exitCode = await run(process.argv.slice(2), process);
