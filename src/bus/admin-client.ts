import { ServiceBusAdministrationClient } from '@azure/service-bus';
import { Fault } from '../message/codes.ts';
import type { BusAccess } from './access.ts';

/**
 * Looks at and changes a namespace's entities. Over plain HTTP for a connection string with `UseDevelopmentEmulator=true`: the SDK's
 * client says HTTPS whatever the string says. Throws CONFIG_INVALID for a SharedAccessSignature, which that client cannot use.
 */
export const adminClient = (access: BusAccess): ServiceBusAdministrationClient => {
  if (access.kind === 'identity')
    return new ServiceBusAdministrationClient(access.namespace, access.credential);
  const { connectionString } = access;
  if (!/(^|;)\s*SharedAccessKey=/i.test(connectionString))
    throw new Fault('CONFIG_INVALID', 'administration needs a SharedAccessKey or an identity');
  const client = new ServiceBusAdministrationClient(connectionString);
  if (/(^|;)\s*UseDevelopmentEmulator=true(;|$)/i.test(connectionString.trim())) usePlainHttp(client);
  return client;
};

const usePlainHttp = ({ pipeline }: ServiceBusAdministrationClient): void => {
  pipeline.addPolicy({
    name: 'plainHttp',
    sendRequest: (request, next) => {
      request.url = request.url.replace(/^https:/, 'http:');
      request.allowInsecureConnection = true;
      return next(request);
    },
  });
};
