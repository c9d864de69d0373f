import { readFileSync } from 'node:fs';
import type { TokenCredential } from '@azure/service-bus';
import { Fault } from '../message/codes.ts';

/** How this process may use a namespace. The connection string is a secret; a credential fetches its tokens itself. */
export type BusAccess =
  | { readonly kind: 'connection-string'; readonly connectionString: string }
  /** `namespace` is the full host name, such as `agency.servicebus.usgovcloudapi.net`. */
  | { readonly kind: 'identity'; readonly namespace: string; readonly credential: TokenCredential };

/** Where access comes from. With a namespace it is an identity's, without one it stands in the file. */
export type AccessSource = {
  /** Holds a connection string: a key, or a SharedAccessSignature. */
  readonly file: string;
  readonly namespace: string;
  readonly identity: 'default' | 'managed' | 'workload';
  /** Of a user-assigned identity; empty for the system's own, or what the environment names. */
  readonly clientId: string;
  readonly cloud: 'commercial' | 'government';
};

const AUTHORITIES = {
  commercial: 'https://login.microsoftonline.com',
  government: 'https://login.microsoftonline.us',
} as const;

/**
 * Throws CONFIG_INVALID for a file that cannot be read or holds no connection string, and for an identity that is not set up where this
 * process runs; the text never quotes a secret.
 */
export const readAccess = async (source: AccessSource): Promise<BusAccess> => {
  if (source.namespace === '')
    return { kind: 'connection-string', connectionString: readConnectionString(source.file) };
  try {
    return { kind: 'identity', namespace: source.namespace, credential: await credentialOf(source) };
  } catch (cause) {
    throw new Fault('CONFIG_INVALID', `there is no ${source.identity} identity here`, { cause });
  }
};

const readConnectionString = (file: string): string => {
  let text: string;
  try {
    text = readFileSync(file, 'utf8').trim();
  } catch (cause) {
    throw new Fault('CONFIG_INVALID', 'TENFOUR_BUS_FILE cannot be read', { cause });
  }
  if (!/(^|;)Endpoint=sb:\/\/[^;]/i.test(text))
    throw new Fault('CONFIG_INVALID', 'TENFOUR_BUS_FILE holds no connection string');
  return text;
};

/** Imported only when used: the package takes a fifth of a second to load. */
const credentialOf = async ({ identity, clientId, cloud }: AccessSource): Promise<TokenCredential> => {
  const { DefaultAzureCredential, ManagedIdentityCredential, WorkloadIdentityCredential } = await import(
    '@azure/identity'
  );
  const authorityHost = AUTHORITIES[cloud];
  const client = clientId === '' ? {} : { clientId };
  switch (identity) {
    case 'managed':
      return new ManagedIdentityCredential({ authorityHost, ...client });
    case 'workload':
      return new WorkloadIdentityCredential({ authorityHost, ...client });
    case 'default':
      return new DefaultAzureCredential({
        authorityHost,
        ...(clientId === '' ? {} : { managedIdentityClientId: clientId, workloadIdentityClientId: clientId }),
      });
  }
};
