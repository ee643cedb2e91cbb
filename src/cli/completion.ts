/**
 * completion: the words of the command line as a script for a shell, which then completes them without starting the program.
 */
export type Shell = 'bash' | 'zsh' | 'fish';

export function completionFor(shell: Shell, words: Words): string {
  if (shell === 'bash') return bash(words);
  return shell === 'zsh' ? zsh(words) : fish(words);
}

export interface Flag {
  readonly short: string | undefined;
  readonly long: string | undefined;
  readonly description: string;
  /** Whether a file follows it. */
  readonly takesFile: boolean;
}

export interface CommandWords {
  readonly name: string;
  readonly description: string;
  readonly flags: readonly Flag[];
  /** What its argument may be; undefined where that is not known. */
  readonly choices: readonly string[] | undefined;
  readonly takesFolder: boolean;
}

/** Of the whole command line. */
export interface Words {
  readonly program: string;
  /** Of the program itself, wherever they stand. */
  readonly flags: readonly Flag[];
  readonly commands: readonly CommandWords[];
}

function namesOf({ short, long }: Flag): string[] {
  return [short, long].filter((name) => name !== undefined);
}

/** All that may stand behind the command. */
function bash({ program, flags, commands }: Words): string {
  const wordList = (own: readonly Flag[], more: readonly string[] = []): string =>
    [...more, ...[...own, ...flags].flatMap(namesOf)].join(' ');
  const withFile = flags.filter(({ takesFile }) => takesFile).flatMap(namesOf);
  const cases = commands.map(({ name, flags: own, choices }) => `    ${name}) words='${wordList(own, choices)}' ;;`);
  const folders = commands.filter(({ takesFolder }) => takesFolder).map(({ name }) => name);
  return `# Completion for bash. In ~/.bashrc: eval "$(${program} completion bash)"
_${program}() {
  local word=\${COMP_WORDS[COMP_CWORD]} before=\${COMP_WORDS[COMP_CWORD - 1]} command= words at
  for ((at = 1; at < COMP_CWORD; at++)); do
    case \${COMP_WORDS[at]} in
    ${withFile.join(' | ')})
      ((at++))
      if [[ \${COMP_WORDS[at]} == = ]]; then ((at++)); fi
      ;;
    -*) ;;
    *)
      command=\${COMP_WORDS[at]}
      break
      ;;
    esac
  done
  if [[ $before == = ]]; then before=\${COMP_WORDS[COMP_CWORD - 2]}; fi
  if [[ $word == = ]]; then word=; fi
  case $before in
  ${withFile.join(' | ')})
    local IFS=$'\\n'
    compopt -o filenames 2>/dev/null
    COMPREPLY=($(compgen -f -- "$word"))
    return
    ;;
  esac
  case $command in
    '') words='${wordList(
      [],
      commands.map(({ name }) => name),
    )}' ;;
${cases.join('\n')}
  esac
  COMPREPLY=($(compgen -W "$words" -- "$word"))
  case $command in
  ${folders.join(' | ')})
    local IFS=$'\\n'
    compopt -o filenames 2>/dev/null
    COMPREPLY+=($(compgen -d -- "$word"))
    ;;
  esac
}
complete -F _${program} ${program}
`;
}

function zsh({ program, flags, commands }: Words): string {
  const optionsOf = (those: readonly Flag[]): string[] => those.map(zshOption);
  const cases = commands.map(({ name, flags: own, choices, takesFolder }) => {
    const argument =
      choices === undefined ? (takesFolder ? ["':folder:_files -/'"] : []) : [`':word:(${choices.join(' ')})'`];
    return `      ${name}) _arguments ${[...argument, ...optionsOf([...own, ...flags])].join(' ')} ;;`;
  });
  const described = commands.map(
    ({ name, description }) => `        ${single(`${name}:${description.replaceAll(':', '\\:')}`)}`,
  );
  return `#compdef ${program}
# Completion for zsh. In ~/.zshrc, behind compinit: source <(${program} completion zsh)
_${program}() {
  local context state state_descr line
  typeset -A opt_args
  _arguments -C ${optionsOf(flags).join(' ')} '1:command:->command' '*::argument:->argument'
  case $state in
    command)
      local -a commands=(
${described.join('\n')}
      )
      _describe command commands
      ;;
    argument)
      case $words[1] in
${cases.join('\n')}
      esac
      ;;
  esac
}
if [[ $funcstack[1] == _${program} ]]; then _${program} "$@"; else compdef _${program} ${program}; fi
`;
}

function zshOption(flag: Flag): string {
  const names = namesOf(flag);
  const text = flag.description.replaceAll(/[\\[\]:]/g, (character) => `\\${character}`);
  const rest = `[${text}]${flag.takesFile ? ':file:_files' : ''}`;
  const [only = ''] = names;
  return names.length === 1 ? single(`${only}${rest}`) : `'(${names.join(' ')})'{${names.join(',')}}${single(rest)}`;
}

function fish({ program, flags, commands }: Words): string {
  const line = (...words: readonly string[]): string => ['complete', '-c', program, ...words].join(' ');
  const none = `-n "not __fish_seen_subcommand_from ${commands.map(({ name }) => name).join(' ')}"`;
  const lines = [line('-f'), ...flags.map((flag) => line(...fishFlag(flag)))];
  for (const { name, description, flags: own, choices, takesFolder } of commands) {
    const here = `-n "__fish_seen_subcommand_from ${name}"`;
    lines.push(line(none, '-a', name, '-d', fishQuoted(description)));
    for (const flag of own) lines.push(line(here, ...fishFlag(flag)));
    if (choices !== undefined) lines.push(line(here, '-a', fishQuoted(choices.join(' '))));
    if (takesFolder) lines.push(line(here, '-a', '"(__fish_complete_directories)"'));
  }
  return `# Completion for fish. In ~/.config/fish/config.fish: ${program} completion fish | source\n${lines.join('\n')}\n`;
}

function fishFlag({ short, long, description, takesFile }: Flag): string[] {
  return [
    ...(short === undefined ? [] : ['-s', short.slice(1)]),
    ...(long === undefined ? [] : ['-l', long.slice(2)]),
    ...(takesFile ? ['-r', '-F'] : []),
    '-d',
    fishQuoted(description),
  ];
}

/** For shells in which nothing has a meaning between single quotes. */
function single(text: string): string {
  return `'${text.replaceAll("'", "'\\''")}'`;
}

function fishQuoted(text: string): string {
  return `'${text.replaceAll(/[\\']/g, (character) => `\\${character}`)}'`;
}
