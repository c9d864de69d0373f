/** What a log-on or log-off asks for. `password`: a copy of its own, to be blanked once it is looked at. */
export type SessionStep =
  | { readonly kind: 'on'; readonly user: string; readonly password: Buffer }
  | { readonly kind: 'off' };
