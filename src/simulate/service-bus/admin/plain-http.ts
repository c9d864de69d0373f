/** As much of a request of the SDK as is changed. */
type SdkRequest = { url: string; allowInsecureConnection?: boolean };
type Policy = {
  readonly name: string;
  sendRequest<R extends SdkRequest, A>(request: R, next: (request: R) => A): A;
};
/** As much of the SDK's `ServiceBusAdministrationClient` as is needed: nothing here imports it. */
type SdkAdmin = { readonly pipeline: { addPolicy(policy: Policy): void } };

/**
 * Lets the SDK's administration client ask over plain HTTP. Left alone it always asks by https, whatever its
 * connection string says, and it ignores its option for additional policies.
 */
export function overPlainHttp<Admin extends SdkAdmin>(admin: Admin): Admin {
  admin.pipeline.addPolicy({
    name: 'overPlainHttp',
    sendRequest: (request, next) => {
      request.url = request.url.replace(/^https:/, 'http:');
      request.allowInsecureConnection = true;
      return next(request);
    },
  });
  return admin;
}
