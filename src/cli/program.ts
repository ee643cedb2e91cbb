/**
 * makeProgram: the command line as interface.md promises it. What a command does is loaded when it is run.
 */
import { Argument, Command, Option } from 'commander';
import type { ExitStatus } from '../errors.js';
import type { CommandInput, Process } from './command-input.js';
import type { Flag, Shell, Words } from './completion.js';
import { type Flags, Output } from './output.js';
import { version } from './version.js';
import { requireWorkingFolder } from './working-folder.js';

/** What a command is given, besides its own arguments; and what came of it: its status, and where it speaks. */
export interface Context {
  readonly process: Process;
  readonly signal: AbortSignal;
  status: ExitStatus;
  output: Output;
  /** Whether a signal is the way in which the command is ended. */
  endsWell: boolean;
}

const HELP: Flag = { short: '-h', long: '--help', description: 'show help', takesFile: false };

const DAEMON_COMMANDS = [
  ['pause', 'let the running daemon notice changes, and push nothing', 'pauseCommand'],
  ['resume', 'let it go on', 'resumeCommand'],
  ['reload', 'let it take the configuration as it lies on the disk', 'reloadCommand'],
  ['stop', 'let it end in good order', 'stopCommand'],
  ['healthcheck', 'exit with 0 if the running daemon has every target in sync', 'healthcheckCommand'],
] as const;

type Action<A extends readonly unknown[]> = (input: CommandInput, ...rest: A) => Promise<ExitStatus>;

export function makeProgram(context: Context): Command {
  const program = new Command('pushstatic')
    .description('Keeps Django static files collected, and static file servers equal to them, over plain SFTP.')
    .version(version(), '--version')
    .option('-c, --config <file>', 'the configuration file (default: pushstatic.yaml, from here upward)')
    .option('-v, --verbose', 'say more; twice for the details of errors', (_: string, before: number) => before + 1, 0)
    .option('-q, --quiet', 'say only what went wrong')
    .option('--json', 'print one JSON document on stdout')
    .option('--no-color', 'no colours')
    .configureHelp({ showGlobalOptions: true })
    .configureOutput({
      writeOut: (text) => context.process.stdout.write(text),
      writeErr: (text) => context.process.stderr.write(text),
    })
    .showHelpAfterError('(run with --help for what is possible)')
    .exitOverride();

  program
    .command('init')
    .description('look at this folder and write a commented pushstatic.yaml')
    .option('-y, --yes', 'take the defaults, ask nothing')
    .option('--force', 'overwrite a file that is there')
    .action(bind(async () => (await import('./commands/init.js')).init));
  program
    .command('collect')
    .description('sources -> STATIC_ROOT, only what changed')
    .option('-n, --dry-run', 'only say what would be done')
    .option('--force', 'go on where a guard would refuse')
    .addOption(
      new Option(
        '--check',
        "compare STATIC_ROOT with what the project's own collectstatic makes, and change nothing; exit with 3 if they " +
          'differ (for a timer or CI)',
      ).conflicts(['dryRun', 'force']),
    )
    .action(bind(async () => (await import('./commands/collect.js')).collectCommand));
  program
    .command('sync')
    .description('collect, compare and push: one shot')
    .argument('[target...]', 'names of targets (default: all)')
    .option('-n, --dry-run', 'only say what would be done, itemised')
    .option('--no-collect', 'push STATIC_ROOT as it is')
    .option('--checksum', 'read every local file again instead of trusting times and sizes')
    .option('--no-delete', 'remove nothing from the targets')
    .option('--force', 'go on where a guard would refuse')
    .addOption(new Option('--standalone', 'do the work here even if a daemon runs'))
    .action(bind(async () => (await import('./commands/sync.js')).syncCommand));
  program
    .command('diff')
    .description('what a sync would do, itemised')
    .argument('[target...]', 'names of targets (default: all)')
    .option('--exit-code', 'exit with 3 if anything would be done')
    .option('--no-delete', 'leave removals out')
    .action(bind(async () => (await import('./commands/sync.js')).diffCommand));
  program
    .command('verify')
    .description('compare the index with what really lies on the targets; exit with 3 if they differ')
    .argument('[target...]', 'names of targets (default: all)')
    .option('--content', 'read every file back and compare its content')
    .option('--repair', 'make the targets agree with STATIC_ROOT')
    .action(bind(async () => (await import('./commands/verify.js')).verifyCommand));
  program
    .command('unlock')
    .description('drop the lease of a target, after saying who holds it')
    .argument('<target>', 'the name of a target')
    .action(bind(async () => (await import('./commands/unlock.js')).unlockCommand));
  program
    .command('watch')
    .description('sync, and keep syncing as sources change, in the foreground')
    .action(bind(async () => (await import('./commands/watch.js')).watchCommand));
  program
    .command('daemon')
    .description('the background service: watch, with a control socket, a status page and metrics')
    .action(bind(async () => (await import('./commands/daemon.js')).daemonCommand));
  program
    .command('trigger')
    .description('a cycle of the running daemon, now')
    .argument('[target...]', 'names of targets (default: all)')
    .option('--wait', 'return when all that had changed is served, and say what was done')
    .option('--checksum', 'read every local file again')
    .option('--force', 'go on where a guard would refuse')
    .action(bind(async () => (await import('./commands/control.js')).triggerCommand));
  for (const [name, description, command] of DAEMON_COMMANDS) {
    program
      .command(name)
      .description(description)
      .action(bind(async () => (await import('./commands/control.js'))[command]));
  }
  program
    .command('status')
    .description('what each target holds, and how its last run ended')
    .argument('[target...]', 'names of targets (default: all)')
    .action(bind(async () => (await import('./commands/status.js')).statusCommand));
  program
    .command('explain')
    .description('which source a published path comes from, and where it is published')
    .argument('<path>', 'a path below STATIC_ROOT')
    .action(bind(async () => (await import('./commands/explain.js')).explainCommand));
  program
    .command('config')
    .description('the effective configuration, secrets hidden')
    .option('--check', 'only say whether it is right')
    .option('--schema', 'print the JSON Schema of pushstatic.yaml')
    .action(bind(async () => (await import('./commands/config.js')).configCommand));
  program
    .command('completion')
    .description('a script with which a shell completes commands and options')
    .addArgument(new Argument('<shell>', 'whose script').choices(['bash', 'zsh', 'fish'] satisfies Shell[]))
    .action(bind(async () => (await import('./commands/completion.js')).completionCommand(wordsOf(program))));
  program
    .command('demo')
    .description('the main job, against an SFTP server started inside the process')
    .argument('[folder]', 'assets to publish (default: those of some published packages)')
    .action(bind(async () => (await import('./commands/demo.js')).demoCommand));
  program
    .helpCommand(false) // that of the parser says nothing of a command that there is not
    .command('help')
    .description('display help for command')
    .argument('[command]')
    .action((name?: string) => {
      const command = name === undefined ? program : program.commands.find((each) => each.name() === name);
      if (command === undefined)
        program.error(`error: unknown command '${name}'`, { code: 'commander.unknownCommand' });
      else command.outputHelp();
    });
  return program;

  /** A command's function, called with the flags as an Output and with its own arguments and options. */
  function bind<A extends readonly unknown[]>(load: () => Promise<Action<A>>): (...words: unknown[]) => Promise<void> {
    return async (...words) => {
      const command = words.pop() as Command;
      const output = new Output(context.process, flagsOf(command));
      context.output = output;
      requireWorkingFolder(context.process, output.flags.config);
      const action = await load();
      context.status = await action(
        {
          output,
          process: context.process,
          signal: context.signal,
          endOnSignal: () => (context.endsWell = true),
        },
        ...(words as unknown as A),
      );
    };
  }
}

function flagsOf(command: Command): Flags {
  const options = command.optsWithGlobals<{
    config?: string;
    verbose: number;
    quiet?: boolean;
    json?: boolean;
    color: boolean;
  }>();
  return {
    ...(options.config === undefined ? {} : { config: options.config }),
    verbosity: options.quiet === true ? -1 : options.verbose,
    json: options.json === true,
    color: options.color,
  };
}

/** What there is to be completed. */
function wordsOf(program: Command): Words {
  return {
    program: program.name(),
    flags: [...program.options.map(flagOf), HELP],
    commands: program.commands.map((command) => {
      const [argument] = command.registeredArguments;
      return {
        name: command.name(),
        description: command.description(),
        flags: command.options.map(flagOf),
        choices: argument?.argChoices,
        takesFolder: argument?.name() === 'folder',
      };
    }),
  };
}

function flagOf({ short, long, description, required }: Option): Flag {
  return { short, long, description, takesFile: required };
}
