import { RetryMode, ServiceBusClient } from '@azure/service-bus';

/** Either a client this process has already (share one: each is a connection), or how to make one. */
export type BusAccess =
  | { readonly client: ServiceBusClient }
  | { readonly connectionString: string }
  /** `namespace` is the full host name, such as `agency.servicebus.usgovcloudapi.net`. */
  | {
      readonly namespace: string;
      readonly credential: ConstructorParameters<typeof ServiceBusClient>[1];
    };

/** The SDK waits 60 s for an answer and 30 s between tries: a receiver would look dead for minutes. */
const retryOptions = {
  mode: RetryMode.Exponential,
  maxRetries: 3,
  retryDelayInMs: 500,
  maxRetryDelayInMs: 10_000,
  timeoutInMs: 5_000,
};

export function clientFor(access: BusAccess): ServiceBusClient {
  if ('client' in access) return access.client;
  return 'connectionString' in access
    ? new ServiceBusClient(access.connectionString, { retryOptions })
    : new ServiceBusClient(access.namespace, access.credential, { retryOptions });
}
