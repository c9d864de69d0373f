/** Reads a Dockerfile as far as docker/Dockerfile goes. Unknown forms throw: a check must not pass over what it cannot read. */
export type Instruction = { readonly name: string; readonly text: string };
export type Stage = {
  readonly name: string;
  readonly image: string;
  readonly instructions: readonly Instruction[];
};

const known = new Set(
  'ARG FROM WORKDIR COPY RUN LABEL ENV USER EXPOSE STOPSIGNAL HEALTHCHECK ENTRYPOINT CMD'.split(' '),
);

export function parseDockerfile(text: string): readonly Stage[] {
  const lines = text.split('\n').filter((line) => !line.startsWith('#'));
  const joined = lines
    .join('\n')
    .replaceAll(/\\\n\s*/g, ' ')
    .split('\n');
  const globals = new Map<string, string>();
  const stages: { name: string; image: string; instructions: Instruction[] }[] = [];
  for (const line of joined) {
    if (line.trim() === '') continue;
    const match = /^([A-Z]+) (.+)$/.exec(line.trim());
    if (match?.[1] === undefined || match[2] === undefined || !known.has(match[1]))
      throw new Error(`not a line of a Dockerfile we know: ${line}`);
    const [, name, rest] = match;
    const stage = stages.at(-1);
    if (name === 'FROM') stages.push(stageOf(rest, globals));
    else if (stage !== undefined) stage.instructions.push({ name, text: rest });
    else if (name === 'ARG') globals.set(...pairOf(rest));
    else throw new Error(`${name} before the first FROM`);
  }
  return stages;
}

/** The last one of a kind, as Docker takes it. */
export function lastOf({ instructions }: Stage, name: string): string {
  const found = instructions.filter((one) => one.name === name).at(-1);
  if (found === undefined) throw new Error(`no ${name}`);
  return found.text;
}

/** The exec form; the shell form needs a shell, which the image has not. */
export function execForm(text: string): readonly string[] {
  const parsed: unknown = JSON.parse(text);
  if (!Array.isArray(parsed) || !parsed.every((word) => typeof word === 'string'))
    throw new Error(`not in exec form: ${text}`);
  return parsed;
}

export function environmentOf(stage: Stage): Readonly<Record<string, string>> {
  const words = stage.instructions
    .filter(({ name }) => name === 'ENV')
    .flatMap(({ text }) => text.split(/\s+/));
  return Object.fromEntries(words.map(pairOf));
}

/** Flags, sources and destination of a COPY. */
export function copyOf(text: string): {
  readonly from: string | undefined;
  readonly owner: string | undefined;
  readonly sources: readonly string[];
  readonly to: string;
} {
  const words = text.split(/\s+/);
  const flags = words.filter((word) => word.startsWith('--'));
  const paths = words.slice(flags.length);
  const to = paths.at(-1);
  if (to === undefined || paths.length < 2 || flags.some((flag) => !/^--(from|chown)=./.test(flag)))
    throw new Error(`COPY ${text}`);
  const flag = (name: string) => flags.find((one) => one.startsWith(name))?.slice(name.length);
  return { from: flag('--from='), owner: flag('--chown='), sources: paths.slice(0, -1), to };
}

function stageOf(rest: string, globals: ReadonlyMap<string, string>) {
  const [image = '', as, name = ''] = rest.split(/\s+/);
  if (as !== undefined && as !== 'AS') throw new Error(`FROM ${rest}`);
  const resolved = image.replace(/^\$\{(\w+)\}$/, (_, variable: string) => globals.get(variable) ?? '');
  return { name, image: resolved, instructions: [] };
}

function pairOf(text: string): [string, string] {
  const at = text.indexOf('=');
  if (at < 1) throw new Error(`not NAME=value: ${text}`);
  return [text.slice(0, at), text.slice(at + 1)];
}
