import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parse } from 'yaml';
import { root } from './image-folder.ts';

export type Health = { readonly test?: readonly string[]; readonly disable?: boolean };
export type Service = {
  readonly image: string;
  readonly build?: { readonly context: string; readonly dockerfile: string };
  readonly profiles: readonly string[];
  readonly entrypoint?: readonly string[];
  readonly command?: readonly string[];
  readonly user?: string;
  readonly environment?: Readonly<Record<string, string>>;
  readonly env_file?: readonly string[];
  readonly secrets?: readonly string[];
  readonly volumes?: readonly string[];
  readonly ports?: readonly string[];
  readonly networks?: readonly string[] | Readonly<Record<string, { readonly aliases?: readonly string[] }>>;
  readonly network_mode?: string;
  readonly depends_on?: Readonly<Record<string, { readonly condition: string; readonly required?: boolean }>>;
  readonly healthcheck?: Health;
  readonly read_only?: boolean;
  readonly cap_drop?: readonly string[];
  readonly security_opt?: readonly string[];
  readonly tmpfs?: readonly string[];
  readonly stop_grace_period?: string;
  readonly pids_limit?: number;
  readonly deploy?: {
    readonly resources: {
      readonly limits: { readonly cpus: string; readonly memory: string; readonly pids?: number };
    };
  };
};
export type Compose = {
  readonly services: Readonly<Record<string, Service>>;
  readonly networks: Readonly<Record<string, { readonly internal?: boolean }>>;
  readonly volumes: Readonly<Record<string, unknown>>;
  readonly secrets: Readonly<Record<string, { readonly file: string }>>;
};

export const composeFolder = join(root, 'docker');

export const readCompose = (): Compose =>
  parse(readFileSync(join(composeFolder, 'compose.yaml'), 'utf8'), { merge: true }) as Compose;

/** Source, place in the container, and whether it can be written. */
export const mountsOf = ({ volumes = [] }: Service) =>
  volumes.map((text) => {
    const [source = '', target = '', mode] = text.split(':');
    return { source, target, isReadOnly: mode === 'ro' };
  });

export const networksOf = ({ networks = [] }: Service): readonly string[] =>
  Array.isArray(networks) ? (networks as readonly string[]) : Object.keys(networks);

/** The services that run a role: their command is their name, and they are asked for their health. */
export const rolesOf = ({ services }: Compose): readonly string[] =>
  Object.entries(services)
    .filter(
      ([name, { command, healthcheck }]) => command?.[0] === name && healthcheck?.test?.includes('health'),
    )
    .map(([name]) => name);
